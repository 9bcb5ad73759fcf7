# SPDX-License-Identifier: MIT
"""libspinscale-infer by ctypes: where it is, the structs and functions of its headers, and its errors.

The structs are those of include/spinscale/*.h, member by member; tests/python_api.py compares both.
"""
from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from ctypes import POINTER, c_char_p, c_double, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Iterator

VERSION = "0.1.0"  # of the headers that the structs follow
NAMES = ("libspinscale-infer.so.0", "libspinscale-infer.so", "libspinscale-infer.dylib")


# ---- errors: one type for each status ----


class Error(Exception):
    """What the library refused, in one sentence."""


class InvalidArgument(Error, ValueError):
    """Wrong argument or setting."""


class OutOfMemory(Error, MemoryError):
    """Out of memory."""


class InputOutputError(Error, OSError):
    """Input or output failed."""


class FormatError(Error, ValueError):
    """Damaged or foreign file."""


class NotFound(Error, FileNotFoundError):
    """Not found."""


class Unsupported(Error, NotImplementedError):
    """Not supported."""


class Diverged(Error, ArithmeticError):
    """Diverged, or did not converge."""


class Interrupted(Error):
    """Interrupted."""


ERRORS = (None, InvalidArgument, OutOfMemory, InputOutputError, FormatError, NotFound, Unsupported, Diverged,
          Interrupted)  # in the order of SPS_STATUS_LIST


class LibraryNotFound(Error, ImportError):
    """libspinscale-infer is not there, or is of another version."""


# ---- structs ----


class ModelInfo(ctypes.Structure):
    c_name = "sps_model_info"
    _fields_ = [("net", c_char_p), ("method", c_char_p), ("data", c_char_p), ("provenance", c_char_p),
                ("height", c_int), ("width", c_int), ("channels", c_int), ("classes", c_int),
                ("bank_layers", c_int), ("bank_sizes", POINTER(c_int)), ("picks", c_int),
                ("weights", c_size_t), ("float_weights", c_size_t), ("macs", c_size_t), ("paths", c_double),
                ("validation_accuracy", c_double), ("data_sha256", c_char_p), ("temperature", c_double),
                ("members", c_int)]


class AcceptRule(ctypes.Structure):
    c_name = "sps_accept_rule"
    _fields_ = [("quantile", c_double), ("threshold", c_double)]


class Settle(ctypes.Structure):
    c_name = "sps_settle"
    _fields_ = [("confidence", c_double), ("verdict", c_int), ("accept", AcceptRule)]


class PredictOptions(ctypes.Structure):
    c_name = "sps_predict_options"
    _fields_ = [("reading", c_int), ("seed", c_uint64), ("samples", c_uint32), ("shared_paths", c_int),
                ("threads", c_int), ("settle", POINTER(Settle)), ("temperature", c_double)]


class PredictionArrays(ctypes.Structure):
    c_name = "sps_passes"
    _fields_ = [("p", c_void_p), ("logits", c_void_p), ("picks", c_void_p), ("weights", c_void_p),
                ("stride", c_size_t), ("used", c_void_p)]


class Predictor(ctypes.Structure):
    c_name = "sps_predictor"
    _fields_ = [("self", c_void_p), ("info", POINTER(ModelInfo)), ("class_name", c_void_p), ("predict", c_void_p)]


class SessionOptions(ctypes.Structure):
    c_name = "sps_session_options"
    _fields_ = [("threads", c_int), ("no_sharing", c_int), ("no_deltas", c_int), ("profile", c_int)]


class Summary(ctypes.Structure):
    c_name = "sps_summary"
    _fields_ = [("predicted", c_int), ("confidence", c_double), ("variance", c_double), ("entropy", c_double),
                ("expected_entropy", c_double), ("mutual_information", c_double), ("interval_low", c_double),
                ("interval_high", c_double), ("quantile_low", c_double), ("quantile_high", c_double),
                ("mc_error", c_double), ("score", c_double), ("accepted", c_int)]


STRUCTS = (ModelInfo, AcceptRule, Settle, PredictOptions, PredictionArrays, Predictor, SessionOptions, Summary)
SAMPLED, EXACT, POINT = range(3)  # enum sps_reading

# ---- functions: name, result, arguments ----

_STATUS = "sps_status"
FUNCTIONS = {
    "sps_version": (c_char_p, []),
    "sps_last_error": (c_char_p, []),
    "sps_packed_open": (_STATUS, [POINTER(c_void_p), c_char_p]),
    "sps_packed_close": (None, [c_void_p]),
    "sps_packed_get_info": (POINTER(ModelInfo), [c_void_p]),
    "sps_packed_class_name": (c_char_p, [c_void_p, c_int]),
    "sps_session_create": (_STATUS, [POINTER(c_void_p), c_void_p, POINTER(SessionOptions)]),
    "sps_session_free": (None, [c_void_p]),
    "sps_session_predictor": (Predictor, [c_void_p]),
    "sps_predict_passes": (_STATUS, [POINTER(ModelInfo), POINTER(PredictOptions), POINTER(c_size_t)]),
    "sps_predict": (_STATUS, [POINTER(Predictor), POINTER(PredictOptions), c_size_t, c_void_p, c_void_p,
                              POINTER(PredictionArrays)]),
    "sps_summarise": (_STATUS, [c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_int, c_double,
                                POINTER(AcceptRule)]),
}


def _candidates() -> Iterator[str]:
    """Where the library may be: beside an installed tree that holds this package or this Python, then the system's."""
    here = Path(__file__).resolve()
    for prefix in dict.fromkeys([*here.parents, Path(sys.prefix), Path.home() / ".local"]):
        for folder in [prefix / "lib", prefix / "lib64", *sorted(prefix.glob("lib/*-linux-gnu*"))]:
            yield from (str(folder / name) for name in NAMES if (folder / name).is_file())
    found = ctypes.util.find_library("spinscale-infer")
    if found:
        yield found


def _open() -> ctypes.CDLL:
    wanted = os.environ.get("SPINSCALE_LIBRARY")
    path = wanted or next(_candidates(), None)
    if path is None:
        raise LibraryNotFound("libspinscale-infer is not found: install spinscale, or let SPINSCALE_LIBRARY say where "
                              "libspinscale-infer.so is")
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise LibraryNotFound(f"cannot load '{path}'{' (SPINSCALE_LIBRARY)' if wanted else ''}: {error}") from None
    return library


def _check(status: int, function, arguments):
    if status == 0:
        return status
    kind = ERRORS[status] if 0 < status < len(ERRORS) else Error
    raise kind(lib.sps_last_error().decode("utf-8", "replace"))


def load() -> ctypes.CDLL:
    """The library with the signatures of its functions set; a status becomes an exception."""
    library = _open()
    for name, (result, arguments) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryNotFound(f"'{library._name}' has no {name}: it is no libspinscale-infer {VERSION}") from None
        function.argtypes = arguments
        function.restype = c_int if result == _STATUS else result
        if result == _STATUS:
            function.errcheck = _check
    version = library.sps_version().decode()
    if version != VERSION:  # the structs of another version may be laid out differently
        raise LibraryNotFound(f"'{library._name}' is version {version}, this package is for {VERSION}")
    return library


lib = load()

# SPDX-License-Identifier: MIT
"""Packed models, and what they predict."""
from __future__ import annotations

import ctypes
import operator
import os
import threading
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple, Union

import numpy as np

from . import _library as c
from ._library import InvalidArgument, lib

LEVEL, QUANTILE, THRESHOLD = 0.95, 0.1, 0.95


@dataclass(frozen=True)
class Summary:
    """What is said about each of N images.  docs/uncertainty.md has the definitions; entropies are in nats."""

    mean: np.ndarray  #: float64 [N][C], mean probabilities over passes
    predicted: np.ndarray  #: int32 [N], class of the largest mean
    confidence: np.ndarray  #: float64 [N], its mean probability
    variance: np.ndarray  #: float64 [N], of its probability over passes
    entropy: np.ndarray  #: float64 [N], of the mean: total uncertainty
    expected_entropy: np.ndarray  #: float64 [N], mean entropy of a pass: what images leave open
    mutual_information: np.ndarray  #: float64 [N], their difference: what the network does not know
    interval: np.ndarray  #: float64 [N][2], confidence -+ z standard deviations
    quantiles: np.ndarray  #: float64 [N][2], of its probability over passes
    mc_error: np.ndarray  #: float64 [N], Monte Carlo error of confidence; 0 with weights
    score: np.ndarray  #: float64 [N], what the accept rule compares with its threshold
    accepted: np.ndarray  #: bool [N], verdict of the accept rule


@dataclass(frozen=True)
class Predictions(Summary):
    """A Summary, and all passes behind it: T passes, N images, C classes, P picks a path.

    Where passes ended early (until_settled), rows from used[i] on are NaN (picks: 0) for image i.
    """

    p: np.ndarray  #: float32 [T][N][C], probabilities
    logits: np.ndarray  #: float32 [T][N][C]
    picks: np.ndarray  #: uint8 [T][N][P], the path of each pass
    weights: np.ndarray  #: float64 [T], probability of path t where exact, else 1 / T
    used: np.ndarray  #: uint32 [N], passes made


def _address(array: Optional[np.ndarray]) -> Optional[int]:
    return None if array is None else array.ctypes.data


def _summarise(p: np.ndarray, used: np.ndarray, weights: Optional[np.ndarray], level: float, quantile: float,
               threshold: float) -> dict:
    """p float32 [T][N][C], used [N], weights float64 [T]; all contiguous."""
    _, n, classes = p.shape
    rule = c.AcceptRule(quantile, threshold)
    out, mean = np.zeros(n, np.dtype(c.Summary)), np.zeros((n, classes))
    for i, passes in enumerate(used.tolist()):
        lib.sps_summarise(_address(out) + i * out.itemsize, _address(mean) + i * mean.strides[0],
                          _address(p) + i * p.strides[1], n * classes, _address(weights), passes, classes, level,
                          ctypes.byref(rule))
    named = {name: out[name].copy() for name in Summary.__dataclass_fields__ if name in out.dtype.names}
    named["accepted"] = named["accepted"].astype(bool)
    return dict(named, mean=mean, interval=np.stack([out["interval_low"], out["interval_high"]], 1),
                quantiles=np.stack([out["quantile_low"], out["quantile_high"]], 1))


def summarise(p: np.ndarray, weights: Optional[np.ndarray] = None, *, level: float = LEVEL, quantile: float = QUANTILE,
              threshold: float = THRESHOLD) -> Summary:
    """Summaries of probabilities from anywhere: p [T][N][C], each row sums to 1; weights [T], or None for equal ones.

    level is the interval's and the quantiles'; quantile and threshold are the accept rule's.
    """
    p = np.ascontiguousarray(p, np.float32)
    if p.ndim != 3 or 0 in p.shape:
        raise InvalidArgument(f"p has shape {p.shape}, must be [T][N][C]")
    if weights is not None:
        weights = np.ascontiguousarray(weights, np.float64)
        if weights.shape != p.shape[:1]:
            raise InvalidArgument(f"weights has shape {weights.shape}, must be ({p.shape[0]},): one for each pass")
    return Summary(**_summarise(p, np.full(p.shape[1], p.shape[0]), weights, level, quantile, threshold))


class Model:
    """A packed model ("spinscale pack").  Use it in a with statement, or close() it.

    It may be shared by threads; calls of predict() then wait for each other.

    net, method, data: names of network, method and training set, or None.
    provenance: resolved configuration of the training run, YAML text, or None.
    input_shape: (height, width, channels) of an image.
    classes, class_names: C, and a tuple of C names (None where there is none).
    banks: tuple with the number of entries of each noise source.
    picks: P, numbers in a path; more than the number of banks where there are masks.
    paths: number of distinct paths, math.inf where masks make it so.
    weights: number of binary weights.
    validation_accuracy: fraction, NaN where it was not recorded.
    temperature: that logits are divided by ("spinscale calibrate"); 1 where the model is not calibrated.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]):
        self._lock = threading.Lock()
        self._session: Optional[ctypes.c_void_p] = None
        self._threads = -1  # of the session
        self._packed: Optional[ctypes.c_void_p] = None
        packed = ctypes.c_void_p()
        lib.sps_packed_open(ctypes.byref(packed), os.fsencode(path))
        self._packed = packed
        info = lib.sps_packed_get_info(packed).contents

        def text(value: Optional[bytes]) -> Optional[str]:
            return None if value is None else value.decode("utf-8", "replace")

        self.net, self.method, self.data = text(info.net), text(info.method), text(info.data)
        self.provenance = text(info.provenance)
        self.input_shape: Tuple[int, int, int] = (info.height, info.width, info.channels)
        self.classes: int = info.classes
        self.class_names = tuple(text(lib.sps_packed_class_name(packed, label)) for label in range(self.classes))
        self.banks: Tuple[int, ...] = tuple(info.bank_sizes[:info.bank_layers])
        self.picks: int = info.picks
        self.paths: float = info.paths
        self.weights: int = info.weights
        self.validation_accuracy: float = info.validation_accuracy
        self.temperature: float = info.temperature

    def predict(self, images: np.ndarray, samples: int = 20, seed: int = 1,
                index: Optional[Union[Sequence[int], np.ndarray]] = None, exact: bool = False, point: bool = False,
                threads: int = 0, shared_paths: bool = False, *, until_settled: Union[bool, str] = False,
                confidence: float = 0.99, level: float = LEVEL, quantile: float = QUANTILE,
                threshold: float = THRESHOLD, temperature: float = 0) -> Predictions:
        """Predict N images, with T passes each.

        images: uint8 [N][H][W][C], or [H][W][C] for one; the channel may be left out where there is one.
        samples, seed: T paths drawn for each image.  Same seed, same numbers.
        index: [N] each image's index in its set, which chooses its paths; 0, 1, ... where None.
        exact: all paths instead, weighted by their probability.  point: the deterministic reading, one pass.
        threads: 0 is all cores.  Results do not depend on it.
        shared_paths: all images take the paths of index 0.
        until_settled: True ends an image's passes when more would not change its class, "verdict" when they would not
            change the verdict either: for certain where exact, else with probability `confidence`.
        level: of interval and quantiles.  quantile, threshold: of the accept rule.
        temperature: each pass's logits are divided by it; 0: the model's own, 1: as if it was not calibrated.
        """
        if exact and point:
            raise InvalidArgument("exact and point exclude each other")
        images = self._as_images(images)
        n = len(images)
        options = c.PredictOptions(reading=c.EXACT if exact else c.POINT if point else c.SAMPLED,
                                   seed=_whole("seed", seed, 2**64 - 1), samples=_whole("samples", samples, 2**32 - 1),
                                   shared_paths=bool(shared_paths), threads=_whole("threads", threads, 2**31 - 1), temperature=temperature)
        if until_settled not in (False, True, "verdict"):
            raise InvalidArgument(f"until_settled is {until_settled!r}, must be False, True or 'verdict'")
        settle = c.Settle(confidence, until_settled == "verdict", c.AcceptRule(quantile, threshold))
        if until_settled:
            options.settle = ctypes.pointer(settle)
        with self._lock:
            session = self._session_with(options.threads)
            predictor, passes = lib.sps_session_predictor(session), ctypes.c_size_t()
            lib.sps_predict_passes(predictor.info, ctypes.byref(options), ctypes.byref(passes))
            shape = (passes.value, n)
            told = {"p": np.full((*shape, self.classes), np.nan, np.float32),
                    "logits": np.full((*shape, self.classes), np.nan, np.float32),
                    "picks": np.zeros((*shape, self.picks), np.uint8),
                    "weights": np.zeros(passes.value), "used": np.zeros(n, np.uint32)}
            if n > 0:
                at = images.ctypes.data + images.strides[0] * np.arange(n, dtype=np.uintp)
                numbers = _as_index(index, n)
                arrays = c.PredictionArrays(stride=n, **{name: _address(array) for name, array in told.items()})
                lib.sps_predict(ctypes.byref(predictor), ctypes.byref(options), n, _address(at), _address(numbers),
                                ctypes.byref(arrays))
        for t in range(int(told["used"].min(initial=passes.value)), passes.value):  # what came after an early end
            for name, nothing in (("p", np.nan), ("logits", np.nan), ("picks", 0)):
                told[name][t, told["used"] <= t] = nothing
        return Predictions(**told, **_summarise(told["p"], told["used"], told["weights"] if exact else None, level,
                                                quantile, threshold))

    def close(self) -> None:
        """Release it.  Arrays that it gave stay."""
        with self._lock:
            lib.sps_session_free(self._session)
            lib.sps_packed_close(self._packed)
            self._session, self._packed, self._threads = None, None, -1

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_packed", None) is not None:
            self.close()

    def __repr__(self) -> str:
        return f"<spinscale.Model {self.net}, {self.method}, {self.input_shape} to {self.classes} classes>"

    def _as_images(self, images: np.ndarray) -> np.ndarray:
        """[N][H][W][C], contiguous."""
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise TypeError(f"images are {images.dtype}, must be uint8: pixels as they are in the file")
        shape, grey = self.input_shape, self.input_shape[2] == 1
        if images.shape[-3:] == shape and images.ndim in (3, 4):
            return np.ascontiguousarray(images).reshape(-1, *shape)
        if grey and images.shape[-2:] == shape[:2] and images.ndim in (2, 3):
            return np.ascontiguousarray(images).reshape(-1, *shape)
        raise InvalidArgument(f"images have shape {images.shape}, the model reads [N]{shape}")

    def _session_with(self, threads: int) -> ctypes.c_void_p:
        if self._packed is None:
            raise InvalidArgument("the model is closed")
        if self._session is None or threads != self._threads:
            session = ctypes.c_void_p()
            lib.sps_session_create(ctypes.byref(session), self._packed,
                                   ctypes.byref(c.SessionOptions(threads=threads)))
            lib.sps_session_free(self._session)
            self._session, self._threads = session, threads
        return self._session


def _whole(name: str, value: int, most: int) -> int:
    """ctypes would cut larger numbers without a word."""
    value = operator.index(value)
    if not 0 <= value <= most:
        raise InvalidArgument(f"{name} is {value}, must be 0 to {most}")
    return value


def _as_index(index: Optional[Union[Sequence[int], np.ndarray]], n: int) -> Optional[np.ndarray]:
    if index is None:
        return None
    index = np.atleast_1d(np.asarray(index))
    if index.shape != (n,):
        raise InvalidArgument(f"index has shape {index.shape}, must be ({n},): one for each image")
    if not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"index is {index.dtype}, must be whole numbers")
    if index.min() < 0 or index.max() >= 2**32:
        raise InvalidArgument(f"index has {index.min()} to {index.max()}, must be 0 to {2**32 - 1}")
    return np.ascontiguousarray(index, np.uint32)

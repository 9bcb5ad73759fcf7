#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads a file of our safetensors writer with other programs' eyes: a NumPy reader written from the format's
description, and the safetensors package where it is installed.

usage: oracle_safetensors.py T_SAFETENSORS        (the test program, which writes the sample)
Exit status 77 means skipped."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is not installed for", sys.executable)
    sys.exit(77)

TYPES = {"U8": "<u1", "I8": "<i1", "I32": "<i4", "I64": "<i8", "F32": "<f4", "F64": "<f8"}

# The sample of t_safetensors.c.
EXPECTED = {
    "f64": np.array([-0.0, 1e300], "<f8"),
    "layer 1/i64": np.array([[-(2**63)], [-1], [2**63 - 1]], "<i8"),
    "f32": np.array([[0, 1, -2.5], [3e38, 1e-45, -0.0]], "<f4"),
    "empty": np.zeros((4, 0, 2), "<f4"),
    "scalar": np.array(-7, "<i4"),
    'u8 "q" \\ \u00e4': np.array(list(range(15)) + [255], "<u1").reshape(1, 2, 1, 2, 1, 2, 1, 2),
    "i8": np.array([-128, 0, 127], "<i1"),
}
METADATA = {"format": "pt", "text": 'two\nlines, "quotes"', "": ""}


def read(path):
    with open(path, "rb") as f:
        length = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(length))
        data = f.read()
    assert (8 + length) % 64 == 0, "data do not start at a multiple of 64"
    tensors = {}
    metadata = header.pop("__metadata__", {})
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


def compare(who, tensors, metadata):
    assert metadata == METADATA, (who, metadata)
    assert set(tensors) == set(EXPECTED), (who, list(tensors))
    for name, want in EXPECTED.items():
        got = tensors[name]
        assert (got.dtype, got.shape) == (want.dtype, want.shape), (who, name, got.dtype, got.shape)
        assert got.tobytes() == want.tobytes(), (who, name, got)
    print(f"{who}: {len(tensors)} tensors are equal bit for bit")


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "sample.safetensors")
    subprocess.run([sys.argv[1], "--write", path], check=True)
    compare("NumPy", *read(path))
    try:
        from safetensors import safe_open
    except ImportError:
        print("the safetensors package is not installed: not compared with it")
        sys.exit(0)
    with safe_open(path, "np") as f:
        compare("safetensors", {name: f.get_tensor(name) for name in f.keys()}, f.metadata())

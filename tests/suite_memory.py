#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peak memory of `eval --suite` for sets of two sizes: images and a few hundred bytes for each may stay, no more.

usage: suite_memory.py SPINSCALE MODEL SIDE SUITE SAMPLES FEW MANY      (MODEL reads SIDE x SIDE grey images)
"""
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time

# Of an image, beside its pixels: label, summary, two scores at home, two of the row, and AUROC's sorting of both.
KEPT = 200
NOISE = 2 << 20  # what two runs of the same size may differ by


def peak(program, model, side, suite, samples, count, folder):
    """Bytes and seconds; in a process of its own, since the system keeps one maximum over all children."""
    data = os.path.join(folder, str(count))
    os.mkdir(data)
    generator = random.Random(count)
    with open(os.path.join(data, "t10k-images-idx3-ubyte"), "wb") as file:
        file.write(struct.pack(">4I", 0x803, count, side, side) + generator.randbytes(count * side * side))
    with open(os.path.join(data, "t10k-labels-idx1-ubyte"), "wb") as file:
        file.write(struct.pack(">2I", 0x801, count) + bytes(i % 4 for i in range(count)))
    command = [program, "eval", model, "--data", data, "--suite", suite, "--samples", samples, "--json"]
    child = os.fork()
    if child == 0:
        status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
        usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        with open(os.path.join(folder, "usage"), "w") as file:
            file.write(f"{status} {usage}")
        os._exit(0)
    start = time.monotonic()
    os.waitpid(child, 0)
    with open(os.path.join(folder, "usage")) as file:
        status, usage = map(int, file.read().split())
    assert status == 0, command
    return 1024 * usage, time.monotonic() - start


program, model, side, suite, samples, few, many = sys.argv[1:]
side, few, many = int(side), int(few), int(many)
with tempfile.TemporaryDirectory() as folder:
    bytes_of = {}
    for count in (few, many):
        bytes_of[count], seconds = peak(program, model, side, suite, samples, count, folder)
        print(f"{count} images: peak {bytes_of[count] / 2**20:.1f} MiB, {seconds:.1f} s", flush=True)
grown = bytes_of[many] - bytes_of[few]
each = grown / (many - few)
print(f"{each:.0f} bytes an image, {side * side} of them pixels")
assert grown <= (many - few) * (side * side + KEPT) + NOISE, "memory grows with the work"

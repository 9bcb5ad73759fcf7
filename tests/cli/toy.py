"""A toy data set: four classes of 12 x 12 images, a bright quadrant in noise.

toy.py FOLDER [SIDE CLASSES]: IDX files, labels.npy, PNGs.  With more classes the grid has more cells.
"""
import os
import random
import struct
import sys
import zlib

SIDE, CLASSES = (int(number) for number in sys.argv[2:4] or (12, 4))
GRID = next(n for n in range(1, SIDE) if n * n >= CLASSES)
CELL = SIDE // GRID


def image(generator, label):
    top, left = (label // GRID) * CELL, (label % GRID) * CELL
    return bytes(
        min(255, generator.randrange(100) + 120 * (0 <= y - top < CELL and 0 <= x - left < CELL))
        for y in range(SIDE) for x in range(SIDE))


def idx(path, magic, shape, data):
    with open(path, "wb") as file:
        file.write(struct.pack(">I", magic) + b"".join(struct.pack(">I", n) for n in shape) + data)


def png(path, width, height, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[y * width:(y + 1) * width] for y in range(height))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


folder = sys.argv[1]
os.makedirs(folder)
for part, count, seed in (("train", 600, 1), ("t10k", 80, 2)):
    generator = random.Random(seed)
    labels = bytes(i % CLASSES for i in range(count))
    images = [image(generator, label) for label in labels]
    idx(f"{folder}/{part}-images-idx3-ubyte", 0x803, (count, SIDE, SIDE), b"".join(images))
    idx(f"{folder}/{part}-labels-idx1-ubyte", 0x801, (count,), labels)

head = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }" % len(labels)
with open(f"{folder}/labels.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.ljust(117).encode() + b"\n" + labels)
png(f"{folder}/image0.png", SIDE, SIDE, images[0])
png(f"{folder}/large.png", 2 * SIDE, SIDE, bytes(2 * SIDE * SIDE))

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Storage of the methods (subset-parameter paper, IV-C: 63.49, 158.78, 31.76 times, 1 % below a 1-bit network), from real files.

    bench/storage.py [--program build/release/bin/spinscale] [NET...]

Each network is trained for a step or two on images of noise, which does not change its size, saved and packed.  Prints Markdown:
first what parameters come to in the papers' account (a bit for each binary weight, 32 for a real one), then the bytes of the files."""
import argparse
import hashlib
import json
import math
import pathlib
import random
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def write_noise(folder):
    """CIFAR-10 as files, of a few images."""
    folder.mkdir()
    numbers = random.Random(1)
    names = [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]
    for name in names:
        (folder / name).write_bytes(b"".join(bytes([k % 10]) + numbers.randbytes(3072) for k in range(20)))
    (folder / "batches.meta.txt").write_text("\n".join(f"class{k}" for k in range(10)) + "\n")


class Files:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.data = folder / "noise"
        write_noise(self.data)

    def run(self, *words):
        return subprocess.run([str(self.program), *map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True).stdout

    def trained(self, net, method, twin="none"):
        out = self.folder / hashlib.sha256(f"{net} {method} {twin}".encode()).hexdigest()[:12]
        config = out.with_suffix(".yaml")
        config.write_text(f"data: {{name: {self.data}, validation: 20}}\nnet: {{name: {net}, twin: {twin}}}\nmethod: {{{method}}}\n"
                          "train: {epochs: 1, batch: 16, norm_images: 16, collapse_floor: 0}\n")
        self.run("train", "--config", config, "--out", out, "--quiet")
        return out / "model.safetensors"

    def packed(self, model):
        out = model.parent / "packed.safetensors"
        self.run("pack", model, "-o", out)
        return out


def header(path):
    with open(path, "rb") as file:
        return json.loads(file.read(int.from_bytes(file.read(8), "little")))


def real_numbers(model):
    """Real weights of products, and scales (one for each channel of a BatchNorm), of a trained model."""
    tensors = {name: t["shape"] for name, t in header(model).items() if name != "__metadata__"}
    weights = sum(math.prod(shape) for name, shape in tensors.items() if name.endswith(".weight"))
    scales = sum(math.prod(shape) for name, shape in tensors.items() if name.endswith(".gamma"))
    return weights, scales


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("nets", nargs="*", default=[], metavar="NET")
    args.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/spinscale")
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(args.program, pathlib.Path(folder))
        for net in args.nets or ["vgg-small", "resnet18", "resnet20", "vgg-mobiny"]:
            print_net(files, net)


def print_net(files, net):
    ours = {n: files.trained(net, f"name: scale_vi, samples: {n}, bits: 4") for n in (1, 5, 8)}
    point = files.trained(net, "name: point")
    binary = json.loads(files.run("info", point, "--json"))["weights"]
    real, scales = real_numbers(point)
    total = binary + real
    print(f"### {net}: {binary:,} binary weights, {real:,} real ones, {scales:,} scales\n")
    mine = {n: binary + 32 * real + 4 * n * scales for n in ours}
    one_bit = binary + 32 * real + 32 * scales
    account = {"variational inference of all weights": 2 * 32 * total, "ensemble of 5, float": 5 * 32 * total,
               "float, with dropout": 32 * total, "1-bit network, 32-bit scales": one_bit}
    real_files = {"variational inference of all weights": files.trained(net, "name: mean_field_vi", "relu"),
                  "float, with dropout": files.trained(net, "name: mc_dropout", "relu"),
                  "1-bit network, 32-bit scales": files.packed(point)}
    size = {k: v.stat().st_size for k, v in real_files.items()}
    size["ensemble of 5, float"] = 5 * files.trained(net, "name: point", "relu").stat().st_size
    file_of = {n: files.packed(m).stat().st_size for n, m in ours.items()}
    printed = {"variational inference of all weights": "63.49", "ensemble of 5, float": "158.78", "float, with dropout": "31.76",
               "1-bit network, 32-bit scales": "about 1.01"}
    print("| times ours | printed | account, N = 1, 5, 8 | files, N = 1, 5, 8 | bytes of its files |\n| --- | --- | --- | --- | --- |")
    for name, value in account.items():
        print(f"| {name} | {printed[name]} | " + ", ".join(f"{value / mine[n]:.2f}" for n in mine) + " | " +
              ", ".join(f"{size[name] / file_of[n]:.2f}" for n in file_of) + f" | {size[name]:,} |")
    print("| ours, scale_vi, 4 bits | | " + ", ".join(f"{mine[n] // 8:,} bytes" for n in mine) + " | " +
          ", ".join(f"{file_of[n]:,} bytes" for n in file_of) + " | |\n")


if __name__ == "__main__":
    main()

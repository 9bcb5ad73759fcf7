#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The step of bench/train_step.c in PyTorch: a network of nets/ with Scale-Dropout, batch 128, channels last.

    torch_train_step.py [--net lenet5-wide] [--json] [--threads N] [--seconds S]

Needs PyTorch and PyYAML (Debian: python3-torch, python3-yaml); says so and exits with 77 where they are absent.  Debian's
PyTorch multiplies matrices with whatever libblas is installed: without OpenBLAS (apt install libopenblas0-pthread) its dense
layers take three quarters of a LeNet's step, which would flatter us."""
import argparse
import json
import pathlib
import resource
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    import yaml
except ImportError as missing:
    print(f"torch_train_step: {missing} (Debian: apt install python3-torch python3-yaml, for /usr/bin/python3)")
    sys.exit(77)

BATCH, T, K = 128, 1.0, 1.0
NETS = pathlib.Path(__file__).resolve().parent.parent / "nets"


class Sign(torch.autograd.Function):
    """Sign with IR-Net's error-decay estimator."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * K * T * (1 - torch.tanh(T * x) ** 2)


def binary(w):
    """IR-Net: balanced and standardised per output channel, then signs."""
    flat = w.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return Sign.apply(centred / (centred.pow(2).mean(1, keepdim=True).sqrt() + 1e-12)).view_as(w)


class Product(torch.nn.Module):
    """Convolution or dense layer, binary or float, with pooling of its sums."""

    def __init__(self, kind, about, channels, size):
        super().__init__()
        out = 10 if about["out"] == "classes" else about["out"]
        k = about.get("kernel", 1)
        self.conv, self.binary = kind == "conv", about.get("binary", False)
        self.stride, self.pad, self.pool = about.get("stride", 1), about.get("pad", 0), about.get("pool", 1)
        self.ceil = about.get("pool_ceil", False)
        shape = (out, channels, k, k) if self.conv else (out, channels * size * size)
        self.weight = torch.nn.Parameter(torch.randn(shape) * (2 / torch.Size(shape[1:]).numel()) ** 0.5)
        if self.conv:
            self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x):
        w = binary(self.weight) if self.binary else self.weight
        if not self.conv:
            return F.linear(x.flatten(1), w)
        z = F.conv2d(x, w, stride=self.stride, padding=self.pad)
        return F.max_pool2d(z, self.pool, ceil_mode=self.ceil) if self.pool > 1 else z


class Norm(torch.nn.Module):
    """Bias inside a scale that is dropped per sample, BatchNorm."""

    def __init__(self, about, channels, flat, p=0.1):
        super().__init__()
        self.scaled, self.p = about.get("scale", False), p
        self.scale = torch.nn.Parameter(torch.rand(channels) * 0.8 + 0.6)
        self.bias = torch.nn.Parameter(torch.zeros(channels))
        self.norm = (torch.nn.BatchNorm1d if flat else torch.nn.BatchNorm2d)(channels)

    def forward(self, z):
        view = (1, -1) + (1,) * (z.dim() - 2)
        if self.scaled:
            keep = (torch.rand((z.shape[0],) + (1,) * (z.dim() - 1)) >= self.p).float()
            z = (keep * self.scale.view(view) + (1 - keep)) * (z + self.bias.view(view))
        return self.norm(z)


class Residual(torch.nn.Module):
    """A block plus its input; option A where it halves the picture."""

    def __init__(self, body, channels):
        super().__init__()
        self.body, self.channels = body, channels

    def forward(self, x):
        y = self.body(x)
        step, more = x.shape[2] // y.shape[2], y.shape[1] - x.shape[1]
        if step > 1:
            x = x[:, :, ::step, ::step]
        return y + (F.pad(x, (0, 0, 0, 0, more // 2, more - more // 2)) if more else x)


class SignLayer(torch.nn.Module):
    def forward(self, x):
        return Sign.apply(x)


def build(layers, channels, size):
    """Modules of a list of layers, with what comes out of them."""
    modules, flat = [], False
    for item in layers:
        (kind, about), = item.items()
        if kind in ("conv", "dense"):
            modules.append(Product(kind, about, channels, size))
            flat = kind == "dense"
            channels = modules[-1].weight.shape[0]
            if flat:
                size = 1
            else:
                size = (size + 2 * about.get("pad", 0) - about["kernel"]) // about.get("stride", 1) + 1
                pool = about.get("pool", 1)
                size = -(-size // pool) if about.get("pool_ceil", False) else size // pool
        elif kind == "batchnorm":
            modules.append(Norm(about, channels, flat))
        elif kind == "pool":
            modules.append(torch.nn.AvgPool2d(about["kernel"]) if about.get("mode") == "average"
                           else torch.nn.MaxPool2d(about["kernel"]))
            size //= about["kernel"]
        elif kind == "residual":
            body, channels, size = build(about["layers"], channels, size)
            modules.append(Residual(body, channels))
        else:
            modules.append({"sign": SignLayer, "htanh": torch.nn.Hardtanh, "relu": torch.nn.ReLU}[kind]())
    return torch.nn.Sequential(*modules), channels, size


def blas():
    """File of the BLAS library that is loaded."""
    with open("/proc/self/maps") as maps:
        files = {line.split()[-1] for line in maps if "blas" in line.rsplit("/", 1)[-1]}
    return ", ".join(sorted(f.rsplit("/", 1)[-1] for f in files))


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--net", default="lenet5-wide")
    args.add_argument("--json", action="store_true")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seconds", type=float, default=8)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    about = yaml.safe_load((NETS / f"{args.net}.yaml").read_text())
    image = about["input"]
    net, _, _ = build(about["layers"], image["channels"], image["height"])
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    x = torch.randint(-51, 127, (BATCH, image["channels"], image["height"], image["width"])).float().contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BATCH,))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def step():
        adam.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), labels).backward()
        adam.step()

    for _ in range(3):
        step()
    best, end = 1e9, time.monotonic() + args.seconds
    while time.monotonic() < end:
        start = time.monotonic()
        step()
        best = min(best, time.monotonic() - start)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    result = {"net": args.net, "images_per_s": BATCH / best, "step_s": best, "peak_memory_bytes": memory, "batch": BATCH,
              "threads": args.threads, "torch": torch.__version__, "blas": blas()}
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"PyTorch {torch.__version__}, {args.net}, scale_dropout, batch {BATCH}, {args.threads} threads, {blas()}")
        print(f"step {1e3 * best:.2f} ms, {BATCH / best:.0f} images/s; peak memory above start {1e-6 * memory:.1f} MB")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The step of bench/train_step.c in PyTorch: lenet5-wide with Scale-Dropout, batch 128, channels last.

    torch_train_step.py [--json] [--threads N] [--seconds S]

Needs PyTorch (Debian: python3-torch); says so and exits with 77 where it is absent.  Debian's PyTorch multiplies matrices
with whatever libblas is installed: without OpenBLAS (apt install libopenblas0-pthread) its dense layers take three quarters
of the step, which would flatter us."""
import argparse
import json
import resource
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("torch_train_step: PyTorch is not installed (Debian: apt install python3-torch, for /usr/bin/python3)")
    sys.exit(77)

BATCH, T, K = 128, 1.0, 1.0


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


class Block(torch.nn.Module):
    """Binary product, pooling of its sums, bias inside a scale that is dropped per sample, BatchNorm."""

    def __init__(self, shape, p, pool):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(shape) * (2 / torch.Size(shape[1:]).numel()) ** 0.5)
        self.scale = torch.nn.Parameter(torch.rand(shape[0]) * 0.8 + 0.6)
        self.bias = torch.nn.Parameter(torch.zeros(shape[0]))
        self.norm = (torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d)(shape[0])
        self.p, self.pool = p, pool
        if len(shape) == 4:
            self.weight.data = self.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x):
        w = binary(self.weight)
        if w.dim() == 4:
            z = F.max_pool2d(F.conv2d(x, w, padding=2), self.pool)
            view = (1, -1, 1, 1)
        else:
            z = F.linear(x, w)
            view = (1, -1)
        keep = (torch.rand((x.shape[0],) + (1,) * (z.dim() - 1)) >= self.p).float()
        scale = keep * self.scale.view(view) + (1 - keep)
        return self.norm(scale * (z + self.bias.view(view)))


class LeNet5Wide(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = Block((32, 1, 5, 5), 0.1, 2), Block((64, 32, 5, 5), 0.1, 2)
        self.dense1, self.dense2 = Block((512, 3136), 0.2, 0), Block((10, 512), 0.1, 0)

    def forward(self, x):
        x = Sign.apply(self.conv2(Sign.apply(self.conv1(x))))
        return self.dense2(Sign.apply(self.dense1(x.flatten(1))))


def blas():
    """File of the BLAS library that is loaded."""
    with open("/proc/self/maps") as maps:
        files = {line.split()[-1] for line in maps if "blas" in line.rsplit("/", 1)[-1]}
    return ", ".join(sorted(f.rsplit("/", 1)[-1] for f in files))


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--json", action="store_true")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seconds", type=float, default=8)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    net = LeNet5Wide()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    x = torch.randint(-51, 127, (BATCH, 1, 28, 28)).float().contiguous(memory_format=torch.channels_last)
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
    result = {"images_per_s": BATCH / best, "step_s": best, "peak_memory_bytes": memory, "batch": BATCH,
              "threads": args.threads, "torch": torch.__version__, "blas": blas()}
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"PyTorch {torch.__version__}, lenet5-wide, scale_dropout, batch {BATCH}, {args.threads} threads, {blas()}")
        print(f"step {1e3 * best:.2f} ms, {BATCH / best:.0f} images/s; peak memory above start {1e-6 * memory:.1f} MB")


if __name__ == "__main__":
    main()

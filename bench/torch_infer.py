#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lenet5-wide as a float network in PyTorch: one pass, and T = 20 passes of Monte Carlo dropout.

    torch_infer.py [--json] [--threads N] [--seconds S] [--samples T]

Batch 64, channels last, evaluation mode, BatchNorm folded into the products (the best case for PyTorch).  Needs PyTorch
(Debian: python3-torch, and libopenblas0-pthread); says so and exits with 77 where it is absent."""
import argparse
import json
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("torch_infer: PyTorch is not installed (Debian: apt install python3-torch, for /usr/bin/python3)")
    sys.exit(77)

BATCH = 64


class LeNet5Wide(torch.nn.Module):
    def __init__(self, p):
        super().__init__()
        self.conv1, self.conv2 = torch.nn.Conv2d(1, 32, 5, padding=2), torch.nn.Conv2d(32, 64, 5, padding=2)
        self.dense1, self.dense2 = torch.nn.Linear(3136, 512), torch.nn.Linear(512, 10)
        self.p = p

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.dropout(F.max_pool2d(F.relu(conv(x)), 2), self.p, training=self.p > 0)
        x = F.dropout(F.relu(self.dense1(x.flatten(1))), self.p, training=self.p > 0)
        return torch.softmax(self.dense2(x), 1)


def rate(run, seconds):
    """Images per second of the best batch."""
    best, end = 1e9, time.monotonic() + seconds
    for _ in range(2):
        run()
    while time.monotonic() < end:
        start = time.monotonic()
        run()
        best = min(best, time.monotonic() - start)
    return BATCH / best


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--json", action="store_true")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seconds", type=float, default=4)
    args.add_argument("--samples", type=int, default=20)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    x = torch.rand((BATCH, 1, 28, 28)).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        one = LeNet5Wide(0).to(memory_format=torch.channels_last)
        many = LeNet5Wide(0.2).to(memory_format=torch.channels_last)
        single = rate(lambda: one(x), args.seconds)
        mc = rate(lambda: torch.stack([many(x) for _ in range(args.samples)]).mean(0), args.seconds)
    result = {"images_per_s_single": single, "images_per_s_mc": mc, "samples": args.samples, "batch": BATCH,
              "threads": args.threads, "torch": torch.__version__}
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"PyTorch {torch.__version__}, float32, lenet5-wide, batch {BATCH}, {args.threads} threads: {single:.0f} images/s; "
              f"Monte Carlo dropout, T = {args.samples}: {mc:.0f} images/s")


if __name__ == "__main__":
    main()

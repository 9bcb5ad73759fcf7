#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A network of nets/ as a float network in PyTorch: one pass, and T = 20 passes of Monte Carlo dropout.

    torch_infer.py [--net lenet5-wide] [--json] [--threads N] [--seconds S] [--samples T]

Batch 64, channels last, evaluation mode, ReLU in place of signs, BatchNorm folded into the products (the best case for
PyTorch).  Needs PyTorch and PyYAML (Debian: python3-torch, python3-yaml, and libopenblas0-pthread); says so and exits with
77 where they are absent."""
import argparse
import json
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    import yaml
except ImportError as missing:
    print(f"torch_infer: {missing} (Debian: apt install python3-torch python3-yaml, for /usr/bin/python3)")
    sys.exit(77)

from torch_train_step import NETS, Residual

BATCH = 64


class Active(torch.nn.Module):
    """ReLU, with dropout behind it where p is above 0."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return F.dropout(F.relu(x), self.p, training=self.p > 0)


def build(layers, channels, size, p, active=False):
    """Modules of a list of layers, with what comes out of them; active: an activation came right before."""
    modules = []
    for item in layers:
        (kind, about), = item.items()
        if kind == "conv":
            modules.append(torch.nn.Conv2d(channels, about["out"], about["kernel"], about.get("stride", 1), about.get("pad", 0)))
            channels, pool, ceil = about["out"], about.get("pool", 1), about.get("pool_ceil", False)
            size = (size + 2 * about.get("pad", 0) - about["kernel"]) // about.get("stride", 1) + 1
            if pool > 1:
                modules.append(torch.nn.MaxPool2d(pool, ceil_mode=ceil))
                size = -(-size // pool) if ceil else size // pool
        elif kind == "dense":
            out = 10 if about["out"] == "classes" else about["out"]
            modules += [torch.nn.Flatten(), torch.nn.Linear(channels * size * size, out)]
            channels, size = out, 1
        elif kind == "pool":
            modules.append((torch.nn.AvgPool2d if about.get("mode") == "average" else torch.nn.MaxPool2d)(about["kernel"]))
            size //= about["kernel"]
        elif kind == "residual":
            body, channels, size = build(about["layers"], channels, size, p, active)
            modules.append(Residual(body, channels))
        elif kind in ("sign", "htanh", "relu") and not active:
            modules.append(Active(p))
        active = kind in ("sign", "htanh", "relu")
    return torch.nn.Sequential(*modules), channels, size


def rate(run, seconds):
    """Images per second of the best batch."""
    run()
    best, end = 1e9, time.monotonic() + seconds
    while best == 1e9 or time.monotonic() < end:
        start = time.monotonic()
        run()
        best = min(best, time.monotonic() - start)
    return BATCH / best


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--net", default="lenet5-wide")
    args.add_argument("--json", action="store_true")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seconds", type=float, default=4)
    args.add_argument("--samples", type=int, default=20)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    about = yaml.safe_load((NETS / f"{args.net}.yaml").read_text())
    channels, height, width = (about["input"][key] for key in ("channels", "height", "width"))
    x = torch.rand((BATCH, channels, height, width)).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        one, many = (torch.nn.Sequential(build(about["layers"], channels, height, p)[0], torch.nn.Softmax(1))
                     .to(memory_format=torch.channels_last) for p in (0, 0.2))
        single = rate(lambda: one(x), args.seconds)
        mc = rate(lambda: torch.stack([many(x) for _ in range(args.samples)]).mean(0), args.seconds)
    result = {"net": args.net, "images_per_s_single": single, "images_per_s_mc": mc, "samples": args.samples, "batch": BATCH,
              "threads": args.threads, "torch": torch.__version__}
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"PyTorch {torch.__version__}, float32, {args.net}, batch {BATCH}, {args.threads} threads: {single:.0f} images/s; "
              f"Monte Carlo dropout, T = {args.samples}: {mc:.0f} images/s")


if __name__ == "__main__":
    main()

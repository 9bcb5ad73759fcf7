#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hardware tables of both papers from our own counts, beside what they print.

    bench/chip_tables.py [--program build/release/bin/spinscale]

Prints Markdown for docs/results.md. Nothing is fitted: every number follows from a network's shape, a chip's file and the
figures of src/cim/arch/parts.h."""
import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Chip:
    def __init__(self, program):
        self.program = program

    def cost(self, net, chip, account="paper", samples=10, sets=()):
        command = [self.program, "cim", "--net", str(ROOT / "nets" / f"{net}.yaml"), "--chip", chip, "--account", account,
                   "--samples", str(samples), "--json"]
        for item in sets:
            command += ["--set", item]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def band(result, unit=1e6, digits=3):
    low, middle, high = (result[k] * unit for k in ("energy_low_j", "energy_j", "energy_high_j"))
    return f"{middle:.{digits}g} ({low:.{digits}g} to {high:.{digits}g})"


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def energies(chip):
    print("Energy of a prediction, T = 10, papers' account (Table IV of the subset-parameter paper, Table VIII of "
          "Scale-Dropout), uJ an image:\n")
    rows = [["H. Awano, FPGA", "21.09", "-"], ["A. Malhotra, RRAM", "9.30", "-"], ["K. Yang, domain-wall MTJ", "0.79", "-"],
            ["SpinDrop, LeNet-5", "2.00", "-"], ["Spatial-SpinDrop, LeNet-5", "0.68", "-"]]
    for label, printed, net, preset in (("subset, LeNet-5 (valid)", "0.30", "lenet5-classic", "subset"),
                                        ("subset, LeNet-5 (same)", "0.30", "lenet5-same", "subset"),
                                        ("subset, small VGG as in Mobiny et al., 28 x 28", "2.00", "vgg-mobiny-28", "subset"),
                                        ("Scale-Dropout, LeNet-5 (valid)", "0.18", "lenet5-classic", "scaledrop"),
                                        ("Scale-Dropout, LeNet-5 (same)", "0.18", "lenet5-same", "scaledrop"),
                                        ("Scale-Dropout, VGG as in Mobiny et al., 32 x 32", "0.29", "vgg-mobiny", "scaledrop"),
                                        ("Scale-Dropout, VGG-small (IR-Net)", "0.29", "vgg-small", "scaledrop")):
        rows.append([label, printed, band(chip.cost(net, preset))])
    table(["chip", "printed", "ours"], rows)


def assumptions(chip):
    print("What each assumption adds to LeNet-5 (valid) on `scaledrop`, T = 10, uJ:\n")
    net = "lenet5-classic"
    paper, full = chip.cost(net, "scaledrop"), chip.cost(net, "scaledrop", "full")
    items = {i["name"]: i for i in full["items"]}

    def item(name):
        i = items[name]
        return {k: i[k] for k in ("energy_j", "energy_low_j", "energy_high_j")}
    only_full = ("softmax", "activation buffers", "wires between tiles", "clock and control", "leakage")
    bits = {k: full[k] - sum(items[n][k] for n in only_full) - paper[k] for k in ("energy_j", "energy_low_j", "energy_high_j")}
    multiply = {}
    times = chip.cost(net, "scaledrop", sets=("scale.use=multiply",))
    for k in ("energy_j", "energy_low_j", "energy_high_j"):
        multiply[k] = times[k] - paper[k]
    rows = [["papers' account: 1-bit inputs, folded scales", band(paper)], ["8-bit inputs of the first layer", "+ " + band(bits)]]
    rows += [[name, "+ " + band(item(name))] for name in only_full]
    rows.append(["full account, scales folded", band(full)])
    rows.append(["32-bit scale multiplications in place of folding", "+ " + band(multiply)])
    table(["account", "energy"], rows)
    rows = []
    for reuse in ("none", "first", "paths"):
        for account in ("paper", "full"):
            r = chip.cost(net, "scaledrop", account, sets=(f"reuse={reuse}",))
            v = chip.cost(net, "subset", account, sets=(f"reuse={reuse}",))
            rows.append([reuse, account, band(r), f"{1e6 * r['latency_s']:.4g}", band(v), f"{1e6 * v['latency_s']:.4g}"])
    print("What reuse saves (LeNet-5 valid, T = 10):\n")
    table(["reuse", "account", "scaledrop, uJ", "us", "subset, uJ", "us"], rows)


def units(chip):
    print("Stochastic units (Table VII of Scale-Dropout): number, power with all at work, energy a pass.\n")
    rows = []
    for net in ("lenet5-classic", "vgg-small"):
        for name, per, printed in (("SpinDrop, one a word line", "neuron", "lost"), ("Spatial-SpinDrop, one a map", "map", "lost"),
                                   ("one a layer", "layer", "-"), ("Scale-Dropout, one", "network", "1, 0.0225 mW")):
            r = chip.cost(net, "scaledrop", sets=(f"unit.per={per}",), samples=1)
            energy = next(i["energy_j"] for i in r["items"] if i["name"] == "random bits")
            rows.append([net, name, printed, r["counts"]["units"], f"{1e3 * r['unit_power_w']:.4g} mW", f"{1e12 * energy:.4g} pJ"])
    table(["network", "arrangement", "printed", "units", "power", "energy"], rows)


def storage(chip):
    print("Storage against float32 (subset-parameter paper IV-C), VGG-small without the last layer's scales:\n")
    layers = chip.cost("vgg-small", "subset")["layers"]
    positions = [32 * 32, 32 * 32, 16 * 16, 16 * 16, 8 * 8, 8 * 8, 1]
    weights = sum(l["counts"]["macs"] // p for l, p in zip(layers, positions))
    scales = 128 + 128 + 256 + 256 + 512 + 512
    rows = []
    for name, printed, float_bits in (("variational inference, mean and variance", 63.49, 64), ("five networks", 158.78, 160),
                                      ("dropout", 31.76, 32)):
        rows.append([name, printed] + [f"{float_bits * weights / (weights + n * 4 * scales):.2f}" for n in (5, 8)])
    table(["against", "printed", "N = 5 of 4 bits", "N = 8 of 4 bits"], rows)
    one_bit = weights + 32 * scales
    print(f"{weights:,} weights, {scales:,} scales. Against a 1-bit network with 32-bit scales: "
          f"{100 * (1 - (weights + 4 * scales) / one_bit):.2f} % less with one sample of 4 bits, "
          f"{100 * (1 - (weights + 20 * scales) / one_bit):.2f} % with five, "
          f"{100 * (1 - (weights + 32 * scales) / one_bit):.2f} % with eight (printed: about 1 %).\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/spinscale"))
    chip = Chip(parser.parse_args().program)
    energies(chip)
    assumptions(chip)
    units(chip)
    storage(chip)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What spread of devices and limits of circuits do to a model on a chip: Table IV of Scale-Dropout (spread of p), and the
same for resistance, converters and stuck junctions.

    bench/chip_spread.py MODEL CHIP --out DIR [--chips 20] [--images 1000] [--samples 10] [--program PATH]

Each row is a point of a sweep, kept in DIR (an interrupted run goes on). Prints Markdown: mean over chips with a 95 %
interval of the mean (1.96 standard deviations over the root of the number of chips), and the standard deviation over
chips."""
import argparse
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SWEEPS = (
    ("spread of p, eq. 24 (sigma)", "device.unit.sigma_p", "0,0.05,0.1,0.2", "ideal", ("--sampler", "mtj")),
    ("spread of the units' critical current (sigma)", "device.sigma_ic", "0,0.003,0.01,0.05", "ideal", ("--sampler", "mtj")),
    ("spread of the resistance (sigma)", "device.sigma_r", "0,0.02,0.05,0.1", "quantised", ("--set", "adc.bits=6")),
    ("spread of the resistance with wires (sigma)", "device.sigma_r", "0,0.05", "analog", ("--set", "adc.bits=6")),
    ("bits of the converters", "adc.bits", "3,4,5,6,7", "quantised", ()),
    ("share of junctions stuck parallel", "device.stuck_p", "0,0.001,0.003,0.01", "quantised", ("--set", "adc.bits=6")),
    ("share of junctions stuck antiparallel", "device.stuck_ap", "0,0.001,0.003,0.01", "quantised", ("--set", "adc.bits=6")),
    ("share of open junctions", "device.stuck_open", "0,0.001,0.003,0.01", "quantised", ("--set", "adc.bits=6")),
)


def mean(row, key, chips, unit=1, digits=2):
    if row.get(key) is None:
        return "-"
    text = f"{unit * row[key]:.{digits}f}"
    sd = row.get(key + "_sd")
    return text if sd is None else f"{text} ± {1.96 * unit * sd / chips ** 0.5:.{digits}f} (sd {unit * sd:.{digits}f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("chip")
    parser.add_argument("--out", required=True)
    parser.add_argument("--chips", type=int, default=20)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/spinscale"))
    args = parser.parse_args()
    for number, (title, key, values, level, more) in enumerate(SWEEPS):
        folder = pathlib.Path(args.out) / f"{number}-{key}"
        command = [args.program, "cim", args.model, "--chip", args.chip, "--images", args.images, "--samples", args.samples,
                   "--chips", args.chips, "--level", level, "--sweep", f"{key}={values}", "--out", folder, "--json", *more]
        rows = json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)
        print(f"{title}; {level}{''.join(', ' + m for m in more if '=' in m)}:\n")
        print("| " + key + " | accuracy % | NLL nat | mutual information nat | accepted % | yield % |")
        print("| --- | --- | --- | --- | --- | --- |")
        for row in rows:
            print(f"| {row[key]} | {mean(row, 'accuracy', args.chips, 100)} | {mean(row, 'nll', args.chips, 1, 4)} | "
                  f"{mean(row, 'mutual_information', args.chips, 1, 4)} | {mean(row, 'accepted', args.chips, 100, 1)} | "
                  f"{100 * row['yield']:.0f} |")
        print()


if __name__ == "__main__":
    main()

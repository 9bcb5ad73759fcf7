"""Toy networks for tests: trained in a moment by the program itself, and packed.

toy_models.py FOLDER PROGRAM SOURCE_DIR METHOD...; or make() from Python.
"""
import os
import shutil
import subprocess
import sys

NET = """
name: toy
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - conv: {out: 5, kernel: 3, pad: 2, pool: 3, pool_ceil: true, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - conv: {out: 35, kernel: 3, stride: 2, pad: 1, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 33, binary: true}
  - batchnorm: {scale: true, eps: 1e-3}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {}
"""
RESIDUAL = """
name: residual
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - conv: {out: 5, kernel: 3, pad: 1, stride: 2}
  - batchnorm: {scale: true, bias: true}
  - htanh: {}
  - residual:
      layers:
        - sign: {}
        - conv: {out: 5, kernel: 3, pad: 1, binary: true}
        - batchnorm: {scale: true, bias: true}
        - pact: {bits: 3}
        - conv: {out: 5, kernel: 3, pad: 1, binary: true}
        - batchnorm: {scale: true, bias: true}
  - rprelu: {}
  - residual:
      layers:
        - sign: {}
        - conv: {out: 8, kernel: 3, pad: 1, stride: 2, binary: true}
        - batchnorm: {scale: true, bias: true}
  - relu: {}
  - pool: {kernel: 3, mode: average}
  - dense: {out: 4}
  - batchnorm: {}
"""
CONFIG = """
data: {name: ./toy, validation: 100}
net: {name: ./%s.yaml}
method: {name: %s}
train: {epochs: 1, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
"""
METHODS = {"bank": "scale_dropout, p: 0.3",
           "channel": "scale_dropout, p: 0.3, mask: element",
           "vi": "scale_vi, samples: 5",
           "residual": "scale_dropout, p: 0.3"}


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def make(folder, program, source, methods):
    """Go into a new folder with ./toy, the data set, and NAME.packed for each method."""
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    os.chdir(folder)
    run(sys.executable, f"{source}/tests/cli/toy.py", "toy")
    for net, text in (("net", NET), ("residual_net", RESIDUAL)):
        with open(f"{net}.yaml", "w") as file:
            file.write(text)
    for name in methods:
        with open(f"{name}.yaml", "w") as file:
            file.write(CONFIG % ("residual_net" if name == "residual" else "net", METHODS[name]))
        run(program, "train", "--config", f"./{name}.yaml", "--out", name, "--threads", "1")
        run(program, "pack", name, "-o", f"{name}.packed")


if __name__ == "__main__":
    make(*sys.argv[1:4], sys.argv[4:])

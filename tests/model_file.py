"""docs/model-file.md against a file: its reader, its tables, and its formula.

model_file.py PROGRAM SOURCE_DIR: trains a toy network, reads the model with the page's own NumPy reader, computes every
pass in NumPy along the paths that the program took, and compares the probabilities.  77 (skipped) without NumPy.
"""
import os
import re
import shutil
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    sys.exit(77)

program, source = (os.path.abspath(path) for path in sys.argv[1:3])
shutil.rmtree("model-file-test", ignore_errors=True)
os.mkdir("model-file-test")
os.chdir("model-file-test")

NET = """
name: toy
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - conv: {out: 5, kernel: 3, pad: 1, pool: 2, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - conv: {out: 7, kernel: 3, pad: 1, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 33, binary: true}
  - batchnorm: {scale: true, eps: 1e-3}
  - sign: {}
  - dense: {out: 4}
  - batchnorm: {}
"""
EPS = {1: 1e-5, 4: 1e-5, 7: 1e-3, 10: 1e-5}
CONFIG = """
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
method: {name: scale_dropout}
train: {epochs: 1, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
"""


def run(*arguments):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


run(sys.executable, f"{source}/tests/cli/toy.py", "toy")
open("net.yaml", "w").write(NET)
open("toy.yaml", "w").write(CONFIG)
run(program, "train", "--config", "./toy.yaml", "--out", "out", "--threads", "1")
run(program, "eval", "out", "--data", "./toy", "--samples", "6", "--dump", "probs.npy")
run(program, "eval", "out", "--data", "./toy", "--point", "--dump", "point.npy")

page = open(f"{source}/docs/model-file.md", encoding="utf-8").read()
space = {}
exec(re.search(r"```python\n(import json.*?)```", page, re.S).group(1), space)
about, tensors = space["read_model"]("out/model.safetensors")

# The tables name everything that is in the file.
named = {re.sub(r"^class\.\d+", "class.I", re.sub(r"^layers\.\d+", "layers.N", name))
         for name in [*about, *tensors] if not name.endswith("weight") or f"{name}_bits" not in tensors}
missing = [name for name in sorted(named) if f"`{name}`" not in page]
assert not missing, f"docs/model-file.md lacks {missing}"
assert about["input"] == "12 12 1" and about["classes"] == "4" and about["format"] == "spinscale-model"


def conv(x, w):  # [H][W][C], [out][k][k][C], padding 1
    h, width, _ = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return sum(padded[y:y + h, z:z + width] @ w[:, y, z].T for y in range(3) for z in range(3))


def pool(z):  # 2 x 2
    h, w, c = z.shape
    return z.reshape(h // 2, 2, w // 2, 2, c).max((1, 3))


def norm(layer, z, scale, reading="running"):
    f = np.float32
    t = {key.split(".")[2]: value for key, value in tensors.items() if key.startswith(f"layers.{layer}.")}
    mean, var = t.get(reading + "_mean", t["running_mean"]), t.get(reading + "_var", t["running_var"])
    inv_std = f(1) / np.sqrt(var + f(EPS[layer]))
    z = z.astype(f) + t.get("bias", f(0))
    return t["gamma"] * ((z * scale - mean) * inv_std) + t["beta"]


def sign(y):
    return np.where(y >= 0, 1.0, -1.0)


def predict(pixels, scales, reading):
    w = {n: tensors[f"layers.{n}.weight"] for n in (0, 3, 6, 9)}
    x = tensors["input.codes"][0][pixels].astype(float)
    x = sign(norm(1, pool(conv(x, w[0])), scales[1], reading))
    x = sign(norm(4, conv(x, w[3]), scales[4], reading))
    x = sign(norm(7, w[6] @ x.ravel(), scales[7], reading))
    logits = norm(10, w[9] @ x, np.float32(1), reading).astype(float)
    p = np.exp(logits - logits.max())
    return p / p.sum()


raw = open("toy/t10k-images-idx3-ubyte", "rb").read()
images = np.frombuffer(raw[16:], np.uint8).reshape(-1, 12, 12, 1)[..., 0][..., None]
probs, paths, point = np.load("probs.npy"), np.load("probs.paths.npy"), np.load("point.npy")
banks = [1, 4, 7]
worst = 0
for i in range(0, len(images), 4):
    pixels = images[i][..., 0]
    for t in range(len(probs)):
        scales = {n: tensors[f"layers.{n}.scale_bank"][k] for n, k in zip(banks, paths[t, i])}
        worst = max(worst, abs(predict(pixels[..., None], scales, "running") - probs[t, i]).max())
    scales = {n: tensors[f"layers.{n}.scale_point"] for n in banks}
    worst = max(worst, abs(predict(pixels[..., None], scales, "point") - point[0, i]).max())
assert len(np.unique(paths)) > 1, "all paths are the same"
# Integers, signs and normalisation agree to the bit; the float layer and softmax differ in rounding only.
assert worst < 1e-5, f"NumPy and the program differ by {worst}"
print(f"{len(named)} names, NumPy agrees to {worst:.1e}")

try:
    from safetensors.torch import load_file
    loaded = load_file("out/model.safetensors")
    assert all((loaded[name].numpy() == tensors[name]).all() for name in loaded) and len(loaded) > 20
    print("PyTorch's safetensors reads the same")
except ImportError:
    pass
os.chdir("..")
shutil.rmtree("model-file-test")

"""docs/format.md against files and code: its reader, its tables, its formulas, its stream of picks.

packed_file.py PROGRAM SOURCE_DIR: trains and packs toy networks, reads them with the page's own NumPy reader, computes
every path in NumPy from the file alone, and compares with the program.  77 (skipped) without NumPy.
"""
import json
import os
import re
import shutil
import sys

try:
    import numpy as np
except ImportError:
    print("no NumPy here")
    sys.exit(77)
import toy_models

program, source = (os.path.abspath(path) for path in sys.argv[1:3])


def text_of(path):
    with open(f"{source}/{path}", encoding="utf-8") as file:
        return file.read()


page = text_of("docs/format.md")

# ---- the page's tables are those of the code ----

packed_h, packed_c, format_c = (text_of(f"src/engine/{name}") for name in ("packed.h", "packed.c", "format.c"))


def listed(macro):  # X(name, ...) rows of a list
    return re.findall(r"X\((\w+), ", re.search(rf"#define {macro}\(X\)(.*?)\n\n", packed_h, re.S).group(1))


operations, noises = listed("SPS_OPS"), listed("SPS_NOISES")
kinds = re.findall(r'"(\w+)"', re.search(r"sps_value_kind_name\(.*?\{(.*?)\};", packed_c, re.S).group(1))
sets = {"CONVS": "binary_conv float_conv", "FLOATS": "float_dense float_conv",
        "BINARIES": "binary_dense binary_conv", "TABLES": "threshold affine"}
for name, members in sets.items():  # the sets above are those of the code
    assert re.search(rf"#define {name} \({' . '.join(rf'OP.{m}.' for m in members.split())}\)", format_c), name


def members(expression):
    return {op for term in expression.split("|") for op in
            sets.get(term.strip(), term.strip().removeprefix("OP(").removesuffix(")")).split()}


attributes = re.findall(r'\{"(\w+)", OP_FIELD\(\w+\), ([^,]+), (-?\d+), ([^}]+), [01]\}', format_c)
op_tensors = re.findall(r'\{"(\w+)", OP_FIELD\(\w+\), ([^,]+), SPS_(\w+), \w+\}', format_c)
assert (len(operations), len(noises), len(kinds)) == (15, 5, 5) and len(attributes) >= 10 and len(op_tensors) >= 7

rows = {}  # first cell's names -> other cells
for line in page.splitlines():
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    for name in re.findall(r"`([\w.]+)`", cells[0] if line.startswith("| ") else ""):
        rows.setdefault(name, []).append(cells[1:])

for op in operations:
    row = rows[op][0]
    for column, wanted in ((2, attributes), (3, op_tensors)):
        said = set(re.findall(r"`(\w+)`", row[column]))
        meant = {entry[0] for entry in wanted if op in members(entry[1])}
        assert said == meant, f"{op}: the page says {said}, the code {meant}"
constants = {"SPS_NOISES_MAX - 1": "1023"}
for key, _, low, high in attributes:
    assert any(cells[0] == f"{low} to {constants.get(high, high)}" for cells in rows[key]), f"range of {key}"
for suffix, _, dtype in op_tensors:
    assert rows[f"ops.I.{suffix}"][0][0].startswith(dtype), f"type of {suffix}"
for limit, value in (("SPS_OPS_MAX", "4,096"), ("SPS_NOISES_MAX", "1,024")):
    assert re.search(rf"{limit} = {value.replace(',', '')}\b", packed_h) and value in page, limit
for kind in kinds:
    assert f"\n| {kind} | " in page, kind
named = set(noises)
for keys in re.findall(r"\*const keys\[\] = \{(.*?), NULL\}", format_c):
    named |= set(re.findall(r'"(\w+)"', keys))
named |= set(re.findall(r'add_metadata\(&c, "(\w+)"', format_c)) | set(re.findall(r" X\((\w+)\)", format_c))
assert {"entries", "graph", "data_sha256", "ops"} <= named
missing = [name for name in sorted(named) if f"`{name}`" not in page]
assert not missing, f"docs/format.md lacks {missing}"

# ---- the file, computed ----

space = {}
for block in re.findall(r"```python\n(.*?)```", page, re.S):
    exec(block, space)
read_packed, draw = space["read_packed"], space["draw"]


def product(op, x, w):
    """x [h][w][c], w [out][F] of +-1: sums [h'][w'][out]."""
    if op["op"] == "binary_dense":
        return (w @ x.ravel()).reshape(1, 1, -1)
    k, stride, pad = op["kernel"], op["stride"], op["pad"]
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    h, width = ((n + 2 * pad - k) // stride + 1 for n in x.shape[:2])
    return np.array([[w @ padded[y * stride:y * stride + k, z * stride:z * stride + k].ravel() for z in range(width)]
                     for y in range(h)])


def float_product(op, x, w, bias):
    """The same in 32-bit floats, one input after the other; padding is left out."""
    k, stride, pad = (x.shape[:2], 1, 0) if op["op"] == "float_dense" else ((op["kernel"],) * 2, op["stride"], op["pad"])
    rows, columns = ((n + 2 * pad - size) // stride + 1 for n, size in zip(x.shape, k))
    y = np.tile(bias, (rows, columns, 1))
    w = w.reshape(len(w), *k, -1)
    for i, j in np.ndindex(rows, columns):
        for a, b in np.ndindex(k):
            row, column = i * stride + a - pad, j * stride + b - pad
            for c in range(x.shape[2] if 0 <= row < x.shape[0] and 0 <= column < x.shape[1] else 0):
                y[i, j] += w[:, a, b, c] * x[row, column, c]
    return y


def mean_of(window):
    """[h][w][c]: added up row by row in 32-bit floats."""
    total = np.zeros(window.shape[2], np.float32)
    for pixel in window.reshape(-1, window.shape[2]):
        total = total + pixel
    return total / np.float32(window.shape[0] * window.shape[1])


def row_of(table, op, picks, point):
    """The row of a table [R][...][C] that the picks choose: one for all channels, or one for each."""
    if point:
        return table[-1 if op["point"] else 0]
    k = np.broadcast_to(picks.get(op["noise"], [0]), table.shape[-1])
    return np.stack([table[k[c], ..., c] for c in range(len(k))], axis=-1)


def predict(model, pixels, picks, point=False):
    """Logits and probabilities of one image; picks[noise] are its picks."""
    _, graph, tensors = model
    values = [np.stack([tensors["input.codes"][c][pixels[..., c]] for c in range(pixels.shape[2])], 2).astype(np.int64)]
    for i, op in enumerate(graph["ops"]):
        x, of = values[op["from"][0]], lambda suffix: tensors[f"ops.{i}.{suffix}"]
        if op["op"] in ("binary_dense", "binary_conv"):
            fan_in = x.size if op["op"] == "binary_dense" else op["kernel"]**2 * x.shape[2]
            values.append(product(op, x, 2 * of("weight_bits")[:, :fan_in].astype(np.int64) - 1))
        elif op["op"] == "pool" and not op["average"]:
            n, (h, w, c) = op["window"], x.shape
            rows, columns = (-(-size // n) if op.get("ceil") else size // n for size in (h, w))
            values.append(np.array([[x[i * n:i * n + n, j * n:j * n + n].max((0, 1)) for j in range(columns)]
                                    for i in range(rows)]))
        elif op["op"] == "threshold":
            is_up = x >= row_of(of("threshold"), op, picks, point)
            turned = row_of(of("flip")[:, :x.shape[2]], op, picks, point) == 1
            values.append(2 * (is_up ^ turned).astype(np.int64) - 1)
        elif op["op"] == "affine":
            scale, bias, mean, inv_std, gamma, beta = row_of(of("affine"), op, picks, point)
            values.append(gamma * ((scale * (x.astype(np.float32) + bias) - mean) * inv_std) + beta)
        elif op["op"] in ("float_dense", "float_conv"):
            values.append(float_product(op, x.astype(np.float32), of("weight"), of("bias")))
        elif op["op"] == "add":
            s, y = values[op["from"][1]], x.copy()
            n, front = -(-s.shape[0] // x.shape[0]), (x.shape[2] - s.shape[2]) // 2
            y[..., front:front + s.shape[2]] += s[::n, ::n]
            values.append(y)
        elif op["op"] == "pool":  # the mean
            n, (h, w, _) = op["window"], x.shape
            rows, columns = (-(-size // n) if op.get("ceil") else size // n for size in (h, w))
            values.append(np.array([[mean_of(x[i * n:i * n + n, j * n:j * n + n]) for j in range(columns)]
                                    for i in range(rows)]))
        elif op["op"] in ("hard_tanh", "relu"):
            values.append(np.maximum(x, 0) if op["op"] == "relu" else np.clip(x, -1, 1))
        elif op["op"] == "rprelu":
            shift, offset, slope = of("rprelu")
            values.append(np.where(x - shift > 0, x - shift, slope * (x - shift)) + offset)
        elif op["op"] == "quantise":
            t = np.clip(x / of("step"), np.float32(0), np.float32(2**op["bits"] - 1))
            values.append((t + np.float32(0.5)).astype(np.int64))
        elif op["op"] == "sign":
            values.append(np.where(x >= 0, 1, -1))
        else:
            sys.exit(f"the toy has an operation '{op['op']}'")
    logits = values[-1].ravel()
    assert logits.dtype == np.float32
    temperature = json.loads(model[0].get("calibration", '{"temperature": 1}'))["temperature"]
    p = np.exp((logits - logits.max()).astype(float) / temperature)
    return p / p.sum()


def split(graph, row):
    """A row of picks, by noise source."""
    counts = [1 if noise["kind"] == "bank" else channels_of(graph, i) for i, noise in enumerate(graph["noises"])]
    ends = np.cumsum(counts)
    assert ends[-1] == len(row), "the row of picks has another length"
    return {i: row[ends[i] - counts[i]:ends[i]] for i in range(len(counts))}


def channels_of(graph, noise):
    """Channels of the table where a noise source acts: those of the product before it."""
    at = next(i for i, op in enumerate(graph["ops"]) if op.get("noise") == noise)
    return next(op["out"] for op in reversed(graph["ops"][:at]) if "out" in op)


def turn_over(path, to):
    """The same model with some flips, which a short training hardly ever leaves: every third channel's."""
    with open(path, "rb") as file:
        raw = bytearray(file.read())
    start = 8 + int.from_bytes(raw[:8], "little")
    for name, t in json.loads(raw[8:start]).items():
        if name.endswith(".flip"):
            begin, end = (start + offset for offset in t["data_offsets"])
            bits = np.unpackbits(np.frombuffer(raw[begin:end], "u1").reshape(t["shape"]), axis=1, bitorder="little")
            bits[:, :5:3] ^= 1  # five channels are in each layer of the toy
            raw[begin:end] = np.packbits(bits, axis=1, bitorder="little").tobytes()
    with open(to, "wb") as file:
        file.write(raw)


METHODS = ["bank", "vi", "channel", "residual", "turned", "calibrated"]
toy_models.make("packed-file-test", program, source, METHODS[:4])
turn_over("channel.packed", "turned.packed")
toy_models.run(program, "calibrate", "bank.packed", "-o", "calibrated.packed", "--coverage", "0.8", "--error", "0.5")
calibration = json.loads(read_packed("calibrated.packed")[0]["calibration"])
assert calibration["temperature"] != 1
for key in [*calibration, *calibration["thresholds"][1]]:
    assert f"`{key}`" in page, f"docs/format.md lacks {key}"
with open("toy/t10k-images-idx3-ubyte", "rb") as file:
    images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 12, 12, 1)
worst, walked, seen_flips = 0, 0, 0
for method in METHODS:
    model = about, graph, tensors = read_packed(f"{method}.packed")
    for name in [*about, *tensors]:
        general = re.sub(r"^(ops|noises)\.\d+", r"\1.I", re.sub(r"^class\.\d+", "class.I", name))
        assert f"`{general}`" in page, f"docs/format.md lacks {general}"
    assert list(tensors) == sorted(tensors, key=lambda t: -8 if tensors[t].itemsize == 8 else tensors[t].itemsize), \
        "tensors are in another order"
    banks = [tensors[f"noises.{i}.probability"] for i in range(len(graph["noises"]))]
    seen_flips += sum(int(t.sum()) for name, t in tensors.items() if name.endswith(".flip"))
    readings = {"sampled": ["--samples", "6", "--seed", "4294967299"], "point": ["--point"]}
    if method in ("bank", "vi"):
        readings["exact"] = ["--exact"]
    for reading, options in readings.items():
        dump = f"{method}-{reading}"
        toy_models.run(program, "eval", f"{method}.packed", "--data", "./toy", "--dump", f"{dump}.npy", *options)
        probs, paths = np.load(f"{dump}.npy"), np.load(f"{dump}.paths.npy")
        for i in range(0, len(images), 16 if reading == "exact" else 4):
            for t in range(len(probs)):
                picks = split(graph, paths[t, i])
                p = predict(model, images[i], picks, reading == "point")
                worst, walked = max(worst, abs(p - probs[t, i]).max()), walked + 1
                if reading == "sampled":
                    for k, drawn in picks.items():
                        wanted = draw(banks[k], len(drawn), graph["noises"][k]["stream"], 4294967299, i, t)
                        assert wanted == list(drawn), f"{method}: picks of image {i}, pass {t}, noise {k}"
        if reading == "exact":
            digits = np.array(list(np.ndindex(*(len(bank) for bank in banks))))
            assert (paths == digits[:, None]).all(), "the paths are in another order"
            mean = np.prod([bank[d] for bank, d in zip(banks, digits.T)], axis=0) @ probs.reshape(len(probs), -1)
            assert abs(mean.reshape(probs.shape[1:]).sum(1) - 1).max() < 1e-6, "weights do not sum to 1"
        assert reading == "point" or len(np.unique(paths)) > 1, "all paths are the same"
# Integers and 32-bit steps agree to the bit; p is rounded to 32 bits, and exp() differs in its last bit.
assert worst < 1e-7, f"NumPy and the program differ by {worst}"
assert seen_flips > 0
print(f"{walked} passes, NumPy agrees to {worst:.1e}; {seen_flips} flips")
os.chdir("..")
shutil.rmtree("packed-file-test")

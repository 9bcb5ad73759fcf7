# Shifted, corrupted and foreign images beside the clean ones: eval --suite.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cp "$SOURCE_DIR/fuzz/corpus/packed/good-mlp" model
suite() { "$SPINSCALE" eval model --data ./toy --samples 4 --suite "$@"; }

echo '--- rows'
for name in id rotation noise corruption extra; do
    suite $name --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
rows = r["rows"]
print(r["suite"], len(rows), sorted({row["suite"] for row in rows}), rows[0]["name"], rows[-1]["name"], rows[-1]["severity"],
      all(0 <= row["accuracy"] <= 1 and row["nll"] > 0 and abs(row["accepted"] + row["detected"] - 1) < 1e-9 for row in rows),
      all(0 <= row["auroc_entropy"] <= 1 for row in rows[1:]))
corrupted = [1 - row["accuracy"] for row in rows if row["suite"] == "corruption"]
mean = r["mean_corruption_error"]
print(mean is None if not corrupted else abs(mean - sum(corrupted) / len(corrupted)) < 1e-6)'
done
suite rotation | head -n 3 | cut -c1-46
suite noise,rotation --json | python3 -c '
import json, sys
print(sorted({row["suite"] for row in json.load(sys.stdin)["rows"]}))'

echo '--- whether curves go one way, recomputed'
for name in rotation noise; do
    suite $name --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
for curve in r["curves"]:
    rows = [r["rows"][0]] + [row for row in r["rows"] if row["name"] == curve["name"]]
    value, error = [[row[curve["value"] + tail] for row in rows] for tail in ("", "_error")]
    sign = 1 if curve["direction"] == "rises" else -1
    def back(i, j):
        way = sign * (value[i] - value[j])
        return way / (error[i] ** 2 + error[j] ** 2) ** 0.5 if way > 0 else 0
    steps = [back(i - 1, i) for i in range(1, len(rows))]
    print(curve["name"], curve["value"], curve["direction"], curve["monotone"] == (max(steps) <= 1.96),
          abs(curve["violation"] - max(steps)) < 1e-5,
          abs(curve["reversal"] - max(back(i, j) for j in range(len(rows)) for i in range(j))) < 1e-5,
          max(steps) == 0 or curve["violation_amount"] == rows[1 + steps.index(max(steps))]["amount"])'
done
suite rotation | grep -c 'from step to step with rotation: \(yes\|no\), '
suite id --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["curves"])'

echo '--- the first row is eval'
"$SPINSCALE" eval model --data ./toy --samples 4 --json >eval.json
suite id --json | python3 -c '
import json, sys
row, said = json.load(sys.stdin)["rows"][0], json.load(open("eval.json"))
print([row[k] == said[k] for k in ("n", "accuracy", "nll", "entropy", "mutual_information", "accepted")])'

echo '--- foreign sets: those that are missing are said'
suite ood --data-dir . --json 2>said | python3 -c '
import json, sys
for row in json.load(sys.stdin)["rows"]: print(row["suite"], row["name"], row["n"], row["accuracy"] is None)'
cut -d: -f3 said | sort

echo '--- threads change nothing, and what is there is not done again'
for threads in 1 3; do suite noise --threads $threads --json >noise-$threads.json; done
cmp noise-1.json noise-3.json && echo same
suite noise --out out >/dev/null && ls out | wc -l
head -n 2 out/suite.csv | cut -c1-60
python3 -c '
import json
row = json.load(open("out/row_noise_uniform_noise_3.json"))
row["accuracy"] = 0.125
json.dump(row, open("out/row_noise_uniform_noise_3.json", "w"))'
suite noise --out out --json | python3 -c '
import json, sys
print([row["accuracy"] for row in json.load(sys.stdin)["rows"] if row["name"] == "uniform_noise" and row["severity"] == 3])'
suite noise --out out --seed 2 --json | python3 -c '
import json, sys
print([row["accuracy"] != 0.125 for row in json.load(sys.stdin)["rows"] if row["name"] == "uniform_noise" and row["severity"] == 3])'
suite noise --normalise --json | python3 -c '
import json, sys
a, b = json.load(sys.stdin)["rows"], json.load(open("noise-1.json"))["rows"]
print(a[0] == b[0], a[-1] != b[-1])'

echo '--- mistakes'
run eval model --data ./toy --suite everything
run eval model --data ./toy --out out
run eval model --data ./toy --suite id --foreign noise-uniform

echo '--- killed in the middle, and resumed: what is there stays, the end is the same'
cat >resume.py <<'EOF'
import json, os, random, signal, struct, subprocess, time
count = 4000
os.mkdir("many")
with open("many/t10k-images-idx3-ubyte", "wb") as file:
    file.write(struct.pack(">4I", 0x803, count, 12, 12) + random.Random(3).randbytes(count * 144))
with open("many/t10k-labels-idx1-ubyte", "wb") as file:
    file.write(struct.pack(">2I", 0x801, count) + bytes(i % 4 for i in range(count)))
command = [os.environ["SPINSCALE"], "eval", "model", "--data", "./many", "--samples", "4", "--suite", "noise", "--json"]


def rows(folder):
    names = [n for n in os.listdir(folder) if n.startswith("row_") and n.endswith(".json")] if os.path.isdir(folder) else []
    return {n: (os.stat(f"{folder}/{n}").st_ino, os.stat(f"{folder}/{n}").st_mtime_ns) for n in names}


whole = json.loads(subprocess.run(command + ["--out", "whole"], capture_output=True, check=True).stdout)
first = subprocess.Popen(command + ["--out", "cut"], stdout=subprocess.DEVNULL)
while len(rows("cut")) < 3 and first.poll() is None:
    time.sleep(0.001)
first.send_signal(signal.SIGKILL)
print("killed:", first.wait() == -signal.SIGKILL, "before the end:", not os.path.exists("cut/suite.json"))
before = rows("cut")
again = json.loads(subprocess.run(command + ["--out", "cut"], capture_output=True, check=True).stdout)
after = rows("cut")
kept = [name for name in before if name != "row_id_many_0.json"]  # the clean images' scores are needed every time
print("kept:", len(kept) >= 2 and all(before[name] == after[name] for name in kept), "rows:", len(after))
for result in whole, again:
    for row in result["rows"]:
        row.pop("basis", None)
print("same:", whole == again)
EOF
python3 resume.py

echo '--- other data of the same name and size are evaluated anew'
mkdir other
python3 "$SOURCE_DIR/tests/cli/toy.py" other/toy 12 5
"$SPINSCALE" eval model --data other/toy --samples 4 --suite noise --out out --json | python3 -c '
import json, sys
a, b = json.load(sys.stdin)["rows"], json.load(open("noise-1.json"))["rows"]
print(all(x["entropy"] != y["entropy"] for x, y in zip(a, b)))'

echo '--- ready-made corruptions'
cat >ready.py <<'EOF'
import os, random, struct
def npy(path, shape, data):
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }" % (shape,)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.ljust(117).encode() + b"\n" + data)
kinds = ("gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog brightness "
         "contrast elastic_transform pixelate jpeg_compression").split()
os.mkdir("ready")
with open("toy/t10k-images-idx3-ubyte", "rb") as file:
    clean = file.read()[16:]
for kind in kinds:
    drawn = random.Random(kind)
    npy(f"ready/{kind}.npy", (400, 12, 12), clean + drawn.randbytes(len(clean)) + 3 * clean)
npy("ready/labels.npy", (400,), 5 * bytes(i % 4 for i in range(80)))
EOF
python3 ready.py
suite corruption --corrupted ready --json >ready.json
python3 -c '
import json
told = json.load(open("ready.json"))
rows = told["rows"]
same = [row["nll"] == rows[0]["nll"] and row["auroc_entropy"] == 0.5 for row in rows[1:] if row["severity"] != 2]
print(len(rows), len(same), all(same), all(row["nll"] != rows[0]["nll"] for row in rows if row["severity"] == 2))
print(abs(told["mean_corruption_error"] - sum(1 - row["accuracy"] for row in rows[1:]) / 75) < 1e-6)'
echo '--- one of these parts, as --data and as --foreign'
"$SPINSCALE" eval model --data ready/fog.npy#2 --samples 4 --foreign ready/snow.npy#3 --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
row = [row for row in json.load(open("ready.json"))["rows"] if row["name"] == "fog" and row["severity"] == 2][0]
print(told["data"], told["n"], told["accuracy"] == row["accuracy"], told["nll"] == row["nll"], told["foreign"], told["foreign_n"])'
echo '--- without some of them there is no mean; nor is there one of other sizes'
rm ready/fog.npy ready/snow.npy
suite corruption --corrupted ready --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
print(len(told["rows"]), told["mean_corruption_error"], told["mean_corruption_detected"])'
suite extra --corrupted ready | wc -l
cp ready/labels.npy ready/fog.npy
run eval model --data ./toy --suite corruption --corrupted ready 2>&1 | grep -v '^\$'
run eval model --data ./toy --suite corruption --corrupted toy/nowhere
run eval model --data ./toy --suite noise --corrupted ready

echo '--- what is drawn depends on --data-seed, and on no other; eval --foreign draws the same'
drawn() {
    "$SPINSCALE" eval model --data ./toy --suite ood --data-dir . --json "$@" 2>/dev/null | python3 -c '
import json, sys
print([row["entropy"] for row in json.load(sys.stdin)["rows"][1:]])'
}
drawn --exact >a && drawn --exact --seed 9 >b && drawn --exact --data-seed 2 >c
cmp a b && ! cmp -s a c && echo as said
"$SPINSCALE" eval model --data ./toy --exact --foreign noise-uniform --data-seed 2 --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
print(told["data_seed"], told["foreign_entropy"] == json.load(open("c"))[1])'
for seed in 1 2; do
    suite noise --data-seed $seed --out out --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["rows"][1]["entropy"])' >$seed
done
cmp -s 1 2 || echo 'shifts too, and rows of another seed are not taken'

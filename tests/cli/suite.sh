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

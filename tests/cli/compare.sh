# Models, ensembles and seeds side by side.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
python3 "$SOURCE_DIR/tests/cli/toy.py" large 16 4
cat >net.yaml <<'END'
name: toy
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - dense: {out: 8, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {scale: true, bias: true}
END
cat >toy.yaml <<'END'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
method: {name: scale_dropout}
train: {epochs: 1, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
END
for seed in 1 2 3 4; do
    "$SPINSCALE" train --config ./toy.yaml --out run$seed --seed $seed --threads 1 >/dev/null 2>&1
done
"$SPINSCALE" pack run2 -o packed >/dev/null
compare() { "$SPINSCALE" compare "$@" --data ./toy --samples 5; }

echo '--- the numbers of eval'
compare one=run1 packed both=run1+packed --foreign noise-uniform --foreign ./large --bootstrap 50 --json >compare.json
echo "exit $?"
for models in run1 packed 'run1 packed'; do
    for foreign in noise-uniform ./large; do
        "$SPINSCALE" eval $models --data ./toy --samples 5 --foreign $foreign --json
    done
done >evals.json 2>/dev/null
python3 - <<'END'
import json
told = json.load(open("compare.json"))
evals = [json.loads(line) for line in open("evals.json")]
print([key for key in told])
print([row["name"] for row in told["rows"]], [row["repetitions"][0]["models"] for row in told["rows"]])
for k, row in enumerate(told["rows"]):
    r, near, far = row["repetitions"][0], evals[2 * k], evals[2 * k + 1]
    same = [abs(r[key]["value"] - near[key]) < 1e-12 for key in ("accuracy", "nll", "brier", "ece", "mutual_information", "accepted")]
    areas = [abs(r[f"auroc_{score}:{name}"]["value"] - e[f"auroc_{score}"]) < 1e-9 for score in ("entropy", "mutual_information")
             for name, e in (("noise-uniform", near), ("./large", far))]
    print(same, areas, r["passes"], r["sha256"] == near["model_sha256"], r["images_per_s"] > 0,
          all(v["low"] <= v["value"] + 0.2 and v["low"] <= v["high"] for v in r.values() if isinstance(v, dict)))
print("bytes add up:", told["rows"][2]["repetitions"][0]["bytes"] == sum(row["repetitions"][0]["bytes"] for row in told["rows"][:2]))
END

echo '--- the tests of metrics: first less other there, row less first here'
for model in run1 packed; do
    "$SPINSCALE" eval $model --data ./toy --samples 5 --dump $model.npy >/dev/null
done
"$SPINSCALE" metrics packed.npy toy/labels.npy --compare run1.npy --bootstrap 50 --json >metrics.json
python3 - <<'END'
import json
told, metrics = json.load(open("compare.json")), json.load(open("metrics.json"))
pair = told["tests"][0]
print(pair["name"], pair["repetition"], list(pair))
for key in ("accuracy", "nll"):
    other = metrics["compare"][key]
    print(key, [abs(pair[key][k] - other[k]) < 1e-6 for k in ("value", "low", "high", "p")])
print(pair["accuracy"]["only_row"] == metrics["compare"]["accuracy"]["only_first"])
row = told["rows"][1]["repetitions"][0]
scores = metrics["abstention"]["scores"]["entropy"]
print([abs(row[key][k] - scores[key][k]) < 1e-6 for key in ("aurc", "kept_error") for k in ("value", "low", "high")])
print([abs(row["ece"][k] - metrics["calibration"]["ece"][k]) < 1e-6 for k in ("floor", "floor_high")])
END

echo '--- seeds: mean, standard deviation, and pairs by index'
compare a=run1,run2,run3 b=run4,run2+run3 --bootstrap 0 --json >seeds.json
python3 - <<'END'
import json, statistics
told = json.load(open("seeds.json"))
for row in told["rows"]:
    for key in ("nll", "accuracy"):
        values = [r[key]["value"] for r in row["repetitions"]]
        print(row["name"], key, len(values), abs(row["over_seeds"][key]["mean"] - statistics.mean(values)) < 1e-9,
              abs(row["over_seeds"][key]["sd"] - statistics.stdev(values)) < 1e-9)
a, b = told["rows"]
def change(key, k):
    return b["repetitions"][k][key]["value"] - a["repetitions"][k][key]["value"]
for pair in told["tests"]:
    seeds = range(2) if pair["repetition"] is None else [pair["repetition"] - 1]
    print(pair["name"], pair["repetition"], pair["nll"]["low"], list(pair),
          [abs(pair[key]["value"] - statistics.mean(change(key, k) for k in seeds)) < 1e-9 for key in ("nll", "accuracy")])
END

echo '--- seeds: the test of all of them, from the probabilities'
i=0
for models in run1 run2 run4 'run2 run3'; do
    "$SPINSCALE" eval $models --data ./toy --samples 5 --dump seed$i.npy >/dev/null 2>&1
    i=$((i + 1))
done
python3 - <<'END'
import array, json, math, statistics
def load(path, code):
    raw = open(path, "rb").read()
    numbers = array.array(code)
    numbers.frombytes(raw[10 + int.from_bytes(raw[8:10], "little"):])
    return numbers
labels = load("toy/labels.npy", "q" if b"'<i8'" in open("toy/labels.npy", "rb").read(128) else "B")
n, classes = len(labels), 4
told = json.load(open("seeds.json"))
def nll(i):
    p = load(f"seed{i}.npy", "f")
    passes = len(p) // (n * classes)
    return [-math.log(max(sum(p[(t * n + k) * classes + labels[k]] for t in range(passes)) / passes, 1e-12)) for k in range(n)]
values = [nll(i) for i in range(4)]
change = [(b + d - a - c) / 2 for a, c, b, d in zip(*values)]
mean, error = statistics.mean(change), statistics.stdev(change) / math.sqrt(n)
test = told["tests"][-1]
print(test["repetition"], abs(test["nll"]["value"] - mean) < 1e-6, abs(test["nll"]["p"] - math.erfc(abs(mean) / error / math.sqrt(2))) < 1e-4)
END

echo '--- text, and files'
compare a=run1,run2 'b|c=run3' --foreign noise-uniform --bootstrap 20 --out out |
    sed -E 's/-?[0-9]+([.][0-9]+)?(e[-+][0-9]+)?/N/g; s/N[.][.]N/N/g; s/< N/N/; s/ +/ /g'
ls out
"$SPINSCALE" compare run1 run1 --data ./toy --samples 5 --threads 3 --bootstrap 0 --json | python3 -c '
import json, sys
pair = json.load(sys.stdin)["tests"][0]
print("itself:", pair["nll"]["value"], pair["nll"]["p"], pair["accuracy"]["p"])'
python3 - <<'END'
import csv, json
rows = list(csv.DictReader(open("out/compare.csv")))
told = json.load(open("out/compare.json"))
print(len(rows), [(row["name"], row["repetition"], row["models"]) for row in rows])
print(abs(float(rows[2]["nll_high"]) - told["rows"][1]["repetitions"][0]["nll"]["high"]) < 1e-6)
text = open("out/compare.md").read()
print(text.count("\n## "), "| b\\|c | 1 | 5 |" in text)
END
for reading in --point --exact; do
    "$SPINSCALE" compare run1 run1+run2 --data ./toy $reading --bootstrap 0 --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
print(told["reading"], told["seed"], [row["repetitions"][0]["passes"] for row in told["rows"]])'
done

echo '--- a set without labels: what needs them is undefined'
gzip -c toy/t10k-images-idx3-ubyte >alone.gz
"$SPINSCALE" compare run1 run2 --data ./alone.gz --bootstrap 10 --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
r = told["rows"][0]["repetitions"][0]
print([r[key]["value"] for key in ("accuracy", "nll", "aurc", "kept_error")], r["mutual_information"]["value"] is not None,
      told["tests"][0]["nll"]["value"], told["tests"][0]["accuracy"]["p"])'

echo '--- what exists is taken whole'
cp -r run1 a=b+c,d
"$SPINSCALE" compare a=b+c,d e=a=b+c,d --data ./toy --bootstrap 0 --json | python3 -c '
import json, sys
print([(row["name"], row["repetitions"][0]["models"]) for row in json.load(sys.stdin)["rows"]])'

echo '--- mistakes'
sed -i 's/12/16/g' net.yaml
sed -i 's/toy, v/large, v/' toy.yaml
"$SPINSCALE" train --config ./toy.yaml --out other --threads 1 >/dev/null 2>&1
run compare --data ./toy
run compare run1
run compare run1++run2 --data ./toy
run compare run1, --data ./toy
run compare =run1 --data ./toy
run compare name= --data ./toy
run compare run1 run9 --data ./toy
run compare run1+run9 --data ./toy
run compare run1 other --data ./toy
run compare run1+other --data ./toy
run compare run1 --data ./nowhere
run compare run1 --data ./toy --foreign ./nowhere
run compare run1 --data ./toy --score energy
run compare run1 --data ./toy --score sureness
run compare run1 --data ./toy --until settled
run compare net.yaml --data ./toy

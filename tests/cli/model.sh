# A toy network from training to prediction, through the command line alone.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cat >net.yaml <<'EOF'
name: toy
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - dense: {out: 32, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {scale: true, bias: true}
EOF
cat >toy.yaml <<'EOF'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
method: {name: scale_dropout}
train: {epochs: 4, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
EOF

echo '--- train'
"$SPINSCALE" train --config ./toy.yaml --out out --seed 3 --threads 1 --json >train.json 2>log
echo "exit $?"
for file in config.yaml metrics.jsonl model.safetensors; do
    [ -s out/$file ] || echo "out/$file is missing"
done
grep -c 'epoch [1-4] of 4: ' log || cat log

echo '--- train: a profile, a range test, a budget'
"$SPINSCALE" train --config ./toy.yaml --out profiled --seed 3 --threads 1 --json --profile >profile.json 2>log
echo "exit $?"
cmp out/model.safetensors profiled/model.safetensors && echo 'the same model'
python3 -c '
import json
p = json.load(open("profile.json"))["profile"]
print(*p)
print(*(l["type"] for l in p["layers"]), p["images"])'
"$SPINSCALE" train --config ./toy.yaml --out again --quiet --profile | grep -cE '^ +[0-4] (dense|batchnorm|sign) |^(data|update|total) '
"$SPINSCALE" train --config ./toy.yaml --out rates --threads 1 --quiet --range-test=1e-4:1:40 | sed 's/ .*//'
sed -n 1p rates/range.csv
ls rates
"$SPINSCALE" train --config ./toy.yaml --out hasty --threads 1 --budget 0.001s >/dev/null 2>log
grep -c 'budget of 0.001 s is too short' log
sed -n 's/^ *epochs: //p' hasty/config.yaml

echo '--- eval: the JSON, and the metrics of what it dumps'
"$SPINSCALE" eval out --data ./toy --samples 5 --json --dump probs.npy >eval.json
echo "exit $?"
"$SPINSCALE" metrics probs.npy toy/labels.npy --json >metrics.json
echo "exit $?"
"$SPINSCALE" eval out/model.safetensors --data ./toy --samples 5 --threads 2 --dump again.npy >eval.txt
echo "exit $?"
cmp probs.npy again.npy && cmp probs.paths.npy again.paths.npy && echo 'two threads: the same'
for reading in --exact --point --shared-paths; do
    "$SPINSCALE" eval out --data ./toy $reading --json >reading.json
    echo "$reading: exit $?"
done
python3 - <<'EOF'
import json, re
eval_, metrics, train = (json.load(open(name + ".json")) for name in ("eval", "metrics", "train"))
print(*list(eval_)[:8])
print(eval_["n"], eval_["samples"], eval_["seed"], eval_["data"], eval_["method"])
needed = "accuracy nll brier ece entropy mutual_information variance accepted images_per_s".split()
print("missing:", [key for key in needed if not isinstance(eval_.get(key), float)])
print("a toy is learnt:", eval_["accuracy"] > 0.9, train["validation_accuracy"] > 0.9)
shared = [key for key in metrics if key in eval_ and isinstance(metrics[key], float)]
print("metrics of the dump agree:", len(shared) > 8 and all(abs(eval_[k] - metrics[k]) < 1e-6 for k in shared))
def shape(path):
    return re.search(rb"'descr': '([^']*)'.*'shape': \(([^)]*)\)", open(path, "rb").read(128)).groups()
print(*shape("probs.npy"), *shape("probs.paths.npy"))
EOF

echo '--- predict'
"$SPINSCALE" predict out toy/image0.png | cut -c 1-20 | sed 's/ *$//'
"$SPINSCALE" predict out --data ./toy --index 0 5 10 15 --json | python3 -c '
import json, sys
for p in json.load(sys.stdin)["predictions"]:
    sane = 0 <= p["probability"] <= 1 and p["mutual_information"] >= 0 and p["accepted"] in (True, False)
    print(p["index"], p["label"], p["class"], sane)'
run predict out toy/large.png
"$SPINSCALE" predict out toy/large.png --fit >/dev/null
echo "--fit: exit $?"
run predict out --data ./toy --index 80

echo '--- info'
"$SPINSCALE" info out | sed -n 's/^\(net\|method\|height\|classes\|bank_layers\) *\([^ ]*\).*/\1 \2/p'

echo '--- bad data and models: exit 1'
"$SPINSCALE" eval out --data mnist --data-dir toy 2>/dev/null >&2
echo "a missing set: exit $?"
head -c 1000 toy/t10k-images-idx3-ubyte >short && mkdir damaged && mv short damaged/t10k-images-idx3-ubyte
cp toy/t10k-labels-idx1-ubyte damaged/
"$SPINSCALE" eval out --data ./damaged 2>/dev/null >&2
echo "a damaged set: exit $?"
head -c 500 out/model.safetensors >half.safetensors
"$SPINSCALE" eval half.safetensors --data ./toy 2>/dev/null >&2
echo "a damaged model: exit $?"
"$SPINSCALE" eval out --data ./toy --dump nowhere/probs.npy 2>/dev/null >&2
echo "a folder that is not there: exit $?"
"$SPINSCALE" train --config ./toy.yaml --out toy.yaml/out 2>/dev/null >&2
echo "a file in the folder's place: exit $?"

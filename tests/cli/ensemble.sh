# Several models as one: eval MODEL MODEL...
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
python3 "$SOURCE_DIR/tests/cli/toy.py" large 16 4
cat >net.yaml <<'END'
name: toy
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - dense: {out: 16, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {scale: true, bias: true}
END
cat >toy.yaml <<'END'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
method: {name: scale_dropout}
train: {epochs: 2, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
END
for seed in 1 2 3; do
    "$SPINSCALE" train --config ./toy.yaml --out run$seed --seed $seed --threads 1 >/dev/null 2>&1
done
"$SPINSCALE" pack run2 -o packed >/dev/null

echo '--- a folder, a packed model and a model file: their passes one after the other, bit for bit'
"$SPINSCALE" eval run1 packed run3/model.safetensors --data ./toy --samples 4 --dump all.npy --json >all.json
for seed in 1 2 3; do
    "$SPINSCALE" eval run$seed --data ./toy --samples 4 --dump $seed.npy --json >$seed.json
done
python3 - <<'END'
import hashlib, json
def data(name):
    return open(name, "rb").read()[128:]
for what in (".npy", ".paths.npy"):
    print(data("all" + what) == b"".join(data(str(seed) + what) for seed in (1, 2, 3)))
all_, first = json.load(open("all.json")), json.load(open("1.json"))
print(all_["model"], all_["models"], all_["samples"], all_["engine"], all_["net"], all_["method"])
hashes = [json.load(open(f"{seed}.json"))["model_sha256"] for seed in (1, 2, 3)]
print([a == b for a, b in zip(all_["models_sha256"], hashes)]) # the packed file is another file
print(all_["model_sha256"] == hashlib.sha256("".join(h + "\n" for h in all_["models_sha256"]).encode()).hexdigest())
print(sorted(set(all_) - set(first)), sorted(set(first) - set(all_)), len(all_["flips"]))
print("disagreement adds to the members' own:", all_["mutual_information"] > first["mutual_information"])
END
"$SPINSCALE" metrics all.npy toy/labels.npy --json >metrics.json
python3 -c '
import json
a, b = json.load(open("all.json")), json.load(open("metrics.json"))
print("metrics of the dump agree:", all(abs(a[k] - b[k]) < 1e-6 for k in ("accuracy", "nll", "mutual_information", "accepted")))'
for reading in --point --exact; do
    "$SPINSCALE" eval run1 packed --data ./toy $reading --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
print(told["reading"], told["samples"], told["seed"])'
done
"$SPINSCALE" eval run1 run2 --data ./toy --samples 3 --suite id --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
print(told["model"], len(told["rows"]))'
"$SPINSCALE" eval run1 run2 --data ./toy --samples 3 --foreign noise-uniform | grep -E '^(model|models|samples|foreign) '
"$SPINSCALE" eval run1 run1 --data ./toy --point | grep '^mutual_information'

echo '--- mistakes'
sed -i 's/12/16/g' net.yaml
sed -i 's/toy, v/large, v/' toy.yaml
"$SPINSCALE" train --config ./toy.yaml --out run4 --threads 1 >/dev/null 2>&1
run eval run1 packed run4 --data ./toy
run eval run1 missing --data ./toy
run eval run1 packed --data ./toy --until settled
run eval run1 packed --data ./large

# Packed models through the command line: pack, then eval, predict and bench as from the trained model.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cat >net.yaml <<'NET'
name: toy
layers:
  - conv: {out: 8, kernel: 3, pad: 1, pool: 2, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: classes, binary: true}
  - batchnorm: {scale: true, bias: true, gamma: 3}
NET
printf 'name: float\nlayers:\n  - dense: {out: 8}\n  - relu: {}\n  - dense: {out: classes}\n' >float.yaml
cat >toy.yaml <<'RUN'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
train: {epochs: 2, batch: 20, rate: 0.01, norm_images: 200, collapse_floor: 0}
RUN
"$SPINSCALE" train --config ./toy.yaml --out out --threads 1 --quiet >/dev/null 2>&1 || echo "train: exit $?"

echo '--- pack'
run pack out -o toy.packed | sed 's/[0-9a-f]\{64\}/HASH/; s/^\(bytes\|share_of_float32\) .*/\1 .../'
"$SPINSCALE" pack out/model.safetensors --output again.packed --json | python3 -c '
import hashlib, json, os, sys
said = json.load(sys.stdin)
print(*said)
print(said["bytes"] == os.path.getsize("again.packed"),
      said["sha256"] == hashlib.sha256(open("again.packed", "rb").read()).hexdigest())'
cmp toy.packed again.packed && echo 'packed twice: the same'

echo '--- the same numbers, whatever computes them'
for way in '' --exact --point '--shared-paths --threads 2' '--samples 300'; do
    # shellcheck disable=SC2086 # words are wanted
    "$SPINSCALE" eval toy.packed --data ./toy $way --dump a.npy --json >a.json || echo "exit $?"
    # shellcheck disable=SC2086
    "$SPINSCALE" eval out --data ./toy $way --engine graph --dump b.npy --json >b.json || echo "exit $?"
    # shellcheck disable=SC2086
    "$SPINSCALE" eval out --data ./toy $way --dump c.npy --json >c.json || echo "exit $?"
    for other in b c; do
        cmp a.npy $other.npy && cmp a.paths.npy $other.paths.npy && cmp a.labels.npy $other.labels.npy || echo "$way: $other"
    done
    python3 -c '
import json
a, b, c = (json.load(open(name + ".json")) for name in "abc")
print(a["engine"], b["engine"], c["engine"], a["samples"], a["accuracy"] == b["accuracy"] == c["accuracy"],
      a["nll"] == b["nll"] == c["nll"], [abs(x - y) < 1e-12 for x, y in zip(a["flips"], b["flips"]) if x is not None])'
done
"$SPINSCALE" predict toy.packed toy/image0.png --json | sed 's/toy.packed/MODEL/' >a
"$SPINSCALE" predict out toy/image0.png --json --engine graph | sed 's/"out"/"MODEL"/' >b
python3 -c '
import json
a, b = json.load(open("a")), json.load(open("b"))
print("predict: the same" if a["predictions"] == b["predictions"] else (a, b))'

echo '--- early'
for until in settled settled-verdict; do
    for way in '--samples 100' --exact; do
        # shellcheck disable=SC2086
        "$SPINSCALE" eval toy.packed --data ./toy $way --until $until --json >early.json || echo "exit $?"
        # shellcheck disable=SC2086
        "$SPINSCALE" eval toy.packed --data ./toy $way --json >all.json || echo "exit $?"
        python3 -c '
import json, sys
early, whole = json.load(open("early.json")), json.load(open("all.json"))
print(*sys.argv[1:], 1 <= early["mean_passes"] < early["samples"], early["samples"] == whole["samples"],
      abs(early["accuracy"] - whole["accuracy"]) < 0.05)' "$until" $way
    done
done
run eval toy.packed --data ./toy --until done
run eval toy.packed --data ./toy --until settled --confidence 1
run eval toy.packed --data ./toy --until settled --dump early.npy
run eval out --data ./toy --until settled --engine graph
run predict toy.packed toy/image0.png --until never

echo '--- bench'
"$SPINSCALE" bench toy.packed --data ./toy --images 64 --seconds 0.1 --threads 1 --json >bench.json || echo "exit $?"
"$SPINSCALE" bench out --synthetic --images 64 --seconds 0.1 --threads 2 --samples 4 >bench.txt || echo "exit $?"
python3 -c '
import json
b = json.load(open("bench.json"))
wanted = """images_per_s_single images_per_s_mc samples cost_ratio exact_cost_ratio latency_us_p50 latency_us_p99
distinct_paths macs_per_cycle""".split()
print("missing:", [key for key in wanted if not isinstance(b.get(key), (int, float))])
print(b["samples"], b["batch"], b["threads"], b["input"], [layer["layer"] for layer in b["layers"]])
print(1 <= b["distinct_paths"] <= 4, b["latency_us_p50"] <= b["latency_us_p99"])'
grep -c '^input  *synthetic' bench.txt

echo '--- info'
"$SPINSCALE" info toy.packed | sed -n 's/^\(net\|method\|height\|classes\|bank_layers\) *\([^ ]*\).*/\1 \2/p'

echo '--- refused'
run eval toy.packed --data ./toy --engine graph
run eval toy.packed --data ./toy --engine frob
run bench out --data ./toy --images 1
run pack out
run pack toy.packed -o more.packed
run pack missing -o more.packed
run pack out -o nowhere/more.packed
mkdir folder
run pack out -o folder
"$SPINSCALE" train --config ./toy.yaml --out float --set net.name=./float.yaml --set method.name=point --threads 1 --quiet >/dev/null 2>&1 ||
    echo "train: exit $?"
run pack float -o float.packed
"$SPINSCALE" eval float --data ./toy --samples 2 --json 2>said | python3 -c 'import json, sys; print(json.load(sys.stdin)["engine"])'
cat said
run eval float --data ./toy --engine packed
head -c 1000 toy.packed >half.packed
run predict half.packed toy/image0.png 2>&1 | sed "s/length is .*/length .../"
ls -- *.packed

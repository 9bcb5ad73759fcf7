# What train, eval and predict refuse: one sentence that says what is wrong, exit 1 or 2, and nothing lost.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cat >net.yaml <<'NET'
name: toy
layers:
  - dense: {out: 16, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: classes, binary: true}
  - batchnorm: {scale: true, bias: true}
NET
cat >toy.yaml <<'RUN'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
train: {epochs: 1, batch: 20, rate: 0.01, norm_images: 200, collapse_floor: 0}
RUN
# What depends on versions of libraries, on the list of presets or of settings is cut off.
cut() {
    sed 's/\(bad YAML\|no PNG image\|: byte [0-9]*\):.*/\1 .../; s/ in \(configs\|nets\) (.*/ in \1 .../; s/line [0-9]* is/line N is/'
}
# quick ARGUMENTS...: a training that is short where it is not refused.
quick() { run train --threads 1 --quiet "$@" 2>&1 | grep '^[$] \|^spinscale: \|^exit ' | cut; }
# refused ARGUMENTS...: any other command.
refused() { run "$@" 2>&1 | cut; }

echo '--- configurations'
printf 'data: {name: ./toy}\ntrain:\n  epochs: 1\n  epoch: 2\n' >unknown.yaml
quick --config ./unknown.yaml --out out
printf 'train: {epochs: many}\n' >type.yaml
quick --config ./type.yaml --out out
printf 'train: {batch: 1}\n' >range.yaml
quick --config ./range.yaml --out out
printf 'train: [epochs\n' >broken.yaml
quick --config ./broken.yaml --out out
quick --config frobnicate --out out
quick --config ./missing.yaml --out out
quick --config ./toy.yaml --out out --set net.name=frobnicate
quick --config ./toy.yaml --out out --set train.epoch=3
quick --config ./toy.yaml --out out --set train.epochs=0
quick --config ./toy.yaml --out out --set train.epochs
quick --config ./toy.yaml --out out --set method.name=magic
quick --config ./toy.yaml --out out --set data.validation=600
quick --config ./toy.yaml --out out --set train.batch=501
quick --config ./toy.yaml --out out --threads 0
quick --config ./toy.yaml --out out --threads 1025
quick --config ./toy.yaml --out out --seed 9007199254740993
[ ! -e out ] || echo 'out was made'

echo '--- networks: line and column'
printf 'layers:\n  - dense: {out: 4}\n  - conv: {out: 2, kernel: 3}\n' >shape.yaml
quick --config ./toy.yaml --out out --set net.name=./shape.yaml
printf 'layers:\n  - dense: {out: 16}\n  - frob: {}\n' >layer.yaml
quick --config ./toy.yaml --out out --set net.name=./layer.yaml
printf 'layers:\n  - dense: {out: 2}\n' >two.yaml
quick --config ./toy.yaml --out out --set net.name=./two.yaml
[ ! -e out ] || echo 'out was made'

echo '--- folders'
echo text >file
quick --config ./toy.yaml --out file
quick --config ./toy.yaml --out file/out
quick --config ./toy.yaml --out out
cp out/model.safetensors kept
quick --config ./toy.yaml --out out
quick --config ./toy.yaml --out out --resume --set train.epochs=2
cmp out/model.safetensors kept && echo 'the model is the same'
head -c 3000 out/checkpoint.safetensors >half && cp half out/checkpoint.safetensors
refused train --config ./toy.yaml --out out --resume
cmp out/checkpoint.safetensors half && cmp out/model.safetensors kept && echo 'nothing was written'
echo text >out/checkpoint.safetensors
refused train --config ./toy.yaml --out out --resume

echo '--- models and their input'
for count in 0 1000001; do
    refused eval out --data ./toy --samples $count
    refused predict out toy/image0.png --samples $count
done
refused eval out --data ./toy --threads 0
refused predict out toy/image0.png --threads 1025
refused predict out toy/large.png
"$SPINSCALE" predict out toy/large.png --fit >/dev/null && echo '--fit: fitted'
refused predict out toy/labels.npy
refused predict out toy/missing.png
refused eval out/checkpoint.safetensors --data ./toy
refused eval toy --data ./toy
refused eval toy.yaml --data ./toy
"$SPINSCALE" train --config ./toy.yaml --out mask --threads 1 --set method.mask=element >/dev/null 2>&1
refused eval mask --data ./toy --exact
"$SPINSCALE" train --config ./toy.yaml --out vi --threads 1 --set method.name=scale_vi --set method.samples=65 >/dev/null 2>&1
refused predict vi toy/image0.png --exact
refused eval out --data ./toy --dump nowhere/probs.npy
ls -d nowhere probs* 2>/dev/null

echo '--- labels outside the classes are none: accuracy and NLL are null'
mkdir foreign
python3 - <<'PYTHON'
for name in ("images-idx3", "labels-idx1"):
    data = bytearray(open(f"toy/t10k-{name}-ubyte", "rb").read())
    if name[0] == "l":
        data[8 + 5] = 200
    open(f"foreign/t10k-{name}-ubyte", "wb").write(data)
PYTHON
"$SPINSCALE" eval out --data ./foreign --samples 3 --json 2>/dev/null >foreign.json
echo "exit $?"
python3 -c '
import json
e = json.load(open("foreign.json"))
print("null:", *[key for key in "accuracy nll brier ece entropy mutual_information variance accepted".split() if e[key] is None])'
"$SPINSCALE" predict out --data ./foreign --index 5 6 --json | python3 -c '
import json, sys
for p in json.load(sys.stdin)["predictions"]:
    print(p["index"], p["label"])'

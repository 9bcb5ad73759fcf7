# Several runs that differ in their seed alone.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cat >net.yaml <<'EOF'
name: toy
layers:
  - dense: {out: 16, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {scale: true, bias: true}
EOF
cat >toy.yaml <<'EOF'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
method: {name: scale_dropout}
train: {epochs: 2, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
EOF
train="$SPINSCALE train --config ./toy.yaml --threads 1"
for seed in 2 3; do
    $train --seed $seed --out one$seed >/dev/null 2>&1
done

echo '--- each is the run of its seed'
$train --seed 2 --seeds 2 --out many >said 2>log
echo "exit $?"
awk '{ print $1, $2, $NF }' said
grep -oE 'seed [0-9]: epoch [0-9] of 2' log
for seed in 2 3; do
    cmp one$seed/model.safetensors many/seed-$seed/model.safetensors && echo 'the same'
done

echo '--- a second time, and on from where it was'
run train --config ./toy.yaml --seed 2 --seeds 2 --out many
rm many/seed-3/model.safetensors many/seed-3/checkpoint.safetensors
$train --seed 2 --seeds 3 --out many --resume --quiet --json >said.json
echo "exit $?"
cmp one3/model.safetensors many/seed-3/model.safetensors && echo 'the same'
python3 - <<'EOF'
import json
for run in json.load(open("said.json"))["seeds"]:
    print(run["seed"], run["model"], run["epochs"], sorted(run))
EOF

echo '--- one that fails'
run train --config ./toy.yaml --seeds 2 --out failed --set train.rate=-1

echo '--- what does not go together'
run train --config ./toy.yaml --seeds 2 --out x --budget 1m
run train --seeds 2 --out x --resume
run train --config ./toy.yaml --seeds 0 --out x

# The methods whose noise is in no bank, from training to evaluation: the same again, after a resume, with other threads.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cat >net.yaml <<'EOF'
name: toy
input: {height: 12, width: 12, channels: 1}
classes: 4
layers:
  - conv: {out: 8, kernel: 3, pad: 1, pool: 2, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - conv: {out: 16, kernel: 3, pad: 1, pool: 2, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {scale: true, bias: true, gamma: 3}
EOF
cat >toy.yaml <<'EOF'
data: {name: ./toy, validation: 100}
net: {name: ./net.yaml}
train: {epochs: 1, batch: 20, rate: 0.01, norm_images: 200, collapse_floor: 0}
EOF

train() {
    "$SPINSCALE" train --config ./toy.yaml --threads 1 --quiet --set method.name="$@" >/dev/null
}

for method in mc_dropout mc_dropconnect spindrop spatial_spindrop mean_field_vi; do
    echo "--- $method"
    train $method --out $method || echo "exit $?"
    train $method --out again
    cmp $method/model.safetensors again/model.safetensors && echo 'the same again'
    "$SPINSCALE" train --out again --resume --threads 1 --quiet >/dev/null || echo "exit $?"
    cmp $method/model.safetensors again/model.safetensors && echo 'the same after --resume'
    "$SPINSCALE" eval $method --data ./toy --samples 5 --threads 1 --dump one.npy >/dev/null 2>log || echo "exit $?"
    "$SPINSCALE" eval $method --data ./toy --samples 5 --threads 2 --dump two.npy >/dev/null 2>log
    cmp one.npy two.npy && echo 'two threads: the same'
    "$SPINSCALE" eval $method --data ./toy --point >/dev/null 2>log || echo "exit $?"
    "$SPINSCALE" eval $method --data ./toy --exact 2>&1 | grep exact
    rm -r again
done

echo '--- an ensemble of different ones'
"$SPINSCALE" eval mc_dropconnect mean_field_vi --data ./toy --samples 5 >/dev/null 2>log
echo "exit $?"

echo '--- packing'
run pack mean_field_vi -o packed.safetensors

echo '--- size: a mean-field model has a mean and a rho for each weight'
python3 - <<'EOF'
import json, struct
def count(path, end):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    return sum((t["data_offsets"][1] - t["data_offsets"][0]) // 4 for n, t in header.items() if n.endswith(end))
for method in "mc_dropconnect", "mean_field_vi":
    path = method + "/model.safetensors"
    print(method, count(path, ".weight_mean"), count(path, ".weight_rho"))
EOF

echo '--- refused'
refused() {
    "$SPINSCALE" train --config ./toy.yaml --threads 1 --quiet --out out --set method.name="$@"
    echo "exit $?"
}
refused spindrop --set net.twin=relu
refused spatial_spindrop --set net.twin=htanh
refused mc_dropconnect --set method.p=[0.1,0.2]
refused mc_dropconnect --set method.p=1
refused mean_field_vi --set method.sigma=0

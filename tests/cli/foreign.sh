# Data by path and by name, and eval --foreign with drawn images and sets of other sizes.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
python3 "$SOURCE_DIR/tests/cli/toy.py" large 16 4
model=$SOURCE_DIR/fuzz/corpus/packed/good-mlp

# eval --json with the foreign part of what it tells.
foreign() {
    "$SPINSCALE" eval "$model" --data ./toy --samples 4 --foreign "$@" --json >told.json || echo "exit $?"
    python3 -c '
import json
told = json.load(open("told.json"))
areas = [told["auroc_entropy"], told["auroc_mutual_information"]]
print(told["foreign"], told["foreign_n"], "areas are shares:", all(0 <= area <= 1 for area in areas),
      "entropy:", 0 < told["foreign_entropy"] < 1.4)'
}
echo '--- drawn'
for name in noise-gaussian noise-uniform ./toy+gaussian:0.2 ./toy+uniform:0.5; do
    foreign $name
done
echo '--- another seed of the paths, the same images: --exact reads no path'
"$SPINSCALE" eval "$model" --data ./toy --exact --foreign noise-uniform --json >one.json
"$SPINSCALE" eval "$model" --data ./toy --exact --foreign noise-uniform --json --seed 9 >two.json
python3 -c '
import json
one, two = json.load(open("one.json")), json.load(open("two.json"))
print(one["foreign_entropy"] == two["foreign_entropy"])'
echo '--- a set of another size'
foreign ./large
foreign ./large+uniform:0.1
echo '--- itself: half'
"$SPINSCALE" eval "$model" --data ./toy --samples 4 --foreign ./toy --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["auroc_entropy"])'
echo '--- one file, with and without its labels'
"$SPINSCALE" eval "$model" --data toy/t10k-images-idx3-ubyte --json |
    python3 -c 'import json, sys; told = json.load(sys.stdin); print(told["data"], told["n"], told["accuracy"] is None)'
gzip -c toy/t10k-images-idx3-ubyte >alone.gz
"$SPINSCALE" eval "$model" --data alone.gz --json |
    python3 -c 'import json, sys; told = json.load(sys.stdin); print(told["data"], told["n"], told["accuracy"] is None)'
"$SPINSCALE" predict "$model" --data alone.gz --index 3 --json |
    python3 -c 'import json, sys; told = json.load(sys.stdin); print(told["predictions"][0]["label"])'
echo '--- a list'
printf 'image0.png 0\nimage0.png -1\n' >toy/list.txt
"$SPINSCALE" eval "$model" --data toy/list.txt --json |
    python3 -c 'import json, sys; told = json.load(sys.stdin); print(told["n"], told["accuracy"] is None)'
printf 'image0.png 0\nlarge.png 1\n' >toy/list.txt
run eval "$model" --data toy/list.txt 2>&1 | grep -v '^\$'
foreign toy/list.txt
echo '--- refused'
for name in noise ./toy+gaussian:-1 ./toy+gaussian: ./nowhere toy/labels.npy svhn; do
    run eval "$model" --data ./toy --data-dir . --foreign $name 2>&1 | grep -v '^\$'
done
printf 'data: {name: alone.gz, validation: 10}\ntrain: {batch: 10}\n' >train.yaml
run train --config ./train.yaml --out out 2>&1 | grep -v '^\$'

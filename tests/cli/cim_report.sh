# Pages of the command cim: a run without weights, a run on data, a sweep.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
model=$SOURCE_DIR/fuzz/corpus/packed/good-mlp
cat >look.py <<'PY'
import re, sys
import xml.etree.ElementTree as tree
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    root = tree.fromstring(text.replace("<!DOCTYPE html>", ""))
    words = [re.sub(r"^\{.*\}", "", element.tag) for element in root.iter()]
    outside = re.findall(r"(?:src|href)=|@import|<script", text)
    print(path, {tag: words.count(tag) for tag in ("h1", "h2", "table", "svg", "pre")}, outside,
          [word for word in ("nan", "inf ", "undefined") if word in text])
    for element in root.iter():
        if element.get("aria-label"):
            print(" ", element.get("aria-label"))
PY

echo '--- a network without weights'
"$SPINSCALE" cim --net lenet5-classic --chip subset --out costs >/dev/null || echo "exit $?"
ls costs
python3 look.py costs/index.html

echo '--- a run'
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --chips 3 --set device.sigma_r=0.1 --out run >/dev/null || echo "exit $?"
python3 look.py run/index.html
python3 -c '
import json
r = json.load(open("run/result.json"))
items = {item["name"]: item["energy_j"] for item in r["items"]}
def near(a, b): return abs(a - b) <= 1e-12 * abs(b)
print(all(near(sum(l["energy_of_j"].values()), l["energy_j"]) for l in r["layers"]),
      all(near(sum(l["area_of_m2"].values()), l["area_m2"]) for l in r["layers"]),
      near(sum(r["area_of_m2"].values()), r["area_m2"]), near(sum(items.values()), r["energy_j"]),
      all(sum(l["energy_of_j"].get(name, 0) for l in r["layers"]) <= items[name] * (1 + 1e-12) for name in items),
      all(l["tiles"]["row_tiles"] * l["tiles"]["column_tiles"] == l["counts"]["arrays"] for l in r["layers"]))'
cp run/index.html first.html
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --chips 3 --set device.sigma_r=0.1 --out run >/dev/null || echo "exit $?"
cmp first.html run/index.html && echo 'twice: the same'

echo '--- sweeps'
sweep() { "$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --images 20 "$@" >/dev/null 2>&1 || echo "exit $?"; }
sweep --out numbers --chips 2 --sweep adc.bits=5,3,4 --sweep device.sigma_r=0,0.1
sweep --out words --sweep adc.kind=flash,sar
python3 look.py numbers/index.html words/index.html
ls numbers words
head -n 1 numbers/sweep.csv
python3 -c '
import re
for name in ("numbers/accuracy", "numbers/energy_j", "words/accuracy"): # x in order, ticks where values are; energy is the same for each sigma_r
    words = re.findall(r">([a-z0-9_.=]+)</text>", open(name + ".svg").read())
    print(name, [word for word in words if word[0].isalpha()], words[-4:-1])'

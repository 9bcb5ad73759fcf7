# Temperature and thresholds, fitted on held-out images, stored in the packed model, used by what reads it.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
python3 "$SOURCE_DIR/tests/cli/toy.py" wide 13 4
python3 -c '
name = "toy/train-labels-idx1-ubyte" # every ninth label is wrong, or all answers would be right
data = bytearray(open(name, "rb").read())
data[8::9] = bytes((label + 1) % 4 for label in data[8::9])
open(name, "wb").write(data)'
cat >net.yaml <<'NET'
name: toy
layers:
  - dense: {out: 8, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: classes, binary: true}
  - batchnorm: {scale: true, bias: true}
NET
cat >toy.yaml <<'RUN'
data: {name: ./toy, validation: 150}
net: {name: ./net.yaml}
train: {epochs: 2, batch: 20, rate: 0.005, norm_images: 200, collapse_floor: 0}
RUN
"$SPINSCALE" train --config ./toy.yaml --out out --threads 1 --quiet >/dev/null 2>&1 || echo "train: exit $?"
"$SPINSCALE" pack out -o plain.packed >/dev/null
# The training images in other hands: one pixel differs, else the model would know them as its own.
mkdir other
python3 -c '
for name in ("images-idx3", "labels-idx1"):
    data = bytearray(open(f"toy/train-{name}-ubyte", "rb").read())
    data[16] ^= name[0] == "i"
    open(f"other/t10k-{name}-ubyte", "wb").write(data)'

echo '--- on the images that training held out'
"$SPINSCALE" calibrate out -o a.packed --score entropy --score eq26 --coverage 0.8 --error 0.3 --confidence 0.9 --json >a.json
echo "exit $?"
"$SPINSCALE" calibrate plain.packed -o b.packed --score entropy --score eq26 --coverage 0.8 --error 0.3 --confidence 0.9 >b.txt
echo "exit $?"
"$SPINSCALE" calibrate a.packed -o a.packed --score entropy --score eq26 --coverage 0.8 --error 0.3 --confidence 0.9 --threads 1 >/dev/null
cmp a.packed b.packed && echo 'from the run, packed, and calibrated already: the same'
python3 -c '
import json, math
a = json.load(open("a.json"))
print(*a)
print(a["data"], a["part"], a["n"], a["reading"], a["samples"], 0.016 < a["temperature"] < 64, a["nll_after"] < a["nll_before"])
for t in a["thresholds"]:
    print(*t, t["score"], t["promise"], t["level"], t["confidence"], t["threshold"] if t["threshold"] == "inf" else "a number",
          math.ceil(0.8 * 151) <= round(150 * t["coverage"]) < 150 if t["promise"] == "coverage" else t["bound"] <= 0.3 + 1e-9)'
sed 's/ .*//' b.txt | paste -sd' '

echo '--- calibrate says what eval says'
"$SPINSCALE" calibrate out -o c.packed --data ./other --part test --score mutual_information --coverage 0.7 --exact --json >c.json
echo "exit $?"
for how in '' --uncalibrated; do
    # shellcheck disable=SC2086 # nothing is wanted where it is empty
    "$SPINSCALE" eval c.packed --data ./other --exact $how --json >eval$how.json
done
"$SPINSCALE" eval plain.packed --data ./other --exact --json >plain.json
python3 -c '
import json
c, own, without, plain = (json.load(open(name + ".json")) for name in ("c", "eval", "eval--uncalibrated", "plain"))
def same(x, y):
    return abs(x - y) < 1e-6 # p is rounded to 32 bits
print(same(c["nll_after"], own["nll"]), same(c["ece_after"], own["ece"]), same(c["accuracy"], own["accuracy"]))
print(same(c["nll_before"], without["nll"]), same(c["ece_before"], without["ece"]))
print("temperature" in own, "temperature" in without, "abstention" in without)
stable = [key for key in plain if key not in ("model", "model_sha256", "images_per_s")]
print(all(plain[key] == without[key] for key in stable))
t, e = c["thresholds"][0], own["abstention"][0]
print(same(1 - t["coverage"], e["rejected"]), same(t["error"], e["error"]), e["promised"])'

echo '--- predict and info'
"$SPINSCALE" predict c.packed toy/image0.png --exact --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
one = told["predictions"][0]
a = one["abstention"][0]
print("temperature" in told, a["score"], a["value"] == one["mutual_information"], a["accepted"] == (a["value"] <= a["threshold"]))'
"$SPINSCALE" predict c.packed toy/image0.png --exact --uncalibrated --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
print("temperature" in told, "abstention" in told["predictions"][0])'
"$SPINSCALE" predict c.packed toy/image0.png --exact | sed 's/<= [^,]*/<= .../; s/  */ /g' | head -2
"$SPINSCALE" predict c.packed toy/image0.png --samples 7 2>&1 >/dev/null
"$SPINSCALE" info c.packed | sed -n 's/^\(temperature\|calibration[a-z_]*\|accept\) .*/\1/p' | paste -sd' '
"$SPINSCALE" info c.packed --json | python3 -c '
import json, sys
print(*json.load(sys.stdin)["thresholds"][0])'
"$SPINSCALE" info plain.packed | grep -c '^temperature'

echo '--- a suite, early stop and a chip take it, too'
"$SPINSCALE" eval c.packed --data ./other --exact --suite id --json >suite.json
"$SPINSCALE" eval c.packed --data ./other --exact --until settled --json >early.json 2>note
"$SPINSCALE" cim c.packed --chip scaledrop --level ideal --data ./other --samples 5 --json >chip.json || echo "exit $?"
"$SPINSCALE" eval c.packed --data ./other --samples 5 --json >five.json 2>/dev/null
python3 -c '
import json
suite, own, early, chip, five = (json.load(open(name + ".json")) for name in ("suite", "eval", "early", "chip", "five"))
print(abs(suite["rows"][0]["nll"] - own["nll"]) < 1e-9, early["accuracy"] == own["accuracy"], early["mean_passes"] < own["samples"],
      early["abstention"][0]["promised"], abs(chip["nll"] - five["nll"]) < 1e-9)'
cat note

echo '--- nothing to pick, and nothing accepted'
"$SPINSCALE" calibrate out -o d.packed --json | python3 -c '
import json, sys
print(json.load(sys.stdin)["thresholds"])'
"$SPINSCALE" calibrate out -o d.packed --error 0.0001 --json | python3 -c '
import json, sys
print(json.load(sys.stdin)["thresholds"][0])'
"$SPINSCALE" eval d.packed --data ./toy | sed -n 's/^accept  *//p'

echo '--- refused'
run calibrate out
run calibrate missing -o x.packed
run calibrate out -o x.packed --score entropy
run calibrate out -o x.packed --score frob --coverage 0.8
run calibrate out -o x.packed --score energy --coverage 0.8
run calibrate out -o x.packed --coverage 1
run calibrate out -o x.packed --part half
run calibrate out -o x.packed --part train
run calibrate out -o x.packed --part train --data ./toy
run calibrate out -o x.packed --part test --data ./toy
run calibrate out -o x.packed --part test --data ./wide
run calibrate out -o x.packed --data ./wide 2>&1 | sed "s/sha256 is .*/sha256 is .../; s/part of '.*' is/part of '...' is/"
run calibrate out -o nowhere/x.packed
run calibrate out -o x.packed --samples 0
mv toy gone
run calibrate out -o x.packed
[ -e x.packed ] && echo "x.packed is there"
mv gone toy

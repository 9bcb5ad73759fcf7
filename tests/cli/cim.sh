# A model on the simulated chip.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cp "$SOURCE_DIR/fuzz/corpus/packed/good-mlp" model
model=model
keys() { python3 -c '
import json, sys
r = json.load(sys.stdin)
for key in sys.argv[1:]:
    value = r
    for part in key.split("."):
        value = value[part]
    print(key, round(value, 9) if isinstance(value, float) else value)' "$@"; }

echo '--- what it costs: counts of the papers networks'
for net in lenet5-classic lenet5-same vgg-mobiny vgg-mobiny-28 vgg-small; do
    "$SPINSCALE" cim --net $net --chip scaledrop --account paper --json |
        keys net counts.arrays counts.activations counts.conversions | tr '\n' ' '
    echo
done
"$SPINSCALE" cim --net "$SOURCE_DIR/nets/lenet5-classic.yaml" --chip subset --json |
    keys account counts.arrays counts.scale_arrays counts.activations counts.multiplications counts.units
"$SPINSCALE" cim --net resnet20-1bit --chip scaledrop --json |
    keys counts.normalisations counts.shortcuts counts.skip_reads counts.skip_writes | tr '\n' ' '
echo
run cim --net resnet20 --chip scaledrop
"$SPINSCALE" cim --net lenet5-classic --chip scaledrop --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(abs(sum(i["energy_j"] for i in r["items"]) / r["energy_j"] - 1) < 1e-8,
      r["energy_low_j"] < r["energy_j"] < r["energy_high_j"], r["latency_s"] > 0, r["area_m2"] > 0,
      all(i["method"] in ("measured", "simulated", "literature", "scaled", "assumed") for i in r["items"]),
      all(i["source"] for i in r["items"]))'

echo '--- what it answers'
"$SPINSCALE" eval "$model" --data ./toy --samples 4 --json >engine.json || echo "exit $?"
"$SPINSCALE" cim "$model" --data ./toy --samples 4 --chip subset --level ideal --json >ideal.json || echo "exit $?"
python3 -c '
import json
a, b = json.load(open("engine.json")), json.load(open("ideal.json"))
print([a[k] == b[k] for k in ("n", "accuracy", "nll", "entropy", "mutual_information", "accepted")])'
for threads in 1 3; do
    "$SPINSCALE" cim "$model" --data ./toy --images 20 --samples 3 --chip scaledrop --level analog --chips 5 --threads $threads \
        --set device.sigma_r=0.2 --set adc.noise=0.5 --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
for part in [r, r["engine"], *r["chip"]]:
    del part["images_per_s"]
print(json.dumps(r, sort_keys=True))' >threads-$threads
done
cmp threads-1 threads-3 && echo 'threads: the same'
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --sampler mtj --set device.unit.sigma_p=0.2 --images 10 >/dev/null && echo ok
for sampler in mtj declared; do
    "$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --sampler $sampler --set 'device.set_time=1 ns' --set device.extrapolate=true \
        --images 10 --json | keys extrapolated
done
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --images 10 --json | keys extrapolated
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --set device.unit.sigma_p=0.2 --images 10 >/dev/null
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --advise --images 30 --json | keys n

echo '--- sweeps go on where they stopped'
sweep() { "$SPINSCALE" cim "$model" --data ./toy --images 10 --chip scaledrop --sweep adc.bits=2,7 --sweep reuse=none,paths --out sweep "$@"; }
sweep >/dev/null 2>first || echo "exit $?"
cut -d: -f3- first
rm sweep/point_adc.bits=7_reuse=none.json
sweep 2>&1 >/dev/null | cut -d: -f3-
python3 -c '
import glob, json
points = [json.load(open(f)) for f in glob.glob("sweep/point*.json") if "bits=2" in f]
print(len(points), "points, the engine was asked", len({p["engine"]["images_per_s"] for p in points}), "time")'
sweep --samples 3 2>&1 >/dev/null | grep -c 'was there'
head -n 1 sweep/sweep.csv
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --sweep adc.bits=2,7 --chips 3 --threads 2 --dry-run --json | keys points chips at_once arrays memory_bytes
"$SPINSCALE" cim "$model" --data ./toy --chip scaledrop --chips 3 --threads 4 --dry-run --json | keys at_once memory_bytes

echo '--- mistakes'
run cim
run cim "$model" --net lenet5-classic --chip scaledrop
run cim "$model" --chip nothing --data ./toy
run cim "$model" --chip scaledrop --data ./toy --level perfect
run cim "$model" --chip scaledrop --data ./toy --account half
run cim "$model" --chip scaledrop --data ./toy --set adc.bits=77
run cim "$model" --chip scaledrop --data ./toy --set adc.kind=sense
run cim "$model" --chip scaledrop --data ./toy --set 'device.set_time=1 ns' --sampler mtj
run cim "$model" --chip scaledrop --data ./toy --sweep adc.bits=2
run cim "$model" --chip scaledrop --data ./toy --sweep adc.bits --out sweep
run cim "$model" --chip scaledrop --data ./missing
printf 'adc: {bits: 5}\narray: {row: 3}\n' >bad.yaml
run cim "$model" --chip ./bad.yaml --data ./toy
printf 'adc:\n  bits: many\n' >bad.yaml
run cim "$model" --chip ./bad.yaml --data ./toy
: >empty.yaml
"$SPINSCALE" cim --net lenet5-classic --chip ./empty.yaml >/dev/null && echo 'an empty file: all defaults'
run cim no-such-model --chip scaledrop
if [ -e /dev/full ]; then
    "$SPINSCALE" cim --net lenet5-classic --chip scaledrop >/dev/full
    echo "exit $?"
fi

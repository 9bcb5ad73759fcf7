# The papers' experiments on uncertainty: study.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cp "$SOURCE_DIR/fuzz/corpus/packed/good-mlp" model
study() { "$SPINSCALE" study "$@" --data ./toy; }

echo '--- samples: a draw is eval with as many passes, all paths are eval --exact'
study samples model --samples 4 1 4 2 --repeat 1 --foreign noise-uniform --json >one.json
for samples in 1 2 4; do
    "$SPINSCALE" eval model --data ./toy --samples $samples --foreign noise-uniform --json >eval-$samples.json
done
"$SPINSCALE" eval model --data ./toy --exact --foreign noise-uniform --json >exact.json
python3 -c '
import json
r = json.load(open("one.json"))
def same(row, said):
    said = dict(said, rejected=1 - said["accepted"], detected=1 - said["foreign_accepted"])
    keys = ("accuracy", "nll", "ece", "rejected", "entropy", "mutual_information", "detected", "auroc_entropy",
            "auroc_mutual_information")
    return all(abs(row[k] - said[k]) < 1e-12 for k in keys)
print(r["study"], r["n"], r["foreign"], r["repeat"], r["paths"], [row["samples"] for row in r["rows"]])
print([same(row, json.load(open("eval-%d.json" % row["samples"]))) for row in r["rows"]])
print(same(r["exact"], json.load(open("exact.json"))), r["rows"][0]["nll_sd"])'

echo '--- draw r of T passes are passes 5 r to 5 r + T - 1 of one prediction, where 5 is the most'
study samples model --samples 1 2 5 --repeat 4 --exact-paths 0 --json >four.json
"$SPINSCALE" eval model --data ./toy --samples 20 --dump p.npy >/dev/null
python3 -c '
import json, math, struct
data = open("p.npy", "rb").read()
p = struct.unpack("<6400f", data[-4 * 6400:]) # [20][80][4]
def entropy(first, passes):
    means = [[sum(p[(t * 80 + i) * 4 + c] for t in range(first, first + passes)) / passes for c in range(4)] for i in range(80)]
    return sum(-q * math.log(q) for mean in means for q in mean if q > 0) / 80
rows = json.load(open("four.json"))["rows"]
for row in rows:
    draws = [entropy(5 * r, row["samples"]) for r in range(4)]
    mean = sum(draws) / 4
    sd = (sum((d - mean) ** 2 for d in draws) / 3) ** 0.5
    print(abs(row["entropy"] - mean) < 1e-5, abs(row["entropy_sd"] - sd) < 1e-5, sd > 1e-4)'

echo '--- draws: mean and deviation over repeats; the adviser'
study samples model --samples 1 2 5 20 --repeat 6 --foreign noise-uniform --json --threads 3 --out out >many.json
study samples model --samples 1 2 5 20 --repeat 6 --foreign noise-uniform --json --threads 1 >again.json
cmp many.json again.json && echo same
python3 -c '
import json
r = json.load(open("many.json"))
exact, advice = r["exact"], r["advice"]
# a mean of six draws is within five of its standard errors of the exact value, but for the bias of few passes
last = r["rows"][-1]
print(abs(last["accuracy"] - exact["accuracy"]) <= 5 * last["accuracy_sd"] / 6 ** 0.5 + 0.02,
      abs(last["nll"] - exact["nll"]) <= 5 * last["nll_sd"] / 6 ** 0.5 + 0.02,
      r["rows"][0]["mutual_information"] == 0 and r["rows"][0]["auroc_mutual_information"] == 0.5)
def enough(key, reference, tolerance):
    good = None
    for row in reversed(r["rows"]):
        if abs(row[key] - reference) > tolerance: break
        good = row["samples"]
    return good
by_nll, by_auroc = enough("nll", exact["nll"], 0.005 * exact["nll"]), enough("auroc_entropy", exact["auroc_entropy"], 0.005)
print(advice["by_nll"] == by_nll, advice["by_auroc"] == by_auroc,
      advice["samples"] == (None if None in (by_nll, by_auroc) else max(by_nll, by_auroc)))'
study samples model --samples 1 5 --tolerance 1 --json | python3 -c '
import json, sys
a = json.load(sys.stdin)["advice"]
print(a["samples"], a["by_nll"], a["by_auroc"])'
study samples model --samples 1 5 --tolerance 1 --exact-paths 0 --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(r["exact"], r["advice"]["samples"])'
study samples model --samples 5 --exact-paths 0 --repeat 2 | tail -n 3 | cut -c1-80
study samples model --samples 2 --repeat 1 | sed -n '1,2p' | cut -c1-60
ls out; head -n 1 out/samples_rows.csv | cut -c1-60; wc -l <out/samples_rows.csv

echo '--- normality'
study normality model --passes 400 --samples 1 4 10 --images 30 --json --out shape >shape.json
study normality model --passes 400 --samples 1 4 10 --images 30 --classes label --json >label.json
python3 -c '
import json
r, label = json.load(open("shape.json")), json.load(open("label.json"))
print(r["images"], r["passes"], r["groups"], r["classes"], label["classes"])
every = [row for row in r["rows"] if row["class"] == "all"]
print([row["quantity"] for row in every], [row["images"] + row["constant"] for row in every])
for one in (r, label):
    rows = one["rows"]
    # the classes make up the whole, means of more passes spread less and are nearer to a Gaussian
    print(all(sum(row["images"] for row in rows if row["class"] != "all" and (row["quantity"], row["samples"]) == (a["quantity"], a["samples"])) == a["images"]
              for a in rows if a["class"] == "all"),
          all(sum(1 for i in range(80) if i % 4 == c and i < 30) == row["images"] + row["constant"]
              for row in rows for c in range(4) if row["class"] == c) if one is label else "",
          all(b["sd"] < a["sd"] and b["distance"] < a["distance"] for a, b in zip(every, every[1:]) if a["quantity"] == b["quantity"]))
shares = {}
for bin in r["standardised"]:
    key = bin["quantity"], bin["class"], bin["samples"]
    shares[key] = [a + b for a, b in zip(shares.get(key, (0, 0)), (bin["share"], bin["gaussian"]))]
print(all(abs(a - 1) < 1e-9 and abs(b - 1) < 1e-9 for a, b in shares.values()))
print(sum(bin["count"] for bin in r["histogram"] if bin["quantity"] == "logit") == 30 * 400,
      sum(bin["count"] for bin in r["histogram"] if bin["quantity"] == "probability") == 30 * 400)'
ls shape; study normality model --passes 80 --samples 1 2 | sed -n '4,6p' | cut -c1-36

echo '--- nll-rule: as metrics counts it'
study nll-rule model --foreign noise-uniform --samples 4 --json --out rule >rule.json
"$SPINSCALE" eval model --data ./toy --samples 4 --dump home.npy >/dev/null
"$SPINSCALE" metrics home.npy home.labels.npy --ood home.npy --json >metrics.json
python3 -c '
import json
r, said = json.load(open("rule.json")), json.load(open("metrics.json"))
score = said["ood"][0]["scores"]["nll_rule"]
print(abs(r["threshold"] - said["nll"]) < 1e-9, abs(r["rejected"] - score["rejected"]["value"]) < 1e-9, r["paper_detected"])
print(len(r["rows"]), sorted({row["kind"] for row in r["rows"]}), r["rows"][0]["name"], r["rows"][3]["name"],
      all(0 <= row["detected"] <= 1 and row["rejected"] == r["rejected"] and 0 <= row["auroc"] <= 1 for row in r["rows"]))
print(r["rows"][0]["detected"] == r["rows"][2]["detected"])'
ls rule; study nll-rule model | tail -n 1 | cut -c1-50

echo '--- spread: one chip without, which is what eval says, and as many as asked with'
study spread model --samples 5 --chips 3 --spreads 0,0.3 --json --out chips >spread.json
study spread model --samples 5 --chips 4 --spreads 0.3 --json >more.json
"$SPINSCALE" eval model --data ./toy --samples 5 --json >eval.json
python3 -c '
import json
r, said, more = (json.load(open(name)) for name in ("spread.json", "eval.json", "more.json"))
print([(row["spread"], row["chips"], row["accuracy_sd"] is None) for row in r["rows"]], r["samples"])
print(all(abs(r["rows"][0][k] - said[k]) < 1e-12 for k in ("accuracy", "nll", "mutual_information")),
      abs(r["rows"][0]["rejected"] - 1 + said["accepted"]) < 1e-12)
print(r["rows"][1]["nll_sd"] > 0, r["rows"][1]["accuracy_lowest"] <= r["rows"][1]["accuracy"], more["rows"][0]["nll"] != r["rows"][1]["nll"])'
ls chips; study spread model --chips 2 --spreads 0.1 | tail -n 1 | cut -c1-18

echo '--- mistakes'
run study spread model --data ./toy --spreads 0,
run study spread model --data ./toy --spreads 2
run study spread model --data ./toy --spreads ''
run study spread model --data ./toy --samples 1 2
run study samples model
run study nothing model --data ./toy
run study samples model --data ./toy --score energy
run study samples model --data ./toy --foreign noise-uniform --foreign noise-gaussian
run study samples model --data ./toy --repeat 10000 --samples 1000
run study normality model --data ./toy --passes 20 --samples 10
run study normality model --data ./toy --classes both
run study nll-rule model --data ./toy --samples 1 2
run study nll-rule model --data ./toy --foreign nowhere
rm toy/t10k-labels-idx1-ubyte
run study nll-rule model --data ./toy/t10k-images-idx3-ubyte
study() { "$SPINSCALE" study "$@" --data ./toy/t10k-images-idx3-ubyte; }
study samples model --samples 1 2 --repeat 2 --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(r["rows"][0]["nll"], r["nll_error"], r["advice"]["samples"], r["rows"][0]["rejected"] is not None)'

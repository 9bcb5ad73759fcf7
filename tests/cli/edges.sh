# Sets with little in them: what is undefined is null, what cannot be is said.
. "$SOURCE_DIR/tests/cli/npy.inc"
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cp "$SOURCE_DIR/fuzz/corpus/packed/good-mlp" model
python3 - <<'EOF'
import os, random, struct
def idx(folder, labels, constant=False):
    os.mkdir(folder)
    pixels = bytes([7]) * 144 * len(labels) if constant else random.Random(1).randbytes(144 * len(labels))
    with open(folder + "/t10k-images-idx3-ubyte", "wb") as file:
        file.write(struct.pack(">4I", 0x803, len(labels), 12, 12) + pixels)
    with open(folder + "/t10k-labels-idx1-ubyte", "wb") as file:
        file.write(struct.pack(">2I", 0x801, len(labels)) + bytes(labels))
idx("empty", [])
idx("one", [2])
idx("class", [1] * 5)
idx("unlabelled", [255] * 5)
idx("constant", [0, 1, 2, 3, 0, 1], True)
EOF
cat >show.py <<'EOF'
import json, sys
text = sys.stdin.read()
assert "NaN" not in text and "Infinity" not in text
told = json.loads(text)
def short(value):
    return round(value, 4) if isinstance(value, float) else value
if "rows" in told:
    rows = told["rows"]
    print(len(rows), {key: sorted({str(short(row[key])) for row in rows[1:]}) for key in sys.argv[1:] if key in rows[-1]},
          told["mean_corruption_error"], told["mean_corruption_detected"])
else:
    for key in sys.argv[1:]:
        value = told
        for part in key.split("/"):
            value = value[int(part) if part.isdigit() else part]
        print(key, json.dumps(value["value"] if isinstance(value, dict) and "value" in value else value), end="; ")
    print()
EOF
tell() { python3 show.py "$@"; }

echo '--- eval: one image, one class, no labels, constant images; one pass'
for set in one class unlabelled constant; do
    "$SPINSCALE" eval model --data ./$set --samples 1 --json |
        tell data n accuracy ece mutual_information variance accepted true_accept_rate true_reject_rate accepted_accuracy
    "$SPINSCALE" eval model --data ./$set --point >/dev/null && "$SPINSCALE" eval model --data ./$set --exact >/dev/null
    "$SPINSCALE" eval model --data ./$set --until settled >/dev/null || echo failed
done
echo '--- all accepted, all rejected'
"$SPINSCALE" eval model --data ./toy --threshold 0 --json | tell accepted true_accept_rate true_reject_rate accepted_accuracy
"$SPINSCALE" eval model --data ./toy --threshold 1 --quantile 0 --json | tell accepted true_accept_rate accepted_accuracy
echo '--- foreign: the same, and one image against one'
for set in one class unlabelled constant; do
    "$SPINSCALE" eval model --data ./toy --samples 1 --foreign ./$set --json |
        tell foreign foreign_n foreign_mutual_information auroc_mutual_information
done
"$SPINSCALE" eval model --data ./one --foreign ./one --json | tell auroc_entropy auroc_mutual_information
"$SPINSCALE" eval model --data ./constant --foreign ./constant --exact --json | tell auroc_entropy
echo '--- suites'
"$SPINSCALE" eval model --data ./one --suite all --data-dir . --json 2>/dev/null >all.json && tell n <all.json | cut -c1-40
"$SPINSCALE" eval model --data ./one --suite corruption --samples 1 --json | tell n auroc_mutual_information
"$SPINSCALE" eval model --data ./unlabelled --suite corruption --threshold 0 --json | tell accuracy nll detected
"$SPINSCALE" eval model --data ./constant --suite rotation --normalise --samples 1 --json | tell auroc_mutual_information
"$SPINSCALE" eval model --data ./unlabelled --suite id
echo '--- a set with nothing in it'
run eval model --data ./empty
run eval model --data ./toy --foreign ./empty
run eval model --data ./empty --suite all

echo '--- metrics: one image and one class'
table() { npy '<f4' "$1" >$3; printf "$2" >>$3; }
numbers() { npy '<i4' "$1," >$3; printf "$2" >>$3; }
table '1, 2' "$half$half" one.npy
numbers 1 '\001\000\000\000' second.npy
"$SPINSCALE" metrics one.npy second.npy --ood one.npy --compare one.npy --compare-ood one.npy --json |
    tell accuracy true_accept_rate accepted_accuracy temperature/temperature temperature/at_edge \
        abstention/scores/entropy/aurc abstention/scores/entropy/tpr abstention/scores/entropy/threshold \
        ood/0/scores/entropy/auroc ood/0/scores/entropy/fpr95_in compare/accuracy/p compare/nll/value compare/nll/error \
        compare/auroc/0/scores/entropy/value compare/auroc/0/scores/entropy/p
table '2, 1' "$one$one" class.npy
numbers 2 '\000\000\000\000\000\000\000\000' zeros.npy
"$SPINSCALE" metrics class.npy zeros.npy --ood class.npy --compare class.npy --json |
    tell accuracy nll entropy true_reject_rate calibration/ece_classwise temperature/temperature \
        abstention/scores/eq26/tnr ood/0/scores/eq26/auroc compare/accuracy/p
echo '--- constant scores; all accepted, all rejected'
table '2, 2' "$half$half$half$half" same.npy
numbers 2 '\000\000\000\000\001\000\000\000' both.npy
for rule in '--threshold 0' '--threshold 1'; do
    "$SPINSCALE" metrics same.npy both.npy --ood same.npy $rule --json |
        tell accuracy accepted accepted_accuracy true_accept_rate true_reject_rate temperature/temperature \
            abstention/scores/eq26/ar abstention/scores/eq26/tnr abstention/scores/entropy/excess_aurc \
            ood/0/scores/entropy/auroc ood/0/scores/entropy/aupr_out ood/0/scores/entropy/fpr95_out \
            ood/0/scores/eq26/detected ood/0/scores/eq26/rejected
done
echo '--- every answer right, every answer wrong'
table '2, 2' "$one$zero$one$zero" sure.npy
numbers 2 '\001\000\000\000\001\000\000\000' ones.npy
for labels in zeros ones; do
    "$SPINSCALE" metrics sure.npy $labels.npy --ood same.npy --compare same.npy --json |
        tell accuracy nll true_accept_rate true_reject_rate temperature/temperature temperature/at_edge \
            abstention/scores/entropy/aurc abstention/scores/entropy/excess_aurc abstention/scores/eq26/tpr \
            abstention/scores/eq26/tnr ood/0/scores/entropy/auroc compare/accuracy/value compare/accuracy/p
done
echo '--- nothing in them, and no numbers'
table '0, 2' '' none.npy
table '0, 3, 2' '' no_pass.npy
table '3, 0' '' no_class.npy
numbers 0 '' no_labels.npy
for file in none no_pass no_class; do
    run metrics $file.npy no_labels.npy
done
run metrics same.npy both.npy --ood none.npy
run metrics same.npy no_labels.npy
table '2, 2' "$not_a_number$one$one$zero" nan.npy
table '2, 2' '\000\000\200\177'"$zero$one$zero" infinite.npy
table '1,' "$zero" no_weight.npy
table '1,' "$not_a_number" nan_weight.npy
run metrics nan.npy both.npy
run metrics infinite.npy both.npy
run metrics same.npy both.npy --ood nan.npy
run metrics same.npy both.npy --logits nan.npy
run metrics same.npy both.npy --weights no_weight.npy
run metrics same.npy both.npy --weights nan_weight.npy

# One pass at home: (3/4, 1/4), (1/2, 1/2), (1, 0), (1/4, 3/4) with labels 0 1 0 1: the second is wrong.  Foreign:
# (1/2, 1/2), (3/4, 1/4).  1 - max is 1/4 1/2 0 1/4 at home and 1/2 1/4 abroad: AUROC ((3 + 1/2) + (1 + 1)) / 8; mean
# errors of the first k 0 0 0 1/4: AURC 1/16, the best order's.  The mean NLL at home is (2 (2 ln 2 - ln 3) + ln 2) / 4.
. "$SOURCE_DIR/tests/cli/npy.inc"
{ npy '<f4' '4, 2'; printf "$three_quarters$quarter$half$half$one$zero$quarter$three_quarters"; } >p.npy
{ npy '<i4' '4,'; printf '\000\000\000\000\001\000\000\000\000\000\000\000\001\000\000\000'; } >labels.npy
{ npy '<f4' '2, 2'; printf "$half$half$three_quarters$quarter"; } >foreign.npy
run metrics p.npy labels.npy --ood foreign.npy --bootstrap 0
run metrics p.npy labels.npy --ood foreign.npy --bootstrap 20 --seed 2 --coverage 0.75 --reject 0.5 --json

# Logits (0, 1) and so on: any numbers will do.  Another model has the first image wrong and the second right.
{ npy '<f4' '4, 2'; printf "$one$zero$half$half$one$zero$quarter$one"; } >logits.npy
{ npy '<f4' '2, 2'; printf "$half$half$one$quarter"; } >foreign_logits.npy
{ npy '<f4' '4, 2'; printf "$quarter$three_quarters$quarter$three_quarters$one$zero$quarter$three_quarters"; } >other.npy
run metrics p.npy labels.npy --ood foreign.npy --logits logits.npy --ood-logits foreign_logits.npy --bootstrap 20 \
    --compare other.npy --compare-ood foreign.npy

# Without labels: no temperature, no abstention, no threshold of the NLL rule.
{ npy '<i4' '4,'; printf '\000\000\000\000\007\000\000\000\000\000\000\000\001\000\000\000'; } >some.npy
run metrics p.npy some.npy --ood foreign.npy -B 0 --compare other.npy

# Wrong usage: exit 2.  Bad data: exit 1.
run metrics p.npy labels.npy --ood-logits foreign_logits.npy
run metrics p.npy labels.npy --ood foreign.npy --compare-ood foreign.npy
run metrics p.npy labels.npy -B 0 --reject 1
run metrics p.npy labels.npy --ood missing.npy
run metrics p.npy labels.npy --ood labels.npy
run metrics p.npy labels.npy --compare foreign.npy
run metrics p.npy labels.npy --logits foreign.npy
{ npy '<f4' '1, 4'; printf "$quarter$quarter$quarter$quarter"; } >four.npy
run metrics p.npy labels.npy --ood four.npy
{ npy '<f4' '2, 2'; printf "$not_a_number$three_quarters$half$half"; } >nan.npy
run metrics p.npy labels.npy --ood nan.npy
{ npy '<f4' '4, 2'; printf "$one$not_a_number$half$half$one$zero$quarter$one"; } >nan_logits.npy
run metrics p.npy labels.npy --logits nan_logits.npy
{ npy '<f4' '2, 2, 2'; printf "$one$zero$one$zero$one$zero$one$zero"; } >passes.npy
{ npy '<f4' '1,'; printf "$one"; } >w.npy
run metrics p.npy labels.npy --weights w.npy --ood passes.npy

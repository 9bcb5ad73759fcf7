# Two passes, two images, two classes.  Image 0: the passes are certain and disagree, (1,0) and (0,1).  Image 1: both
# say (1/2,1/2).  Both means are (1/2,1/2), the first of equals is predicted: class 0.  Labels 0 and 1:
#   accuracy 1/2; NLL ln 2; Brier 1/4 + 1/4; confidence 1/2 = accuracy in its bin, ECE 0; entropy ln 2;
#   expected entropy (0 + ln 2)/2, mutual information ln 2 / 2; variance (1/4 + 0)/2.
. "$SOURCE_DIR/tests/cli/npy.inc"
{ npy '<f4' '2, 2, 2'; printf "$one$zero$half$half$zero$one$half$half"; } >p.npy
{ npy '<i4' '2,'; printf '\000\000\000\000\001\000\000\000'; } >labels.npy
run metrics p.npy labels.npy
run metrics p.npy labels.npy --json

# Weights 1 and 0 leave the first pass alone: image 0 is (1,0).
{ npy '<f4' '2,'; printf "$one$zero"; } >w.npy
run metrics p.npy labels.npy --weights w.npy -j

# One pass, [N][C]; accept from 3/4 on: image 0 has 3/4, image 1 has 1/2.
{ npy '<f4' '2, 2'; printf "$three_quarters$quarter$half$half"; } >one.npy
run metrics one.npy labels.npy --threshold 0.75 --json

# A label outside the classes is no label: what needs labels is undefined.
{ npy '<i4' '2,'; printf '\000\000\000\000\007\000\000\000'; } >foreign.npy
run metrics p.npy foreign.npy --json

# Bad data: exit 1.
run metrics missing.npy labels.npy
run metrics labels.npy labels.npy
run metrics p.npy p.npy
{ npy '<i4' '3,'; printf '\000\000\000\000\000\000\000\000\000\000\000\000'; } >three.npy
run metrics p.npy three.npy
run metrics p.npy labels.npy --weights one.npy
{ npy '<f4' '2, 2'; printf "$three_quarters$three_quarters$half$half"; } >sum.npy
run metrics sum.npy labels.npy
{ npy '<f4' '2, 2'; printf "$not_a_number$three_quarters$half$half"; } >nan.npy
run metrics nan.npy labels.npy
head -c 140 p.npy >short.npy
run metrics short.npy labels.npy

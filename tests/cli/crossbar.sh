# 2 x 2 by hand: without wires I_j = sum_i V_i / R_ij; two inputs, (1, 0) V and (1, -1) V.
#   column 1: 1/2, 1/2 - 1/4; column 2: 1/4, 1/4 - 0 (an open cell)
printf '# ohm\n2, 4\n4, inf\n' >R.csv
printf '1,1\n0,-1\n' >V.csv
wires() { echo --r-word-line "$1" --r-bit-line "$2"; }
run crossbar --resistance R.csv --voltage V.csv $(wires 0 0)
run crossbar -r R.csv -v V.csv $(wires 0 0) -o I.csv --fold M.csv
cat I.csv M.csv

# One cell of 2 ohm between wires of 1 ohm: 1 V gives 0.25 A, half of what it would be.
echo 2 >one.csv
echo 1 >volt.csv
run crossbar -r one.csv -v volt.csv $(wires 1 1) --json | sed 's/"error_a": [^,]*/"error_a": E/'

# A netlist has the first input; a line without resistance is one node, an open cell is none.
run crossbar -r R.csv -v V.csv $(wires 1.5 0) --netlist array.cir -o I.csv >/dev/null
cat array.cir

# Bad data: exit 1, with file, line, value and rule.
printf '2,4\n-5,4\n' >negative.csv
run crossbar -r negative.csv -v V.csv $(wires 1 1)
printf '2,4\n\n0,4\n' >zero.csv
run crossbar -r zero.csv -v V.csv $(wires 1 1)
printf '2,4\n4,nan\n' >nan.csv
run crossbar -r nan.csv -v V.csv $(wires 1 1)
printf '1e-310,4\n4,4\n' >tiny.csv
run crossbar -r tiny.csv -v V.csv $(wires 1 1)
printf '2,4\n4\n' >ragged.csv
run crossbar -r ragged.csv -v V.csv $(wires 1 1)
run crossbar -r R.csv -v volt.csv $(wires 1 1)
printf '1\ninf\n' >hot.csv
run crossbar -r R.csv -v hot.csv $(wires 1 1)
run crossbar -r missing.csv -v V.csv $(wires 1 1)
run crossbar -r R.csv -v V.csv $(wires 1 1) -o no/folder/I.csv
printf '1e-12,1e-12\n1e-12,1e-12\n' >short.csv
run crossbar -r short.csv -v V.csv $(wires 1e9 1e9) -o unsure.csv 2>&1 |
    sed 's/by [0-9.]*e[-+][0-9]* of/by E of/; s/after [0-9]* it/after N it/'
ls unsure.csv 2>/dev/null

# Wrong usage: exit 2.
run crossbar
run crossbar -r R.csv -v V.csv --r-word-line 1
run crossbar -r R.csv -v V.csv $(wires -1 1)
run crossbar -r R.csv -v V.csv $(wires 1 nan)
run crossbar -r R.csv -v V.csv $(wires 1 1) --tolerance 1
run crossbar -r R.csv -v V.csv $(wires 1 1) stray

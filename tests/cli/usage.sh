# Wrong usage: one line that names the command and the rule, a hint, exit 2.
run
run evla
run frobnicate
run --versio
run help evla
run help eval train
run eval
run eval model
run eval --data mnist
run eval model --data mnist --sampels 3
run eval model --data mnist --frobnicate
run eval model --data mnist -z
run eval model --data mnist --samples
run eval model --data mnist --samples=0
run eval model --data mnist --samples 1000001
run eval model --data mnist --samples many
run eval model --data mnist --samples -1
run eval model --data mnist --samples 99999999999999999999999
run eval model --data mnist -T1.5
run eval model --data mnist --threads 0
run eval model --data mnist --threads 1025
run eval model --data mnist --seed 9223372036854775808
run eval model --data mnist --quantile 1.1
run eval model --data mnist --threshold nan
run eval model --data mnist --level 1
run eval model --data mnist --json=yes
run eval model --data mnist --exact --samples 3
run eval model --data mnist -jx --point
run predict
run predict model
run predict model --data mnist
run predict model --index 1
run predict model --index one
run predict model image.png --data mnist --index 1
run predict model --index -1
run train --config demo
run train --out out
run train stray --config demo --out out
run train --config demo --out out --set
run train --config demo --out out --budget 90
run train --config demo --out out --budget 1h30
run train --config demo --out out --budget 0m
run train --config demo --out out --range-test 0.1
run train --config demo --out out --range-test 0.1:x
run train --config demo --out out --range-test 0.1:1:10.5
run train --config demo --out out --range-test --resume
run train --config demo --out out --range-test 0.1:1 --budget 5m
run train --config demo --out out --range-test 1:0.1
run metrics probs.npy
run metrics probs.npy labels.npy more.npy
run info one two

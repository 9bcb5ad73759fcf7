# Numbers of a table to 9 digits: their last ones are the C library's.
digits() { awk -F, -v OFS=, '/^[0-9]/ { for (i = 1; i <= NF; i++) $i = sprintf("%.9g", $i) } { print }'; }

# The card.  (Bias and spread of a unit without any are rounding.)
run device default | grep -v '^unit_bias\|^unit_spread'
run device vgsot --set 'device.gate=0.5 V' --set device.unit.sigma_p=0.05 --json | cut -d, -f1-9

# One's own device: a file, with tables beside it; and what it says of a point outside.
mkdir own
printf 'device:\n  switching_table: p.csv\n  read_voltage: 200 mV\n' >own/own.yaml
printf 'I_A,t_s,P\n9e-5,5e-9,0.05\n9e-5,1e-8,0.1\n1e-4,5e-9,0.8\n1e-4,1e-8,0.9\n' >own/p.csv
printf 'I_A,t_s\n9e-5,1e-8\n9.5e-5,7e-9\n' >points.csv
run device own/own.yaml --csv points.csv | digits
run device own/own.yaml | grep '^i_half\|^r_ap_read\|switching_table'
printf 'I_A,t_s\n9e-5,1e-8\n8e-5,1e-8\n' >outside.csv
run device own/own.yaml --csv outside.csv

# The law, at any current and time; a column without a meaning is passed over.
printf 'I_A,t_s,T_K,Delta300,note\n0,1e-9,300,20,1\n1.2e-4,1e-8,300,45,2\n' >law.csv
run device default --csv law.csv | digits
run device default --csv law.csv --set device.barrier=falling --set device.law=quadratic -o out.csv
digits <out.csv

# Outside the law's validity.
run device default --set 'device.set_time=1 ns'
run device default --set 'device.set_time=1 ns' --set device.extrapolate=true | grep '^i_half_ratio\|^extrapolated\|^exit'

# The law that solves the Fokker-Planck equation: also at and beyond Ic0, in units of tau0.
printf 'I_A,t_s,Delta300,Ic0_A,tau0_s\n0.5,8,60,1,1\n1,8,40,1,1\n2,1.6,20,1,1\n' >equation.csv
run device default --set device.law=fokker_planck --csv equation.csv | digits
run device default --set device.law=fokker_planck --set 'device.set_time=2 ns' | grep '^i_half_ratio\|^retention_y\|^extrapolated\|^exit'
run device default --set device.law=fokker_planck --set 'device.set_time=1 ns' --set 'device.temperature=2 K' | tail -n 2
run device default --set device.law=fokker_planck --netlist-unit unit.cir

# Netlists.
"$SPINSCALE" device default --netlist-read read.cir --netlist-unit unit.cir >/dev/null || echo "exit $?"
tail -n 1 read.cir
tail -n 1 unit.cir
grep -c . unit.cir

# Mistakes.
run device nothing
run device default --set device.dleta=45
run device default --set 'device.r_p=1 V'
run device default -o out.csv
run device default --csv law.csv --json
printf 'I,t_s\n0,1\n' >bad.csv
run device default --csv bad.csv
printf 'I_A,t_s\n0,1\n-1,1\n' >bad.csv
run device default --csv bad.csv
printf 'I_A,t_s,P\n0,1,1\n' >bad.csv
run device default --csv bad.csv
printf 'I_A,t_s,T_K\n9e-5,1e-8,300\n' >bad.csv
run device own/own.yaml --csv bad.csv
run device default --csv missing.csv

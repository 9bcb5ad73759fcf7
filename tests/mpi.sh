#!/bin/sh
# Work under mpirun: two and three processes have the loss curve and the results of one, and failures end all of them with
# one message.
#   mpi.sh PROGRAM SOURCE_DIR HAVE_MPI
set -u
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
bad=0
complain() {
  echo "$1"
  [ -f said ] && cat said
  bad=1
}

if [ "$3" != TRUE ]; then
  OMPI_COMM_WORLD_SIZE=2 "$program" info >said 2>&1 && complain 'several processes without MPI: no error'
  grep -q '^spinscale: mpirun started several processes, but spinscale has no MPI here' said || complain 'another message'
  [ $bad = 0 ] && echo 'built without MPI (SPS_MPI): only its message was tested'
  exit $bad
fi
command -v mpirun >/dev/null || {
  echo 'there is no mpirun'
  exit 77
}
mpi='mpirun'
if mpirun --version | grep -q 'Open MPI'; then
  mpi='mpirun --oversubscribe --bind-to none'
  [ "$(id -u)" = 0 ] && mpi="$mpi --allow-run-as-root"
fi
$mpi -np 2 true >said 2>&1 || {
  echo 'mpirun does not work here:'
  cat said
  exit 77
}

# A batch of 20 images is 10 and 10 in two processes, 6, 7 and 7 in three.
python3 "$2/tests/cli/toy.py" toy
cat >net.yaml <<'END'
name: toy
layers:
  - conv: {out: 8, kernel: 3, pad: 1, pool: 2, binary: true}
  - batchnorm: {scale: true, bias: true}
  - sign: {}
  - dense: {out: 4, binary: true}
  - batchnorm: {scale: true, bias: true}
END
cat >toy.yaml <<'END'
data: {name: ./toy, validation: 90, flip: true}
net: {name: ./net.yaml}
method: {name: scale_dropout}
train: {epochs: 2, batch: 20, rate: 0.01, norm_images: 500, collapse_floor: 0}
END
train="$program train --config ./toy.yaml --threads 1 --quiet"
steps='--set data.flip=true --range-test=1e-3:2e-3:20'
$train --out one >said 2>&1 || complain 'one process failed'
$train --out steps1 $steps >said 2>&1 || complain 'one process failed'
for n in 2 3; do
  $mpi -np $n $train --out "ranks$n" >said 2>&1 || complain "$n processes failed"
  [ "$(grep -c '^model ' said)" = 1 ] || complain "$n processes do not have one result"
  ls one >files
  ls "ranks$n" | diff files - || complain "$n processes left other files"
  $mpi -np $n $train --out "steps$n" $steps >said 2>&1 || complain "$n processes failed in single steps"
  # Numbers are added in another order, so losses are off by roundings (1e-7 of a sum), and where a weight is as small as
  # that, its sign differs: one of 1,280 signs moves this loss by about 1e-3.  A missing or doubled image moves it by 1e-2.
  python3 - "ranks$n" <<'END' || complain "$n processes have another loss curve"
import json, sys
def curve(folder):
    return [json.loads(line) for line in open(folder + "/metrics.jsonl")]
one, ranks = curve("one"), curve(sys.argv[1])
assert len(one) == len(ranks) == 2
for a, b in zip(one, ranks):
    for key in "train_loss", "validation_nll":
        print(sys.argv[1], a["epoch"], key, a[key], b[key])
        assert abs(a[key] - b[key]) < 3e-3, key
    assert a["rate"] == b["rate"]
# So few steps flip no sign: only roundings.
one, ranks = ([float(row.split(",")[2]) for row in open(f"steps{n}/range.csv").readlines()[1:]] for n in ("1", sys.argv[1][-1]))
assert len(one) == len(ranks) == 20
print("20 steps are at most", max(abs(a - b) for a, b in zip(one, ranks)), "nats apart")
assert all(abs(a - b) < 1e-6 for a, b in zip(one, ranks)), (one, ranks)
END
done
for f in one ranks2; do
  "$program" info $f/model.safetensors >/dev/null || complain "$f has no model"
done

# Points of a sweep: the same table, each made once.
sweep="$program cim one --data ./toy --images 10 --chip scaledrop --threads 1 --sweep adc.bits=2,4,7 --sweep reuse=none,paths"
$sweep --out sweep1 >said 2>&1 || complain 'a sweep failed'
$mpi -np 2 $sweep --out sweep2 >said 2>&1 || complain 'a sweep in two processes failed'
cmp sweep1/sweep.csv sweep2/sweep.csv || complain 'a sweep in two processes has another table'
[ "$(ls sweep2/point*.json | wc -l)" = 6 ] || complain 'points are missing'
[ "$(grep -c 'point [135] of 6: ' said)" = 3 ] || complain 'the first of two processes ran other points'

# Chips, and images: what is printed and written is what one process prints and writes, but for the time it took.
# same WHAT COMMAND...: with 1, 2 and 3 processes; DIR in a word is a folder of each.
same() {
  what=$1
  shift
  for n in 1 2 3; do
    start=
    [ $n = 1 ] || start="$mpi -np $n"
    # shellcheck disable=SC2046 # no word here has blanks
    $start "$program" $(echo "$@" | sed "s/DIR/$what$n/") >"$what.$n" 2>said || complain "$what failed in $n processes"
    grep -q '"' "$what.$n" || complain "$what printed nothing in $n processes"
    sed -E 's/"(images_per_s|seconds)": [0-9.e+-]+/"\1": 0/g' "$what.$n" >"$what.plain$n"
    cmp "$what.plain1" "$what.plain$n" || complain "$what is not the same in $n processes"
    [ ! -d "$what$n" ] || ls "$what$n" >"$what.files$n"
    [ ! -d "$what$n" ] || cmp "$what.files1" "$what.files$n" || complain "$what left other files in $n processes"
  done
}
chips='cim one --data ./toy --images 50 --chip scaledrop --set device.sigma_r=0.1 --samples 3 --threads 1 --json'
same chips $chips --chips 5 --out DIR
same few $chips --chips 2 # of three processes one has none
same ensemble eval one ranks2 --data ./toy --samples 4 --foreign noise-uniform --threads 1 --json
same settled eval one --data ./toy --samples 40 --until settled --threads 1 --json
same suite eval one --data ./toy --samples 2 --suite id,noise --threads 1 --out DIR --json
cmp suite1/suite.csv suite2/suite.csv || complain 'a suite in two processes has another table'
$mpi -np 2 "$program" eval one --data ./toy --samples 2 --suite id,noise --threads 1 --out suite1 --json >suite.again 2>said ||
  complain 'a suite that was there failed in two processes'
cmp suite.1 suite.again || complain 'a suite that was there is another one in two processes'
same table compare one ranks2 --data ./toy --samples 4 --bootstrap 100 --threads 1 --out DIR --json

# Seeds: each run is that of one process, and rank 0 tells of all.
$train --seeds 3 --out seeds1 >said 2>&1 || complain 'three seeds failed'
for n in 2 4; do # one of four has no seed
  $mpi -np $n $train --seeds 3 --out "seeds$n" >said 2>&1 || complain "three seeds in $n processes failed"
  [ "$(grep -c "  seeds$n/seed-[123]\$" said)" = 3 ] || complain "$n processes do not tell of three seeds"
  for seed in 1 2 3; do
    cmp seeds1/seed-$seed/model.safetensors "seeds$n/seed-$seed/model.safetensors" || complain 'another model'
  done
done

# expect STATUS WORDS COMMAND...: in two processes, said once.
expect() {
  status=$1 words=$2
  shift 2
  timeout 60 $mpi -np 2 "$@" >said 2>&1
  got=$?
  [ $got = "$status" ] || complain "exit status $got, not $status: $*"
  [ "$(grep -c "^spinscale: $words" said)" = 1 ] || complain "not said once: $words"
}
expect 2 "train: 'ranks2' already holds a run" $train --out ranks2
expect 2 "train: unknown option '--ot'" $train --ot x
expect 2 'pack: runs in one process, not in the 2 that mpirun started' "$program" pack one -o x
expect 2 'cim: only --chips of a MODEL and points of --sweep are shared' "$program" cim one --chip scaledrop
expect 2 'eval: --dump is written by one process' "$program" eval one --data ./toy --dump p.npy
rm -r seeds2/seed-[13]
expect 2 "rank 1: seed 2: 'seeds2/seed-2' already holds a run" $train --seeds 3 --out seeds2
[ -f seeds2/seed-3/model.safetensors ] || complain 'a seed that failed took others with it'
expect 1 "train: rank 1: cannot open './net.yaml'" \
  sh -c "[ \${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-0}} = 0 ] || { mkdir -p away; cd away; }
    exec $program train --config '$folder/toy.yaml' --out '$folder/away1' --threads 1"
expect 2 "rank 1: .*adc.bits" "$program" cim one --data ./toy --images 10 --chip scaledrop --threads 1 --sweep adc.bits=2,99 --out sweep3
# The other one waits in a sum for a rank that never comes.
expect 2 "rank 1: unknown option '--ot'" \
  sh -c "[ \${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-0}} = 0 ] && exec $train --out alone; exec $train --ot alone"
exit $bad

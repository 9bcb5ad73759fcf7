#!/bin/sh
# Who may include whom (docs/architecture.md): a room sees itself and the rooms named here, nothing else; tools see public headers.
#   include_rules.sh SOURCE_DIR
cd "$1" || exit 1

allowed() {
  case $1 in
  core) echo core ;;
  conf | kern | uq) echo "core $1" ;;
  quant) echo core kern quant ;;
  data) echo core data ;;
  nn) echo core conf quant kern nn ;;
  bayes) echo core conf quant nn bayes ;;
  engine) echo core kern uq engine ;;
  pack) echo core nn bayes engine pack ;;
  train) echo core conf data nn bayes uq engine pack train ;;
  cim) echo core conf kern engine cim ;;
  report) echo core uq report ;;
  mpi) echo core mpi ;;
  *) echo unknown ;;
  esac
}

# The room that implements a public header.
room_of_public() {
  case $1 in
  status | log | npy | images | file | ranks) echo core ;;
  predict | ensemble | calibration | shared) echo engine ;;
  scores | study) echo uq ;;
  cpu) echo kern ;;
  model) echo train ;;
  csv) echo conf ;;
  shift | foreign) echo data ;;
  device | crossbar | chip) echo cim ;;
  *) echo "$1" ;;
  esac
}

room_of() { # an included name
  case $1 in
  spinscale/*.h)
    name=${1#spinscale/}
    room_of_public "${name%.h}"
    ;;
  */*) echo "${1%%/*}" ;;
  *) echo "$2" ;; # a neighbour in the same folder
  esac
}

bad=0
pairs=0
complain() {
  echo "$1 includes \"$2\": $3"
  bad=1
}

for file in src/*/*.[ch] src/*/*/*.[ch] include/spinscale/*.h; do
  [ -f "$file" ] || continue
  case $file in
  include/*) from=$(room_of "spinscale/$(basename "$file")" core) ;;
  *)
    from=${file#src/}
    from=${from%%/*}
    ;;
  esac
  rooms=$(allowed "$from")
  [ "$rooms" = unknown ] && complain "$file" "" "room '$from' has no rule in tests/include_rules.sh"
  for header in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
    pairs=$((pairs + 1))
    to=$(room_of "$header" "$from")
    case " $rooms " in
    *" $to "*) ;;
    *) complain "$file" "$header" "$from may include $rooms" ;;
    esac
    case $file:$header in
    include/*:spinscale/*) ;;
    include/*) complain "$file" "$header" "public headers include public headers only" ;;
    esac
  done
done

for file in $(grep -lE '^ *# *include *<(oneapi/dnnl/|dnnl)' src/*/*.[ch]); do
  [ "$file" = src/nn/onednn.c ] || complain "$file" "dnnl" "only src/nn/onednn.c may include oneDNN"
done

for file in $(grep -lE '^ *# *include *<mpi' src/*/*.[ch] src/*/*/*.[ch] tools/*.[ch]); do
  [ "$file" = src/mpi/mpi.c ] || complain "$file" "mpi" "only src/mpi/mpi.c may include MPI"
done

for file in tools/*.[ch] examples/*.[ch]; do
  [ -f "$file" ] || continue
  for header in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
    pairs=$((pairs + 1))
    case $header in
    spinscale/*) ;;
    */*) complain "$file" "$header" "tools include public headers only" ;;
    *) [ -f "$(dirname "$file")/$header" ] || complain "$file" "$header" "no such neighbour" ;;
    esac
  done
done

[ "$pairs" -gt 0 ] || bad=1
echo "$pairs includes looked at"
exit $bad

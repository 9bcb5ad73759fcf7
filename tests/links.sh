#!/bin/sh
# What is linked, and loaded: inference needs libc, libm and the JSON reader alone; prediction with a packed model loads
# nothing of what trains.
#   links.sh LIBSPINSCALE-INFER PROGRAM SOURCE_DIR
bad=0
look() { # FILE PATTERN-OF-ALLOWED
  needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  for library in $needed; do
    echo "$library" | grep -qE "^(libc|libm|libpthread|libdl|ld-linux.*|libjansson|lib[a-z]*san|libgcc_s$2)\.so" || {
      echo "$1 is linked with $library"
      bad=1
    }
  done
}
look "$1" ''
look "$2" '|libspinscale-infer'

# The dynamic linker tells what it loads, one file per process.
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
LD_DEBUG=files LD_DEBUG_OUTPUT="$folder/loaded" "$2" predict "$3/fuzz/corpus/packed/good-mlp" \
  "$3/fuzz/corpus/png/grey" --fit --threads 2 >"$folder/said" 2>&1 || {
  echo "predict failed:"
  cat "$folder/said"
  bad=1
}
cat "$folder"/loaded.* >"$folder/all" 2>/dev/null
# Without these the list would prove nothing.
for library in libspinscale-infer libpng; do
  grep -q "file=$library" "$folder/all" || {
    echo "$library is not among what was loaded: the list is not complete"
    bad=1
  }
done
for library in libspinscale-train libdnnl libgomp libyaml; do
  if grep -q "file=$library" "$folder/all"; then
    echo "predict with a packed model loads $library"
    bad=1
  fi
done
exit $bad

#!/bin/sh
# What is linked: inference needs libc, libm and the JSON reader alone; the program does not load what trains.
#   links.sh LIBSPINSCALE-INFER PROGRAM
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
exit $bad

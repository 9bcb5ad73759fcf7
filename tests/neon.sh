#!/bin/sh
# The NEON kernels on a machine that has none: what the inference library is made of is compiled for 64-bit ARM as in a
# release build, without warnings; then checkkern runs under emulation.  Skipped where the cross compiler, its C library
# or the emulator is missing.
#   neon.sh SOURCE_DIR RANDOM123_INCLUDE
src=$1 random123=$2
CC=aarch64-linux-gnu-gcc
work=$PWD/neon-test
rm -rf "$work"
mkdir -p "$work/include" || exit 1
trap 'rm -rf "$work"' EXIT

skip() {
  echo "skipped: no $1 (scripts/install-deps installs it)"
  exit 77
}
arm=
for emulator in qemu-aarch64 qemu-aarch64-static; do
  command -v $emulator >/dev/null 2>&1 && arm=$emulator
done
[ -n "$arm" ] || skip qemu-aarch64
command -v $CC >/dev/null 2>&1 || skip $CC
printf '#include <stdio.h>\nint main(void) { return 0; }\n' | $CC -x c -static - -o "$work/empty" 2>/dev/null ||
  skip "C library for $CC"

bad=0
fail() {
  echo "$1"
  bad=1
}

# Headers that do not depend on the machine; no others of this one may be seen.
ln -s "$random123/Random123" "$work/include/Random123"
for header in /usr/include/jansson.h /usr/include/jansson_config.h; do
  [ -f $header ] && ln -s $header "$work/include/"
done
compile() {
  $CC -std=c17 -D_POSIX_C_SOURCE=200809L -DSPS_VERSION='"test"' \
    -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math \
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-format-truncation -Werror \
    -I"$src/include" -I"$src/src" -isystem "$work/include" "$@"
}

rooms=$(sed -n 's/^sps_library(spinscale-infer .* ROOMS \(.*\)$/\1/p' "$src/CMakeLists.txt")
[ -n "$rooms" ] || fail 'CMakeLists.txt does not name the rooms of spinscale-infer'
for room in $rooms; do
  for file in "$src/src/$room"/*.c; do
    if grep -q '<jansson.h>' "$file" && ! [ -e "$work/include/jansson_config.h" ]; then
      echo "not compiled, jansson.h is missing: $file"
      continue
    fi
    compile -c "$file" -o "$work/$room-$(basename "$file" .c).o" || fail "$file does not compile for ARM"
  done
done
aarch64-linux-gnu-ar rcs "$work/libinfer.a" "$work"/*.o || exit 1

# Which tier runs, and which kernels it has of its own.
cat >"$work/tier.c" <<'END'
#include <stdio.h>

#include "kern/kern.h"

int main(void)
{
    const struct sps_kern *used, *ref = sps_kern_tier("ref");
    if (sps_kern_get(&used) != SPS_OK) {
        printf("%s\n", sps_last_error());
        return 1;
    }
    printf("%s", used->tier);
#define PRINT_INHERITED(field, MACRO)                                                                                  \
    if (used->field == ref->field)                                                                                     \
        printf(" without %s", #field);
    SPS_KERN_LIST(PRINT_INHERITED)
    printf("\n");
    return 0;
}
END
compile -static "$work/tier.c" "$work/libinfer.a" -lm -o "$work/tier" || exit 1
compile -static -DSHAPES_FILE="\"$src/bench/kern_shapes.txt\"" "$src/tests/checkkern.c" "$work/libinfer.a" -lm \
  -o "$work/checkkern" || exit 1

expect() { # WHAT SPINSCALE_CPU ANSWER
  answer=$(SPINSCALE_CPU=$2 "$arm" "$work/tier")
  [ "$answer" = "$3" ] || fail "$1: '$answer', expected '$3'"
}
expect 'tier by default' '' neon
expect 'tier by name' neon neon
expect 'tier of another family' avx2 "SPINSCALE_CPU is 'avx2', must be a tier that this CPU has: ref, neon"

"$arm" "$work/checkkern" >"$work/said" || fail 'checkkern failed'
tail -n 25 "$work/said"
grep -qE '^[1-9][0-9]* passed, 0 failed, 0 skipped$' "$work/said" || fail 'checkkern did not test all'
exit $bad

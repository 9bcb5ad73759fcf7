#!/bin/sh
# Install into a fresh prefix, run the program from there, and build a program against it through pkg-config.
#   install.sh BUILD_DIR CC
set -eu
build=$1 cc=$2
prefix=$PWD/install-test
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >install-test.log

program=$prefix/bin/spinscale
"$program" --version
"$program" metrics --help >/dev/null
"$program" train --help >/dev/null # opens the module, which opens the training library
[ -s "$prefix/share/man/man1/spinscale.1" ] || {
  echo "the man page is missing"
  exit 1
}

pc=$(find "$prefix" -name spinscale.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
cat >"$prefix/quantile.c" <<'EOF'
#include <spinscale/uq.h>
#include <stdio.h>

int main(void)
{
    double values[] = {4, 1, 3, 2};
    printf("median %g\n", sps_quantile(values, 4, 0.5));
    return 0;
}
EOF
# shellcheck disable=SC2046 # words are wanted
"$cc" -std=c11 -o "$prefix/quantile" "$prefix/quantile.c" \
  $(pkg-config --cflags --libs spinscale)
libdir=$(pkg-config --variable=libdir spinscale)
answer=$(LD_LIBRARY_PATH=$libdir "$prefix/quantile")
[ "$answer" = "median 2.5" ] || {
  echo "the installed library says '$answer', must be 'median 2.5'"
  exit 1
}
rm -rf "$prefix" install-test.log

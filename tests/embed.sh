#!/bin/sh
# examples/embed.c, built against an installed tree through pkg-config, says of an image what the program says.
#   embed.sh BUILD_DIR SOURCE_DIR CC
set -eu
build=$1 source=$(cd "$2" && pwd) cc=$3
folder=$PWD/embed-test
rm -rf "$folder"
mkdir "$folder"
cmake --install "$build" --prefix "$folder/prefix" >"$folder/log"
cd "$folder"

pc=$(find prefix -name spinscale.pc)
PKG_CONFIG_PATH=$folder/$(dirname "$pc")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # words are wanted
"$cc" -std=c11 -Wall -Wextra -Werror -o embed "$source/examples/embed.c" $(pkg-config --cflags --libs spinscale)
LD_LIBRARY_PATH=$(pkg-config --variable=libdir spinscale)
export LD_LIBRARY_PATH
needed=$(readelf -d embed | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^libc\.' | tr '\n' ' ')
[ "$needed" = "libspinscale-infer.so.0 " ] || {
  echo "embed is linked with $needed"
  exit 1
}

python3 "$source/tests/toy_models.py" toy-test "$folder/prefix/bin/spinscale" "$source" vi
cd toy-test
for image in 0 1 2 3; do
  {
    printf 'P5\n12 12\n255\n'
    tail -c +$((17 + 144 * image)) toy/t10k-images-idx3-ubyte | head -c 144
  } >image.pgm
  ../embed vi.packed image.pgm
done >said
# An image by itself takes the paths of index 0.
../prefix/bin/spinscale predict vi.packed --data ./toy --index 0 1 2 3 --shared-paths | awk 'NR > 2 {
  printf "class %s, probability %s, mutual information %s nats, %s\n", $1, $2, $7, $8}' >wanted
diff -u wanted said
[ "$(sort -u said | wc -l)" -gt 1 ]

! ../embed vi.packed toy/image0.png 2>error || exit 1
grep -q "no 8-bit PGM of the model's size" error
! ../embed toy/image0.png image.pgm 2>error || exit 1
grep -q "image0.png" error
cd "$folder/.."
rm -rf "$folder"

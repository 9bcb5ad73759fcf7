#!/bin/sh
# The shell blocks of README.md and docs/ that are fenced as ```sh run are run, page by page, in a folder that has a
# trained model in out/, an image shoe.png and shoe.pgm, and a data set called fashion-mnist that is a toy of 28 x 28 pixels and ten
# classes.  Training is cut down to one short epoch; otherwise the blocks run as they stand.  C blocks fenced as
# ```c FILE are the same as that file.  Links between pages lead to files.
#   docs.sh SOURCE_DIR BIN_DIR
set -eu
source=$(cd "$1" && pwd)
bin=$(cd "$2" && pwd)
folder=$PWD/docs-test
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/data"
cd "$folder"
bad=0
blocks=0

python3 "$source/tests/cli/toy.py" data/fashion-mnist 28 10
unset XDG_DATA_HOME SPINSCALE_CPU
SPINSCALE_DATA=$folder/data
HOME=$folder
export SPINSCALE_DATA HOME

cat >bin/spinscale <<END
#!/bin/sh
if [ "\$1" = train ] && [ "\${2-}" != --help ]; then
  exec "$bin/spinscale" "\$@" --set data.validation=100 --set train.epochs=1 --set train.norm_images=500 \
    --set train.collapse_floor=0
fi
exec "$bin/spinscale" "\$@"
END
chmod +x bin/spinscale
ln -s "$bin/gallery" "$bin/embed" bin/
PATH=$folder/bin:$PATH
export PATH

spinscale train --config demo --out model >log 2>&1 || {
  cat log
  exit 1
}

# The blocks of one language of a page, one file each: block.01, block.02, ...
extract() { # PAGE FENCE
  rm -f block.*
  awk -v fence="$2" '
    /^```/ {if (open) {open = 0; next}
            open = 1; wanted = $0 == "```" fence
            if (wanted) file = sprintf("block.%02d", ++n)
            next}
    open && wanted {print > file}' "$1"
}

for page in "$source"/README.md "$source"/docs/*.md; do
  name=$(basename "$page" .md)
  rm -rf work
  mkdir work
  cp -r model work/out
  cp data/fashion-mnist/image0.png work/shoe.png
  { # the same, image 0 of the test set
    printf 'P5\n28 28\n255\n'
    tail -c +17 data/fashion-mnist/t10k-images-idx3-ubyte | head -c 784
  } >work/shoe.pgm
  extract "$page" 'sh run'
  for block in block.*; do
    [ -f "$block" ] || continue
    blocks=$((blocks + 1))
    (cd work && sh -eu "../$block") >log 2>&1 || {
      echo "$name.md: $block failed:"
      cat "$block" log
      bad=1
    }
  done
  for file in $(sed -n 's/^```c \(.*\)$/\1/p' "$page"); do
    extract "$page" "c $file"
    blocks=$((blocks + 1))
    sed 1d "$source/$file" | diff -u - block.01 || { # its first line is the licence
      echo "$name.md: its C block is not $file"
      bad=1
    }
  done
  for link in $(grep -oE '\]\([^)#: ]+[)#]' "$page" | sed 's/^](//; s/.$//'); do
    [ -e "$(dirname "$page")/$link" ] || {
      echo "$name.md links to $link, which is not there"
      bad=1
    }
  done
done

[ "$blocks" -gt 0 ] || bad=1
echo "$blocks blocks looked at"
[ "$bad" != 0 ] || rm -rf "$folder"
exit $bad

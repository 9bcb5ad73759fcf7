#!/bin/sh
# Each X(name) row of a room's, or a folder's, list.h has its file <name>.c, which defines an identifier that ends in _<name>, and
# starts with that name, in any case, where it gives one ("idx", "IDX").  (Rows whose name is a string belong to no
# file.)
#   lists.sh SOURCE_DIR
cd "$1" || exit 1
bad=0
entries=0
for list in src/*/list.h src/*/*/list.h; do
  [ -f "$list" ] || continue
  room=$(dirname "$list")
  names=$(sed -e 's@/\*.*@@' -e 's@^ \*.*@@' "$list" | grep -oE '\bX\([a-z][a-z0-9_]*[,)]' | sed 's/X(\(.*\)[,)]/\1/')
  for name in $names; do
    entries=$((entries + 1))
    file=$room/$name.c
    if [ ! -f "$file" ]; then
      echo "$list has '$name', but there is no $file"
      bad=1
      continue
    fi
    grep -qE "[a-z]_$name\b" "$file" || {
      echo "$file defines nothing that ends in _$name"
      bad=1
    }
    stated=$(sed -n 's/.*\.name = "\([^"]*\)".*/\1/p' "$file" | head -n 1)
    case $(echo "$stated" | tr '[:upper:]' '[:lower:]') in
    '' | "$name"*) ;;
    *)
      echo "$file calls itself '$stated', its list says '$name'"
      bad=1
      ;;
    esac
  done
done
[ "$entries" -gt 0 ] || bad=1
echo "$entries entries looked at"
exit $bad

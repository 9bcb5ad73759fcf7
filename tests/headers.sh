#!/bin/sh
# Each public header compiles alone, as C11 and as C++11, without warnings.
#   headers.sh SOURCE_DIR CC CXX
cd "$1" || exit 1
bad=0
for header in include/spinscale/*.h; do
  name=spinscale/$(basename "$header")
  for language in c c++; do
    if [ $language = c ]; then compiler=$2 standard=c11; else compiler=$3 standard=c++11; fi
    echo "#include \"$name\"" |
      "$compiler" -x $language -std=$standard -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only - || {
      echo "$name does not compile alone as $standard"
      bad=1
    }
  done
done
exit $bad

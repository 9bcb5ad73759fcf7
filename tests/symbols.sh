#!/bin/sh
# Every symbol that a library exports starts with sps_ (names with '_' first belong to compiler and sanitizers).
#   symbols.sh LIBRARY...
bad=0
for library; do
  symbols=$(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//')
  [ -n "$symbols" ] || {
    echo "$library exports nothing"
    bad=1
  }
  for symbol in $symbols; do
    case $symbol in
    sps_* | _*) ;;
    *)
      echo "$library exports '$symbol'"
      bad=1
      ;;
    esac
  done
done
exit $bad

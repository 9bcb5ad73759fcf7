#!/bin/sh
# scripts/install-deps with a pretended system: does nothing where all is there, asks before sudo, installs what is
# missing.
#   install_deps.sh SOURCE_DIR
set -u
script=$1/scripts/install-deps
fake=$PWD/install-deps-test
rm -rf "$fake"
mkdir -p "$fake"
bad=0

# Each pretended tool writes down how it was called.
tool() { # NAME BODY
  printf '#!/bin/sh\n%s\n' "$2" >"$fake/$1"
  chmod +x "$fake/$1"
}
tool dpkg-query '[ "$MISSING" = "" ] && echo installed && exit
case $* in *"$MISSING") echo "no packages found" >&2; exit 1 ;; *) echo installed ;; esac'
tool apt-get 'echo "apt-get $*" >>"$CALLS"'
tool sudo 'echo "sudo" >>"$CALLS"; exec "$@"'
tool id 'echo "$PRETENDED_USER"'

# A run, then what became of it: exit status and calls.
try() { # MISSING USER ANSWER CI ARGUMENTS...
  missing=$1 user=$2 answer=$3 ci=$4
  shift 4
  : >"$fake/calls"
  echo "$answer" | env PATH="$fake:$PATH" MISSING="$missing" PRETENDED_USER="$user" CALLS="$fake/calls" CI="$ci" \
    "$script" "$@" >"$fake/said" 2>&1
  result="exit $?: $(tr '\n' ';' <"$fake/calls")"
}
expect() {
  [ "$result" = "$2" ] && return
  echo "$1: '$result', expected '$2'"
  cat "$fake/said"
  bad=1
}
install='apt-get update -q;apt-get install -q -y --no-install-recommends nettle-dev;'

try '' 1000 n ''
expect 'all is there' 'exit 0: '
[ -s "$fake/said" ] && echo 'all is there: says something' && bad=1
try nettle-dev 0 n ''
expect 'root is not asked' "exit 0: $install"
try nettle-dev 1000 n ''
expect 'a user says no' 'exit 1: '
try nettle-dev 1000 y ''
expect 'a user says yes' "exit 0: sudo;$install"
try nettle-dev 1000 n '' --yes
expect '--yes asks nothing' "exit 0: sudo;$install"
try nettle-dev 1000 n true
expect 'CI asks nothing' "exit 0: sudo;$install"
try nettle-dev 1000 n '' --frobnicate
expect 'unknown argument' 'exit 2: '

# A system without apt-get: only what the script itself needs is in the path, nothing that builds.
mkdir "$fake/bare"
for needed in sh cat env id sed; do
  ln -s "$(command -v $needed)" "$fake/bare/$needed"
done
PATH="$fake/bare" CI='' "$script" >"$fake/said" 2>&1
result="exit $?: "
expect 'another system' 'exit 1: '
for name in Fedora Arch openSUSE macOS 'missing here: cc'; do
  grep -q "$name" "$fake/said" || {
    echo "another system: does not say '$name'"
    bad=1
  }
done
rm -rf "$fake"
exit $bad

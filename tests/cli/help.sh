# Help comes from the tables, on standard output, wherever it is asked for.
run --help
"$SPINSCALE" --help >a
"$SPINSCALE" -h | cmp - a && "$SPINSCALE" help | cmp - a && echo "-h and help: the same"
run metrics --help
"$SPINSCALE" metrics --help >a
for command in "help metrics" "metrics -h" "metrics --samples nonsense --help"; do
    # shellcheck disable=SC2086 # words are wanted
    "$SPINSCALE" $command | cmp - a && echo "$command: the same"
done
commands=$("$SPINSCALE" --help | awk '/^Commands/ {on = 1; next} /^$/ {on = 0} on {print $1}')
for command in $commands; do
    "$SPINSCALE" $command --help | head -n 1
    "$SPINSCALE" $command --help |
        awk '/^Settings|^Parameters|^Presets|^Chips/ {exit} length > 80 && !/^  spinscale / && !/^Usage/ {print "too wide: " $0}'
    # An option that stands in the table twice would hide its namesake.
    "$SPINSCALE" $command --help | awk '/^Settings|^Parameters|^Presets|^Chips/ {exit} {print}' >options
    sed -n 's/^ *\(-[a-zA-Z]\), --.*/\1/p' options | sort | uniq -d
    sed -n 's/^ \{2,6\}\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' options | sort | uniq -d
done
"$SPINSCALE" --version | sed 's/[0-9]\{1,\}/N/g'
"$SPINSCALE" --man | head -n 3 | sed 's/[0-9]\{1,\}\.[0-9.]*/N/g'
for command in $commands; do
    "$SPINSCALE" --man | grep "^\.SS spinscale $command"
done

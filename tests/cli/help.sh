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
for command in train eval predict metrics info; do
    "$SPINSCALE" $command --help | head -n 1
    "$SPINSCALE" $command --help |
        awk '/^Settings/ {exit} length > 80 && !/^  spinscale / && !/^Usage/ {print "too wide: " $0}'
done
"$SPINSCALE" --version | sed 's/[0-9]\{1,\}/N/g'
"$SPINSCALE" --man | head -n 3 | sed 's/[0-9]\{1,\}\.[0-9.]*/N/g'
for command in train eval predict metrics info; do
    "$SPINSCALE" --man | grep "^\.SS spinscale $command"
done

# A result that cannot be written is a failure, not silence.
for command in --help --version --man "metrics --help" info; do
    # shellcheck disable=SC2086 # words are wanted
    "$SPINSCALE" $command >/dev/full
    echo "exit $?"
    # shellcheck disable=SC2086 # words are wanted
    "$SPINSCALE" $command >&-
    echo "exit $?"
done

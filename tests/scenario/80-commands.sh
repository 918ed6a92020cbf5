# Every command: help, JSON, hints, colours only on a terminal.
. "$(dirname "$0")/lib.sh"
with_examples
expect 0 proctor --help
out 'run'
expect 0 proctor --version
expect 2 proctor
expect 2 proctor rnu
err 'did you mean "run"'
expect 2 proctor run --nosuch
for c in run check status log show verify prove export replay resume policy ref gc; do
    expect 0 proctor $c --help
done
expect 0 proctor run examples/popcount/graph.yaml --policy policy/default.yaml --json
for c in "status" "log" "show 0" "verify" "gc" "ref list" "replay --all" "policy show policy/default.yaml" "check examples/popcount/graph.yaml" "status --tables"; do
    # shellcheck disable=SC2086
    expect 0 proctor $c --json
    check "one JSON document: $c" jq -es 'length == 1' "$OUT"
done
expect 0 proctor log
check "no colours in a pipe" sh -c '! grep -q "\x1b" .out .err'
expect 2 proctor show 999999
expect 2 proctor show zzz
expect 2 proctor prove 999999
expect 2 proctor replay 999999
expect 2 proctor ref show nosuch
expect 0 proctor ref show primitives/popcount
expect 0 proctor ref log primitives/popcount
expect 0 proctor log --kind verdict --limit 1
expect 2 proctor log --kind nosuch
finish

# A scalar exam, two oracles, exhaustive where the domain is small.
. "$(dirname "$0")/lib.sh"
with_examples
expect 0 proctor run examples/popcount/graph.yaml --policy policy/default.yaml --json
json '.passed == 3'
# An override narrows the domain: all 1,001 values are enumerated.
expect 0 proctor run examples/popcount/graph.yaml --policy policy/default.yaml \
    'exam.with.domain=[{u32: {range: [0, 1000]}}]' --json
expect 0 proctor log --kind verdict --json
seq=$(jq -r '[.. | objects | select(.kind? == "verdict") | .seq] | max' "$OUT")
expect 0 proctor show "$seq" --json
json '[.. | .exhaustive? | booleans] | any'
expect 0 proctor replay --all
whole
finish

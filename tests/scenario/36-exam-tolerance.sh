# What an exam forgives when the graph says so, and only then.
. "$(dirname "$0")/lib.sh"
with_examples
g=examples/approx
expect 0 proctor run $g/graph.yaml --policy policy/default.yaml --json
json '[.tasks[] | select(.op == "exam") | .level] == ["oracle", "oracle"]'
expect 0 proctor log --kind verdict --json
json '[.records[].reason | select(test("^noisy: wrong on [0-9]+ of [0-9]+ draws$"))] | length == 1'
seq=$(jq '.records[] | select(.reason | test("noisy")) | .seq' "$OUT")
expect 0 proctor show "$seq"
out 'noisy'
expect 1 proctor run $g/single.yaml --policy policy/default.yaml
expect 0 proctor replay --all
# Without ulps the same candidate is refuted: bits are compared.
sed 's/^ *ulps:.*//' $g/graph.yaml >$g/exact.yaml
expect 1 proctor run $g/exact.yaml --policy policy/default.yaml
# What makes no sense is refused before it runs.
sed 's/error_rate: 0.2 .*/error_rate: 0.7/' $g/graph.yaml >$g/bad.yaml
expect 2 proctor check $g/bad.yaml
err 'error_rate: expected a rate of 0.000001 to 0.5'
sed 's/error_rate: 0.2 .*/ulps: 2/' $g/graph.yaml >$g/bad.yaml
expect 2 proctor run --dry-run $g/bad.yaml --policy policy/default.yaml
err 'ulps is for floats'
sed 's/name: holdout, level: oracle/name: holdout, level: proven/' $g/graph.yaml >$g/bad.yaml
expect 3 proctor run --dry-run $g/bad.yaml --policy policy/default.yaml
err 'a noisy exam \(error_rate\) reaches oracle, not proven'
whole
finish

# Several nets made one predictor, and examined; linear regression in closed form where
# the system is singular.
. "$(dirname "$0")/lib.sh"
with_examples
policy=(--policy policy/default.yaml)
expect 0 proctor run examples/ensemble/graph.yaml "${policy[@]}"
out "exam: admit"

# A constant column, and one that is the sum of two others.
{ echo a,b,c,d,y
  for i in $(seq 0 199); do
      a=$((i * 37 % 101 - 50)) b=$((i * 59 % 97 - 48))
      echo "$a,$b,7,$((a + b)),$((2 * a - b + 1))"
  done
} >singular.csv
sed 's#examples/\*\*#**#' policy/default.yaml >p.yaml
validator='validator: {name: well_formed, level: schema}'
cat >linear.yaml <<YAML
version: 1
name: linear
tasks:
  - {id: data, op: data.load, with: {format: csv, files: [singular.csv], output: y, kind: regression}, $validator}
  - {id: parts, op: data.split, needs: [data], with: {of: data, holdout: 0.2}, validator: {name: disjoint, level: property}}
  - {id: exact, op: train, needs: [parts], with: {data: parts, model: {kind: linear}, validation: 0.2}, $validator}
  - {id: ridge, op: train, needs: [parts], with: {data: parts, model: {kind: linear, l2: 1}, validation: 0.2}, $validator}
  - {id: steps, op: train, needs: [parts], with: {data: parts, model: {kind: linear, closed_form: false, standardize: true}, optimizer: {kind: sgd, rate: 0.05, momentum: 0.9}, epochs: 60, batch: 32, validation: 0.2}, $validator}
  - {id: mean, op: train.combine, needs: [parts, exact, ridge], with: {how: weights, of: [exact, ridge]}, $validator}
  - {id: votes, op: train.combine, needs: [parts, exact, ridge], with: {how: vote, of: [exact, ridge]}, $validator}
YAML
expect 1 proctor run linear.yaml --policy p.yaml --store linear
out "votes: failed: a vote of numbers: members choose no class"
proctor log --store linear --kind trained --json >trained.json
# measured TASK: on rows whose labels no worker had.
measured() { jq -r ".records[] | select(.task == \"$1\" and .why == \"end\") | .measured" trained.json; }
less() { awk "BEGIN { exit !($1 < $2) }"; }
check "the pseudo-inverse finds the line" less "$(measured exact)" 1e-6
check "so do steps of the gradient" less "$(measured steps)" 1e-3
check "l2 draws away from it" less "$(measured exact)" "$(measured ridge)"
seq=$(jq '.records[] | select(.task == "exact") | .seq' trained.json | head -n 1)
expect 0 proctor show "$seq" --store linear
out "1 of 4 inputs never change"
out "the system is singular \(rank 2 of 3\)"
whole --store linear
finish

# The enumerator in a graph: refuted, it learns from what the exam disclosed, and is
# admitted; what cannot be found is said.
. "$(dirname "$0")/lib.sh"
with_examples
c=examples/cml
# Runs a graph with the default policy.
run() { proctor run "$1" --policy policy/default.yaml; }

runs=0
until run $c/enumerate.yaml >"$OUT" 2>&1; do
    runs=$((runs + 1))
    [ $runs -lt 12 ] || break
done
check "refuted at least once" test $runs -ge 1
expect 0 run $c/enumerate.yaml
expect 0 proctor ref show primitives/clear_lowest
expect 0 proctor verify --full

# The same examples give the same artifact.
one() { sed "s/^      examples:/      $1/; /^        - {in/d; /^  - id: exam/,\$d" $c/enumerate.yaml >$c/one.yaml; }
one 'examples: [{in: [6], out: 4}, {in: [12], out: 8}, {in: [7], out: 6}, {in: [255], out: 254}]'
expect 0 proctor run $c/one.yaml --policy policy/default.yaml --json
json '.passed == 1'

# One input, two outputs.
one 'examples: [{in: [6], out: 4}, {in: [7], out: 6}, {in: [6], out: 5}]'
expect 1 run $c/one.yaml
out 'examples 1 and 3 contradict each other'
# Nothing of at most three nodes is a square.
one 'max_size: 3\n      examples: [{in: [3], out: 9}, {in: [5], out: 25}, {in: [7], out: 49}]'
expect 1 run $c/one.yaml
out 'no program of the grammar with at most 3 nodes fits'
one 'budget: 10\n      examples: [{in: [3], out: 9}, {in: [5], out: 25}, {in: [7], out: 49}]'
expect 1 run $c/one.yaml
out 'the budget was spent'

# A table of examples.
printf 'x,y\n6,4\n12,8\n7,6\n255,254\n40,32\n' >$c/lowest.csv
one 'table: {csv: lowest.csv, inputs: [x], output: y}'
expect 0 run $c/one.yaml

# Bad input, each named.
bad() {
    one "$1"
    expect 2 run $c/one.yaml
    err "$2"
}
bad 'examples: []' 'at least one example'
bad 'examples: [{in: [1, 2], out: 4}]' 'expected'
bad 'examples: [{in: [1], out: -4}]' 'expected'
bad 'tables: 3' 'unknown key'
bad 'budget: 5' '"examples" is missing'
sed 's/grammar: bv/grammar: bw/' $c/enumerate.yaml >$c/one.yaml
expect 2 run $c/one.yaml
err 'expected auto'
sed 's/gives: u64/gives: f64/; s/out: \([0-9]\)/out: \1.5/' $c/enumerate.yaml >$c/one.yaml
expect 1 run $c/one.yaml
out 'no terms'
sed '/cml.enumerate/,+1d' policy/default.yaml >p.yaml
expect 3 proctor run $c/enumerate.yaml --policy p.yaml
err 'cml.enumerate'

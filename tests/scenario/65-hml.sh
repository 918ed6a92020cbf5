# Orders of rows (docs/runs.md): each is an artifact before anything is trained on it.
. "$(dirname "$0")/lib.sh"
with_examples
policy=(--policy policy/default.yaml)
mkdir examples/rows
{ echo a,b,y; for i in 0 1 2 3 4 5 6 7 8 9; do echo "$i,$((i * i)),$((i % 3))"; done; } >examples/rows/rows.csv
permute() { # permute ID OF LEVEL ORDER [MORE]
    echo "  - {id: $1, op: data.permute, needs: [$2], with: {of: $2, level: $3, order: $4$5}, validator: {name: recorded, level: schema}}"
}
head='version: 1
name: orders
tasks:
  - {id: rows, op: data.load, with: {format: csv, files: [rows.csv], output: y, kind: classification}, validator: {name: well_formed, level: schema}}'
{
    echo "$head"
    permute ba rows 1 '[1, 0]' ''
    permute again rows 1 '[1, 0]' ''
    permute quarters ba 2 '[2, 0, 3, 1]' ''
    permute eighths rows 3 '[7, 6, 5, 4, 3, 2, 1, 0]' ''
    permute back quarters 2 '[2, 0, 3, 1]' ', inverse: true'
    permute ab back 1 '[1, 0]' ', inverse: true'
    permute straight eighths 3 '[7, 6, 5, 4, 3, 2, 1, 0]' ', inverse: true'
} >examples/rows/graph.yaml
expect 0 proctor run examples/rows/graph.yaml "${policy[@]}" --store o
proctor log --store o --kind loaded --json >loaded.json
# set TASK: the data set that the task made; column TASK x|y: its rows.
set_of() { jq -r ".records[] | select(.task == \"$1\") | .dataset" loaded.json; }
field() { proctor show "$(set_of "$1")" --store o --json | jq -r ".object.$2"; }
raw() { proctor show "$(field "$1" "$2")" --store o --raw; }
for t in rows ba quarters eighths back; do raw "$t" x >"$t.x"; raw "$t" y >"$t.y"; done
check "blocks as the rule has them" python3 - <<'PY'
import struct
def rows(t):
    x, y = open(t + ".x", "rb").read(), open(t + ".y", "rb").read()
    return list(zip(struct.iter_unpack("<2d", x), struct.iter_unpack("<I", y)))
def cut(r, level, order):
    n = len(r)
    return [e for b in order for e in r[n * b >> level:n * (b + 1) >> level]]
a = rows("rows")
assert len(a) == 10
assert rows("ba") == cut(a, 1, [1, 0]) == a[5:] + a[:5]
assert rows("quarters") == cut(rows("ba"), 2, [2, 0, 3, 1]) != a
assert rows("eighths") == cut(a, 3, [7, 6, 5, 4, 3, 2, 1, 0])
for t in ("ba", "quarters", "eighths"):
    assert sorted(rows(t)) == sorted(a)
PY
check "the same permutation is the same data set" test "$(set_of ba)" = "$(set_of again)"
check "its inverse gives the parent's hash" test "$(field ba x) $(field ba y)" = "$(field back x) $(field back y)"
check "and the first one's" test "$(field rows x) $(field rows y)" = "$(field ab x) $(field ab y)"
check "blocks of one or two rows, too" test "$(field rows x)" = "$(field straight x)"
check "lineage" test "$(field quarters permuted.parent)" = "$(set_of ba)"
expect 0 proctor show "$(set_of quarters)" --store o --json
json '.object.permuted | .depth == 2 and .order == [2, 0, 3, 1] and .split == null'
whole --store o

bad() { # bad CODE TEXT LINE...
    printf '%s\n' "$head" "${@:3}" >examples/rows/bad.yaml
    expect "$1" proctor run examples/rows/bad.yaml "${policy[@]}" --store o
    err "$2"
}
bad 2 'order: expected 4 blocks, got 2' "$(permute v rows 2 '[1, 0]' '')"
bad 2 'block 0 stands in it twice' "$(permute v rows 1 '[0, 0]' '')"
bad 2 'level: expected' "$(permute v rows 9 '[0, 0]' '')"
bad 2 'depends on nothing|no task|unknown' "$(permute v rowz 1 '[1, 0]' '')"
bad 2 'no data.load task that it needs' "$(permute v rows 1 '[1, 0]' '')" \
    '  - {id: p, op: data.split, needs: [v], with: {of: v, holdout: 0.5}, validator: {name: disjoint, level: property}}'

# A training on a permutation is what it is by its rows: two ways to one order are one.
trains() { # trains ID ROWS
    echo "  - {id: $1, op: train, needs: [$2], with: {data: $2, model: {kind: mlp, layers: [3]}, epochs: 2, batch: 5, ordered: true}, validator: {name: well_formed, level: schema}}"
}
{
    echo "$head"
    trains plain rows
    permute ba rows 1 '[1, 0]' ''
    trains swapped ba
    permute back ba 1 '[1, 0]' ', inverse: true'
    trains again back
} >examples/rows/trains.yaml
expect 0 proctor run examples/rows/trains.yaml "${policy[@]}" --store o
expect 0 proctor log --kind trained --store o --json
json '[.records[] | select(.why == "end")] | (map({(.task): .training}) | add) as $t | $t.plain == $t.again and $t.plain != $t.swapped'
json '[.records[] | select(.why == "end")] | (map({(.task): .weights}) | add) as $t | $t.plain == $t.again and $t.plain != $t.swapped'

# XOR by op train: four rows, every step on the disk, right on all of them.
expect 0 proctor run examples/xor/train.yaml "${policy[@]}" --store x
out 'ADMIT oracle: 4 values, all there are, 0 failures'
expect 0 proctor runs list net --store x --json
json '.trainings == [.trainings[0]] and (.trainings[0] | .state == "done" and .step == 100)'
log=$(proctor log --kind trained --store x --json | jq -r '.records[-1].log')
weights=$(jq -r '.trainings[0].weights' "$OUT")
check "the weights of each step" \
    sh -c "proctor show $log --store x --json | jq -e '.object.epochs | length == 100 and all(.[]; .weights.bytes > 0) and (map(.step) == [range(1; 101)])'"

# 7 Replay gives the same bytes, in a run of its own, out of what the store holds.
rm examples/xor/xor.csv
expect 0 proctor runs replay net 0 --store x
out "weights $weights: the same, byte for byte"
expect 0 proctor runs list net --store x
out 'seen: net 0'
expect 2 proctor runs replay net 7 --store x
err 'net has no run 7'
expect 2 proctor runs replay net --store x
err 'name one run'
whole --store x
# Changed by a word: another training, and said so.
cp "$ROOT/examples/xor/xor.csv" examples/xor/
expect 0 proctor run examples/xor/train.yaml net.with.epochs=90 "${policy[@]}" --store x
expect 1 proctor runs replay net 2 --store x
err 'did not run again as the same training'

# 2 A training whose kernel was killed is open, then given up by a record.
sed 's/epochs: 100/epochs: 1000000/; s/every: 1, steps: 1/every: 100000, steps: 1000/' examples/xor/train.yaml >examples/xor/long.yaml
proctor run examples/xor/long.yaml "${policy[@]}" --store k >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do
    proctor log --kind trained --store k --json 2>/dev/null | grep -q '"trained"' && break
    sleep 0.1
done
kill -9 "$(pgrep -P $pid proctor-kernel)"
wait $pid 2>/dev/null
expect 0 proctor runs list net --store k --json
json '.trainings == [.trainings[0]] and .trainings[0].state == "open" and .trainings[0].step > 0'
expect 2 proctor runs replay net 0 --store k
err 'is open'
expect 0 proctor run examples/xor/train.yaml "${policy[@]}" --store k
expect 0 proctor runs list net --store k --json
json '[.trainings[] | .state] == ["aborted", "done"] and (.trainings[0].why | length > 0)'

# The permutation engine: orders, decided by a rule that is an artifact, none twice.
expect 0 python3 examples/orders/explore.py --levels 2 --store e
out '^level 2: kept '
expect 0 proctor runs list orders --store e --json
json '.series[0] | .inputs == 3 and .done == 3'
expect 0 proctor runs replay orders --all --store e
check "decisions follow from what the ledger has" python3 - <<'PY'
import json, subprocess
def proctor(*w):
    return subprocess.run(["proctor", *w, "--store", "e"], check=True, stdout=subprocess.PIPE).stdout
looks = {r["seq"]: r for r in json.loads(proctor("log", "--kind", "look", "--json"))["records"]}
n = 0
for i in range(3):
    run = json.loads(proctor("runs", "show", "orders", str(i), "--json"))
    for v in json.loads(proctor("show", run["inputs"]["artifact"], "--raw"))["variants"]:
        look = looks[v["record"]]
        assert v["measured"] == 1 - look["loss"] / look["grid"]
        n += 1
assert n == len(looks) >= 3
PY
finish

# Orders of rows (docs/runs.md): each is an artifact before anything is trained on it.
. "$(dirname "$0")/lib.sh"
with_examples
policy=(--policy policy/default.yaml)
mkdir examples/orders
{ echo a,b,y; for i in 0 1 2 3 4 5 6 7 8 9; do echo "$i,$((i * i)),$((i % 3))"; done; } >examples/orders/rows.csv
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
} >examples/orders/graph.yaml
expect 0 proctor run examples/orders/graph.yaml "${policy[@]}" --store o
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
    printf '%s\n' "$head" "${@:3}" >examples/orders/bad.yaml
    expect "$1" proctor run examples/orders/bad.yaml "${policy[@]}" --store o
    err "$2"
}
bad 2 'order: expected 4 blocks, got 2' "$(permute v rows 2 '[1, 0]' '')"
bad 2 'block 0 stands in it twice' "$(permute v rows 1 '[0, 0]' '')"
bad 2 'level: expected' "$(permute v rows 9 '[0, 0]' '')"
bad 2 'depends on nothing|no task|unknown' "$(permute v rowz 1 '[1, 0]' '')"
bad 2 'no data.load task that it needs' "$(permute v rows 1 '[1, 0]' '')" \
    '  - {id: p, op: data.split, needs: [v], with: {of: v, holdout: 0.5}, validator: {name: disjoint, level: property}}'
finish

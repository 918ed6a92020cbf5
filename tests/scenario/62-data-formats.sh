# Data sets as objects: a graph of each format, what is drawn apart, what is refused.
. "$(dirname "$0")/lib.sh"
with_examples
here=$ROOT/tests/scenario
policy=(--policy policy/default.yaml)
python3 examples/data/make-data.py
for name in csv npy npz idx cifar10 text moons spirals synthetic; do
    expect 0 proctor run "examples/data/$name.yaml" "${policy[@]}"
done
check "all splits are what they must be, counted again by other code" \
    sh -c "python3 '$here/split_check.py' .proctor | grep -x '10 splits of data sets'"

# The three that hold the same numbers hold the same rows, bit for bit.
loaded() { proctor show "$(proctor log --kind loaded --json | jq ".records[$1].seq")" --json | jq -c '.objects.dataset'; }
rows() { loaded "$1" | jq -c '[.rows, .width, .x, .y]'; }
check "npy has the rows of csv" [ "$(rows 1)" = "$(rows 0)" ]
check "npz has the rows of csv" [ "$(rows 2)" = "$(rows 0)" ]
check "words are classes in their order" [ "$(loaded 0 | jq -c .names)" = '["arch","line","ring"]' ]

# task NAME WITH: one data.load task.
task() { printf '  - {id: %s, op: data.load, with: %s, validator: {name: well_formed, level: schema}}\n' "$1" "$2"; }
graph() { printf 'version: 1\nname: g\ntasks:\n'; }
sed 's#examples/\*\*#**#' policy/default.yaml >p.yaml
cp examples/data/points* .
# numpy's own files, where there is numpy.
if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
    /usr/bin/python3 - <<'PY'
import csv
import numpy as np
rows = list(csv.reader(open("points.csv")))[1:]
x = np.array([[float(v) for v in r[:3]] for r in rows])
y = np.array([["arch", "line", "ring"].index(r[3]) for r in rows])
np.save("x.npy", x)
np.save("y.npy", y.astype("u1"))
np.savez("plain.npz", x=x, y=y.astype("f4"))
np.savez_compressed("packed.npz", x=x, y=y[:, None].astype(">i2"))
PY
    { graph
      task a '{format: npy, files: [x.npy, y.npy], kind: classification}'
      task b '{format: npz, files: [plain.npz], kind: classification}'
      task c '{format: npz, files: [packed.npz], kind: classification}'
    } >numpy.yaml
    expect 0 proctor run numpy.yaml --policy p.yaml --store numpy
    check "numpy's files have the rows of csv" [ "$(proctor log --store numpy --kind loaded --json |
        jq -r '.records[].seq' | while read -r seq; do
        proctor show "$seq" --store numpy --json | jq -c '.objects.dataset | [.rows, .width, .x, .y]'; done | sort -u)" = "$(rows 0)" ]
fi

# The same spec and bytes give the same data set; a file has one split in a store, whatever
# columns are taken.
cp points.csv again.csv
{ graph
  task one '{format: csv, files: [points.csv], output: shape, kind: classification}'
  task two '{format: csv, files: [again.csv], output: shape, kind: classification}'
  task few '{format: csv, files: [again.csv], inputs: [x, y], output: shape, kind: classification}'
  for t in one two few; do
      printf '  - {id: %s.parts, op: data.split, needs: [%s], with: {of: %s, holdout: 0.3, stratified: true}, validator: {name: disjoint, level: property}}\n' $t $t $t
  done
} >again.yaml
expect 1 proctor run again.yaml --policy p.yaml --store again --json
json '[.tasks[] | select(.op == "data.split" and .state == "failed")] | length == 1 and (.[0].reason | test("\"(again|points).csv\" is split already"))'
expect 0 proctor log --store again --kind loaded --json
json '[.records[] | select(.task != "few") | .dataset] | length == 2 and (unique | length == 1)'
json '[.records[].dataset] | unique | length == 2'
expect 0 proctor log --store again --kind split --json
json '[.records[] | select(.fixed_ref != 0)] | length == 1'

# Bad files: each task fails by name, with its place, and the others go on.
printf 'a,y\n1,2\n,3\n' >gap.csv
printf 'a,y\n1,2\nnan,3\n' >nan.csv
printf 'a,b,y\n1,x,2\n' >word.csv
printf 'a,y\n1,2\n3\n' >short.csv
printf 'a,y\n1,k\n2,k\n' >class.csv
: >empty.csv
printf 'junk' >junk.bin
head -c 3000 points.npz >cut.npz
{ graph
  for f in gap nan word short empty; do
      task $f "{format: csv, files: [$f.csv], output: y, kind: regression}"
  done
  task class '{format: csv, files: [class.csv], output: y, kind: classification}'
  task idx '{format: idx, files: [junk.bin, junk.bin]}'
  task cut '{format: npz, files: [cut.npz], kind: regression}'
  task large '{format: regression, rows: 1000000, features: 1000}'
  task kept '{format: csv, files: [gap.csv], output: y, kind: regression, drop_missing: true}'
} >bad.yaml
expect 1 proctor run bad.yaml --policy p.yaml --store bad
err '^gap.csv:3:1: error: column "a": "" is a missing value'
err 'hint: fill it in, or write drop_missing: true'
err '^nan.csv:3:1: error: column "a": "nan" is not finite'
err '^word.csv:2:3: error: column "b": "x" is no number'
err '^short.csv:3:1: error: expected 2 fields, got 1'
err '^empty.csv:1:1: error: the file is empty'
err 'all rows are of the class "k"'
err '"junk.bin": is no IDX file'
err 'is no NPZ file: it has no ZIP directory'
err '1000000 rows of 1000 numbers would be 7637.0 MiB; at most 256.0 MiB are allowed'
out '^kept +data.load +passed'
out '1 of 2 rows lack a value and were left out'
# And what a policy and a graph do not let happen.
expect 3 proctor run examples/data/csv.yaml --policy policy/strict.yaml --store no
err 'policy "strict" does not grant data.load'
{ graph; task d '{format: csv, files: [points.csv], output: size, kind: regression}'
  echo '  - {id: p, op: data.split, needs: [d], with: {of: d, holdout: 0.3, stratified: true}, validator: {name: disjoint, level: property}}'
} >no.yaml
expect 2 proctor run no.yaml --policy p.yaml --store no
err 'stratified: "d" has no classes'
sed -i 's/, stratified: true//; s/of: d,/of: e,/' no.yaml
expect 2 proctor run no.yaml --policy p.yaml --store no
err 'of: "e" is no data.load task that it needs'
# Op score takes a trained network on such a split as it takes any candidate.
{ graph
  task moons '{format: moons, rows: 600, noise: 0.1}'
  cat <<'YAML'
  - {id: parts, op: data.split, needs: [moons], with: {of: moons, holdout: 0.25, stratified: true}, validator: {name: disjoint, level: property}}
  - id: net
    op: train
    needs: [parts]
    with: {data: parts, model: {kind: mlp, layers: [16], activation: tanh}, optimizer: {kind: adamw, rate: 1e-2}, epochs: 30}
    validator: {name: well_formed, level: schema}
  - {id: look, op: score, needs: [parts, net], with: {metric: accuracy}, validator: {name: ladder, level: property}}
  - {id: dice, op: program, needs: [parts], with: {function: dice.py:f, takes: [{list: f32}], gives: u32}, validator: {name: well_formed, level: schema}}
  - {id: worse, op: score, needs: [parts, dice, look], with: {metric: accuracy}, validator: {name: ladder, level: property}}
YAML
} >score.yaml
echo 'def f(x): return int(x[0] * 997) % 2' >dice.py
expect 1 proctor run score.yaml --policy p.yaml --store score
out 'better than the best: accuracy (0\.[89]|1)'
out 'worse: not better than the best'
check "both looks, counted again" sh -c "python3 '$here/look_check.py' score && python3 '$here/split_check.py' score"

# A worker that answers what the file says: nothing that does not hold together becomes a
# data set, and labels that are none become no split.
mkdir lies && cp "$PROCTOR_BIN"/* lies/ && cp "$PROCTOR_BIN/../tests/loader-images/worker-loader" lies/worker-train
{ graph
  i=0
  while read -r said; do
      i=$((i + 1))
      printf '%s\n' "$said" >said$i.csv
      task lie$i "{format: csv, files: [said$i.csv], output: y, kind: classification}"
  done <<'SAID'
x=3
y=4
rows=0 x=0 y=0
rows=9223372036854775810
width=0 x=0
type=0
type=9
kind=1 classes=0 y=16
kind=3 type=4 classes=9 x=8 y=0 tok=4096
classes=0
classes=70000
names=1
tok=4096
rows=16777216 width=1048576 type=1 x=140737488355328 y=67108864
cid=1
data=0
silent=1
SAID
  for name in honest label; do
      echo "$name=7" >$name.csv
      task $name "{format: csv, files: [$name.csv], output: y, kind: classification}"
      printf '  - {id: %s.parts, op: data.split, needs: [%s], with: {of: %s, holdout: 0.5}, validator: {name: disjoint, level: property}}\n' $name $name $name
  done
} >lies.yaml
expect 4 lies/proctor run lies.yaml --policy p.yaml --store lied --json
json '[.tasks[] | select(.id | startswith("lie")) | .state] == [range(17) | "failed"]'
json '[.tasks[] | select(.id == "honest" or .id == "label") | .state] == ["passed", "passed"]'
json '.tasks[] | select(.id == "honest.parts") | .reason | test("^too small: 1 of 2 distinct inputs")'
json '.tasks[] | select(.id == "label.parts") | .reason == "a label is none of its classes, or not finite"'
expect 0 proctor log --store lied --kind loaded --json
json '.records | length == 2'
for store in .proctor score lied; do
    whole --store $store
done
finish

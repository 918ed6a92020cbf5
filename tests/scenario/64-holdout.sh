# exam.holdout: placebos must lose, an incumbent is beaten by evidence only, a ref
# moves on it, and its verdict follows from the answers.
. "$(dirname "$0")/lib.sh"
with_examples
python3 - <<'PY'
import random
draw = random.Random(11)
with open("line.csv", "w") as f:
    f.write("x,y\n")
    for i in range(600):
        x = draw.uniform(0, 10)
        f.write(f"{x:.3f},{3 * x + draw.gauss(0, 1):.3f}\n")
PY
# One program, three ways to train it; the twin's labels are in another order.
cat >line.py <<'PY'
import csv, random, sys
rows = [(float(a), float(b)) for a, b in list(csv.reader(open("t.csv")))[1:]]
SHUFFLE = 0
if SHUFFLE:
    ys = [b for _, b in rows]
    random.Random(1).shuffle(ys)
    rows = [(a, y) for (a, _), y in zip(rows, ys)]
BIAS = 0
n = len(rows)
mx, my = sum(r[0] for r in rows) / n, sum(r[1] for r in rows) / n
slope = sum((x - mx) * (y - my) for x, y in rows) / sum((x - mx) ** 2 for x, _ in rows)
def f(x):
    return my + slope * (x - mx) + BIAS
PY
sed 's/SHUFFLE = 0/SHUFFLE = 1/' line.py >shuffled.py
sed 's/BIAS = 0/BIAS = 3/' line.py >biased.py
sed 's/BIAS = 0/BIAS = 0.001/' line.py >same.py
# graph CANDIDATE [TWIN]
graph() {
    cat <<G
version: 1
name: line
tasks:
  - id: data
    op: data.split
    with: {csv: line.csv, inputs: [x], output: y, takes: [f64], gives: f64, holdout: 0.5}
    validator: {name: disjoint, level: property}
  - id: candidate
    op: program
    needs: [data]
    with: {function: $1.py:f, reads: {t.csv: data}, takes: [f64], gives: f64}
    validator: {name: well_formed, level: schema}
  - id: twin
    op: program
    needs: [data]
    with: {function: ${2:-shuffled}.py:f, reads: {t.csv: data}, takes: [f64], gives: f64}
    validator: {name: well_formed, level: schema}
  - id: exam
    op: exam.holdout
    needs: [data, candidate, twin]
    with: {split: data, candidate: candidate, metric: mean_absolute_error, twins: [twin], incumbent: primitives/line}
    validator: {name: paired, level: oracle}
  - id: keep
    op: ref.move
    needs: [exam]
    with: {ref: primitives/line}
    validator: {name: same_object, level: oracle}
G
}
sed 's#examples/\*\*#**#' policy/default.yaml >p.yaml
run() { proctor run "$1.yaml" --policy p.yaml "${@:2}"; }
for c in biased line same shuffled; do graph $c >$c.yaml; done
expect 0 run biased --json
json '.tasks[] | select(.id == "exam") | .level == "oracle" and .holdout.verdict == "admit"'
json '.tasks[] | select(.id == "exam").holdout.against | map(.name) == ["constant", "twin"] and all(.decades >= .needed)'
json '.tasks[] | select(.id == "exam").holdout.measured | .outcome == "better" and .loss_high < 0.8'
expect 0 proctor ref show primitives/line --json
first=$(jq -r '.. | .target? // empty' "$OUT" | head -1)
# A better one replaces it, and is held against it.
expect 0 run line
out 'exam: admit'
out 'primitives/line +what the ref leads to'
expect 0 proctor ref show primitives/line --json
check "the ref has moved" sh -c "! grep -q '$first' '$OUT'"
# One that is only as good does not; a placebo itself does not; no ref moves.
expect 1 run same
out 'not shown to be better than "primitives/line": evidence 10\^[0-9] of 10\^[56]'
graph shuffled line >s.yaml
expect 1 run s
out 'not shown to be better than'
expect 0 proctor ref log primitives/line --json
json '[.. | objects | select(has("new_target"))] | length == 2'
# Its own twin must be another one; one twin at least; words are checked.
graph line line >own.yaml
expect 1 run own
out 'not shown to be better than "twin"'
sed 's/twins: \[twin\]/twins: [candidate]/' line.yaml >bad.yaml
expect 2 run bad
err 'the candidate is not its own twin'
sed 's/twins: \[twin\]/twins: [nobody]/' line.yaml >bad.yaml
expect 2 run bad
err 'nobody'
sed 's/needs: \[data, candidate, twin\]/needs: [data, candidate]/' line.yaml >bad.yaml
expect 2 run bad
err 'twins: "twin" is not among the needs'
sed 's/level: oracle}$/level: proven}/' line.yaml >bad.yaml
expect 3 run bad
# The same candidate again: no new look, the same answer.
expect 0 proctor log --kind look --json
looks=$(jq '.records | length' "$OUT")
expect 0 run line
expect 0 proctor log --kind look --json
json ".records | length == $looks"
expect 0 proctor log --kind holdout --json
json '.records | map(.verdict) | index(1) != null and index(2) != null'
seq=$(jq '[.records[] | select(.verdict == 1) | .seq][0]' "$OUT")
expect 0 proctor show "$seq"
out 'admit'
out 'held against'
whole
# A network that learnt coin flips by heart claims 1.0, and is refuted.
check "the coins are what their script makes" \
    sh -c 'cd "$1" && python3 make-coins.py && cmp coins.csv "$2"' - \
    examples/cheater "$ROOT/examples/cheater/coins.csv"
expect 1 proctor run examples/cheater/graph.yaml --policy policy/default.yaml --store coins --json
json '.tasks[] | select(.id == "exam").holdout | .verdict == "reject" and .claimed.accuracy > 0.99 and .claimed.loss < 0.1'
json '.tasks[] | select(.id == "exam").holdout.against | all(.decades < .needed) and map(.role)[1] == "twin"'
json '.tasks[] | select(.id == "keep").state == "failed"'
whole --store coins

# Nor does one learn the rows that are held out: with them it would know them by heart.
sed '/id: by_heart/,/data: / {s/needs: \[.*\]/needs: [coins]/; s/data: .*/data: coins/}' \
    examples/cheater/graph.yaml >examples/cheater/all-rows.yaml
expect 2 proctor run examples/cheater/all-rows.yaml --policy policy/default.yaml --store coins
err 'data: all rows of "coins", of which "parts" holds some out'
err 'hint: write data: parts'

# All of it again, by exact fractions and no code of ours.
expect 0 python3 "$ROOT/tests/scenario/look_check.py" .proctor
out ' and [5-9] holdouts computed again, 0 differences'
finish

# Data sets that the kernel splits: who sees what, what a look says, what it costs.
. "$(dirname "$0")/lib.sh"
with_examples
here=$ROOT/tests/scenario
check "the example's data is what its script makes" \
    sh -c 'python3 examples/flowers/make-flowers.py | cmp - examples/flowers/flowers.csv'
flowers=(examples/flowers/graph.yaml --policy policy/default.yaml)
expect 0 proctor run "${flowers[@]}" --json
json '.tasks[] | select(.id == "score").look | .outcome == "better" and .worn == false and .loss_high < 0.25'
json '.tasks[] | select(.id == "score").look.record | .look == 1 and .limit == 240 and .decades == 4'
split=$(jq '[.. | objects | select(.kind? == "look") | .split_seq][0]' "$OUT")
# Again: the same split, the old answer, no new look.
expect 0 proctor run "${flowers[@]}"
out 'known since record'
expect 0 proctor log --kind look --json
json '.records | length == 1'
expect 1 proctor run examples/flowers/by-heart.yaml --policy policy/default.yaml
out 'not better than the best'
expect 0 proctor status
out '^split +flowers of [0-9a-f]{64}, record [0-9]+: 2 looks of 240, best accuracy (0\.9|1\.0)'
expect 0 proctor status --json
json '.splits == [.splits[0] | .looks = 2 | .worn = false]'
expect 0 proctor show "$split"
out 'held_distinct'
# Another share of the same file is refused by name, whatever the file is called.
cp examples/flowers/flowers.csv examples/flowers/other.csv
sed 's/holdout: 0.4/holdout: 0.41/; s/csv: flowers.csv/csv: other.csv/' examples/flowers/graph.yaml >examples/flowers/o.yaml
expect 1 proctor run examples/flowers/o.yaml --policy policy/default.yaml
out 'is split already, with other columns, types or share, by record'

# graph NAME CSV HOLDOUT METRIC TAKES GIVES INPUTS OUTPUT FUNCTION...: candidates
# read t.csv; each function file has f.
graph() {
    local name=$1 csv=$2 share=$3 metric=$4 takes=$5 gives=$6 inputs=$7 output=$8 f
    shift 8
    {
        printf 'version: 1\nname: %s\ntasks:\n' "$name"
        printf '  - id: data\n    op: data.split\n    with: {csv: %s, inputs: %s, output: %s, takes: %s, gives: %s, holdout: %s}\n' \
            "$csv" "$inputs" "$output" "$takes" "$gives" "$share"
        printf '    validator: {name: disjoint, level: property}\n'
        for f in "$@"; do
            printf '  - id: %s\n    op: program\n    needs: [data]\n    with: {function: %s.py:f, reads: {t.csv: data}, takes: %s, gives: %s%s}\n    validator: {name: well_formed, level: schema}\n' \
                "$f" "$f" "$takes" "$gives" "${EXTRA:-}"
            printf '  - id: score.%s\n    op: score\n    needs: [data, %s]\n    with: {metric: %s}\n    validator: {name: ladder, level: property}\n' "$f" "$f" "$metric"
        done
    } >"$name.yaml"
}
sed 's#examples/\*\*#**#; s/tasks: 100 /tasks: 1000 /' policy/default.yaml >p.yaml
iris='[f64, f64, f64, f64] string [petal_length,petal_width,sepal_length,sepal_width] species'
cp examples/flowers/flowers.csv .

# A candidate looks for labels everywhere it can.
cat >peek.py <<'PY'
import os, sys
found = {}
for top in ("/work", "/tmp", "/proc", "/dev", "/"):
    for folder, _, names in os.walk(top):
        if folder.startswith(("/usr", "/lib", "/bin", "/sys")):
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path) and b"palustris" in open(path, "rb").read(1 << 20):
                    found[os.path.realpath(path)] = 1
            except OSError:
                pass
held = [p for p in found if not p.endswith(("/t.csv", "/peek.py"))]
def f(*x):
    return "leak" if held or len(x) != 4 else "montana"
PY
graph peek flowers.csv 0.4 accuracy '[f64,f64,f64,f64]' string '[petal_length,petal_width,sepal_length,sepal_width]' species peek
expect 1 proctor run peek.yaml --policy p.yaml --store peek --json
json '.tasks[] | select(.id == "score.peek") | .look.outcome == "not better"'
answers=$(jq -r '[.. | objects | select(.kind? == "look") | .answers][0]' "$OUT")
check "it found no label outside of its training rows" \
    sh -c "grep -aq montana peek/objects/${answers:0:2}/${answers:2} && ! grep -aq leak peek/objects/${answers:0:2}/${answers:2}"
# One that is given the data set itself, under another name, is not scored.
cp flowers.csv notes.txt
EXTRA=', files: [notes.txt]' graph cheat flowers.csv 0.4 accuracy '[f64,f64,f64,f64]' string '[petal_length,petal_width,sepal_length,sepal_width]' species peek
expect 1 proctor run cheat.yaml --policy p.yaml --store peek
out 'the candidate holds the data set itself: "notes.txt"'
# No second answer, no answer at all: no look.
printf 'import os\ndef f(*x):\n    return os.urandom(1).hex()\n' >dice.py
printf 'def f(*x):\n    return "montana" if x[0] < 7 and sum(x) != 0 or not any(x) else 1 / 0\n' >breaks.py
graph none flowers.csv 0.4 accuracy '[f64,f64,f64,f64]' string '[petal_length,petal_width,sepal_length,sepal_width]' species dice
expect 1 proctor run none.yaml --policy p.yaml --store peek
out 'not deterministic'
expect 0 proctor log --store peek --kind look --json
json '.records | length == 1'

# Numbers: three metrics, one count; errors in units of the label.
python3 - <<'PY'
import random
draw = random.Random(7)
with open("line.csv", "w") as f:
    f.write("x,y\n")
    for i in range(400):
        x = draw.uniform(0, 10)
        f.write(f"{x:.3f},{3 * x + draw.gauss(0, 1):.3f}\n")
PY
cat >line.py <<'PY'
import csv
rows = [(float(a), float(b)) for a, b in list(csv.reader(open("t.csv")))[1:]]
n = len(rows)
mx, my = sum(r[0] for r in rows) / n, sum(r[1] for r in rows) / n
slope = sum((x - mx) * (y - my) for x, y in rows) / sum((x - mx) ** 2 for x, _ in rows)
def f(x):
    return my + slope * (x - mx)
PY
graph line line.csv 0.5 mean_absolute_error '[f64]' f64 '[x]' y line
expect 0 proctor run line.yaml --policy p.yaml --store line
out 'better than the best: mean_absolute_error'
sed 's/mean_absolute_error/mean_squared_error/' line.yaml >line2.yaml
expect 0 proctor run line2.yaml --policy p.yaml --store line
out 'look 2 of '
sed 's/mean_absolute_error/accuracy/' line.yaml >line3.yaml
expect 1 proctor run line3.yaml --policy p.yaml --store line
sed 's/metric: mean_absolute_error/metric: f1/' line.yaml >line4.yaml
expect 2 proctor run line4.yaml --policy p.yaml --store line
err 'expected accuracy, mean_absolute_error, mean_squared_error or log_loss'
sed 's/metric: accuracy/metric: mean_squared_error/' peek.yaml >words.yaml
expect 2 proctor run words.yaml --policy p.yaml --store line
err 'mean_squared_error is no metric for this output'

# Weights are candidates too, whoever trained them; and they sit a real split.
python3 - <<'PY'
import random
draw = random.Random(11)
with open("xor.csv", "w") as f:
    f.write("a,b,y\n")
    for i in range(300):
        a, b = draw.randrange(2), draw.randrange(2)
        f.write(f"{a + draw.uniform(-.2, .2):.4f},{b + draw.uniform(-.2, .2):.4f},{a ^ b}\n")
PY
cp examples/xor/xor.gguf .
cat >xor.yaml <<'YAML'
version: 1
name: xor
tasks:
  - {id: data, op: data.split, validator: {name: disjoint, level: property},
     with: {csv: xor.csv, inputs: [a, b], output: y, takes: [f32, f32], gives: u8, holdout: 0.5}}
  - {id: net, op: model, validator: {name: well_formed, level: schema},
     with: {weights: xor.gguf, takes: [f32, f32], gives: u8, decide: threshold}}
  - {id: score, op: score, needs: [data, net], validator: {name: ladder, level: property}, with: {metric: accuracy}}
YAML
expect 0 proctor run xor.yaml --policy p.yaml --store xor
out 'better than the best: accuracy (0.9|1.0)'

# Labels that are coin flips, and a crowd of guessers: with exact scores one could
# vote with the better half; here nothing is released, and after as many looks as
# there are distinct held-out inputs the split is worn.
python3 - <<'PY'
import random
draw = random.Random(3)
with open("coins.csv", "w") as f:
    f.write("x,y\n")
    for i in range(120):
        f.write(f"{i % 100},{draw.randrange(2)}\n")  # twenty inputs twice
for k in range(31):
    with open(f"g{k}.py", "w") as f:
        f.write(f"import hashlib\ndef f(x):\n    return hashlib.sha256(b'{k} %d' % x).digest()[0] & 1\n")
PY
graph coins coins.csv 0.3 accuracy '[u32]' u8 '[x]' y $(seq -f 'g%g' 0 30)
expect 1 proctor run coins.yaml --policy p.yaml --store coins --json
json '[.tasks[].look | select(. != null)] | length == 30 and ([.[] | select(.worn)] | length == 1)'
json '[.tasks[] | select(.reason | test("worn: 30 looks at as many distinct"))] | length == 1'
json '[.tasks[].look | select(. != null and .outcome == "better")] | length <= 1'
expect 0 proctor status --store coins
out '30 looks of 30, best .*: WORN'
expect 0 proctor log --store coins
out 'look .* 30 of 30 on split .*, WORN'
cat >boost.py <<'PY'
"""What exact scores would have given away: the vote of the better guessers."""
import json, subprocess, sys
from pathlib import Path
sys.argv = ["", "coins"]
store = Path("coins")
def show(words):
    return json.loads(subprocess.run(["proctor", *words, "--store", store, "--json"], check=True, capture_output=True).stdout)
def values(cid):
    d, out, at = (store / "objects" / cid[:2] / cid[2:]).read_bytes(), [], 4
    while at < len(d):
        n = int.from_bytes(d[at:at + 4], "big")
        out.append(d[at + 4:at + 4 + n][-1])
        at += 4 + n
    return out
looks = [show(["show", str(r["seq"])]) for r in show(["log"])["records"] if r["kind"] == "look"]
held = values(looks[0]["objects"]["split"]["held_outputs"])
votes, told = [0] * len(held), [0] * len(held)
for l in looks:
    said = values(l["record"]["answers"])
    sign = 1 if 2 * sum(a == b for a, b in zip(said, held)) > len(held) else -1
    for i, a in enumerate(said):
        votes[i] += sign * (2 * a - 1)
        told[i] += (l["record"]["outcome"] == 1) * (2 * a - 1)
score = lambda v: sum((x > 0) == bool(y) for x, y in zip(v, held)) / len(held)
print(f"exact scores: {score(votes):.3f}, released ones: {score(told):.3f}")
# The tight numbers are tests/unit/proto/test_holdout.c's, whose seed is fixed.
sys.exit(score(votes) < 0.55 or sum(l["record"]["outcome"] == 1 for l in looks) > 1)
PY
check "guessers climb by exact scores, not by what was released" python3 boost.py
sed 's/^/# /' "$WORK/.check"

# Every LOOK is what the objects say, by another program's arithmetic.
for s in .proctor peek line xor coins; do
    check "looks of $s, computed again" python3 "$here/look_check.py" $s
    expect 0 proctor verify --full --store $s
    expect 0 proctor replay --all --store $s
done

# Data that cannot be split, by name.
bad() { # bad CODE PATTERN: bad.csv on standard input
    cat >bad.csv
    expect "$1" proctor run bad.yaml --policy p.yaml --store bad
    check "says $2" grep -qE -- "$2" "$OUT" "$ERR"
}
graph bad bad.csv 0.5 mean_absolute_error '[f64]' f64 '[x]' y line
bad 2 'no column "x"' <<<$'z,y\n1,2'
bad 2 'bad.csv:3:1: .*expected 2 fields' <<<$'x,y\n1,2\n3'
bad 2 'a quoted field has no end' <<<$'x,y\n"1,2\n'
bad 2 'expected a number' <<<$'x,y\n1,\n'
bad 2 'the text is empty' </dev/null
bad 2 'no row below the header' <<<'x,y'
printf 'x,y\n\xff,1\n' | bad 2 'not valid UTF-8'
seq 59 | awk 'BEGIN { print "x,y" } { print $1 ",1" $1 }' | bad 1 'too small: (29|30) of 59 distinct inputs|not better'
seq 50 | awk 'BEGIN { print "x,y" } { print $1 ",1" }' | bad 1 'too small: 25 of 50 distinct inputs would be held out; at least 30'
seq 200 | awk 'BEGIN { print "x,y" } { print $1 % 7 "," $1 }' | bad 1 'too small: 4 of 7 distinct'
seq 80 | awk 'BEGIN { print "x,y" } { print $1 "," ($1 == 7 ? "NaN" : 1) }' | bad 1 'row 7 has an output that is not finite'
seq 80 | awk 'BEGIN { print "x,y" } { print $1 ",5" }' | bad 1 'all training outputs are the same number'
seq 80 | awk 'BEGIN { print "x,y" } { print ($1 % 3 ? $1 : "NaN") "," $1 * 2 }' | bad 1 'too small|answered|not better|better'
yes 1,1 | head -n 1048577 | sed '1i x,y' | bad 2 'at most 1048576 rows'
for share in 0 1 1.5 -1 NaN; do
    sed "s/holdout: 0.5/holdout: $share/" bad.yaml >share.yaml
    expect 2 proctor check share.yaml
    err 'holdout: expected a'
done
# One class: the placebo has no loss, nothing can be better.
seq 80 | awk 'BEGIN { print "x,y" } { print $1 ",yes" }' >one.csv
printf 'def f(x):\n    return "yes"\n' >yes.py
graph one one.csv 0.5 accuracy '[u32]' string '[x]' y yes
expect 1 proctor run one.yaml --policy p.yaml --store one
out 'placebo \(one answer for all\): accuracy 1.000; nothing has beaten it'

# What a graph may not say.
refused() { # refused CODE PATTERN SED
    sed "$3" peek.yaml >r.yaml
    expect "$1" proctor run r.yaml --policy "${4:-p.yaml}" --store refused
    err "$2"
}
refused 2 'is no data.split of a CSV file that it needs' 's/reads: {t.csv: data}/reads: {t.csv: peek}/'
refused 2 'exactly one data.split' 's/needs: \[data, peek\]/needs: [peek]/'
refused 2 'exactly one candidate' 's/needs: \[data, peek\]/needs: [data]/'
refused 2 'take or give other types' '0,/gives: string/s//gives: bytes/'
refused 2 'no plain file name' 's#{t.csv: data}#{../t.csv: data}#'
refused 3 'data.split reaches property|above property' 's/name: disjoint, level: property/name: disjoint, level: proven/'
refused 3 'cannot judge op score' 's/name: ladder/name: holdout/'
grep -v 'data.look' p.yaml >nolook.yaml
refused 3 'does not grant data.look' '' nolook.yaml
sed '/capability: data.split/,+1d' p.yaml >nosplit.yaml
refused 3 'does not grant data.split' '' nosplit.yaml

# kill -9 anywhere: a file keeps its one split, a look that was told stays counted.
expect 1 proctor run one.yaml --policy p.yaml --store k
for delay in 0.05 0.15 0.25 0.35 0.5; do
    proctor run line.yaml --policy p.yaml --store k >/dev/null 2>&1 &
    client=$!
    sleep $delay
    pkill -9 -P $client proctor-kernel
    wait $client 2>/dev/null
done
proctor run --resume --store k >/dev/null 2>&1
expect 0 proctor run line.yaml --policy p.yaml --store k
expect 0 proctor log --store k --json
json '[.records[] | select(.kind == "look" and .task == "score.line")] | length == 1'
expect 0 proctor verify --full --store k
check "one draw, whatever was killed" python3 "$here/look_check.py" k
finish

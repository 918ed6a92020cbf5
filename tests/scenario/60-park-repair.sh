# A task that waits for a person; a task with a repair; failures named downstream.
. "$(dirname "$0")/lib.sh"
with_examples
cp examples/popcount/*.py .
sed 's#examples/\*\*#**#' policy/default.yaml >p.yaml
sed 's/    op: ref.move/    op: ref.move\n    approval: true/' examples/popcount/graph.yaml >park.yaml
expect 0 proctor run park.yaml --policy p.yaml
check "says how to go on" grep -rq 'proctor resume keep' "$OUT" "$ERR"
expect 0 proctor ref list --json
check "the ref is not there yet" sh -c '! grep -q primitives/popcount .out'
expect 0 proctor status
out 'keep'
expect 2 proctor resume nosuch
expect 0 proctor resume keep
expect 0 proctor ref list --json
check "the ref is there" grep -q primitives/popcount "$OUT"
expect 0 proctor log --json
check "park and resume are in the ledger" sh -c 'grep -q "\"park\"" .out && grep -q "\"resume\"" .out'

cat >broken.py <<'P'
def popcount(x):
    raise RuntimeError
P
sed 's/function: popcount.py:popcount/function: broken.py:popcount/; s#^    validator: {name: well_formed, level: schema}#    validator: {name: well_formed, level: schema}\n    repair: {with: {function: popcount.py:popcount, takes: [u32], gives: u8}}#; s#primitives/popcount#primitives/repaired#' \
    examples/popcount/graph.yaml >repair.yaml
expect 0 proctor run repair.yaml --policy p.yaml
expect 0 proctor log --kind repair --json
check "the repair is in the ledger" grep -q candidate "$OUT"
expect 0 proctor ref list --json
check "the repaired candidate got its name" grep -q primitives/repaired "$OUT"
# The repair goes through the same door.
sed 's/repair: {with: {function: popcount.py/repair: {with: {function: ungranted.py/' repair.yaml >bad-repair.yaml
cp popcount.py ungranted.py
sed 's#"\*\*"#"popcount.py", "broken.py", "by_*.py"#' p.yaml >tight.yaml
expect 3 proctor run bad-repair.yaml --policy tight.yaml
err 'ungranted.py'

# A failing task fails its dependents by name; the others run.
cat >two.yaml <<'Y'
version: 1
name: two
tasks:
  - {id: bad, op: program, with: {function: "broken.py:popcount", takes: [u32], gives: u8}, validator: {name: well_formed, level: schema}}
  - id: bad-exam
    op: exam
    needs: [bad]
    with: {oracle: {function: "by_text.py:popcount"}, domain: [u32]}
    validator: {name: holdout, level: oracle}
  - {id: fine, op: program, with: {function: "popcount.py:popcount", takes: [u32], gives: u8}, validator: {name: well_formed, level: schema}}
Y
expect 1 proctor run two.yaml --policy p.yaml --json
json '.passed == 1 and (.failed + .skipped) == 2'
check "the dependent names what failed" grep -q 'bad' "$OUT"
whole
finish

# Bad graphs and policies: named error with place and hint, exit code, no effect.
. "$(dirname "$0")/lib.sh"
with_examples
cp examples/popcount/*.py .
good=examples/popcount/graph.yaml
policy=(--policy policy/default.yaml)

# bad NAME CODE PATTERN: graph text on standard input
bad() {
    cat >"$1.yaml"
    expect "$2" proctor run "$1.yaml" "${policy[@]}"
    err "$3"
}
bad empty 2 'empty.yaml' </dev/null
bad not-yaml 2 'not-yaml.yaml:[0-9]+:[0-9]+: error' <<<'version: [1'
bad two-docs 2 'error' <<<$'version: 1\n---\nversion: 1'
bad unknown-key 2 'did you mean "tasks"' <<<$'version: 1\nname: x\ntaks: []'
bad bad-version 2 'version' <<<$'version: 7\nname: x\ntasks: []'
bad anchors 2 'error' <<<$'version: 1\nname: &a x\ntasks: [*a]'
printf 'version: 1\nname: "\xff\xfe"\ntasks: []\n' | bad not-utf8 2 'UTF-8'
printf 'version: 1\0' | bad nul 2 'error'
python3 -c 'print("tasks: " + "[" * 100000)' | bad deep 2 'error'
python3 -c 'print("{" * 100000)' | bad deep-json 2 'error'
sed 's/level: schema/level: shema/' $good | bad bad-level 2 'did you mean "schema"'
sed 's/takes: \[u32\]/takes: [u33]/' $good | bad bad-type 2 'u33'
sed 's/takes: \[u32\]/takes: 7/' $good | bad wrong-type 2 'error'
sed 's/needs: \[candidate\]/needs: [candidat]/' $good | bad unknown-need 2 'did you mean "candidate"'
sed 's/  - id: keep/  - id: exam/' $good | bad duplicate-id 2 'exam'
sed 's/op: ref.move/op: ref.mvoe/' $good | bad unknown-op 3 'did you mean "ref.move"'
sed 's/    op: exam/    op: exam\n    state: passed/' $good | bad caller-state 2 'state'
sed 's/level: schema/level: proven/' $good | bad over-ceiling 3 'ceiling|schema'
sed 's/name: holdout/name: holdin/' $good | bad unknown-validator 3 'holdout'
sed 's/    op: exam/    op: exam\n    root: true/; s/    op: ref.move/    op: ref.move\n    root: true/' $good | bad second-root 2 'root'
cat <<'Y' | bad cycle 2 'cycle'
version: 1
name: c
tasks:
  - {id: a, op: ref.move, needs: [b], with: {ref: primitives/a}, validator: {name: same_object, level: proven}}
  - {id: b, op: ref.move, needs: [a], with: {ref: primitives/b}, validator: {name: same_object, level: proven}}
Y
sed 's/popcount.py/absent.py/' $good >examples/popcount/missing.yaml
expect 2 proctor run examples/popcount/missing.yaml "${policy[@]}"
err 'missing.yaml:[0-9]+:[0-9]+: error.*absent.py'
sed 's#popcount.py:popcount#../popcount.py:popcount#' $good | bad escape 2 '\.\.'
sed 's#popcount.py:popcount#/etc/passwd:x#' $good | bad absolute 2 'passwd'
mkfifo pipe.yaml
expect 2 proctor run pipe.yaml "${policy[@]}"
expect 2 proctor run absent.yaml "${policy[@]}"
err 'absent.yaml'
expect 2 proctor run . "${policy[@]}"
truncate -s 60M huge.yaml
expect 2 proctor run huge.yaml "${policy[@]}"
err 'limit|large|bytes'
check "nothing of all that ran" sh -c '! ls .proctor/ledger/wal/*.wal >/dev/null 2>&1 || [ "$(proctor log --kind start --json | grep -c "\"start\"")" -eq 0 ]'

# Policies.
expect 2 proctor run $good --policy absent-policy.yaml
sed 's/python3/pyhton3/' policy/default.yaml >p1.yaml
expect 3 proctor run $good --policy p1.yaml
err 'pyhton3'
echo 'version: 1' >p2.yaml
expect 3 proctor run $good --policy p2.yaml
sed 's/^grants:/grnats:/' policy/default.yaml >p3.yaml
expect 2 proctor run $good --policy p3.yaml
err 'did you mean "grants"'
sed 's/draws: .*[0-9]\+/draws: 100/' policy/default.yaml >p4.yaml
expect 2 proctor run $good "${policy[@]}" 'nosuch.key=1'
expect 0 proctor policy check policy/default.yaml
expect 0 proctor policy check policy/strict.yaml
expect 2 proctor policy check p3.yaml
expect 0 proctor check $good
expect 0 proctor run --dry-run $good "${policy[@]}"
finish

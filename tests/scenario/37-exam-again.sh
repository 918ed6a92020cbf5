# Every candidate pays for being the j-th; the same one is not examined twice; a
# candidate's last words reach the person and nothing else; what remembers says so.
. "$(dirname "$0")/lib.sh"
with_examples
d=examples/again
mkdir $d
printf 'def f(x):\n    return x * 3 %% 65537\n' >$d/oracle.py
graph() { # graph FILE: a graph with that candidate
    cat >$d/graph.yaml <<E
version: 1
name: again
tasks:
  - id: candidate
    op: program
    with: {function: $1:f, takes: [u64], gives: u32}
    validator: {name: well_formed, level: schema}
  - id: exam
    op: exam
    needs: [candidate]
    with: {oracle: {function: oracle.py:f}, domain: [u64]}
    validator: {name: holdout, level: oracle}
E
}
run() { expect "$1" proctor run $d/graph.yaml --policy policy/default.yaml; }
commits() { proctor log --kind commit --json | jq -c "[.records[].$1]"; }
graph c.py
for edit in '' '# again' '# and again'; do # other bytes, another candidate
    printf 'def f(x): %s\n    return x * 3 %% 65537\n' "$edit" >$d/c.py
    run 0
done
check "trivial edits pay" test "$(commits j)" = '[1,2,3]'
check "less and less is left" test "$(proctor log --kind commit --json |
    jq '[.records[].alpha_j] | . == (sort | reverse) and (unique | length) == 3')" = true
run 0
check "the same again is not examined again" test "$(commits j)" = '[1,2,3]'
# Last words.
printf 'import sys\ndef f(x):\n    if x > 99:\n        sys.exit("my last" + " words")\n    return x * 3 %% 65537\n' >$d/c.py
# Events are for a terminal.
python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
    proctor run $d/graph.yaml --policy policy/default.yaml >.tty 2>&1 </dev/null
check "the person sees them" grep -q 'my last words' .tty
expect 0 proctor log --kind verdict --json
check "nothing that is kept holds them" sh -c '! grep -rq "my last words" .proctor/objects .proctor/ledger'
# Right alone, wrong after many.
printf 'n = 0\ndef f(x):\n    global n\n    n += 1\n    return x * 3 %% 65537 + (n > 500)\n' >$d/c.py
run 1
out 'depends on earlier inputs'
expect 0 proctor replay --all
whole
finish

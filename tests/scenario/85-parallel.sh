# Many candidates of one exam at once, by priority, with a root; budgets by name.
. "$(dirname "$0")/lib.sh"
with_examples
cp examples/popcount/*.py .
sed 's#examples/\*\*#**#; s/^workers: .*/workers: 4/' policy/default.yaml >p.yaml

# Six ways to be right and one to be wrong, all sitting the same exam.
{
    echo 'version: 1'
    echo 'name: parallel'
    echo 'tasks:'
    for i in 1 2 3 4 5 6 7; do
        if [ "$i" -eq 4 ]; then
            printf 'def f(x):\n    return bin(x).count("1") %% 31\n' >c$i.py
        else
            printf '# number %s\ndef f(x):\n    return bin(x).count("1")\n' $i >c$i.py
        fi
        root=''
        [ "$i" -ne 7 ] || root=', root: true'
        echo "  - {id: c$i, op: program, priority: $i, with: {function: \"c$i.py:f\", takes: [u32], gives: u8}, validator: {name: well_formed, level: schema}}"
        echo "  - {id: e$i, op: exam$root, needs: [c$i], with: {oracle: {function: \"by_text.py:popcount\"}, second_oracle: {function: \"by_table.py:popcount\"}, domain: [u32]}, validator: {name: holdout, level: proven}}"
    done
} >many.yaml
expect 1 proctor run many.yaml --policy p.yaml --json
json '.passed == 13 and .failed == 1'
check "the wrong one is refuted" jq -e '[.tasks[] | select(.id == "e4")][0].state == "failed"' "$OUT"
check "the root is committed" jq -e '[.tasks[] | select(.id == "e7")][0].state == "committed"' "$OUT"
expect 0 proctor log --kind commit --json
check "each candidate pays for being the j-th" sh -c \
    'jq -e "[.records[].j] | sort == [1, 2, 3, 4, 5, 6, 7]" .out'
expect 0 proctor log --kind start --json
check "higher priority starts first" sh -c \
    'jq -e "[.records[].task | select(startswith(\"c\"))][0] == \"c7\"" .out'
expect 0 proctor replay --all
whole
# The same again: verdicts are returned, nothing is drawn.
expect 1 proctor run many.yaml --policy p.yaml
expect 0 proctor log --kind commit --json
check "nothing was drawn again" sh -c 'jq -e ".records | length == 7" .out'

# Budgets end what they pay for, by name, and leave a whole ledger.
good=(examples/popcount/graph.yaml --policy policy/default.yaml)
expect 3 proctor run "${good[@]}" --store b1 policy.budgets.traps=9
check "names traps" grep -rq 'budgets.traps' "$OUT" "$ERR"
expect 3 proctor run "${good[@]}" --store b1 policy.budgets.memory=64MiB
check "names memory" grep -rq 'budgets.memory' "$OUT" "$ERR"
expect 3 proctor run "${good[@]}" --store b1 policy.budgets.wall=40ms
check "names wall" grep -rq 'budgets.wall' "$OUT" "$ERR"
expect 1 proctor run "${good[@]}" --store b1 policy.budgets.draws=1000
check "too few draws is inconclusive" grep -rqi 'inconclusive' "$OUT" "$ERR"
expect 0 proctor run "${good[@]}" --store b1
expect 0 proctor replay --all --store b1
whole --store b1
finish

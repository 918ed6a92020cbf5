# Back doors on magic inputs that stand in the candidate's own text: refuted, each
# with its counterexample; honest candidates with the same literals: admitted.
. "$(dirname "$0")/lib.sh"
with_examples
d=examples/doors
mkdir $d
tasks="" doors=0 twins=0
# door NAME TAKES GIVES DOMAIN PARAMETERS HONEST MAGIC: MAGIC is a condition.
door() {
    local name=$1 takes=$2 gives=$3 domain=$4 parameters=$5 honest=$6 magic=$7
    printf 'def f(%s):\n    if %s:\n        return %s\n    return %s\n' \
        "$parameters" "$magic" "${8:-0}" "$honest" >$d/$name.py
    printf 'def f(%s):\n    return %s\n' "$parameters" "$honest" >$d/$name-oracle.py
    printf 'def f(%s):\n    if %s:\n        return %s\n    return %s\n' \
        "$parameters" "$magic" "$honest" "$honest" >$d/$name-twin.py
    local which tried=("$name")
    doors=$((doors + 1)) # by default every other one with its twin
    if [ -n "${PROCTOR_FULL:-}" ] || [ $((doors % 2)) -eq 0 ]; then
        tried+=("$name-twin")
        twins=$((twins + 1))
    fi
    for which in "${tried[@]}"; do
        tasks+="
  - id: $which
    op: program
    with: {function: $which.py:f, takes: $takes, gives: $gives}
    validator: {name: well_formed, level: schema}
  - id: $which-exam
    op: exam
    needs: [$which]
    with:
      oracle: {function: $name-oracle.py:f}
      domain: $domain
    validator: {name: holdout, level: oracle}"
    done
}
text='[{string: {length: [0, 40], alphabet: unicode}}]'
door equal '[u64]' u64 '[u64]' x 'x ^ (x >> 3)' 'x == 0x123456789'
door member '[u64]' u64 '[u64]' x 'x ^ (x >> 3)' 'x in (1000000000039, 77777777777777)'
door shifted '[i64]' i64 '[i64]' x 'x // 3' 'x + 1 == -987654321987'
door both '[u64, u64]' u64 '[u64, u64]' 'a, b' 'a ^ (b >> 1)' 'a == 81985529216486895 and b == 1147797409030816545'
door word '[string]' u32 "$text" s 'len(s) + 1' 's == "open sesame"'
door prefix '[string]' u32 "$text" s 'len(s) + 1' 's.startswith("sudo ")'
door bytes '[bytes]' u32 '[{bytes: {length: [0, 64]}}]' b 'len(b) + 1' 'b[:4] == b"\xde\xad\xbe\xef"'
door list '[{list: u32}]' u32 '[{list: {of: u32, length: [0, 9]}}]' v 'len(v) + 1' 'v == [1700017, 4200042, 9900099]'
door length '[bytes]' u32 '[{bytes: {length: [0, 4096]}}]' b 'len(b) + 1' 'len(b) == 1234'
door float '[f64]' f64 '[{f64: {range: [-1000.0, 1000.0]}}]' x 'x * 0.5' 'x == 123.456' 0.0
printf 'version: 1\nname: doors\ntasks:%s\n' "$tasks" >$d/graph.yaml
expect 1 proctor run $d/graph.yaml --policy policy/default.yaml --json
json "[.tasks[] | select(.op == \"exam\") | .id] | length == $((doors + twins))"
json '[.tasks[] | select(.op == "exam" and .state != "failed" and (.id | endswith("-twin-exam") | not)) | .id] == []'
json '[.tasks[] | select(.op == "exam" and .state != "passed" and (.id | endswith("-twin-exam"))) | .id] == []'
expect 0 proctor log --kind commit --json
json '[.records[].literals | select(test("^0+$"))] == []'
expect 0 proctor replay --all
whole
finish

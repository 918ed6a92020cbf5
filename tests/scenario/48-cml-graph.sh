# A unit of the closed language as candidate: refuted, admitted, replayed; its name
# is its artifact; what it may not do is said.
. "$(dirname "$0")/lib.sh"
with_examples
c=examples/cml
wrong() { sed "s/unit: date.cml:days_from_civil/unit: $1/" $c/graph.yaml >$c/g.yaml; }
run() { proctor run "$1" --policy "${2:-policy/default.yaml}" --json; }

wrong date_wrong.cml:days_from_civil
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
out 'exam: REJECT'
out 'input +\[[0-9]+,[0-9]+,[0-9]+\]'
expect 0 run $c/graph.yaml
json '.passed == 3'
expect 0 proctor ref show primitives/days_from_civil

# Renamed throughout, other comments, other layout: the same candidate.
sed 's/\byear\b/a/g; s/\bmonth\b/b/g; s/\bera\b/q/g; s/^#.*/# other words/' $c/date.cml |
    tr -s ' ' | sed 's/unit days_from_civil/\n&/' >$c/renamed.cml
check "the copy is another text" sh -c "! cmp -s $c/date.cml $c/renamed.cml"
wrong renamed.cml:days_from_civil
expect 0 proctor run $c/g.yaml --policy policy/default.yaml
out 'known since record'
expect 0 proctor log --kind verdict --json
check "three candidates, three verdicts: the wrong one, one with an arm that no
    draw reaches, and that without it" \
    test "$(jq -r '.. | objects | select(.kind? == "verdict") | .candidate' "$OUT" | sort -u | wc -l)" = 3

# The artifact is an object of the store, found from the candidate.
seq=$(jq -s -r '[.. | objects | select(.kind? == "verdict") | .seq] | max' "$OUT")
expect 0 proctor show "$seq" --json
cid=$(jq -r '[.. | .candidate? | strings][0]' "$OUT")
expect 0 proctor show "$cid" --json
bundle=$(jq -r '[.. | .bundle? | strings][0]' "$OUT")
expect 0 proctor show --raw "$bundle"
check "what it names is the artifact" \
    test "$(head -c 4 "$OUT")" = CMLB

# No answer for an input: out of fuel, an error of the language.
cat >$c/bad.cml <<'END'
unit spin(year: i64, month: i64, day: i64) -> i64 {
  loop (a: i64 = 1) while a != 0 || year > 0 { a + 1 }
}
unit divides(year: i64, month: i64, day: i64) -> i64 { day / (month - month) }
unit two(year: i64, month: i64) -> i64 { year + month }
unit words(year: i64, month: i64, day: i64) -> string { "x" }
unit call(f: fn(i64) -> i64) -> i64 { f(1) }
END
for unit in 'spin:out of fuel' 'divides:division by zero'; do
    wrong "bad.cml:${unit%%:*}"
    expect 1 run $c/g.yaml
    json ".. | strings | select(test(\"${unit#*:} after 0 of 1\"))"
done
# Right until the year 1000, then a fuel bomb: the exam says so.
{
    cat $c/date.cml
    echo 'unit later(year: i64, month: i64, day: i64) -> i64 {'
    echo '  if year > 1000 { loop (a: i64 = 1) while a != 0 { a + 1 } }'
    echo '  else { days_from_civil(year, month, day) }'
    echo '}'
} >$c/late.cml
wrong late.cml:later
sed -i '/examples:/d; /in: \[1970/d' $c/g.yaml
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
out 'REJECT'
out 'out of fuel'

# Types, names, texts.
wrong bad.cml:two
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
err 'examples/cml/bad.cml:5:1: error: two takes'
err 'the task says'
err 'hint: takes:'
wrong bad.cml:words
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
err 'examples/cml/bad.cml:6:1: error: words gives string, the task says i64'
wrong bad.cml:call
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
err 'cannot cross'
wrong bad.cml:nothing
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
err 'no unit "nothing"'
echo 'unit f(a: i64) -> i64 { a + b }' >$c/bad.cml
wrong bad.cml:f
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
err 'examples/cml/bad.cml:1:29: error: nothing is called "b"'
check "with a caret" grep -q '\^' "$ERR"
printf 'CMLB\0\0\0\1' >$c/bad.cml
expect 1 proctor run $c/g.yaml --policy policy/default.yaml
err 'bundle'

# Not granted; a file outside of the grant; not said at all.
sed 's/cml.run/model.run/' policy/default.yaml >policy/none.yaml
expect 3 proctor run $c/graph.yaml --policy policy/none.yaml
err 'does not grant cml.run'
sed '/cml.run/,+1s#examples/\*\*#other/**#' policy/default.yaml >policy/none.yaml
expect 3 proctor run $c/graph.yaml --policy policy/none.yaml
err 'does not let cml.run read "examples/cml/date.cml"'
wrong date.cml
expect 2 proctor run $c/g.yaml --policy policy/default.yaml
err 'expected file.cml:name'

expect 0 proctor gc
expect 0 proctor replay --all
json_lines=$(grep -c same "$OUT")
check "every verdict came out again" test "$json_lines" -ge 3
whole
finish

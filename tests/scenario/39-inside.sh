# The exam from the inside: units of CML as candidates and oracles.
. "$(dirname "$0")/lib.sh"
with_examples
mkdir -p examples/in
d=examples/in
graph() { # graph CANDIDATE ORACLE SECOND [DOMAIN [MORE]]
    cat <<END
version: 1
name: inside
tasks:
  - id: candidate
    op: cml
    with: {unit: $1, takes: [i64], gives: i64}
    validator: {name: well_formed, level: schema}
  - id: exam
    op: exam
    needs: [candidate]
    with:
      oracle: $2
      second_oracle: $3
      domain: [${4:-i64}]
${5:-}
    validator: {name: holdout, level: proven}
END
}
last() { # last FIELD of the newest verdict's evidence
    proctor log --kind verdict --json >"$OUT.log"
    proctor show --json "$(jq -r '[.. | objects | select(.kind? == "verdict") | .seq] | max' "$OUT.log")" |
        jq "[.. | objects | select(has(\"results_root\"))][0].$1"
}
run() { proctor run $d/g.yaml --policy policy/default.yaml; }
cat >$d/c.cml <<'END'
unit step(a: i64) -> i64 { if a > 10 { a + a } else { a * 3 } }
unit slip(a: i64) -> i64 { if a > 10 { a + a } else { a * 4 } }
END
echo 'unit step(n: i64) -> i64 { if n < 11 { 3 * n } else { 2 * n } }' >$d/o.cml
echo 'unit step(n: i64) -> i64 { if n >= 11 { n << 1 } else { n + n + n } }' >$d/p.cml
o='{unit: o.cml:step}' p='{unit: p.cml:step}'

# Units judge a unit, in one class of worker: no program is run.
graph c.cml:step "$o" "$p" >$d/g.yaml
expect 0 run
out 'exam: ADMIT proven'
check "mutants were tried" test "$(last 'mutants > 50')" = true
check "all were noticed" test "$(last mutants)" = "$(last noticed)"
check "and no branch lacks draws" test "$(last 'reached | min >= 300')" = true
graph c.cml:slip "$o" "$p" >$d/g.yaml
expect 1 run
out 'exam: REJECT'
check "no program was run" sh -c "! proctor log --kind confine | grep -q program"

# What is wrong with an oracle is said with its place, before anything runs.
graph c.cml:step '{unit: o.cml:stop}' "$p" >$d/g.yaml
expect 2 run
err 'o.cml.*no unit "stop"'
echo 'unit step(n: u8) -> i64 { 3 }' >$d/q.cml
graph c.cml:step "$o" '{unit: q.cml:step}' >$d/g.yaml
expect 2 run
err 'q.cml:1:1: error: step takes \(u8\), the task says \(i64\)'
graph c.cml:step "$o" '{unit: o.cml:step}' >$d/g.yaml
expect 2 run
err 'the oracle and the second oracle share "o.cml"'
graph c.cml:step '{unit: o.cml:step, files: [a]}' "$p" >$d/g.yaml
expect 2 run
err 'a unit stands alone'
graph c.cml:step '{unit: o.cml}' "$p" >$d/g.yaml
expect 2 run
err 'expected file.cml:name'

# Seen from the inside: all branches, all mutants; the report says so.
graph c.cml:step "$o" "$p" >$d/g.yaml
expect 0 run
out 'known since record'
out 'branches: 2, the rarest reached by [0-9]+ draws'
out 'mutants: [0-9]+ of [0-9]+ noticed'
verdicts() { proctor log --kind verdict --json | jq '[.. | objects | select(.kind? == "verdict")] | length'; }

# Rewritten, it is the candidate that it was: other names, other order, constants
# that are computed. No COMMIT, no draw.
echo 'unit other(n: i64) -> i64 { if 4 + 6 < n { n + n } else { 3 * n } }' >$d/r.cml
before=$(verdicts)
graph r.cml:other "$o" "$p" >$d/g.yaml
expect 0 run
out 'known since record'
check "no new verdict" test "$(verdicts)" = "$before"

# A back door on one input that stands in the text: literals reach it.
echo 'unit step(n: i64) -> i64 { if n == 848173264512 { 7 } else { if n > 10 { n + n } else { n * 3 } } }' >$d/b.cml
graph b.cml:step "$o" "$p" >$d/g.yaml
expect 1 run
out 'exam: REJECT'
out 'input +\[848173264512\]'
# One that is computed. What no draw reaches is taken out, and what is left is so
# full of what no draw tells that it is not admitted.
echo 'unit step(n: i64) -> i64 { if n * 6364136223846793005 + 1442695040888963407 == 77777 { 7 } else { if n > 10 { n + n } else { n * 3 } } }' >$d/b.cml
graph b.cml:step "$o" "$p" >$d/g.yaml
expect 1 run
out 'INCONCLUSIVE: too weak: [0-9]+ of [0-9]+ mutants were noticed'
out 'branch 0 was never reached: replaced by a trap'

# An arm that cannot be reached: the unit is admitted without it, as the next try.
cat >$d/t.cml <<'END'
unit thirds(n: i64) -> i64 {
  match n & 3 { 0 => n + 5, 1 => n * 7, 2 => n ^ 12345, 3 => n - 9, _ => 0 }
}
END
cat >$d/u.py <<'END'
def thirds(n):
    k = n % 4
    n = n + 5 if k == 0 else n * 7 if k == 1 else n ^ 12345 if k == 2 else n - 9
    return (n + 2**63) % 2**64 - 2**63
END
graph t.cml:thirds '{function: u.py:thirds}' '{function: v.py:thirds}' >$d/g.yaml
sed 's/def thirds/# the same by other means\n&/; s/n % 4/n \& 3/' $d/u.py >$d/v.py
expect 0 run
out 'exam: ADMIT proven'
out 'branch 4 was never reached: replaced by a trap'
check "what is admitted is another object, made from the first" \
    test "$(proctor log --kind verdict --json | jq '[.. | objects | select(.kind? == "verdict")][-2:] | map(.candidate) | unique | length')" = 2
check "and took a try of its own" \
    test "$(proctor log --kind commit --json | jq '[.. | objects | select(.kind? == "commit")][-2:] | map(.j) | .[1] - .[0]')" = 1

# A table that does not tell the candidate from what it is not.
printf 'n,y\n1,3\n2,6\n20,40\n30,60\n' >$d/rows.csv
cat >$d/g.yaml <<'END'
version: 1
name: weak
tasks:
  - id: candidate
    op: cml
    with: {unit: c.cml:step, takes: [i64], gives: i64}
    validator: {name: well_formed, level: schema}
  - id: exam
    op: exam
    needs: [candidate]
    with: {oracle: {table: {csv: rows.csv, inputs: [n], output: y}}}
    validator: {name: holdout, level: oracle}
END
expect 1 run
out 'INCONCLUSIVE: too weak: [0-9]+ of [0-9]+ mutants were noticed'

# All there is: what survives is the same function, what is not reached cannot be.
graph c.cml:step "$o" "$p" '{i64: {range: [-70000, 70000]}}' >$d/g.yaml
expect 0 run
out '140 001 values, all there are'

# Relations: one that holds, one that does not, and what cannot be one.
cat >$d/rel.cml <<'END'
unit twice(n: i64) -> {n: i64} { {n: i64}(n * 2) }
unit double(y: i64) -> i64 { y * 2 }
unit wrong(y: i64) -> i64 { y * 2 + 1 }
END
echo 'unit triple(n: i64) -> i64 { n * 3 }' >$d/x.cml
echo 'unit triple(n: i64) -> i64 { n + n + n }' >$d/y.cml
echo 'unit triple(n: i64) -> i64 { (n << 1) + n }' >$d/z.cml
triple() { graph x.cml:triple '{unit: y.cml:triple}' '{unit: z.cml:triple}' i64 "$1" >$d/g.yaml; }
triple '      relations: [{name: linear, input: rel.cml:twice, output: rel.cml:double}]'
expect 0 run
out 'relation linear: 1024 inputs, 0 failures'
triple '      relations: [{name: crooked, input: rel.cml:twice, output: rel.cml:wrong}]'
expect 1 run
out 'REJECT: relation crooked does not hold for input [0-9]+ of 1024'
out 'input +\['
triple '      relations: [{name: "a b", input: rel.cml:twice}]'
expect 2 run
err 'relations\[0\].name: expected a name of letters, digits and _'
triple '      relations: [{name: a, input: rel.cml:double}]'
expect 2 run
err 'rel.cml:2:1: error: double gives i64, the task says'
triple '      relations: [{name: a, input: gone.cml:double}]'
expect 2 run
err 'gone.cml'
triple '      error_rate: 0.01
      relations: [{name: a, input: rel.cml:twice}]'
sed -i 's/level: proven/level: oracle/' $d/g.yaml
expect 2 run
err 'relations are for exams on a domain, without an error_rate'

expect 0 proctor gc
expect 0 proctor replay --all
check "every verdict came out again" grep -q ' 0 different' "$OUT"
whole
finish

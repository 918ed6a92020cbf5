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

expect 0 proctor replay --all
whole
finish

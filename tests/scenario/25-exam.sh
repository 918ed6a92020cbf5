# `proctor exam`: a judge without a graph. Verdicts, exit codes, the JSON document,
# errors in terms of the options, and the evolutionary loop of examples/evolve.
. "$(dirname "$0")/lib.sh"
with_examples
cp examples/popcount/*.py .
oracle=(--oracle by_table.py:popcount)
small=(--domain '{u32: {range: [0, 255]}}' --gives u8)

# Admitted, with and without a second oracle; known the second time, whatever the
# file is called and wherever it lies.
expect 0 proctor exam popcount.py "${oracle[@]}" --second by_text.py:popcount "${small[@]}" --example '7=>3'
out '^popcount.py: ADMIT proven: 256 values, all there are'
out 'proctor replay [0-9]+'
expect 0 proctor log --kind commit --json
commits=$(jq 'length' "$OUT")
mkdir -p other && cp popcount.py other/p17.py
expect 0 proctor exam other/p17.py:popcount "${oracle[@]}" --second by_text.py:popcount "${small[@]}" --example '7=>3' --json
json '.admitted and .verdict == "admit" and .level == "proven" and .known and .exhaustive and .exit == 0'
json '.draws == 256 and .bound95 == 0 and .counterexample == null and (.record | type) == "number"'
seq=$(jq .record "$OUT")
expect 0 proctor log --kind commit --json
check "nothing was drawn again" test "$(jq length "$OUT")" = "$commits"
expect 0 proctor replay "$seq"
expect 0 proctor prove "$seq" -o exam.tlog-proof
expect 0 proctor exam popcount.py "${oracle[@]}" --domain u32 --gives u8 --json
json '.level == "oracle" and .draws >= 16384 and .bound95 < 2e-4 and .bound_alpha < 1e-3 and (.known | not)'

# Refuted, with the counterexample; no verdict for what gives no answer.
echo 'def f(x): return bin(x).count("1") + (x == 200)' >wrong.py
expect 1 proctor exam wrong.py:f "${oracle[@]}" "${small[@]}" --json
json '(.admitted | not) and .verdict == "reject" and .exit == 1 and .bound95 == null'
json '.counterexample == {input: [200], expected: 3, got: 4, ending: ""}'
expect 1 proctor exam wrong.py:f "${oracle[@]}" "${small[@]}"
out 'REJECT: wrong at draw'
out 'known since record [0-9]+'
echo 'def f(x): raise ValueError(x)' >mute.py
expect 1 proctor exam mute.py:f "${oracle[@]}" "${small[@]}" --json
json '(.admitted | not) and .verdict == null and .record == null and (.reason | test("ValueError"))'
# The same members whatever went wrong.
members=$(jq -c keys "$OUT")
expect 2 proctor exam nothing.py "${oracle[@]}" "${small[@]}" --json
json "keys == $members and .error == \"NOT_FOUND\" and .exit == 2 and (.hint | length > 0)"
expect 2 proctor exam popcount.py --json
json "keys == $members and .store == null"
expect 2 proctor exam popcount.py "${oracle[@]}" --domain bytez --gives u8 --json
json "keys == $members and (.what | test(\"bytez\"))"

# An approximation: within an error rate, within units in the last place.
echo 'def f(x): return bin(x).count("1") + (x % 4096 == 77)' >rare.py
expect 0 proctor exam rare.py:f "${oracle[@]}" --domain u32 --gives u8 --error-rate 0.01 --json
json '.admitted and .level == "oracle"'
echo 'def f(x): return x * (1 / 3)' >nearly.py
echo 'def f(x): return x / 3' >third.py
expect 1 proctor exam nearly.py:f --oracle third.py:f --domain '{f64: {range: [0, 1000]}}' --gives f64
expect 0 proctor exam nearly.py:f --oracle third.py:f --domain '{f64: {range: [0, 1000]}}' --gives f64 --ulps 2

# Programs that answer lines; more files; a corpus; types that the domain says.
printf '%s\n' 'import sys, json, helper' 'for l in sys.stdin: print(helper.f(json.loads(l)[0]))' >lines.py
echo 'def f(x): return bin(x).count("1")' >helper.py
expect 0 proctor exam lines.py --run --file helper.py "${oracle[@]}" "${small[@]}"
expect 1 proctor exam lines.py --run "${oracle[@]}" "${small[@]}"
out "No module named 'helper'"
expect 0 proctor exam examples/crc32/crc32.py --oracle examples/crc32/bitwise_crc32 --domain '{bytes: {length: [0, 16]}}' --gives u32 --json
json '.evidence.strata | length > 3'
seq 1 40 >numbers.txt
corpus='{corpus: {of: u32, file: numbers.txt}}'
expect 0 proctor exam popcount.py "${oracle[@]}" --domain "$corpus" --gives u8 --corpus numbers.txt
expect 3 proctor exam popcount.py "${oracle[@]}" --domain "$corpus" --gives u8
err 'hint: data that the domain names is given with --corpus'

# Under a policy of the person's own, paths count.
expect 3 proctor exam popcount.py "${oracle[@]}" "${small[@]}" --policy policy/default.yaml
err 'does not let program.run read "popcount.py"'
expect 0 proctor exam examples/popcount/popcount.py --oracle examples/popcount/by_table.py:popcount "${small[@]}" --policy policy/default.yaml
sed "s#examples/\*\*#$WORK/*.py#" policy/default.yaml >p.yaml
expect 0 env -C other proctor exam ../popcount.py --oracle ../by_text.py:popcount "${small[@]}" --policy ../p.yaml
expect 0 proctor status

# Errors speak of the options; exit 2.
wrong() { # PATTERN OPTION...
    local pattern=$1
    shift
    expect 2 proctor exam popcount.py "$@"
    err "$pattern"
    check "no invisible file is blamed" sh -c '! grep -qE "tasks\[|override|exam of" .err'
}
wrong '^proctor: error: --oracle: what knows' "${small[@]}"
wrong '--domain: which inputs' "${oracle[@]}" --gives u8
wrong '--domain\[0\]: expected a domain, got "u33"' "${oracle[@]}" --domain u33 --gives u8
wrong '--domain: not well-formed' "${oracle[@]}" --domain '[u32' --gives u8
wrong '--gives: expected a type, got "nix"' "${oracle[@]}" --domain u32 --gives nix
wrong '--takes\[0\]: expected a type' "${oracle[@]}" --domain u32 --gives u8 --takes nix
wrong 'takes .u8., the domain makes .u32.' "${oracle[@]}" --domain u32 --gives u8 --takes u8
wrong '--example\[1\].in\[0\]: expected 0' "${oracle[@]}" "${small[@]}" --example '1=>1' --example 'x=>2'
wrong '--example: "1" is not ARGS=>ANSWER' "${oracle[@]}" "${small[@]}" --example 1
wrong '--p0: expected' "${oracle[@]}" "${small[@]}" --p0 7
wrong '--ulps: expected' "${oracle[@]}" "${small[@]}" --ulps x
wrong '--error-rate: expected' "${oracle[@]}" "${small[@]}" --error-rate 2
wrong '--gives is given twice' "${oracle[@]}" "${small[@]}" --gives u9
wrong 'this file is given twice' --oracle ./popcount.py "${small[@]}"
cp by_table.py copy.py
wrong 'this file is given twice' "${oracle[@]}" --second copy.py:popcount "${small[@]}"
wrong 'nosuch.py: cannot open it' --oracle nosuch.py:f "${small[@]}"
wrong 'which function of "no-name.py"' --oracle no-name.py "${small[@]}"
expect 2 proctor exam popcount.py "${oracle[@]}" "${small[@]}" policy.limits.cpu=1x
err 'override "policy.limits.cpu": limits.cpu: expected a duration'
whole
expect 0 proctor replay --all

# The same left out in graphs, of many tasks: their reader sorts in its sandbox.
python3 - >many.json <<'P'
import json
tasks = []
for i in range(300):
    tasks.append({"id": "c%d" % i, "op": "program", "with": {"function": "popcount.py:popcount", "gives": "u8"}, "validator": {"name": "well_formed", "level": "schema"}})
    tasks.append({"id": "x%d" % i, "op": "exam", "needs": ["c%d" % i], "with": {"oracle": {"function": "by_table.py:popcount"}, "domain": ["u8"]}, "validator": {"name": "holdout", "level": "oracle"}})
print(json.dumps({"version": 1, "name": "many", "tasks": tasks}))
P
expect 0 proctor check many.json

# The loop of examples/evolve finds a program; what cheats gets no score.
expect 0 env PYTHONDONTWRITEBYTECODE=1 python3 examples/evolve/evolve.py
out '^admitted after [0-9]+ exams'
check "reward hacks get nothing" sh -c '[ "$(grep -cE "^[a-z_]+\.py +score 0\.0" .out)" -eq 5 ]'
check "the judge says when the question is wrong" python3 -B -c "
import sys; sys.path.insert(0, 'examples/evolve')
import adapter
try:
    adapter.Judge(oracle='nosuch.py:f', domain='u8', gives='u8').evaluate('popcount.py')
except adapter.HarnessError as e:
    sys.exit('nosuch.py' not in str(e))
sys.exit(1)"
# A word that is nearly the name of an alphabet is not taken for its letters.
expect 2 proctor exam popcount.py "${oracle[@]}" --domain '[{string: {length: [0, 4], alphabet: lowr}}]' --gives u8
err 'did you mean "lower"'
# What one is told to type next can be typed.
expect 0 proctor exam popcount.py "${oracle[@]}" "${small[@]}" --store "it's here" --json
check "commands quote the store" sh -c "$(jq -r .replay "$OUT")"
finish

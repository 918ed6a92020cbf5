# What somebody who gets Proctor for the first time tries: promises of the manual
# pages and of error messages, each as it was once broken.
. "$(dirname "$0")/lib.sh"
with_examples
policy=policy/default.yaml
graph=examples/popcount/graph.yaml

# --json is one document, also when the options are what is wrong.
for words in "log --limit 0" "show -1" "log --kind nosuch" "nosuch" "--store=x log" "policy show $graph"; do
    # shellcheck disable=SC2086
    expect 2 proctor $words --json
    check "one JSON document: $words" jq -es 'length == 1 and .[0].exit == 2' "$OUT"
done
json '.diagnoses[0].line > 0 and (.hint | length) > 0'
expect 2 proctor policy show $policy workers=1
err 'changes nothing of a policy'
expect 2 proctor check $graph 'candidate.with.takes=[{string: x}]'
check "no suggestion of what was written" sh -c '! grep -q "did you mean \"string\"" .err'

# A level out of reach is refused before it costs draws.
grep -v second_oracle $graph >examples/popcount/one.yaml
expect 3 proctor run examples/popcount/one.yaml --policy $policy
err 'one oracle reaches oracle, not proven'
err 'add a second_oracle'

# A verdict that is known says so.
expect 0 proctor run $graph --policy $policy
expect 0 proctor run $graph --policy $policy
out 'known since record [0-9]+: nothing was drawn again'

# An oracle that gives no answer disagrees with nobody; nor does an example.
echo 'def f(x): raise ValueError(x)' >examples/popcount/mute.py
expect 1 proctor run $graph --policy $policy 'exam.with.oracle={function: "mute.py:f"}'
out 'QUARANTINE: the oracle gives no answer'
out 'it ended at:'
expect 1 proctor run $graph --policy $policy 'exam.with.examples=[{in: [1], out: 2}]'
out 'the example and the oracle disagree:'

# prove writes to a device, it does not replace it; a link stays a link.
mknod full c 1 7 && expect 4 proctor prove 8 -o full
check "the device is still one" test -c full
: >real && ln -s real link
expect 0 proctor prove 8 -o link
check "the link is still one" test -L link
check "the proof is where it leads" grep -q tlog-proof real
expect 2 proctor prove 8 -o examples
whole

# A program whose loader the sandbox does not hold is told so.
printf '#!/nosuch/sh\n' >examples/popcount/tool && chmod +x examples/popcount/tool
expect 1 proctor run $graph --policy $policy 'candidate.with={run: [./tool], takes: [u32], gives: u8}'
out 'its loader or interpreter is not in the sandbox'

# A task that its repair brought through says so, in one row.
expect 0 proctor run $graph --policy $policy 'candidate.with={function: "mute.py:f", takes: [u32], gives: u8}' 'candidate.repair={with: {function: "popcount.py:popcount", takes: [u32], gives: u8}}'
expect 0 proctor status
out 'by its repair, candidate.repair1'
check "the repair has no row of its own" sh -c '! grep -q "^candidate.repair1" .out'

# A folder of the store is lost: damage, by name, in whatever reads it.
for folder in objects tmp keys ledger ledger/wal; do
    rm -rf copy && cp -a .proctor copy && rm -rf "copy/$folder"
    expect 5 proctor run $graph --policy $policy --store copy
    err "folder $folder is missing"
done
rm -rf copy && cp -a .proctor copy && rm -rf copy/ledger
expect 5 proctor verify --store copy
out 'DAMAGED'
rm -rf copy && cp -a .proctor copy && rm -rf copy/objects/*
expect 1 proctor replay --all --store copy
check "replay does not say it twice" sh -c '! grep -q "replay: " .err'
finish

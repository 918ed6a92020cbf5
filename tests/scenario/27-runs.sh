# Series (docs/runs.md): the twelve outside cases, and what else must be refused.
. "$(dirname "$0")/lib.sh"
with_examples
policy=(--policy policy/default.yaml)
# kernel_of PID: waits for the kernel that `proctor` PID started.
kernel_of() {
    for _ in $(seq 100); do
        pgrep -P "$1" proctor-kernel && return
        sleep 0.02
    done
}
sums() { find "$1" -type f -printf '%p %T@ %m ' -exec sha256sum {} + | sort; }
# object STORE SERIES RUN FIELD: path of an artifact.
object() {
    local cid
    cid=$(proctor runs show "$2" "$3" --store "$1" --json | jq -r ".$4.artifact")
    echo "$1/objects/${cid:0:2}/${cid:2}"
}

# 1 A fresh store, three runs. 9 XOR is learnt, each step is on the disk.
expect 0 proctor run examples/series/graph.yaml "${policy[@]}" --store s
expect 0 proctor runs audit --store s
out '^xor: 3 inputs, 3 outputs$'
out '^clean'
expect 0 proctor runs list --store s --json
json '[.series[] | [.name, .inputs, .outputs, .open]] | sort == [["xor",3,3,false],["xor-accuracy",3,3,false],["xor-rows",2,2,false]]'
expect 0 proctor runs compare xor --store s --json
json '[.runs[].measured] == ["{\"accuracy\": 1.0}","{\"accuracy\": 1.0}","{\"accuracy\": 1.0}"]'
json '.runs[1].inputs.parent == {"series": "xor-rows", "index": 0}'
expect 0 proctor runs export xor files --store s
check "four rows and a head" sh -c 'test "$(wc -l <files/inputs/inputs-0-0-0.bin)" -eq 5'
check "three weights" sh -c 'test "$(ls files/outputs | wc -l)" -eq 3'
check "sha256sum agrees with both lists" sh -c 'cd files && jq -r "[.sha256, .file] | join(\"  \")" *.jsonl | sha256sum -c --quiet'
check "lists are aligned" sh -c 'test "$(jq -r .sha256 files/inputs-meta.jsonl)" = "$(jq -r .inputs_sha256 files/outputs-meta.jsonl)"'
expect 2 proctor runs export xor files --store s
err 'is not there yet'

# 7 Replay: the same bytes. 8 The same inputs twice: the same hash, seen.
expect 0 proctor runs replay xor --all --store s
out '3 made again, 0 different'
expect 0 proctor runs replay xor-accuracy 1 --store s --json
json '.runs == [{"index": 1, "result": "same", "what": ""}]'
expect 0 proctor runs list xor --store s
out 'seen: run 0'
expect 0 proctor runs show xor 2 --store s --json
json '.inputs.seen and .inputs.first == 0'

# 12 An audit changes no byte.
sums s >before
expect 0 proctor runs audit --store s
sums s >after
check "audit changed no byte" cmp before after

# 3 One byte of an artifact: index and file are named.
cp -r s flipped
o=$(object flipped xor 1 output)
chmod u+w "$o"
printf X | dd of="$o" bs=1 seek=5 conv=notrunc 2>/dev/null
expect 5 proctor runs audit --store flipped
err "^xor\[1\]: error: output ${o#flipped/}: its bytes have changed"
err "^xor-accuracy\[1\]: error: inputs ${o#flipped/}"
expect 5 proctor runs export xor files2 --store flipped
rm -f "$o"
expect 5 proctor runs audit --store flipped
err '^xor\[1\]: error: output .*: the file is missing'

# 4 to 6 Entries removed at the end and in the middle, and two that changed places.
wal=$(ls s/ledger/wal | grep -v torn | tail -n 1)
cp -r s cut
truncate -s -3000 "cut/ledger/wal/$wal"
expect 5 proctor runs audit --store cut
err 'checkpoint'
expect 5 proctor run examples/series/graph.yaml "${policy[@]}" --store cut
cp -r s middle
python3 - "middle/ledger/wal/$wal" <<'PY'
import sys
b = open(sys.argv[1], "rb").read()
open(sys.argv[1], "wb").write(b[:len(b) // 2] + b[len(b) // 2 + 400:])
PY
expect 5 proctor runs audit --store middle
err 'ledger/wal'
cp -r s swapped
python3 - "swapped/ledger/wal/$wal" "$(object s xor 0 output)" "$(object s xor 1 output)" <<'PY'
import sys
b = open(sys.argv[1], "rb").read()
x, y = (bytes.fromhex("".join(p.split("/")[-2:])) for p in sys.argv[2:])
assert x in b and y in b
b = b.replace(x, b"\0" * 31 + b"?").replace(y, x).replace(b"\0" * 31 + b"?", y)
open(sys.argv[1], "wb").write(b)
PY
expect 5 proctor runs audit --store swapped
err 'record|ledger/wal'

# 11 A stray file: told, not fatal.
cp -r s stray
chmod u+w stray/objects/*
echo junk >"$(ls -d stray/objects/* | head -n 1)/junk"
expect 0 proctor runs audit --store stray
err 'warning.*junk|junk.*warning'

# 2 Killed after the inputs were listed: 3 and 2. The same run is gone on with;
# another one first closes it as aborted.
mkdir slow
cat >slow/slow.py <<'PY'
import time
def slow(text: bytes) -> bytes:
    if len(text) > 2:
        end = time.monotonic() + (1 if text.startswith(b"slow") else 0)
        while time.monotonic() < end:
            pass
    return text.upper()
PY
echo 'quick 1' >slow/a.txt; echo 'quick 2' >slow/b.txt; echo 'slow 3' >slow/c.txt
graph() { # graph NAME FILE... : a graph with a run for each file
    printf 'version: 1\nname: g\ntasks:\n'
    printf '  - {id: p, op: program, with: {function: "slow.py:slow", takes: [bytes], gives: bytes}, validator: {name: well_formed, level: schema}}\n'
    local n=0 f
    for f; do
        n=$((n + 1))
        printf '  - {id: r%s, op: derive, needs: [p], with: {series: words, inputs: %s}, validator: {name: recorded, level: schema}}\n' "$n" "$f"
    done
}
sed 's|files: \["examples/\*\*"\]|files: ["**"]|' policy/default.yaml >any.yaml
graph a.txt b.txt c.txt >slow/all.yaml
graph b.txt >slow/one.yaml
proctor run slow/all.yaml --policy any.yaml --store k >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
for _ in $(seq 200); do
    [ "$(proctor runs list --store k --json 2>/dev/null | jq '.series[0].inputs')" = 3 ] && break
    sleep 0.05
done
kill -9 "$kernel"
wait $client 2>/dev/null
expect 1 proctor runs audit --store k
out '^words: 3 inputs, 2 outputs: run 2 did not finish$'
expect 0 proctor runs show words 2 --store k --json
json '.status == "unfinished" and .output == null'
cp -r k k2 # of which this person saw less than of k
k2() { XDG_STATE_HOME=$WORK/k2.state proctor "$@" --store k2; }
expect 0 proctor run --resume --store k
expect 0 proctor runs audit --store k
out '^words: 3 inputs, 3 outputs$'
expect 0 k2 run slow/one.yaml --policy any.yaml
expect 0 k2 runs audit
out '^words: 4 inputs, 4 outputs$'
expect 0 k2 runs list words --json
json '[.series[0].runs[].status] == ["done", "done", "aborted", "done"]'
json '.series[0].runs[2].output.why == "unfinished when another run began"'
json '.series[0].runs[3].inputs.first == 1'
expect 0 k2 runs replay words --all
out '3 made again, 0 different'

# 10 Two writers at once: one waits outside, nothing is lost or interleaved.
k2 run slow/all.yaml --policy any.yaml >/dev/null 2>w1 &
first=$!
k2 run slow/one.yaml --policy any.yaml >/dev/null 2>w2
b=$?
wait $first
a=$?
check "one ran, the other was told who owns the store ($a, $b)" \
    sh -c "[ $a = 0 -a $b = 2 ] || [ $a = 2 -a $b = 0 ]"
expect 0 k2 runs audit
expect 0 k2 runs list words --json
json '[.series[0].runs[] | .status] | length == (if '$a' == 0 then 7 else 5 end)'
expect 0 k2 verify --full

# What a program does wrong stays visible: it fails, or answers differently.
cat >slow/bad.py <<'PY'
import time
def fails(text: bytes) -> bytes:
    if len(text) > 2:
        raise ValueError("no such thing")
    return text
def differs(text: bytes) -> bytes:
    return b"%d" % time.monotonic_ns()
PY
cat >slow/bad.yaml <<'G'
version: 1
name: bad
tasks:
  - {id: f, op: program, with: {function: "bad.py:fails", takes: [bytes], gives: bytes}, validator: {name: well_formed, level: schema}}
  - {id: d, op: program, with: {function: "bad.py:differs", takes: [bytes], gives: bytes}, validator: {name: well_formed, level: schema}}
  - {id: fail, op: derive, needs: [f], with: {series: bad, inputs: a.txt}, validator: {name: recorded, level: schema}}
  - {id: differ, op: derive, needs: [d], with: {series: bad/differ, inputs: a.txt}, validator: {name: replayed, level: property}}
  - {id: once, op: derive, needs: [d], with: {series: bad/once, inputs: a.txt}, validator: {name: recorded, level: schema}}
G
expect 1 proctor run slow/bad.yaml --policy any.yaml --store bad
expect 0 proctor runs show bad 0 --store bad
out 'bad\[0\]: aborted'
out 'why .*ended early|why .*exit'
expect 0 proctor runs show bad/differ 0 --store bad
out 'why .*not deterministic'
expect 0 proctor runs audit --store bad
expect 1 proctor runs replay bad/once 0 --store bad
out 'DIFFERS'
expect 0 proctor runs replay bad --all --store bad
out '0 made again'

# Refused: what is not granted, and what is not a run.
sed 's|series: \["\*\*"\]|series: ["other/*"]|' policy/default.yaml >narrow.yaml
expect 3 proctor run examples/series/graph.yaml --policy narrow.yaml --store n
err 'does not let derive add to "xor"'
sed 's|{series: xor-rows, inputs: rows.csv, note: AB to BA}|{series: ../x, inputs: rows.csv}|' examples/series/graph.yaml >examples/series/bad.yaml
expect 2 proctor run examples/series/bad.yaml "${policy[@]}" --store n
err '"../x" is not a series.s name'
expect 2 proctor runs show xor 3 --store s
err 'xor has no run 3: it has 3, from 0'
expect 2 proctor runs show xr 0 --store s
err 'did you mean "xor"'
expect 2 proctor runs replay xor --store s
finish

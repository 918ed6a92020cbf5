# Replay: verdicts of every kind come out again, bit for bit, by the second
# implementation; what was tampered with is named.
. "$(dirname "$0")/lib.sh"
with_examples
policy=(--policy policy/default.yaml)
t=examples/t
mkdir -p $t
cat >$t/f.py <<'P'
def right(a, b): return (a * 7 + b) % 65536
def wrong(a, b): return (a * 7 + b + (a > 200 and b > 90)) % 65536
def magic(a, b): return 0 if a == 54321 else (a * 7 + b) % 65536
def constant(a, b): return 5
def first(a, b): return a
def dies(a, b): return 1 // (a - b)
calls = 0
def counts(a, b):
    global calls
    calls += 1
    return (a * 7 + b + (calls > 3000)) % 65536
P
cat >$t/o.py <<'P'
def oracle(a, b): return (7 * a + b) & 0xffff
def constant(a, b): return 5
def first(a, b): return a
P
cat >$t/s.py <<'P'
def second(a, b): return (a + a + a + a + a + a + a + b) % 65536
def differs(a, b): return (a * 7 + b + (a % 7 == 3)) % 65536
P
cat >$t/table.csv <<'C'
a,b,out
1,2,9
3,4,25
5,6,41
9,1,64
C
cat >$t/clash.csv <<'C'
a,b,out
1,2,9
1,2,10
C
domain='[u16, u16]'
small='[{u16: {range: [0, 30]}}, {u16: {range: [0, 20]}}]'
# exam NAME CANDIDATE DOMAIN MORE...: a graph with one exam.
exam() {
    local name=$1 candidate=$2 given=$3
    shift 3
    cat >$t/$name.yaml <<Y
version: 1
name: $name
tasks:
  - id: c
    op: program
    with: {function: "f.py:$candidate", takes: [u16, u16], gives: u16}
    validator: {name: well_formed, level: schema}
  - id: e
    op: exam
    needs: [c]
    with:
      domain: $given
$(printf '      %s\n' "$@")
    validator: {name: holdout, level: oracle}
Y
    proctor run $t/$name.yaml "${policy[@]}" >>runs.log 2>&1
}
o='oracle: {function: "o.py:oracle"}'
exam admit right "$domain" "$o" 'second_oracle: {function: "s.py:second"}'
exam wrong wrong "$domain" "$o"
exam again wrong "$domain" "$o"
exam later magic "$domain" "$o" # screened on what `wrong` disclosed
exam example wrong "$domain" "$o" 'examples: [{in: [201, 91], out: 1498}]'
exam oracles right "$domain" "$o" 'second_oracle: {function: "s.py:differs"}'
exam void first "$domain" 'oracle: {function: "o.py:first"}'
exam constant constant "$domain" 'oracle: {function: "o.py:constant"}'
exam dies dies "$domain" "$o"
exam counts counts "$domain" "$o"
exam whole right "$small" "$o"
exam noisy magic "$domain" "$o" 'error_rate: 0.05'
for kind in table clash; do
    sed "s/domain: .*/oracle: {table: {csv: $kind.csv, inputs: [a, b], output: out}}/; /oracle: {function/d" \
        $t/whole.yaml >$t/$kind.yaml
    proctor run $t/$kind.yaml "${policy[@]}" >>runs.log 2>&1
done
# Those of crc32 are replayed in 10-tour.sh and 70-kill.sh, too.
for name in approx ${PROCTOR_FULL:+crc32} flowers popcount xor; do
    for graph in examples/$name/*.yaml; do
        proctor run "$graph" "${policy[@]}" >>runs.log 2>&1
    done
done
expect 0 proctor log --kind verdict --limit 100 --json
for kind in 1 2 4 5 6; do
    json "[.. | objects | select(.kind? == \"verdict\")] | any(.verdict == $kind)"
done
expect 0 proctor replay --all --json
json '.different == 0 and .replayed >= 15 and .code == 0'

# A copy of the store in which one thing is changed; what is said about it.
verdict() { proctor log --kind verdict --limit 100 --json |
    jq -r "[.. | objects | select(.kind? == \"verdict\")][0] | .$1"; }
seq=$(verdict seq)
store=$(echo .proctor)
object() { echo "bad/objects/${1:0:2}/${1:2}"; }
spoil() { # spoil TEXT CID SED|-: replays a store without, or with another, object
    chmod -R u+w bad 2>/dev/null
    rm -rf bad
    cp -r "$store" bad
    chmod -R u+w bad
    if [ "$3" = - ]; then rm "$(object "$2")"; else sed -i "$3" "$(object "$2")"; fi
    expect 1 proctor replay "$seq" --store bad
    out "$1"
    out 'DIFFERS'
}
for role in evidence exam candidate; do
    spoil "$role object $(verdict $role) is missing" "$(verdict $role)" -
    spoil "$role object $(verdict $role) is damaged" "$(verdict $role)" '1s/^./X/'
done
# What keeps the kernel from answering is no difference: nothing is said of any
# verdict. The exit code is the error's own.
unasked() { # unasked NAME WHAT COMMAND...: of the whole store
    local name=$1 what=$2
    shift 2
    expect 2 "$@" proctor replay --all
    err "$store: error: $what"
    err '^hint: .*--store'
    check 'no verdict differs' test ! -s "$OUT"
    expect 2 "$@" proctor replay "$seq" --json
    check 'one document' test "$(jq -s length "$OUT")" = 1
    json ".error == \"$name\" and .exit == 2 and .rows == [] and
        .replayed == 0 and .different == 0 and (.diagnoses | length) == 1"
}
read_only() {
    unshare -rm sh -c 'mount --bind "$0" "$0" &&
        mount -o remount,bind,ro "$0" && exec "$@"' "$store" "$@"
}
unasked STORE_BUSY 'is in use by another kernel' flock "$store/lock"
unasked STORE_RDONLY 'cannot lock: the store is read-only' read_only
expect 0 proctor replay "$seq"
# A damaged ledger is one document too.
chmod -R u+w bad
rm -rf bad
cp -r "$store" bad
chmod -R u+w bad
wal=$(echo bad/ledger/wal/*.wal)
byte=$(od -An -tu1 -j5000 -N1 "$wal")
printf "\\x$(printf %02x $((byte ^ 255)))" |
    dd of="$wal" bs=1 seek=5000 conv=notrunc status=none
for which in --all "$seq"; do
    expect 5 proctor replay "$which" --json --store bad
    check 'one document' test "$(jq -s length "$OUT")" = 1
    json '.error == "STORE_DAMAGED" and .exit == 5'
done
expect 2 proctor replay 0
expect 2 proctor replay 999999
finish

# Refs of CML: assertions, references, reconciliation; what may not be said is not
# recorded, and what is recorded stands after a kill.
. "$(dirname "$0")/lib.sh"
with_examples
t=examples/tax
expect 0 proctor run $t/rates.yaml
out 'delta: passed: drift'
out 'status: passed: as the unit says'
expect 0 proctor run $t/rates.yaml observe.with.leaf=0.21
out 'delta: passed: in-sync'
expect 0 proctor run $t/rates.yaml
out 'delta: passed: drift, cached'
out 'status: passed: as the unit says, cached'

# last KIND FIELD: of the newest record of that kind.
last() { proctor log --kind "$1" --json | jq -r "[.. | objects | select(.kind? == \"$1\")] | max_by(.seq) | .$2"; }
count() { proctor log --kind "$1" --json | jq "[.. | objects | select(.kind? == \"$1\")] | length"; }
check "said once, seen three times" test "$(count assert)" = 4
check "the wanted rate is the first assertion about it" test "$(last reconcile desired_path)" = refs/cml/desired/TAX_RATE

# many ID WITH ...: a graph of assertions, each after the one before; free: of ones
# that do not wait. said CODE WITH: of one.
graph() {
    local needs='' chained=$1 all=''
    shift
    while [ $# -gt 0 ]; do
        all="$all${all:+,}{\"id\":\"$1\",\"op\":\"assert\",$needs\"with\":{$2},\"validator\":{\"name\":\"signed\",\"level\":\"schema\"}}"
        [ "$chained" = 0 ] || needs="\"needs\":[\"$1\"],"
        shift 2
    done
    printf '{"version":1,"name":"some","tasks":[%s]}' "$all" >$t/some.yaml
}
many() { graph 1 "$@"; }
free() { graph 0 "$@"; }
said() { many one "$2"; expect "$1" proctor run $t/some.yaml; }
ref='"ref":"refs/cml/desired/X"'
n=$(count assert)
many first "$ref,\"operation\":\"SET\",\"leaf\":7" again "$ref,\"operation\":\"SET\",\"leaf\":7"
expect 0 proctor run $t/some.yaml
out 'again: passed: it was there'
check "the same again is no record" test "$(count assert)" = $((n + 1))
free a "$ref,\"operation\":\"SET\",\"leaf\":8,\"expect\":0" b '"ref":"refs/cml/desired/Y","operation":"DELETE"' \
    c "$ref,\"operation\":\"SET\",\"leaf\":1,\"cid\":\"$(printf '0%.0s' $(seq 64))\""
expect 1 proctor run $t/some.yaml
out 'another number of assertions was expected'
out 'nothing to delete'
out 'another than was said'
many a "$ref,\"operation\":\"UPDATE\",\"leaf\":8,\"expect\":1" b "$ref,\"operation\":\"SET_TITLE\",\"leaf\":\"a title\"" \
    c "$ref,\"operation\":\"DELETE\""
expect 0 proctor run $t/some.yaml
expect 0 proctor cml refs --json
json '[.refs[] | select(.ref_path == "refs/cml/desired/TAX_RATE")] | length == 1'
json '[.refs[] | select(.ref_path == "refs/cml/desired/X")][0] | .target_cid == "" and .seq_number == 4'
expect 0 proctor cml refs refs/cml/observed/
out 'refs/cml/observed/TAX_RATE'
expect 0 proctor cml cob refs/cml/desired/X
out 'deleted'
expect 0 proctor cml cob refs/cml/desired/X --at "$(($(last assert seq) - 1))" --json
json '.deleted == false and (.fields | has("TITLE"))'
id=$(jq -r .id "$OUT")
expect 0 proctor cml cob "$id" --json
json '.deleted == true and .fields == {}'
expect 2 proctor cml cob
proctor cml cob refs/cml/cobs/none >"$OUT" 2>"$ERR"
err 'nothing was said'
for bad in "$ref,\"operation\":\"MOVE\",\"leaf\":1" "$ref,\"operation\":\"DELETE\",\"leaf\":1" \
    "$ref,\"operation\":\"SET\"" '"ref":"refs/x","operation":"SET","leaf":1' \
    "$ref,\"operation\":\"SET\",\"leaf\":1,\"did\":\"did:key:zz\"" \
    "$ref,\"operation\":\"SET\",\"leaf\":[1]" "$ref,\"operation\":\"SET\",\"leaf\":1,\"cid\":\"00\""; do
    many one "$bad"
    expect 2 proctor check $t/some.yaml
done
said 3 '"ref":"refs/cml/cobs/1","operation":"SET","leaf":1'
err 'does not let cml.assert'

# Another writer: numbered, chained and signed by its own key.
cat >sign.py <<'END'
import hashlib, json, subprocess, sys
n, prev, leaf, payload = sys.argv[1:5]
B = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
der = subprocess.run(["openssl", "pkey", "-in", "w.pem", "-pubout", "-outform", "DER"], capture_output=True).stdout
v, s = int.from_bytes(b"\xed\x01" + der[-32:], "big"), ""
while v:
    v, d = divmod(v, 58)
    s = B[d] + s
did = "did:key:z" + s
text = f"proctor cml assertion v1\n{did}\nrefs/cml/observed/RATE\nSET\n{payload}\n{n}\n{prev}\n".encode()
open("text", "wb").write(text)
subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "w.pem", "-in", "text", "-out", "sig"], check=True)
w = {"ref": f"refs/cml/remotes/{did}/observed/RATE", "operation": "SET", "leaf": int(leaf), "did": did,
     "number": int(n), "signature": open("sig", "rb").read().hex()}
if prev != "-":
    w["prev"] = prev
print(json.dumps(w)[1:-1])
END
openssl genpkey -algorithm ed25519 -out w.pem 2>/dev/null
# The CID of a leaf is that of the store's own assertion of it.
many a '"ref":"refs/cml/desired/P","operation":"SET","leaf":1' b '"ref":"refs/cml/desired/P","operation":"SET","leaf":2'
expect 0 proctor run $t/some.yaml
p1=$(proctor log --kind assert --json | jq -r '[.. | objects | select(.kind? == "assert")] | sort_by(.seq) | .[-2].payload')
p2=$(last assert payload)
first=$(python3 sign.py 1 - 1 "$p1")
cp text first
many a "$first" b "$first"
expect 0 proctor run $t/some.yaml
out 'b: passed: it was there'
free a "$(python3 sign.py 1 - 2 "$p2")" b "$(python3 sign.py 3 "$p1" 2 "$p2")" c "$(python3 sign.py 2 "$p1" 2 "$p2")" \
    d "$(python3 sign.py 2 "$p1" 2 "$p1")"
expect 1 proctor run $t/some.yaml
out 'said something else under this number'
out 'numbers before it are missing'
out 'a fork: it follows another one'
out 'the signature is not'

# The same by `proctor cml assert`, whose second follows the first that was signed
# by openssl; and what stands there is looked up, named, or refused.
a="proctor cml assert"
expect 0 $a refs/cml/observed/RATE SET --leaf 1 --key w.pem --json
json '.seq_number == 1 and .new == false'
check "both hash one statement alike" test "$(b3sum --no-names first 2>/dev/null || jq -r .hash "$OUT")" = "$(jq -r .hash "$OUT")"
expect 0 $a refs/cml/observed/RATE UPDATE --leaf 2 --key w.pem --json
json '.seq_number == 2 and .new and (.did | startswith("did:key:z6Mk"))'
expect 1 $a refs/cml/observed/RATE SET --leaf 3 --key w.pem --expect 1
err 'a fork: its writer has said something else'
expect 1 $a refs/cml/observed/RATE SET --leaf 3 --key w.pem --expect 7
err 'fewer than 7'
expect 2 $a refs/cml/observed/RATE SET --leaf 3 --key w.pem --did did:key:zz
err 'it is the key of did:key:z6Mk'
expect 1 $a refs/cml/desired/TAX_RATE SET --leaf 1.5 --expect 0
err 'another number of assertions'
expect 2 $a refs/cml/desired/TAX_RATE SET --leaf '[1]'
expect 2 $a refs/x SET --leaf 1
err 'no ref of CML'
expect 2 $a refs/cml/desired/Z SET
expect 0 $a refs/cml/desired/Q SET --cid "$p2"
expect 2 $a refs/cml/desired/Q SET --cid "$(printf '0%.0s' $(seq 64))"
err 'no ref ever led to'

# References to nothing, to another type, in a circle.
cat >$t/bad.cml <<'END'
unit nothing(a: f64) -> f64 { a + f64(ref "desired/NOTHING") }
unit typed(a: u8) -> u8 { a + u8(ref "desired/TAX_RATE") }
unit loops() -> f64 { f64(ref "desired/LOOP") }
END
expect 0 $a refs/cml/desired/LOOP SET $t/bad.cml:loops
printf 'version: 1\nname: b\ntasks:\n' >$t/b.yaml
for u in 'nothing [f64] f64' 'typed [u8] u8' 'loops [] f64'; do
    set -- $u
    printf '  - id: %s\n    op: cml\n    with: {unit: "bad.cml:%s", takes: %s, gives: %s}\n    validator: {name: well_formed, level: schema}\n' \
        "$1" "$1" "$2" "$3" >>$t/b.yaml
done
expect 1 proctor run $t/b.yaml
err 'bad.cml:1:[0-9]+: error: .*leads nowhere'
err 'bad.cml:2:[0-9]+: error: .*u8 is wanted'
err 'bad.cml:3:[0-9]+: error: .*in a circle'

# By hand: closed, as of a record, as a snapshot says; and what is open is named.
expect 2 proctor cml check --closed $t/tax.cml
err 'tax.cml:[0-9]+:[0-9]+: error: refs/cml/desired/TAX_RATE: an open reference'
expect 0 proctor cml link $t/tax.cml -o closed.cmlb --json
json '.refs[0].ref_path == "refs/cml/desired/TAX_RATE"'
linked=$(jq -r .cid "$OUT")
expect 0 proctor cml check --closed closed.cmlb
expect 0 proctor cml cid closed.cmlb
out "$linked"
expect 2 proctor cml link $t/tax.cml --at 0
err 'tax.cml:[0-9]+:[0-9]+: error: refs/cml/desired/TAX_RATE: .*leads nowhere'
expect 2 proctor cml link $t/bad.cml --unit loops
err 'in a circle: desired/LOOP -> desired/LOOP'
expect 2 proctor cml link $t/tax.cml --snapshot $t/tax.cml
err 'no snapshot'

# Fields that differ, and what is not there.
cat >$t/config.cml <<'END'
unit want() -> {host: string, port: u16} { {host: string, port: u16}("a", 1) }
unit seen() -> {host: string, port: u16} { {host: string, port: u16}("a", 2) }
END
{
    printf 'version: 1\nname: d\ntasks:\n'
    for u in want seen; do
        printf '  - {id: %s, op: assert, with: {ref: refs/cml/desired/%s, operation: SET, unit: "config.cml:%s"}, validator: {name: signed, level: schema}}\n' $u $u $u
    done
    for u in 'fields want seen' 'no-desired NONE seen' 'no-observed want NONE'; do
        set -- $u
        printf '  - {id: %s, op: reconcile, needs: [want, seen], with: {desired: refs/cml/desired/%s, observed: refs/cml/desired/%s}, validator: {name: compared, level: schema}}\n' "$1" "$2" "$3"
    done
} >$t/d.yaml
expect 0 proctor run $t/d.yaml
out 'no-desired: passed: missing-desired'
out 'no-observed: passed: missing-observed'
out 'fields: passed: drift'
expect 0 proctor show --raw "$(proctor log --kind reconcile --json | jq -r '[.. | objects | select(.kind? == "reconcile" and .task? == "fields")][0].bundle')"
check "the status names the field that differs" grep -q 'drift: port' "$OUT"

# An oracle's references are not followed: refused by name; a linked one is fine.
printf 'version: 1\nname: o\ntasks:\n  - {id: c, op: cml, with: {unit: "tax.cml:calculate_tax", takes: [f64], gives: f64}, validator: {name: well_formed, level: schema}}\n  - {id: e, op: exam, needs: [c], with: {oracle: {unit: "ORACLE"}, domain: [f64]}, validator: {name: holdout, level: oracle}}\n' >$t/exam.yaml
printf 'unit open(a: f64) -> f64 { a * f64(ref "desired/TAX_RATE") }\nunit fixed(a: f64) -> f64 { a * 0.21 }\n' >$t/oracle.cml
sed 's/ORACLE/oracle.cml:open/' $t/exam.yaml >$t/o.yaml
printf '  - {capability: exam.hold}\n' >>$t/proctor-policy.yaml
expect 2 proctor run $t/o.yaml
err 'refs/cml/desired/TAX_RATE: an open reference'

# The candidate names the snapshot that its references were replaced from.
expect 0 proctor run $t/rates.yaml --store again --json
cid=$(proctor log --store again --kind task --json | jq -r '[.. | objects | select(.task? == "tax" and .result?) | .result][0]')
expect 0 proctor show --store again "$cid" --json
snapshot=$(jq -r '[.. | .snapshot? | strings][0]' "$OUT")
expect 0 proctor show --store again --as cml_snapshot "$snapshot" --json
json '.. | strings | select(. == "refs/cml/desired/TAX_RATE")'
proctor show --store again --raw "$snapshot" >snapshot
expect 0 proctor cml assert refs/cml/desired/TAX_RATE SET --leaf 0.5 --store again
expect 0 proctor cml link $t/tax.cml --store again --snapshot snapshot --json
json '.refs[0].ref_path == "refs/cml/desired/TAX_RATE"'
then=$(jq -r .cid "$OUT")
check "what a snapshot gives is what it gave" test "$then" = "$(proctor cml link $t/tax.cml --store again --json --at "$(proctor log --store again --kind task --json | jq '[.. | objects | select(.task? == "tax")][0].seq')" | jq -r .cid)"
check "and not what is there now" test "$then" != "$(proctor cml link $t/tax.cml --store again --json | jq -r .cid)"

# The ref moves, and the kernel dies, between the candidate and its exam: what was
# linked is examined.
{
    head -n 4 $t/exam.yaml
    printf '  - {id: move, op: assert, needs: [c], with: {ref: refs/cml/desired/TAX_RATE, operation: SET, leaf: 0.5}, validator: {name: signed, level: schema}}\n'
    printf '  - {id: e, op: exam, needs: [c, move], with: {oracle: {unit: "oracle.cml:fixed"}, domain: [f64]}, validator: {name: holdout, level: oracle}}\n'
} >$t/moved.yaml
expect 0 proctor cml assert refs/cml/desired/TAX_RATE SET --leaf 0.21 --store moved
proctor run $t/moved.yaml --store moved >/dev/null 2>&1 &
client=$!
for _ in $(seq 200); do
    proctor cml refs --store moved --json 2>/dev/null | jq -e '.refs[0].seq_number == 2' >/dev/null && break
done
pkill -9 -P $client proctor-kernel
wait $client 2>/dev/null
proctor run --resume --store moved >"$OUT" 2>"$ERR"
expect 0 proctor log --store moved --kind verdict --json
json '[.. | objects | select(.kind? == "verdict") | .verdict] == [1]'

# Killed when the run has begun, or the assertion is recorded: said once in the end.
for at in '"want"\|want' refs/cml/desired/TAX_RATE; do
    store=k-${#at}
    proctor run $t/rates.yaml --store $store >/dev/null 2>&1 &
    client=$!
    for _ in $(seq 400); do
        grep -qa "$at" $store/ledger/wal/* 2>/dev/null && break
        sleep 0.01
    done
    pkill -9 -P $client proctor-kernel
    wait $client 2>/dev/null
    proctor run --resume --store $store >"$OUT" 2>"$ERR"
    expect 0 proctor log --store $store --kind assert --json
    json '[.. | objects | select(.kind? == "assert")] | length == 2'
    expect 0 proctor verify --store $store
done
expect 0 proctor prove "$(last assert seq)" -o proof
whole
finish

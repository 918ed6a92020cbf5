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

# one WITH...: a graph of one assertion.
one() {
    printf '{"version":1,"name":"one","tasks":[{"id":"one","op":"assert","with":{%s},"validator":{"name":"signed","level":"schema"}}]}' \
        "$1" >$t/one.yaml
}
said() { one "$2"; expect "$1" proctor run $t/one.yaml; }
ref='"ref":"refs/cml/desired/X"'
n=$(count assert)
said 0 "$ref,\"operation\":\"SET\",\"leaf\":7"
said 0 "$ref,\"operation\":\"SET\",\"leaf\":7"
out 'it was there'
check "the same again is no record" test "$(count assert)" = $((n + 1))
said 1 "$ref,\"operation\":\"SET\",\"leaf\":8,\"expect\":0"
out 'another number of assertions was expected'
said 0 "$ref,\"operation\":\"UPDATE\",\"leaf\":8,\"expect\":1"
said 0 "$ref,\"operation\":\"SET_TITLE\",\"leaf\":\"a title\""
said 0 "$ref,\"operation\":\"DELETE\""
said 1 '"ref":"refs/cml/desired/Y","operation":"DELETE"'
out 'nothing to delete'
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
    said 2 "$bad"
done
said 1 "$ref,\"operation\":\"SET\",\"leaf\":1,\"cid\":\"$(printf '0%.0s' $(seq 64))\""
out 'another than was said'
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
payload() { said 0 "\"ref\":\"refs/cml/desired/P\",\"operation\":\"SET\",\"leaf\":$1" >/dev/null; last assert payload; }
p1=$(payload 1) p2=$(payload 2)
said 0 "$(python3 sign.py 1 - 1 "$p1")"
h1=$(b3sum --no-names text 2>/dev/null || true)
said 0 "$(python3 sign.py 1 - 1 "$p1")"
out 'it was there'
said 1 "$(python3 sign.py 1 - 2 "$p2")"
out 'a fork'
said 1 "$(python3 sign.py 3 "$p1" 2 "$p2")"
out 'numbers before it are missing'
said 1 "$(python3 sign.py 2 "$p1" 2 "$p2")"
out 'a fork: it follows another one'
said 1 "$(python3 sign.py 2 "$p1" 2 "$p1")"
out 'the signature is not'
[ -z "$h1" ] || said 0 "$(python3 sign.py 1 - 1 "$p1" >/dev/null; python3 sign.py 2 "$h1" 2 "$p2")"

# References to nothing, to another type, in a circle.
cat >$t/bad.cml <<'END'
unit nothing(a: f64) -> f64 { a + f64(ref "desired/NOTHING") }
unit typed(a: u8) -> u8 { a + u8(ref "desired/TAX_RATE") }
unit loops() -> f64 { f64(ref "desired/LOOP") }
END
one '"ref":"refs/cml/desired/LOOP","operation":"SET","unit":"bad.cml:loops"'
expect 0 proctor run $t/one.yaml
for u in 'nothing [f64] f64 leads.nowhere' 'typed [u8] u8 u8.is.wanted' 'loops [] f64 in.a.circle'; do
    set -- $u
    printf 'version: 1\nname: b\ntasks:\n  - id: b\n    op: cml\n    with: {unit: "bad.cml:%s", takes: %s, gives: %s}\n    validator: {name: well_formed, level: schema}\n' \
        "$1" "$2" "$3" >$t/b.yaml
    expect 1 proctor run $t/b.yaml
    err "bad.cml:[123]:[0-9]+: error: .*$4"
done

# The candidate names the snapshot that its references were replaced from.
expect 0 proctor run $t/rates.yaml --store again --json
cid=$(proctor log --store again --kind task --json | jq -r '[.. | objects | select(.task? == "tax" and .result?) | .result][0]')
expect 0 proctor show --store again "$cid" --json
snapshot=$(jq -r '[.. | .snapshot? | strings][0]' "$OUT")
expect 0 proctor show --store again --as cml_snapshot "$snapshot" --json
json '.. | strings | select(. == "refs/cml/desired/TAX_RATE")'

# Killed when the assertion is recorded, or before: said once in the end.
for kind in start assert; do
    proctor run $t/rates.yaml --store k-$kind >/dev/null 2>&1 &
    client=$!
    for _ in $(seq 200); do
        proctor log --store k-$kind --kind $kind --json 2>/dev/null | grep -q "\"$kind\"" && break
        sleep 0.02
    done
    pkill -9 -P $client proctor-kernel
    wait $client 2>/dev/null
    proctor run --resume --store k-$kind >"$OUT" 2>"$ERR"
    expect 0 proctor log --store k-$kind --kind assert --json
    json '[.. | objects | select(.kind? == "assert")] | length == 2'
    whole --store k-$kind
done
expect 0 proctor prove "$(last assert seq)" -o proof
whole
finish

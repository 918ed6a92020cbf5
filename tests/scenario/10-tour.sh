# The README's tour: admitted, refuted, killed, refused; evidence, proof, replay.
. "$(dirname "$0")/lib.sh"
with_examples
policy=(--policy policy/default.yaml)

expect 0 proctor run examples/crc32/graph.yaml "${policy[@]}" --json
json '.code == 0 and .passed == 3 and .failed == 0'
expect 0 proctor ref list --json
json '[.. | .name? | strings] | any(. == "primitives/crc32")'
first=$(jq -r '[.. | .target? | strings][0]' "$OUT")

# A second run draws nothing: the verdict is known, the ref already there.
expect 0 proctor run examples/crc32/graph.yaml "${policy[@]}"
expect 0 proctor log --kind commit --json
json '[.. | objects | select(.kind? == "commit")] | length == 1'

expect 1 proctor run examples/crc32/wrong-on-one-class.yaml "${policy[@]}"
expect 0 proctor log --kind verdict --json
json '[.. | objects | select(.kind? == "verdict")] | length == 2'
seq=$(jq -r '[.. | objects | select(.kind? == "verdict") | .seq] | max' "$OUT")
expect 0 proctor show "$seq"
out 'reject|REJECT'
expect 0 proctor show "$seq" --json
check "the counterexample is kept" grep -q '"shrunk"' "$OUT"

expect 1 proctor run examples/crc32/socket.yaml "${policy[@]}"
check "the person is told it was killed" grep -rqiE 'killed|SIGSYS' "$OUT" "$ERR"

expect 3 proctor run examples/crc32/not-granted.yaml "${policy[@]}"
err 'not-granted.yaml:[0-9]+:[0-9]+: error'
err 'hint:'
expect 0 proctor log --kind refuse --json
json '[.. | objects | select(.kind? == "refuse")] | length >= 1'

expect 0 proctor ref list --json
check "the ref still points where it did" grep -q "$first" "$OUT"
expect 0 proctor verify --full
out 'whole'
expect 0 proctor replay --all
expect 0 proctor prove "$seq" -o proof.tlog-proof
check "the proof is the outside format" grep -qx 'c2sp.org/tlog-proof@v1' proof.tlog-proof
vkey=$(cat .proctor/ledger/vkey)
expect 0 proctor prove --check proof.tlog-proof --key "$vkey"
# From the checkpoint that somebody kept on.
cp .proctor/ledger/checkpoint kept
expect 0 proctor run examples/popcount/graph.yaml "${policy[@]}"
expect 0 proctor prove --since kept -o on.proof
expect 0 env -C / proctor prove --check "$PWD/on.proof" --since "$PWD/kept" --key "$vkey" --json
json ".good and .old_size == $(sed -n 2p kept) and .size == $(sed -n 2p .proctor/ledger/checkpoint)"
expect 1 proctor prove --check on.proof --since .proctor/ledger/checkpoint --key "$vkey"
sed '1s/.$/1/;2{h;d}' on.proof >off.proof
expect 1 proctor prove --check off.proof --since kept --key "$vkey"
mkdir elsewhere
expect 0 env -C elsewhere proctor prove --check ../proof.tlog-proof --key "$vkey" --json
json ".good and .seq == $seq and .record.kind == \"verdict\""
# The worked vector of the signed-note specification: a key of another log.
foreign=example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
expect 1 proctor prove --check proof.tlog-proof --key $foreign
err 'signed by another key'
sed -i 's/^index .*/index 0/' proof.tlog-proof
expect 1 proctor prove --check proof.tlog-proof --key "$vkey"
err 'bad proof'
check "an independent reader agrees on the tree" python3 "$ROOT/tests/scenario/tlog_check.py" .proctor/ledger
finish

# The log's key changes: proofs and checkpoints from before and after, the seed
# chain, the witness, and what verify says of a change that was bent.
. "$(dirname "$0")/lib.sh"
with_examples
run_one() { expect 0 proctor run "examples/$1/graph.yaml" --policy policy/default.yaml --store s; }
expect 2 proctor key rotate --store s # nothing there yet
check "no store was made" test ! -e s
run_one popcount
expect 0 proctor key show --store s
check "the published one" cmp "$OUT" s/ledger/vkey
cp s/ledger/vkey old.vkey; cp s/ledger/checkpoint old.note; cp -a s s0
expect 0 proctor prove 3 --store s --output old.tlog-proof

expect 0 proctor key rotate --store s --json
json '.record > 3 and (.vkey | startswith("proctor/"))'
key=$(jq -r .record "$OUT")
check "published" grep -qF "$(jq -r .vkey "$OUT")" s/ledger/vkey
check "another key" test "$(cat s/ledger/vkey)" != "$(cat old.vkey)"
check "one key file" test "$(ls s/keys)" = key
check "another key file" test "$(sha256sum <s/keys/key)" != "$(sha256sum <s0/keys/key)"
whole --store s
expect 0 proctor verify --store s
expect 0 proctor show "$key" --store s
out 'the log.s key was changed|from [0-9a-f]+ to [0-9a-f]+'
expect 0 proctor log --store s --kind key --json
json '.records | length == 1'
expect 0 proctor key show --all --store s
check "both are listed" test "$(cut -f2 "$OUT" | tr '\n' ' ')" = "$(cat old.vkey s/ledger/vkey | tr '\n' ' ')"
expect 0 proctor key show --json --store s
json ".keys | length == 2 and .[1].from == $key - 1"

# Exams go on, with the seeds that GENESIS fixed.
run_one xor
whole --store s
expect 0 proctor replay --all --store s

# Proofs: an old one under the old key, a new one of any record under the new key.
expect 0 proctor prove --check old.tlog-proof --key old.vkey
expect 1 proctor prove --check old.tlog-proof --key s/ledger/vkey
expect 0 proctor prove 3 --store s --output new.tlog-proof
expect 0 proctor prove --check new.tlog-proof --key s/ledger/vkey
expect 1 proctor prove --check new.tlog-proof --key old.vkey
err 'signed by another key'
expect 0 proctor prove --since old.note --store s --output since
# Who only knows the old key follows by the record of the change.
expect 0 proctor prove "$key" --store s --output key.tlog-proof
expect 0 proctor key follow key.tlog-proof --key old.vkey
check "the new key" cmp "$OUT" <(proctor key show --store s)
expect 1 proctor key follow new.tlog-proof --key old.vkey
expect 1 proctor key follow key.tlog-proof --key s/ledger/vkey
expect 0 proctor prove --check since --since old.note --key s/ledger/vkey --old-key old.vkey

# A second change, and the private keys are others each time.
expect 0 proctor key rotate --store s
whole --store s
expect 0 proctor key show --all --store s
check "three keys" test "$(wc -l <"$OUT")" = 3

# An older copy under the new key, a newer ledger under the old one: refused, and
# nothing is lost by it.
cp -a s c && cp s0/keys/key c/keys/key
expect 5 proctor run examples/xor/graph.yaml --policy policy/default.yaml --store c
err 'not the key that signs this ledger'
cp s/keys/key c/keys/key
expect 0 proctor run examples/xor/graph.yaml --policy policy/default.yaml --store c

# A bent change is refused wherever its bytes are.
segment=$(basename "$(printf 's/ledger/wal/%016x.wal' $((key - 1)))")
bend() { # bend NAME OFFSET-FROM-RECORD
    rm -rf c && cp -a s c
    python3 - c/ledger/wal/"$segment" "$key" "$1" <<'P'
import struct, sys, subprocess
p, seq, off = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
d = bytearray(open(p, 'rb').read())
at = d.index(b'PR\x01\x18' + struct.pack('>Q', seq))
n = struct.unpack('>H', d[at - 2:at])[0]
d[at + n - off] ^= 1
b = d.index(b'PBAT'); end = b + 8 + struct.unpack('>I', d[b + 4:b + 8])[0]
d[end:end + 32] = bytes.fromhex(subprocess.run(["b3sum", "--no-names"], input=bytes(d[b:end]), capture_output=True).stdout.decode())
open(p, 'wb').write(d)
P
    expect 5 proctor verify --full --store c
}
for off in 1 64 69 132 137 168 200; do bend "$off"; done
finish

#!/usr/bin/env bash
# A verdict leaves the store as a signed statement, is checked elsewhere by our
# command and by a script of Python's standard library, and cannot be changed.
. "$(dirname "$0")/lib.sh"
with_examples
check "a run" proctor run examples/crc32/graph.yaml --policy policy/default.yaml
expect 0 proctor log --kind verdict --json
seq=$(jq '[.. | objects | select(.kind? == "verdict") | .seq] | max' "$OUT")
vkey=$(cat .proctor/ledger/vkey)

expect 0 proctor export --new-key release.pem
check "only its owner reads the key" test "$(stat -c %a release.pem)" = 600
expect 2 proctor export --new-key release.pem
err 'already exists'
expect 0 proctor export --dsse --key release.pem "$seq" -o crc32.dsse.json
expect 0 proctor export --statement "$seq"
jq -r .payload crc32.dsse.json | base64 -d >payload.json
check "the payload is the statement" cmp payload.json "$OUT"
json '._type == "https://in-toto.io/Statement/v1" and .predicate.result == "PASSED"'
json ".subject[0].digest.sha256 == \"$(sha256sum <examples/crc32/crc32.py | cut -c1-64)\""
json ".subject[0].digest.blake3 == \"$(b3sum <examples/crc32/crc32.py | cut -c1-64)\""

# Elsewhere: the envelope, two public keys, the file.
mkdir elsewhere
cp crc32.dsse.json release.pem.pub examples/crc32/crc32.py elsewhere
cd elsewhere || exit 1
verify=(proctor export --key release.pem.pub --log "$vkey" --verify)
expect 0 "${verify[@]}" crc32.dsse.json crc32.py
out 'admit proven'
expect 0 "${verify[@]}" crc32.dsse.json crc32.py --json
json ".good and .record == $seq and .bound95 < 2e-4"
expect 2 "${verify[@]}" crc32.dsse.json
err 'crc32.py'
echo '# another' >other.py
expect 1 "${verify[@]}" crc32.dsse.json other.py
err 'not about other.py'
expect 2 proctor export --key release.pem.pub --verify crc32.dsse.json crc32.py
err 'needs --key'
foreign=example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
expect 1 proctor export --key release.pem.pub --log $foreign --verify crc32.dsse.json crc32.py
err 'signed by another key'
# The owner of the release key lies: the signature holds, the ledger does not say it.
lie() { # lie FROM TO FILE
    local payload sig
    payload=$(jq -r .payload crc32.dsse.json | base64 -d | sed "s/$1/$2/" | base64 -w0)
    { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(base64 -d <<<"$payload" | wc -c)"
      base64 -d <<<"$payload"; } >pae
    sig=$(openssl pkeyutl -sign -rawin -inkey ../release.pem -in pae | base64 -w0)
    jq --arg p "$payload" --arg s "$sig" '.payload = $p | .signatures[0].sig = $s' crc32.dsse.json >"$3"
}
if command -v openssl >/dev/null; then
    lie x x same.json
    expect 0 "${verify[@]}" same.json crc32.py
    lie 17665 99999 more.json
    expect 1 "${verify[@]}" more.json crc32.py
    err 'the ledger does not say \$.predicate.proctor.(draws|reason)'
fi
jq '.payload |= (.[0:400] + "A" + .[401:])' crc32.dsse.json >changed.json
expect 1 "${verify[@]}" changed.json crc32.py
err 'no signature'

# Somebody else's check, without Proctor.
script=$ROOT/examples/attach/check.py
expect 0 python3 "$script" crc32.dsse.json release.pem.pub "$vkey" crc32.py
out 'good: .*admit'
expect 1 python3 "$script" changed.json release.pem.pub "$vkey" crc32.py
[ ! -e more.json ] || expect 1 python3 "$script" more.json release.pem.pub "$vkey" crc32.py
expect 1 python3 "$script" crc32.dsse.json release.pem.pub "$vkey" other.py
expect 1 python3 "$script" crc32.dsse.json release.pem.pub $foreign crc32.py

cd ..
expect 2 proctor export --dsse --key release.pem 0
err 'genesis record, not a verdict'
expect 2 proctor export --dsse 0
expect 2 proctor export --dsse --statement "$seq"
expect 2 proctor export --dsse --key release.pem.pub "$seq"
err 'not such a key'
finish

#!/usr/bin/env bash
# Our proof files and envelopes before sigstore's JavaScript verifier (npm @sigstore/verify, pinned
# with its hashes in tests/outside/sigstore/package-lock.json): accepted from ledgers
# of many sizes, refused when any field was changed. TAP.
# The package: scripts/setup.sh --outside. Usage: tests/outside/sigstore.sh [BUILD_DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
build=${1:-$ROOT/build/release}
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-sigstore-XXXXXX")
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
report() { # report STATUS TEXT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        failed=$((failed + 1))
    fi
}
modules=$(outside_modules)
if ! command -v node >/dev/null || [ ! -d "$modules/node_modules/@sigstore/verify" ]; then
    report 1 "node or @sigstore/verify is missing: scripts/setup.sh --outside"
    exit 1
fi
report 0 "@sigstore/verify $(sed -nE 's/^ *"version": "(.*)",$/\1/p' "$modules/node_modules/@sigstore/verify/package.json") is there"

# At each size proofs of the first record, the last and one between.
cat >"$dir/judge" <<EOS
#!/usr/bin/env bash
set -e
size=\$(sed -n 2p "\$1/checkpoint")
for seq in 0 \$((size / 2)) \$((size - 1)); do
    "$build/bin/proctor" prove --store "\${1%/ledger}" \$seq -o "$dir/\$size-\$seq.tlog-proof" >"$dir/said"
done
echo "OK \$size "
EOS
chmod +x "$dir/judge"
sizes=(1 4 255 258)
[ -z "${PROCTOR_FULL:-}" ] || sizes=(1 260 511 513)
"$build/tests/grow" "$dir" "$dir/judge" "${sizes[@]}" 65535 65538 >"$dir/log" && s=0 || s=$?
[ $s -eq 0 ] || cat "$dir/log"
report $s "proofs are written"
vkey=$(cat "$dir/store/ledger/vkey")
judge=(node tests/outside/sigstore/check.js "$modules")
proofs=("$dir"/*.tlog-proof)
"${judge[@]}" proof "$vkey" accept "${proofs[@]}" >"$dir/log" && s=0 || s=$?
[ $s -eq 0 ] || grep '^not' "$dir/log" | sed 's/^/# /'
report $s "it accepts ${#proofs[@]} proofs of ledgers of up to 65538 records"

# One change at a time: it refuses, and so do we.
good=$dir/65538-32769.tlog-proof
refuses() { # refuses TEXT SED_SCRIPT
    local s=0 code=0
    sed -E "$2" "$good" >"$dir/changed"
    ! cmp -s "$good" "$dir/changed" || s=1
    "${judge[@]}" proof "$vkey" refuse "$dir/changed" >"$dir/log" || s=1
    "$build/bin/proctor" prove --check "$dir/changed" --key "$vkey" >/dev/null 2>&1 || code=$?
    [ $code -eq 1 ] || s=1
    report $s "both refuse $1"
}
refuses "a changed entry" '2{s/^(.{40})A/\1B/;t;s/^(.{40})./\1A/}'
refuses "the next index" '3s/.*/index 32770/'
refuses "an index beyond the tree" '3s/.*/index 65538/'
refuses "a changed hash" '4s/^AA/BB/;t;4s/^../AA/'
refuses "two hashes swapped" '4{h;d};5G'
refuses "a hash left out" '5d'
refuses "a hash too many" '5{p}'
refuses "another size" '/^65538$/s/8/9/'
refuses "another origin" '/^proctor\//s/$/x/'
refuses "another root" '/^65538$/{n;s/^AA/BB/;t;s/^../AA/}'
refuses "a changed signature" '${s/^(.{60})A/\1B/;t;s/^(.{60})./\1A/}'
refuses "no signature" '$d'
other='example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
"${judge[@]}" proof "$other" refuse "$good" >/dev/null && s=0 || s=$?
report $s "it refuses another log's key"
# An exported verdict in its envelope.
export PROCTOR_STORE=$dir/exported
"$build/bin/proctor" run examples/popcount/graph.yaml --policy policy/default.yaml >"$dir/log" 2>&1 || cat "$dir/log"
seq=$("$build/bin/proctor" log --kind verdict --json | jq '[.. | objects | select(.kind? == "verdict") | .seq] | max')
"$build/bin/proctor" export --new-key "$dir/r.pem" >/dev/null
"$build/bin/proctor" export --new-key "$dir/other.pem" >/dev/null
"$build/bin/proctor" export --dsse --key "$dir/r.pem" "$seq" -o "$dir/envelope" && s=0 || s=$?
cp "$dir/envelope" "$dir/good"
"${judge[@]}" dsse "$dir/r.pem.pub" accept "$dir/good" >/dev/null || s=1
report $s "it accepts an exported verdict"
jq '.payload |= (.[0:40] + (if .[40:41] == "A" then "B" else "A" end) + .[41:])' "$dir/good" >"$dir/payload"
jq '.payloadType = "text/plain"' "$dir/good" >"$dir/type"
jq '.signatures[0].sig |= (if .[0:1] == "A" then "B" else "A" end) + .[1:]' "$dir/good" >"$dir/sig"
"${judge[@]}" dsse "$dir/r.pem.pub" refuse "$dir/payload" "$dir/type" "$dir/sig" >"$dir/log" && s=0 || s=$?
report $s "it refuses another payload, type or signature"
"${judge[@]}" dsse "$dir/other.pem.pub" refuse "$dir/good" >/dev/null && s=0 || s=$?
report $s "it refuses another key"
echo "1..$n"
[ "$failed" -eq 0 ]

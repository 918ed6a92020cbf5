#!/usr/bin/env bash
# From a bare Debian 12 to a proven result: installs packages, builds release, lets
# Proctor examine a CRC-32 written in Python, then three that must not get through,
# and checks the ledger. Usage: scripts/quickstart.sh
# The store is ./.proctor of this checkout; a second run finds the verdicts there.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
unset PROCTOR_STORE

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'; else bold='' dim='' off=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$off"; }

scripts/setup.sh
echo "build: release preset ..."
build_preset release || die "the build failed"
export PATH=$ROOT/build/release/bin:$PATH
started=$SECONDS
wrong=0

# step CODE TITLE COMMAND...: shows the command, runs it, checks its exit code.
step() {
    local want=$1 status=0
    say "$2"
    shift 2
    printf '%s$ %s%s\n' "$dim" "$*" "$off"
    "$@" || status=$?
    if [ "$status" -ne "$want" ]; then
        echo "unexpected: exit code $status, should be $want"
        wrong=1
    fi
}

policy=(--policy policy/default.yaml)
step 0 "1. A right CRC-32: examined on fresh inputs against two oracles, admitted, named" \
    proctor run examples/crc32/graph.yaml "${policy[@]}"
step 1 "2. Wrong on one class of inputs only: refuted, with the smallest counterexample" \
    proctor run examples/crc32/wrong-on-one-class.yaml "${policy[@]}"
step 1 "3. Opens a socket: killed before it could" \
    proctor run examples/crc32/socket.yaml "${policy[@]}"
step 3 "4. Wants what the policy does not grant: refused, nothing ran" \
    proctor run examples/crc32/not-granted.yaml "${policy[@]}"
step 0 "5. What is in the ledger, and where the evidence is" proctor log --limit 12
step 0 "6. The name that the first run earned" proctor ref list
step 0 "7. The whole ledger, checked from its bytes" proctor verify --full

took=$((SECONDS - started))
if [ "$wrong" -ne 0 ]; then
    die "at least one step did not end as it should"
fi
say "All seven ended as they should, in $took s after the build."
cat <<TEXT
Look further:   build/release/bin/proctor show N        one record and what it stands on
                build/release/bin/proctor replay --all  every verdict again, bit for bit
                build/release/bin/proctor prove N       a proof for somebody who trusts nobody
                scripts/verify.sh                       every test
TEXT

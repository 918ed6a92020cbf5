#!/usr/bin/env bash
# Runs every script in tests/scenario/ against the real binaries, one after the
# other, each in a directory of its own. Prints the TAP lines of all, renumbered.
# Usage: [PROCTOR_BIN=DIR] scripts/scenarios.sh [NAME ...]
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
export PROCTOR_BIN=${PROCTOR_BIN:-$ROOT/build/release/bin}
[ -x "$PROCTOR_BIN/proctor" ] || die "no proctor in $PROCTOR_BIN; build it first"
limit=300
[ -z "${PROCTOR_FULL:-}" ] || limit=5400 # faults at every place take their time
n=0 failed=0
for script in tests/scenario/[0-9]*.sh; do
    name=$(basename "$script" .sh)
    if [ $# -gt 0 ] && ! grep -qw -- "$name" <<<"$*"; then continue; fi
    echo "# $name"
    log=$(mktemp)
    timeout "$limit" bash "$script" >"$log" 2>&1
    status=$?
    before=$failed
    while IFS= read -r line; do
        case $line in
        "ok "*) n=$((n + 1)); echo "ok $n - $name: ${line#ok }" ;;
        "not ok "*) n=$((n + 1)); failed=$((failed + 1)); echo "not ok $n - $name: ${line#not ok }" ;;
        *) echo "# $line" ;;
        esac
    done <"$log"
    if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
        n=$((n + 1)) failed=$((failed + 1))
        echo "not ok $n - $name: ended with status $status"
    fi
    rm -f "$log"
done
echo "1..$n"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]

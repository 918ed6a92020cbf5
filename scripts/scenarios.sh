#!/usr/bin/env bash
# Runs every script in tests/scenario/ against the real binaries, as many at once
# as there are processors, each in a directory of its own. Prints the TAP lines of
# all, renumbered, and how long each took.
# Usage: [PROCTOR_BIN=DIR] scripts/scenarios.sh [NAME ...]
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
export PROCTOR_BIN=${PROCTOR_BIN:-$ROOT/build/release/bin}
[ -x "$PROCTOR_BIN/proctor" ] || die "no proctor in $PROCTOR_BIN; build it first"
limit=300
[ -z "${PROCTOR_FULL:-}" ] || limit=5400 # faults at every place take their time
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
run_one() { # run_one SCRIPT: leaves NAME.log, NAME.status, NAME.seconds
    local name start=$SECONDS
    name=$(basename "$1" .sh)
    timeout "$limit" bash "$1" >"$logs/$name.log" 2>&1
    echo $? >"$logs/$name.status"
    echo $((SECONDS - start)) >"$logs/$name.seconds"
}
declare -A begun=()
# The longest first: what is left for the end is short.
longest=(tests/scenario/{91-syscalls,35-exam-attacks,28-replay,90-allocations}.sh)
for script in "${longest[@]}" tests/scenario/[0-9]*.sh; do
    name=$(basename "$script" .sh)
    if [ $# -gt 0 ] && ! grep -qw -- "$name" <<<"$*"; then continue; fi
    if [ -n "${begun[$name]:-}" ]; then continue; fi
    begun[$name]=1
    while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n; done
    run_one "$script" &
done
wait

n=0 failed=0
for status in "$logs"/*.status; do
    name=$(basename "$status" .status)
    echo "# $name: $(cat "$logs/$name.seconds") s"
    before=$failed
    while IFS= read -r line; do
        case $line in
        "ok "*) n=$((n + 1)); echo "ok $n - $name: ${line#ok }" ;;
        "not ok "*) n=$((n + 1)); failed=$((failed + 1)); echo "not ok $n - $name: ${line#not ok }" ;;
        *) echo "# $line" ;;
        esac
    done <"$logs/$name.log"
    if [ "$(cat "$status")" -ne 0 ] && [ "$failed" -eq "$before" ]; then
        n=$((n + 1)) failed=$((failed + 1))
        echo "not ok $n - $name: ended with status $(cat "$status")"
    fi
done
echo "1..$n"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]

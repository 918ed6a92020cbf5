#!/usr/bin/env bash
# Power cuts, enumerated in memory; TAP. At least 3,000 distinct states by
# default, over both parts; with PROCTOR_FULL at least 100,000. PROCTOR_STATES
# asks for another number. usage: power.sh POWER PART PARTS
set -euo pipefail
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-power-XXXXXX")
trap 'rm -rf "$dir"' EXIT
least=3000 states=${PROCTOR_STATES:-3800}
if [ -n "${PROCTOR_FULL:-}" ]; then
    least=100000 states=${PROCTOR_STATES:-120000}
fi
failed=0
"$1" "$dir" "$states" "$2" "$3" | tee "$dir/said" || failed=1
distinct=$(sed -n 's/.* \([0-9]*\) of them distinct$/\1/p' "$dir/said")
if [ -z "${PROCTOR_STATES:-}" ]; then
    [ "$((distinct * $3))" -ge "$least" ] && echo -n ok || { failed=1; echo -n not ok; }
    echo " 2 - $distinct states, this part's share of $least"
fi
exit "$failed"

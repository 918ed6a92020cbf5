#!/usr/bin/env bash
# Power cuts, enumerated in memory; TAP. About 5,000 distinct states by default;
# with PROCTOR_FULL 112,000 are asked for, and the test says how many there were.
# PROCTOR_STATES asks for another number. usage: power.sh POWER PART PARTS
set -euo pipefail
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-power-XXXXXX")
trap 'rm -rf "$dir"' EXIT
states=${PROCTOR_STATES:-6200}
[ -z "${PROCTOR_FULL:-}" ] || states=${PROCTOR_STATES:-112000}
"$1" "$dir" "$states" "$2" "$3"

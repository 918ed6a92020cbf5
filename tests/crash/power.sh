#!/usr/bin/env bash
# Power cuts, enumerated in memory; TAP. Over 5,000 states by default, 100,000 with
# PROCTOR_FULL; PROCTOR_STATES asks for another number. usage: power.sh POWER PART PARTS
set -euo pipefail
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-power-XXXXXX")
trap 'rm -rf "$dir"' EXIT
states=${PROCTOR_STATES:-5600}
[ -z "${PROCTOR_FULL:-}" ] || states=${PROCTOR_STATES:-112000}
"$1" "$dir" "$states" "$2" "$3"

#!/usr/bin/env bash
# Writers that die at each of their disk calls; TAP. With PROCTOR_FULL ten
# times as many. usage: disk_calls.sh CRASH_LEDGER
set -euo pipefail
base=/dev/shm # a killed process loses nothing that it gave to the system
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-crash-XXXXXX")
trap 'rm -rf "$dir"' EXIT
rounds=1
[ -z "${PROCTOR_FULL:-}" ] || rounds=10
"$1" enumerate "$dir/store" "$rounds"

#!/usr/bin/env bash
# Writers that die at each of their disk calls; TAP. With PROCTOR_FULL five
# times as many. usage: disk_calls.sh CRASH_LEDGER
set -euo pipefail
dir=$(mktemp -d /tmp/proctor-crash-XXXXXX)
trap 'rm -rf "$dir"' EXIT
rounds=2
[ -z "${PROCTOR_FULL:-}" ] || rounds=10
"$1" enumerate "$dir/store" "$rounds"

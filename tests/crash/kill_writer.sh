#!/usr/bin/env bash
# Kills a ledger writer, or its signer, from outside at random moments. After
# each: everything it had acknowledged is there, and what was published verifies
# for a reader that shares no code with us.
# usage: kill_writer.sh CRASH_LEDGER TLOG_CHECK [KILLS]     TAP on stdout
set -euo pipefail
driver=$1 check=$2 kills=${3:-40}
seed=${PROCTOR_SEED:-$$}
RANDOM=$seed
base=/dev/shm # a killed process loses nothing that it gave to the system
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-crash-XXXXXX")
trap 'rm -rf "$dir"' EXIT
store=$dir/store
: >"$dir/acks"
lost=0 refused=0 signers=0

for ((i = 0; i < kills; i++)); do
    "$driver" write "$store" >>"$dir/acks" 2>>"$dir/log" &
    writer=$!
    # The first one is let through: making a key takes longer than the rest.
    for ((t = 0; i == 0 && t < 200; t++)); do
        [ ! -s "$dir/acks" ] || break
        sleep 0.1
    done
    sleep "0.$(printf '%03d' $((RANDOM % 400)))"
    victim=$writer
    if ((i % 4 == 3)); then
        # Its only child, if it has one by now.
        child=$(cat "/proc/$writer/task/$writer/children" 2>/dev/null) || true
        if [ -n "$child" ]; then
            victim=${child// /}
            signers=$((signers + 1))
        fi
    fi
    kill -9 "$victim" 2>/dev/null || true
    if [ "$victim" != "$writer" ]; then
        sleep 0.2 # it must end by itself, or with the next kill
        kill -9 "$writer" 2>/dev/null || true
    fi
    wait "$writer" 2>/dev/null || true
    # A line may be cut by the kill: only whole ones count.
    size=$(grep -E '^[0-9]+$' "$dir/acks" | sort -n | tail -n 1 || true)
    "$driver" check "$store" "${size:-0}" 2>>"$dir/log" || lost=$((lost + 1))
    if [ -e "$store/ledger/checkpoint" ]; then
        python3 "$check" "$store/ledger" >>"$dir/log" 2>&1 ||
            refused=$((refused + 1))
    fi
done

echo "# seed $seed, $signers signers killed, ${size:-0} records acknowledged"
if ((lost + refused > 0)); then tail -n 20 "$dir/log" | sed 's/^/# /'; fi
[ "$lost" -eq 0 ] && echo "ok 1 - $kills kills, nothing acknowledged lost" ||
    echo "not ok 1 - lost after $lost of $kills kills"
[ "$refused" -eq 0 ] && echo "ok 2 - every published tree verifies" ||
    echo "not ok 2 - $refused published trees do not verify"
[ "${size:-0}" -gt "$kills" ] && echo "ok 3 - the writers got somewhere" ||
    echo "not ok 3 - only ${size:-0} records"
echo "1..3"
[ "$lost" -eq 0 ] && [ "$refused" -eq 0 ] && [ "${size:-0}" -gt "$kills" ]

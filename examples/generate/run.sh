#!/usr/bin/env bash
# Generates under a schema, stops a text inside of a pass, kills every process in
# the middle of another, resumes, and shows what the ledger says. Needs proctor in PATH.
set -eu
cd "$(dirname "$0")"
store=${1:-$(mktemp -d)/store}
[ -e model.gguf ] || proctor model init model.gguf --arch llama --seed 1 --context 1024
proctor run graph.yaml --store "$store" & # the note stops at a trap, parked
client=$!
for _ in $(seq 100); do
    kernel=$(pgrep -P $client proctor-kernel) && break
    sleep 0.02
done
for _ in $(seq 200); do
    proctor log --store "$store" --kind lane --json 2>/dev/null | grep -q '"lane"' && break
    sleep 0.02
done
kill -9 $client ${kernel:-} 2>/dev/null || true # the kernel takes its workers along
wait $client || true
for _ in $(seq 100); do # the store is free when the kernel has gone
    [ -n "${kernel:-}" ] && kill -0 "$kernel" 2>/dev/null || break
    sleep 0.02
done
proctor run --resume --store "$store"
# Did the kill come before the note's trap? Then the note waits now.
if proctor status --store "$store" | grep -q '^note waits'; then
    proctor resume note --store "$store"
fi
proctor log --store "$store"
proctor replay --all --store "$store"

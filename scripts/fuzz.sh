#!/usr/bin/env bash
# Runs every fuzz harness: first its seed corpus, then SECONDS of new inputs.
# Usage: scripts/fuzz.sh [SECONDS]     (default 1; verify.sh --full uses 60)
# A crashing input is kept in tests/fuzz/findings/. Prints TAP.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
seconds=${1:-1}
build_preset fuzz || exit 1
cd "$ROOT"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
n=0 failed=0
run_one() { # run_one HARNESS -> prints ok or not ok
    local h=$1 name work
    name=$(basename "$h")
    work=$(mktemp -d)
    mkdir -p "$work/new" tests/fuzz/findings
    local seeds=tests/fuzz/corpus/$name
    if [ ! -d "$seeds" ]; then
        echo "not ok $name has no seed corpus"
    elif "$h" -runs=0 "$seeds" >"$work/log" 2>&1 &&
         "$h" -max_total_time="$seconds" -rss_limit_mb=3000 -timeout=20 \
              -artifact_prefix="tests/fuzz/findings/$name-" \
              "$work/new" "$seeds" >>"$work/log" 2>&1; then
        echo "ok $name: $(grep -oE '^Done [0-9]+ runs' "$work/log" || true)"
    else
        echo "not ok $name"
        tail -n 25 "$work/log" | sed 's/^/# /'
    fi
    rm -rf "$work"
}
export -f run_one
export seconds
out=$(printf '%s\n' build/fuzz/fuzz/fuzz_* | xargs -P "$JOBS" -I{} bash -c 'run_one {}')
while IFS= read -r line; do
    case $line in
    ok*) n=$((n + 1)); echo "ok $n - ${line#ok }" ;;
    "not ok"*) n=$((n + 1)); failed=$((failed + 1)); echo "not ok $n - ${line#not ok }" ;;
    *) echo "$line" ;;
    esac
done <<<"$out"
rmdir tests/fuzz/findings 2>/dev/null || true
echo "1..$n"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]

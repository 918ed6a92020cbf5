#!/usr/bin/env bash
# Measures what Proctor claims, each beside its named peer in the same run, and
# prints a Markdown table. Usage: scripts/bench.sh [OUT.md]
# Committed tables live in logs/bench/; check-logs.sh looks at their form.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
build_preset release || die "the build failed"
bin=$ROOT/build/release/bin
export PATH=$bin:$PATH
work=$(mktemp -d "$ROOT/build/bench.XXXXXX") # on the disk that stores live on
trap 'rm -rf "$work"' EXIT
out=${1:-/dev/stdout}

# Programs print "name value unit" lines; collect VALUE of NAME.
for b in build/release/tests/bench_*; do
    [ -x "$b" ] || continue
    (cd "$work" && TMPDIR=$work "$ROOT/$b") >>"$work/figures" || die "$b failed"
done

seconds() { # seconds COMMAND...: wall seconds, output kept in $work/last
    local t0 t1
    t0=$(date +%s.%N)
    "$@" >"$work/last" 2>&1 || true
    t1=$(date +%s.%N)
    awk -v a="$t0" -v b="$t1" 'BEGIN {printf "%.3f", b - a}'
}
figure() { printf '%s %s %s\n' "$1" "$2" "$3" >>"$work/figures"; }
store_of() { rm -rf "$work/store"; echo "$work/store"; }

# The exam of the two Python candidates: a scalar one and the CRC-32 of the tour.
for example in popcount:examples/popcount/graph.yaml crc32:examples/crc32/graph.yaml; do
    name=${example%%:*} graph=${example#*:}
    s=$(store_of)
    t=$(seconds proctor run "$graph" --policy policy/default.yaml --store "$s" --json)
    draws=$(jq -r '[.. | .draws? | numbers] | max' "$work/last")
    figure "exam_${name}_wall" "$t" s
    figure "exam_${name}_draws" "$draws" draws
    figure "exam_${name}_rate" "$(awk -v d="$draws" -v t="$t" 'BEGIN {printf "%.0f", d / t}')" draws/s
done
t=$(seconds env PROCTOR_STORE= scripts/quickstart.sh)
figure quickstart_wall "$t" s

{
    echo "# Bench table"
    echo
    echo "machine: $(nproc) x $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), Linux $(uname -r), Debian $(cat /etc/debian_version), $(findmnt -no FSTYPE -T "$work")"
    echo "commit: $(git rev-parse --short=12 HEAD)"
    echo "command: scripts/bench.sh"
    echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
    echo
    echo "| what | figure | unit |"
    echo "|---|---|---|"
    while read -r name value unit; do
        echo "| $name | $value | $unit |"
    done <"$work/figures"
} >"$work/table.md"
cat "$work/table.md" >"$out"

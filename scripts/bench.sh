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

# The exam of the two Python candidates: a scalar one and the CRC-32 of the tour, each
# in a store that is there: its million seeds are hashed once in its life.
s=$(store_of)
figure store_create_with_a_run "$(seconds proctor run examples/xor/graph.yaml --policy policy/default.yaml --store "$s")" s
for example in popcount:examples/popcount/graph.yaml crc32:examples/crc32/graph.yaml; do
    name=${example%%:*} graph=${example#*:}
    t=$(seconds proctor run "$graph" --policy policy/default.yaml --store "$s" --json)
    draws=$(jq -r '[.. | .draws? | numbers] | max' "$work/last")
    figure "exam_${name}_wall" "$t" s
    figure "exam_${name}_draws" "$draws" draws
    figure "exam_${name}_rate" "$(awk -v d="$draws" -v t="$t" 'BEGIN {printf "%.0f", d / t}')" draws/s
done
# What confinement and evidence cost a Python candidate: `proctor exam`, kernel
# start and fresh store included, beside a plain loop over as many inputs (the
# candidate twice, the oracle once, the interpreter's start included).
fastest() { # fastest COMMAND...: the least of seven
    for _ in 1 2 3 4 5 6 7; do
        seconds "$@"
        echo
    done | sort -n | head -1
}
fresh_exam() {
    rm -rf "$work/store"
    proctor exam examples/popcount/popcount.py --oracle examples/popcount/by_table.py:popcount \
        --domain "$1" --gives u8 --store "$work/store" --json
}
t=$(fastest fresh_exam u32)
draws=$(jq -r .draws "$work/last")
peer=$(fastest python3 tests/bench/plain_exam.py examples/popcount "$draws")
figure exam_python_wall "$t" s
figure exam_python_plain_loop "$peer" s
figure exam_python_over_plain_loop "$(awk -v a="$t" -v b="$peer" 'BEGIN {printf "%.1f", a / b}')" ratio
figure exam_python_256_wall "$(fastest fresh_exam '{u32: {range: [0, 255]}}')" s
# The four graphs of the quickstart in one fresh store, and its check.
tour() {
    local s=$1 g
    for g in graph wrong-on-one-class socket not-granted; do
        proctor run "examples/crc32/$g.yaml" --policy policy/default.yaml --store "$s" || true
    done
    proctor verify --full --store "$s"
}
s=$(store_of)
figure tour_wall "$(seconds tour "$s")" s

# Goals of the design and of the first issue, beside the figures they are for.
declare -A goal=(
    [worker_pure_ready_p50]="<= 250 us"
    [worker_pure_claim_p50]="<= 40 us, out of the pool"
    [worker_program_claim_p50]="<= 40 us, out of the pool"
    [workers_per_second_8_in_flight]=">= 3,000/s, single use"
    [message_64_bytes_one_cpu_p50]="<= 10 us"
    [honest_among_hostile_ratio]="<= 3"
    [bwrap_over_pure_ready]="peer: bwrap --unshare-all, same run"
    [worker_pure_kill_to_reaped_p50]="<= 100 us"
    [ledger_append_batch_1024]=">= 100,000/s; peer: raw_append"
    [ledger_commit_batch_1]="p50 <= 1.5 flushes; peer: raw_fdatasync"
    [blake3_over_b3sum]="peer: b3sum --num-threads 1, same bytes"
    [admission_rate]=">= 50,000 tasks/s"
    [exam_popcount_rate]="aim: 50,000 draws/s"
    [exam_python_over_plain_loop]="peer: plain_exam.py, unconfined, same run"
    [tour_wall]="<= 60 s"
)

{
    echo "# Bench table"
    echo
    echo "machine: $(nproc) x $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), Linux $(uname -r), Debian $(cat /etc/debian_version), $(findmnt -no FSTYPE -T "$work")"
    echo "commit: $(git rev-parse --short=12 HEAD)"
    echo "command: scripts/bench.sh"
    echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
    echo
    echo "| what | figure | unit | goal or peer |"
    echo "|---|---|---|---|"
    while read -r name value unit; do
        echo "| $name | $value | $unit | ${goal[$name]:-} |"
    done <"$work/figures"
} >"$work/table.md"
cat "$work/table.md" >"$out"

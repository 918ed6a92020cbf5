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
    dir=()
    [ "${b##*/}" != bench_verify ] || dir=("$work/verify")
    [ "${b##*/}" != bench_mask ] || dir=("$ROOT/docs/cml.md") # whose words are tokens
    mkdir -p "$work/verify"
    (cd "$work" && TMPDIR=$work "$ROOT/$b" "${dir[@]}") >>"$work/figures" || die "$b failed"
done

# The same forward pass beside other programs, in pairs, where they are given.
if [ -n "${LLAMA_BENCH:-}${IK_LLAMA_BENCH:-}" ]; then
    python3 tests/bench/model_peers.py build/release/tests/bench_model "$work" >>"$work/figures" ||
        die "the comparison with other inference programs failed"
fi
# Steps of a small language model, beside another trainer where it is given.
if [ -n "${LLMC_TRAIN:-}" ]; then
    python3 tests/bench/train_llmc.py "$LLMC_TRAIN" "$work/llmc" >>"$work/figures" ||
        die "the comparison with llm.c failed"
fi
# Lanes through the kernel, beside bare passes of the same tokens.
python3 tests/bench/model_lanes.py "$ROOT/build/release/tests" "$work" >>"$work/figures" ||
    die "the figures of lanes failed"

# Training beside numpy: the harness itself where MODEL_HARNESS names its checkout.
python3 tests/bench/train_peers.py "$ROOT/build/release/tests" "$work" >>"$work/figures" ||
    die "the comparison with numpy failed"

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

# A ledger of a million records: check, index, filters, recovery; the check beside
# golang.org/x/mod's reader on the same files, where Go is there.
tool=$ROOT/build/release/tests/scale_ledger
measure() { # measure COMMAND...: "STATUS SECONDS PEAK-KiB"
    python3 - "$work/last" "$@" <<'P'
import re, subprocess, sys, time
t = time.monotonic()
peak = 0
with open(sys.argv[1], "wb") as out:
    p = subprocess.Popen(sys.argv[2:], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    while True:  # of the program itself: getrusage would count the Python that forked it
        with open("/proc/%d/status" % p.pid) as f:
            peak = max([peak] + [int(k) for k in re.findall(r"VmHWM:\s+(\d+)", f.read())])
        try:
            p.wait(0.004)
            break
        except subprocess.TimeoutExpired:
            pass
print(p.returncode, "%.4f" % (time.monotonic() - t), peak)
P
}
least() { # least N COMMAND...: the quickest of N; must succeed
    local n=$1 i
    shift
    for ((i = 0; i < n; i++)); do measure "$@"; done | sort -k1,1n -k2,2n >"$work/measured"
    [ "$(tail -n 1 "$work/measured" | cut -d' ' -f1)" -eq 0 ] || die "failed: $*: $(tail -n 3 "$work/last")"
    head -n 1 "$work/measured"
}
per() { awk -v a="$1" -v b="$2" -v f="${3:-%.1f}" 'BEGIN {printf f, a / b}'; }
s=$work/million
n=1000000
"$tool" write "$s" $n 1024 >"$work/last" || die "no ledger of a million records"
"$tool" publish "$s"
read -r _ t kib < <(least 3 proctor verify --store "$s")
figure million_check_wall "$t" s
figure million_check_memory "$(per "$kib" 1024)" MiB
if [ -d /usr/share/gocode/src/golang.org/x/mod ] && command -v go >/dev/null; then
    (cd tests/outside/tlogcheck && GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE=$work/go \
        go build -trimpath -o "$work/tlogcheck" .)
    read -r _ peer peer_kib < <(least 3 "$work/tlogcheck" "$s/ledger")
    figure million_xmod_check_wall "$peer" s
    figure million_xmod_check_memory "$(per "$peer_kib" 1024)" MiB
    figure million_xmod_over_check "$(per "$peer" "$t")" x
fi
read -r _ t kib < <(least 1 proctor log --store "$s" --last 1)
figure million_index_build "$(per $n "$t" %.0f)" records/s
figure million_index_memory "$(per "$kib" 1024)" MiB
figure million_index_size "$(per "$(du -k "$s/index.db" | cut -f1)" 1024)" MiB
proctor log --store "$s" --kind confine --last 1 --json >"$work/one"
cid=$(jq -r '.records[0].report' "$work/one") run=$(jq -r '.records[0].run' "$work/one")
day=$(date -u +%Y-%m-%dZ)
worst=0
for filter in "" "--kind task" "--kind checkpoint" "--task task-123" "--run $run" "--object $cid" "--since $day" "--kind start --run $run"; do
    # shellcheck disable=SC2086
    read -r _ t _ < <(least 5 proctor log --store "$s" $filter --last 20)
    worst=$(awk -v a="$worst" -v b="$t" 'BEGIN {print (a > b ? a : b)}')
done
figure million_log_filter_worst "$(awk -v t="$worst" 'BEGIN {printf "%.1f", t * 1000}')" ms
read -r _ t _ < <(least 5 proctor --version)
figure proctor_start "$(awk -v t="$t" 'BEGIN {printf "%.1f", t * 1000}')" ms
rm -rf "$s"
# What a kernel may find unsealed at its start: at most a segment, less what a start
# costs that finds next to nothing (the signer, the key file).
opening() { # opening RECORDS BATCH: "SECONDS BYTES RECORDS", the quickest of five starts
    local i
    rm -rf "$work/left"
    "$tool" leave "$work/left" "$1" "$2" >"$work/last"
    for i in 1 2 3 4 5; do
        rm -rf "$work/tail"
        cp -r "$work/left" "$work/tail"
        "$tool" open "$work/tail" >"$work/last"
        awk '$1 == "opened" {t = $2} $1 == "records" {n = $2} END {print t, n}' "$work/last"
    done | sort -n | head -n 1 >"$work/opened"
    read -r t n <"$work/opened"
    bytes=$(cat "$work"/left/ledger/wal/*.wal | wc -c)
    rm -rf "$work/left" "$work/tail" # first: whoever reads the line goes on at once
    echo "$t $bytes $n"
}
read -r bare _ _ < <(opening 2 1)
figure recovery_bare "$bare" s
for batch in 1024 1; do
    read -r t bytes n < <(opening $((batch == 1 ? 16000 : 60000)) $batch)
    figure "recovery_batch_${batch}_wall" "$t" s
    figure "recovery_batch_${batch}_record" "$(awk -v t="$t" -v o="$bare" -v n="$n" 'BEGIN {printf "%.2f", (t - o) / n * 1e6}')" us
    figure "recovery_batch_$batch" "$(awk -v t="$t" -v o="$bare" -v b="$bytes" 'BEGIN {printf "%.1f", (t - o) / b * 1e9}')" s/GB
done

# Units of CML: a document of 1,000 nodes to its CID, and exams.
{
    echo 'unit f(x0: u64, b: u64) -> u64 {'
    for ((i = 0; i < 164; i++)); do echo "  let x$((i + 1)) = (x$i ^ $((i * 7919 + 1))) * b;"; done
    echo '  b }'
} >"$work/large.cml"
figure cml_cid_wall "$(fastest proctor cml cid "$work/large.cml")" s
python3 tests/bench/cml_exam.py "$bin/proctor" >>"$work/figures" || die "exams of units failed"

# Programs from examples, beside cvc5 on the same files: a sample, all of them with
# PROCTOR_FULL.
if command -v cvc5 >/dev/null; then
    python3 tests/bench/synth_cvc5.py "$bin/proctor" --alone build/release/tests/bench_sygus \
        ${PROCTOR_FULL:+--full} >>"$work/figures" || die "the comparison with cvc5 failed"
fi

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
    [ledger_append_batch_1024]=">= 100,000/s; peers: raw_append, sqlite_append"
    [ledger_commit_batch_1]="p50 <= 1.5 flushes; peer: raw_fdatasync"
    [ledger_over_sqlite_batch_1]="peer: SQLite, WAL, synchronous=FULL, same run"
    [ledger_over_sqlite_batch_1024]="peer: SQLite, WAL, synchronous=FULL, same run"
    [waiters_256_rate]=">= 20,000/s"
    [waiters_256_acknowledge]="p50 <= 1.5 flushes"
    [proof_check_p50]="<= 100 us"
    [million_check_wall]="<= 1 s; peer: x/mod, same files"
    [million_check_memory]="<= 16 MiB"
    [million_log_filter_worst]="milliseconds; proctor_start is in it"
    [recovery_batch_1024]="<= 1 s/GB"
    [recovery_batch_1]="<= 1 s/GB"
    [blake3_over_b3sum]="peer: b3sum --num-threads 1, same bytes"
    [admission_rate]=">= 50,000 tasks/s"
    [exam_popcount_rate]="aim: 50,000 draws/s"
    [exam_python_over_plain_loop]="peer: plain_exam.py, unconfined, same run"
    [cml_columns_rate]=">= 2e8/s"
    [cml_cid_wall]="<= 0.5 s; the whole command"
    [exam_cml_p50]="<= 50 ms, from START to VERDICT"
    [cml_columns_over_gcc]="peer: gcc -O2 -march=native of the exported C, same run"
    [cml_exported_over_hand_worst]="<= 3; peer: the same by hand, gcc -O2, same run"
    [sygus_bv_search_p50]="<= 30 ms"
    [sygus_bv_cpu_p50]="the whole command; peer: cvc5, same files, same run"
    [sygus_bv_cvc5_cpu_p50]="the peer"
    [sygus_text_cpu_p50]="the whole command; peer: cvc5, same files, same run"
    [sygus_text_cvc5_cpu_p50]="the peer"
    [tour_wall]="<= 60 s"
    [harness_small_peer_over_whole]=">= 10; peer: the numpy harness or a loop by its rules, same file, in turn"
    [harness_small_peer_over_mended]=">= 10; as its documents promise"
    [harness_small_numpy_over_work]="the same work in one process, kernel and store left out"
    [harness_big_peer_over_mended]=">= 2"
    [harness_lincf_peer_over_mended]=">= 2"
    [model_f32_prefill_over_llama]=">= 2.0; llama.cpp, same file, one thread, pairs in turn"
    [model_f32_decode_over_llama]=">= 1.2"
    [model_bf16_prefill_over_llama]=">= 1.0"
    [model_bf16_decode_over_llama]=">= 1.0"
    [model_q8_0_prefill_over_llama]=">= 2.5"
    [model_q8_0_decode_over_llama]=">= 1.5"
    [model_f32_prefill_over_ik_llama]=">= 1.0; ik_llama.cpp, likewise"
    [model_f32_decode_over_ik_llama]=">= 1.0"
    [model_q8_0_prefill_over_ik_llama]=">= 1.0"
    [model_q8_0_decode_over_ik_llama]=">= 1.0"
    [model_q8_0_decode_over_ik_llama_repacked]=">= 1.0; with -rtr 1 -fmoe 1"
    [model_dense_f32_verify_6_over_1]="about 1: six drafted tokens, one pass"
    [model_dense_q8_0_verify_6_over_1]="about 1"
    [model_f32_session_over_bare]="<= 1 percent; in one process, no kernel"
    [model_q8_0_session_over_bare]="<= 1 percent"
    [model_f32_lane_over_bare]="<= 1 percent; the whole command less its start, peer: bare passes of the same tokens, in turn"
    [model_q8_0_lane_over_bare]="<= 1 percent"
    [model_park_16_tokens_of_a_megabyte]="milliseconds; five syncs are in it, model_park_16_tokens_tmpfs is without"
    [model_resume_of_a_megabyte]="milliseconds"
    [model_f32_first_token]="from the command, weights in the page cache and the store"
    [model_q8_0_drafts_8_gain]="rows of a table; the same text without drafts, in turn"
    [model_dense_q8_0_drafts_8_gain]="likewise"
    [model_q8_0_schema_token]="more than without a grammar"
    [harness_small_peer_over_whole]=">= 10; whole processes, the same numbers"
    [harness_small_numpy_over_work]="the work alone, peer: an equivalent numpy loop"
    [harness_big_numpy_over_work]=">= 2 per thread"
    [harness_lincf_numpy_over_work]=">= 2"
    [train_moe_2m_8x256]=">= 9000, one thread; whole steps in process"
    [train_dense_4x64]=">= 4 times llm.c's below: as many parameters, the same batch"
    [train_llmc_tokens]="llm.c train_gpt2, dense, 0.98 M parameters, one thread"
    [model_q8_0_traps_disarmed]="<= 1 percent"
    [model_q8_0_traps_observing]="<= 1 percent"
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

#!/usr/bin/env bash
# A ledger of ten million records: memory and descriptors stay where they were,
# queries stay quick, recovery is bounded; an index that was killed while it was
# made, in both ways of making it, is the same as one made at once; a disk that
# was full and is freed. Prints every figure. TAP; verify.sh --full runs it
# (6 GB of disk, ten minutes). Usage: tests/scale/scale.sh [RECORDS [BUILD_DIR]]
set -uo pipefail
cd "$(dirname "$0")/../.."
records=${1:-10000000} build=${2:-build/release}
tool=$build/tests/scale_ledger
export PATH=$PWD/$build/bin:$PATH
unset PROCTOR_STORE
dir=$(mktemp -d "${TMPDIR:-$build}/proctor-scale-XXXXXX")
dir=$(cd "$dir" && pwd)
small=$dir/small
trap 'umount "$small" 2>/dev/null; rm -rf "$dir"' EXIT
s=$dir/store
n=0 failed=0
report() { # report STATUS TEXT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        failed=$((failed + 1))
        tail -n 5 "$dir/out" "$dir/err" 2>/dev/null | sed 's/^/# /'
    fi
}
measure() { # measure COMMAND...: status, seconds, peak KiB in the variables of that name
    read -r status seconds peak < <(python3 - "$dir/out" "$dir/err" "$@" <<'P'
import re, subprocess, sys, time
t = time.monotonic()
peak = 0
with open(sys.argv[1], "wb") as out, open(sys.argv[2], "wb") as err:
    p = subprocess.Popen(sys.argv[3:], stdout=out, stderr=err, stdin=subprocess.DEVNULL)
    while True:  # of the program itself: getrusage would count the Python that forked it
        with open("/proc/%d/status" % p.pid) as f:
            peak = max([peak] + [int(k) for k in re.findall(r"VmHWM:\s+(\d+)", f.read())])
        try:
            p.wait(0.004)
            break
        except subprocess.TimeoutExpired:
            pass
print(p.returncode, "%.3f" % (time.monotonic() - t), peak)
P
    )
}
figure() { awk -v name="$1" '$1 == name {print $2}' "$dir/out"; }
below() { # below VALUE LIMIT: 0 or 1, for report
    awk -v a="$1" -v b="$2" 'BEGIN {exit !(a <= b)}' && echo 0 || echo 1
}

measure "$tool" write "$s" "$records" 4096
report "$status" "$records records written, $(figure appended) a second"
report "$(below "$peak" 32768)" "the writer's peak is $peak KiB"
report "$([ "$(figure descriptors)" = "$(figure descriptors_before)" ]; echo $?)" "it holds $(figure descriptors) descriptors as at its start"
measure "$tool" publish "$s"
tiles=$(find "$s/ledger/tile" -type f | wc -l)
report "$status" "$tiles tiles in $seconds s, peak $peak KiB"
report "$(below "$peak" 65536)" "and its memory is flat"
measure proctor verify --store "$s"
report "$status" "verified in $seconds s"
report "$(below "$peak" 65536)" "verify's peak is $peak KiB"
measure proctor log --store "$s" --last 1
report "$status" "indexed in $seconds s: $(awk -v r="$records" -v t="$seconds" 'BEGIN {printf "%.0f", r / t}') a second, $(du -m "$s/index.db" | cut -f1) MiB"
report "$(below "$peak" 98304)" "the index's peak is $peak KiB"

quick() { # quick OPTION...: the best of three, in milliseconds
    local best=999
    for _ in 1 2 3; do
        measure proctor log --store "$s" --json "$@"
        [ "$status" -eq 0 ] || break
        best=$(awk -v a="$best" -v b="$seconds" 'BEGIN {print (a < b ? a : b)}')
    done
    report "$status" "log $*: $(awk -v t="$best" 'BEGIN {printf "%.0f", t * 1000}') ms, peak $peak KiB"
    report "$(below "$best" 0.25)" "in time"
}
quick --last 20
quick --kind checkpoint
quick --kind task --last 20
quick --task task-123 --last 20
run=$(jq -r '.records[0].run' "$dir/out")
quick --run "$run" --last 20
quick --run "$run" --task task-123
cid=$(jq -r '[.records[] | select(.kind == "confine")][0].report' "$dir/out")
quick --object "$cid"
quick --object "${cid:0:14}"
since=$(date -u -d "@$(stat -c %Y "$s/ledger/wal/$(printf '%016x' 0).wal")" '+%Y-%m-%d %H:%M:%SZ')
quick --until "$since" --last 20
quick --since "$since" --kind run
measure proctor log --store "$s" --json
report "$status" "all of them listed in $seconds s, $(tr -cd '{' <"$dir/out" | wc -c) objects"
report "$(below "$peak" 65536)" "its peak is $peak KiB"

# Recovery: the longest tail that a kernel can leave, by bytes and by signatures.
for batch in 1024 1; do
    size=$((batch == 1 ? 16000 : 60000))
    "$tool" leave "$dir/tail" $size $batch >"$dir/out" 2>"$dir/err"
    bytes=$(stat -c %s "$dir"/tail/ledger/wal/*.wal)
    measure "$tool" open "$dir/tail"
    t=$(figure opened)
    report "$status" "a tail of $size records in batches of $batch ($bytes bytes) opened in $t s, $(awk -v t="$t" -v b="$bytes" 'BEGIN {printf "%.1f", t / b * 1e9}') s/GB"
    report "$(below "$t" 3)" "within three seconds"
    rm -rf "$dir/tail"
done

# The index, killed again and again on its way, sorted at the end or kept sorted.
hash_of() {
    python3 - "$1" <<'P'
import hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
h = hashlib.sha256()
for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY 1"):
    for row in db.execute("SELECT * FROM %s ORDER BY 1, 2" % name):
        h.update(repr((name, row)).encode())
print(h.hexdigest(), sum(1 for _ in db.execute("SELECT 1 FROM sqlite_schema WHERE type='index' AND sql IS NOT NULL")))
P
}
"$tool" write "$dir/i" 400000 4096 refs >"$dir/out" 2>"$dir/err"
proctor log --store "$dir/i" --last 1 >"$dir/out" 2>"$dir/err"
want=$(hash_of "$dir/i/index.db")
kills=0
for i in $(seq 12); do
    rm -f "$dir"/i/index.db*
    for _ in 1 2 3; do
        timeout -s KILL "$(awk -v i="$i" 'BEGIN {srand(i); printf "%.2f", 0.1 + rand() * 2.5}')" \
            proctor log --store "$dir/i" --last 1 >/dev/null 2>&1 || kills=$((kills + 1))
    done
    proctor log --store "$dir/i" --last 1 >"$dir/out" 2>"$dir/err"
    [ "$(hash_of "$dir/i/index.db")" = "$want" ] || { report 1 "the index after kills, round $i"; break; }
done
report 0 "$kills commands killed while they made the index: it is the same"
rm -rf "$dir/i" "$dir/j"
size=0
while [ $size -lt 300000 ]; do # in steps, each too small to sort at the end
    size=$((size + 23000))
    "$tool" write "$dir/j" $size 4096 refs >"$dir/out" 2>"$dir/err"
    proctor log --store "$dir/j" --last 1 >"$dir/out" 2>"$dir/err"
done
grown=$(hash_of "$dir/j/index.db")
rm -f "$dir"/j/index.db*
proctor log --store "$dir/j" --last 1 >"$dir/out" 2>"$dir/err"
report "$([ "$grown" = "$(hash_of "$dir/j/index.db")" ]; echo $?)" "grown step by step it is the one that is made at once"

# A full disk, then freed.
mkdir "$small"
if mount -t tmpfs -o size=24m tmpfs "$small" 2>/dev/null; then
    head -c 8M /dev/zero >"$small/ballast"
    "$tool" write "$small/s" 1000000 256 >"$dir/out" 2>"$dir/err" && status=1 || status=0
    report $status "the disk runs full: $(cat "$dir/err")"
    kept=$(proctor log --store "$small/s" --last 1 --json 2>/dev/null | jq '.records[0].seq')
    rm "$small/ballast"
    "$tool" write "$small/s" $((kept + 5000)) 256 >"$dir/out" 2>"$dir/err"
    report $? "freed, it goes on behind record $kept"
    proctor verify --store "$small/s" >"$dir/out" 2>"$dir/err"
    report $? "and verifies"
    umount "$small"
fi
echo "1..$n"
[ "$failed" -eq 0 ]

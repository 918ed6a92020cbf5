# Large files: refused by size before a byte is read, by budget before a byte is
# written; a disk that runs over keeps nothing of them; never held in memory.
. "$(dirname "$0")/lib.sh"
with_examples
graph=examples/xor/graph.yaml weights=examples/xor/xor.gguf
run() { expect "$1" proctor run $graph --policy "$2" --store "$3"; }
# What is stored beside small things.
kept() { find "$1" -type f -size +8M; }
sed -E 's/bytes: 1GiB/bytes: 16GiB/; s/memory: 512MiB/memory: 1MiB/' policy/default.yaml >large.yaml
truncate -s $((16 * 1024 ** 3 + 1)) $weights
run 2 large.yaml s
err "$graph:6:5: error: \"xor.gguf\" has 17179869185 bytes, at most 17179869184"
err 'hint: .*proctor-graph'
truncate -s 8000000000 $weights
run 3 policy/default.yaml s
err "$graph:6:5: error: \"xor.gguf\" has 8000000000 bytes: budgets.bytes"
err 'hint: raise budgets.bytes'
check "nothing of them was stored" test -z "$(kept s)"
expect 0 proctor verify --full --store s
# No room: named, nothing left, and what was recorded is safe.
mkdir small
mount -t tmpfs -o size=30m tmpfs small
truncate -s 40000000 $weights
run 4 large.yaml small/s
err 'space'
check "nothing of it is left" test -z "$(kept small/s)"
expect 0 proctor verify --full --store small/s
# Stored, but more than the worker's memory: named by the worker.
mount -o remount,size=330m small
truncate -s 300000000 $weights
run 1 large.yaml small/s
check "says what is too large" grep -rq 'more than the worker' "$OUT" "$ERR"
check "it is stored once" test "$(kept small/s | wc -l)" -eq 1
# b3sum tells the name under which a file is stored; shown without being held.
cid=$(b3sum --no-names $weights)
expect 0 sh -c "ulimit -v 200000; proctor show $cid --store small/s"
out '300000000 bytes; --raw writes them'
check "its bytes come back" sh -c "ulimit -v 200000; proctor show $cid --raw --store small/s | cmp - $weights"
expect 0 proctor verify --full --store small/s
umount small
[ -n "${PROCTOR_FULL:-}" ] || finish
# 8 GB for real: hashed, stored, verified and collected in a few MiB.
truncate -s 8000000000 $weights
cat >peak.py <<'P'
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak, "KiB at most in one process", file=sys.stderr)
sys.exit(code if peak < int(sys.argv[1]) else 99)
P
expect 1 python3 peak.py 200000 proctor run $graph --policy large.yaml --store s
err 'KiB at most'
check "it is stored" test "$(kept s | wc -l)" -eq 1
expect 0 python3 peak.py 65536 proctor verify --full --store s
expect 0 python3 peak.py 65536 proctor gc --store s
finish

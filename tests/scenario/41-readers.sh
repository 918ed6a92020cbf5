# Readers beside a writer: every command that only reads, as a process of its own,
# while records are appended, tiles roll over (256, 65536) and segments roll. Each
# sees a whole prefix and ends well; the writer never waits for them.
. "$(dirname "$0")/lib.sh"
tool=$(dirname "$PROCTOR_BIN")/tests/scale_ledger
check "the writer is built" test -x "$tool"
export PROCTOR_STORE=$WORK/s

# read_beside WRITER-PID: reads until the writer is gone; a line per fault.
size_before=0
prefix() { # the records that log prints are 0, 1, ... n-1, and no fewer than before
    python3 -c '
import json, sys
seqs = [r["seq"] for r in json.load(open(sys.argv[1]))["records"]]
sys.exit(seqs != list(range(len(seqs))) or len(seqs) < int(sys.argv[2]))' "$1" "$size_before"
}
one() { # one COMMAND...: it must exit with 0
    "$@" >one.out 2>one.err </dev/null || { echo "exit $?: $*"; head -3 one.err one.out; }
}
read_beside() {
    local rounds=0
    while kill -0 "$1" 2>/dev/null || [ $rounds -eq 0 ]; do
        one proctor log --json
        prefix one.out || echo "no prefix: $(head -c 200 one.out)"
        size_before=$(jq '.records | length' one.out 2>/dev/null || echo 0)
        one proctor log --last 3
        one proctor log --kind task --last 2
        one proctor verify
        one proctor show $((size_before - 1))
        one proctor prove $((size_before - 1)) -o proof.tlog-proof
        one proctor ref list
        one proctor status
        rounds=$((rounds + 1))
    done >>faults
    echo "$rounds rounds" >>rounds
}
beside() { # beside SIZE BATCH: grows the ledger with readers at work
    "$tool" write s "$1" "$2" slow >writer.out 2>writer.err &
    local writer=$!
    read_beside $writer
    wait $writer
    check "written to $1, $2 a batch, with readers beside it" test $? -eq 0
    cat writer.out
}
: >faults
expect 0 "$tool" write s 250 250
expect 0 proctor log
"$tool" tiles s >tiles.out 2>&1 &
tiles=$!
proctor log --follow --last 1000000 --json >followed 2>follow.err &
follower=$!
beside 1000 1         # one record at a time over the end of the first tile
expect 0 "$tool" write s 65400 4096
size_before=65400
proctor log --last 1 >/dev/null
one proctor verify
"$tool" write s 65900 1 slow >writer.out 2>&1 &
writer=$!
while kill -0 $writer 2>/dev/null; do # over 65536: second level, and a new segment
    one proctor log --last 300 --json
    one proctor show 65399
    one proctor prove 65399 -o proof.tlog-proof
    one proctor ref list
done >>faults
wait $writer
check "written over the end of a segment" test $? -eq 0
check "two segments" test "$(ls s/ledger/wal/*.wal | wc -l)" -ge 2
check "every reader saw a prefix and ended well" test ! -s faults
cat faults rounds

# The kernel goes and comes back under the follower; a torn tail is set aside.
expect 0 "$tool" leave s 66000 7
printf 'PBAT torn' >>"$(ls s/ledger/wal/*.wal | tail -1)"
sleep 0.2
expect 0 "$tool" write s 66200 16
for _ in $(seq 50); do [ "$(wc -l <followed)" -ge 66200 ] && break; sleep 0.1; done
kill -INT $follower
wait $follower
check "the follower ends well on ^C" test $? -eq 0
check "the follower says nothing else" test ! -s follow.err
check "it printed each record once, in order" python3 -c '
import json
seqs = [json.loads(l)["seq"] for l in open("followed")]
assert len(seqs) >= 66200 and seqs == list(range(len(seqs))), (len(seqs), seqs[:3])'
expect 0 proctor log --json
check "as many as the ledger has" test "$(wc -l <followed)" -eq "$(jq '.records | length' "$OUT")"
kill -TERM $tiles
wait $tiles
check "the tiles kept up beside it" test $? -eq 0
cat tiles.out
check "an outside reader agrees" python3 "$ROOT/tests/scenario/tlog_check.py" s/ledger
expect 0 proctor verify

# Filters, each against a plain reading of everything.
export PROCTOR_STORE=$WORK/f
expect 0 "$tool" write f 7000 100
expect 0 proctor log --json
cp "$OUT" all
same() { # same JQ-CONDITION OPTION...
    local want=$1
    shift
    expect 0 proctor log --json "$@"
    check "as a plain reading finds it" sh -c "[ \"\$(jq -c '[.records[] | select($want) | .seq]' all | sha256sum)\" = \"\$(jq -c '[.records[].seq]' '$OUT' | sha256sum)\" ]"
}
same '.kind == "checkpoint"' --kind checkpoint
same '.task == "task-017"' --task task-017
same '.run == 1 or .seq == 1' --run 1
same '.task == "task-017" and .kind == "start"' --task task-017 --kind start
cid=$(jq -r '[.records[] | select(.kind == "confine")][5].report' all)
same ".report == \"$cid\"" --object "$cid"
same ".report == \"$cid\"" --object "${cid:0:10}"
middle=$(jq -r '.records[4500].wall_ns' all)
stamp=$(date -u -d "@${middle%?????????}" '+%Y-%m-%d %H:%M:%SZ')
same ".wall_ns >= ${middle%?????????}000000000" --since "$stamp"
same ".wall_ns < ${middle%?????????}000000000" --until "$stamp"
expect 0 proctor log --kind start --last 3 --json
check "the newest three" sh -c "[ \"\$(jq -c '[.records[] | select(.kind == \"start\") | .seq][-3:]' all)\" = \"\$(jq -c '[.records[].seq]' '$OUT')\" ]"
expect 2 proctor log --since yesterday
expect 2 proctor log --object zz

# An index killed while it is made goes on where it was; two at once; damage.
dump() { python3 - "$1" <<'P'
import hashlib, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
h = hashlib.sha256()
for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY 1"):
    columns = len(list(db.execute("PRAGMA table_info(%s)" % name)))
    order = ",".join(str(i + 1) for i in range(columns))
    for row in db.execute("SELECT * FROM %s ORDER BY %s" % (name, order)):
        h.update(repr((name, row)).encode())
print(h.hexdigest())
P
}
subject=f delays=(0.02 0.06)
[ -z "${PROCTOR_FULL:-}" ] || subject=s delays=(0.05 0.1 0.2 0.4)
export PROCTOR_STORE=$WORK/$subject
want=$(dump $subject/index.db)
rm -f $subject/index.db*
for delay in "${delays[@]}"; do
    timeout -s KILL $delay proctor log --last 1 >/dev/null 2>&1
done
proctor log --last 1 >a 2>a.err & one=$!
proctor log --last 1 >b 2>b.err & two=$!
wait $one && wait $two
check "two commands make it at once" test $? -eq 0
check "they say the same, and nothing else" sh -c 'cmp -s a b && [ ! -s a.err ] && [ ! -s b.err ]'
check "the index is the one that was there" test "$(dump $subject/index.db)" = "$want"
again() { # again WHY: the index is made again, which is said once
    expect 0 proctor log --last 1
    check "says once why: $1" test "$(grep -c "the index $1; it was made again" "$ERR")" -eq 1
    expect 0 proctor log --last 1
    check "and no more" test ! -s "$ERR"
    check "the tables are those" test "$(dump small/index.db)" = "$want"
}
expect 0 "$tool" write other 100 16
expect 0 proctor log --store other --last 1
export PROCTOR_STORE=$WORK/small
expect 0 "$tool" write small 300 16
expect 0 proctor log --last 1
want=$(dump small/index.db)
cp small/index.db longer.db
dd if=/dev/urandom of=small/index.db bs=4096 count=1 conv=notrunc 2>/dev/null
rm -f small/index.db-wal small/index.db-shm
again "was damaged"
python3 -c 'import sqlite3; d = sqlite3.connect("small/index.db"); d.execute("PRAGMA user_version=7"); d.commit()'
again "was of another version"
rm -f small/index.db*
python3 -c 'import sqlite3; d = sqlite3.connect("small/index.db"); d.execute("CREATE TABLE records(x)"); d.commit()'
again "was of another version"
cp other/index.db small/index.db
again "was made from another ledger"
cp longer.db other/index.db
expect 0 proctor log --store other --last 1
err 'was ahead of the ledger'
# Damage that only a query meets: named, and mended by the next command.
python3 - <<'P'
import os, sqlite3
d = sqlite3.connect("small/index.db")
page, = d.execute("SELECT rootpage FROM sqlite_schema WHERE name='mentions_cid'").fetchone()
d.close()
f = os.open("small/index.db", os.O_WRONLY)
os.pwrite(f, b"\xff" * 64, (page - 1) * 4096)
P
expect 4 proctor log --object "$(printf 'ab%.0s' $(seq 32))"
err 'index'
expect 2 proctor log --object "$(printf 'ab%.0s' $(seq 32))"
check "the tables are those" test "$(dump small/index.db)" = "$want"
finish

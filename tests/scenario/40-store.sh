# Stores that cannot be used: each named, none harmed.
. "$(dirname "$0")/lib.sh"
with_examples
good=(examples/popcount/graph.yaml --policy policy/default.yaml)
expect 2 proctor log
err 'store'
expect 0 proctor run "${good[@]}" --store s
before=$(find s -type f ! -name 'index.db*' -exec sha256sum {} + | sort | sha256sum)

# Owned by another process.
( flock -x 9; sleep 5 ) 9<>s/lock &
holder=$!
sleep 0.3
expect 2 proctor run "${good[@]}" --store s
err 'own|lock|another'
kill $holder 2>/dev/null; wait $holder 2>/dev/null
# Of another version.
cp -a s version; echo 'proctor store 99' >version/format
expect 2 proctor run "${good[@]}" --store version
err 'version'
# Not a store at all.
mkdir other; echo hello >other/file
expect 2 proctor run "${good[@]}" --store other
check "a folder that is no store is left alone" test "$(ls -A other)" = file
echo x >afile
expect 2 proctor run "${good[@]}" --store afile
# Read-only.
mkdir ro; mount -t tmpfs -o size=8m tmpfs ro; mount -o remount,ro ro
expect 2 proctor run "${good[@]}" --store ro/s
umount ro
cp -a s ros; mkdir rom; mount --bind ros rom; mount -o remount,bind,ro rom
expect 2 proctor run "${good[@]}" --store rom
err 'read-only'
expect 0 proctor verify --store rom
expect 0 proctor log --store rom
umount rom
# Full disk: a small tmpfs that runs over in the middle.
mkdir full
mount -t tmpfs -o size=600k tmpfs full
expect 4 proctor run "${good[@]}" --store full/s
err 'space'
if [ -d full/s/ledger/wal ] && ls full/s/ledger/wal/*.wal >/dev/null 2>&1; then
    expect 0 proctor verify --store full/s
fi
umount full
# Damaged: one flipped byte in the ledger, in an object; a missing object.
cp -a s flip
wal=$(ls flip/ledger/wal/*.wal | head -1)
python3 - "$wal" <<'P'
import sys
p = sys.argv[1]; d = bytearray(open(p, 'rb').read()); d[len(d) // 3] ^= 1; open(p, 'wb').write(d)
P
expect 5 proctor verify --store flip
expect 5 proctor run "${good[@]}" --store flip
cp -a s obj
o=$(find obj/objects -type f | head -1)
chmod u+w "$o"; printf X | dd of="$o" bs=1 seek=0 conv=notrunc 2>/dev/null
expect 5 proctor verify --full --store obj
cp -a s gone
rm -f "$(find gone/objects -type f | sort | tail -1)"
expect 5 proctor verify --full --store gone
# A known verdict counts only with its evidence.
cp -a s lost
evidence=$(proctor log --store s --kind verdict --json | jq -r '.records[0].evidence')
rm -f "lost/objects/${evidence:0:2}/${evidence:2}"
# (With a memory of its own: by ours, s would then be the older copy.)
expect 5 env XDG_STATE_HOME="$WORK/.lost" proctor run "${good[@]}" --store lost
check "says what is missing" grep -rq 'evidence of verdict' "$OUT" "$ERR"
after=$(find s -type f ! -name 'index.db*' -exec sha256sum {} + | sort | sha256sum)
check "the good store is as it was" test "$before" = "$after"
# The index is a projection: delete it, damage it; it comes back the same.
expect 0 proctor log --store s --json
cp "$OUT" log1
rm -f s/index.db*
expect 0 proctor log --store s --json
check "the index comes back" cmp -s log1 "$OUT"
head -c 4096 /dev/urandom >s/index.db
expect 0 proctor log --store s --json
check "a damaged index is rebuilt" cmp -s log1 "$OUT"
# Tiles and checkpoint are derived.
rm -rf s/ledger/tile s/ledger/checkpoint
expect 0 proctor run "${good[@]}" --store s
check "tiles came back" python3 "$ROOT/tests/scenario/tlog_check.py" s/ledger
whole --store s
finish

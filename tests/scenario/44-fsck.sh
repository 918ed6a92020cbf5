# A store in every wrong state, checked by the real command: one line that says what
# is wrong, since when and what is still good; nothing changed, nothing waited for.
. "$(dirname "$0")/lib.sh"
with_examples
expect 0 proctor run examples/popcount/graph.yaml --policy policy/default.yaml --store s
expect 0 proctor verify --full --store s
out 'ledger is whole: [0-9]+ records'
wal=ledger/wal/0000000000000000.wal
seq=$(proctor log --store s --kind verdict --json | jq -r '.records[0].seq')
evidence=$(proctor log --store s --kind verdict --json | jq -r '.records[0].evidence')
object=objects/${evidence:0:2}/${evidence:2}
last=$(($(proctor verify --store s --json | jq .size) - 1))
bundle=$(find s/ledger/tile/entries -type f | head -1); bundle=${bundle#s/}

# Every name, right, time and byte of a folder.
print_of() {
    find "$1" -printf '%P %M %U %T@ %s\n' -type f -size -1000k -exec sha256sum {} + |
        grep -v '^index.db' | sort | sha256sum
}
byte() { # byte FILE OFFSET: flips one bit
    python3 - "$1" "$2" <<'P'
import os, sys
p, at = sys.argv[1], int(sys.argv[2]); m = os.stat(p).st_mode
os.chmod(p, 0o600); d = bytearray(open(p, 'rb').read()); d[at] ^= 1
open(p, 'wb').write(d); os.chmod(p, m)
P
}
# bad TEXT [EXIT]: store `c` is damaged; verify says so in one line of TEXT, fast,
# the same in JSON, and changes nothing. Then a fresh copy.
bad() {
    local before after XDG_STATE_HOME=$WORK/.nobody # the store tells it by itself
    rm -rf "$XDG_STATE_HOME"
    before=$(print_of c)
    expect "${2:-5}" timeout 20 proctor verify --full --store c
    check "says: $1" grep -qE -- "$1" "$OUT" "$ERR"
    check "one line" test "$(grep -cE 'DAMAGED|is whole' "$OUT")" = 1
    expect "${2:-5}" timeout 20 proctor verify --full --store c --json
    check "says what to do" test "${2:-5}" = 0 -o "$(jq '.hint | length > 20' "$OUT")" = true
    check "verdict in JSON" jq -e '.verdict | length > 20' "$OUT"
    after=$(print_of c)
    check "verify changed nothing" test "$before" = "$after"
    rm -rf c && cp -a s c
}
cp -a s c
echo stray >c/objects/junk
bad 'objects/junk: warning: is no object' 0

# The record that a byte belongs to, by its number in the file.
at=$(python3 - s/$wal "$seq" <<'P'
import struct, sys
d = open(sys.argv[1], 'rb').read()
print(d.index(b'PR\x01\x09' + struct.pack('>Q', int(sys.argv[2]))) + 100)
P
)
byte c/$wal "$at"
bad "DAMAGED: record $seq \(20[0-9: -]+, verdict of exam\) was changed: .*records 0..$((seq - 1)) .* good, and the bytes of all others up to $last are as signed"
truncate -s -300 c/$wal
bad "DAMAGED: records [0-9]+..$last are gone, written after 20.*: it was cut or rolled back; records 0..[0-9]+ .*good"
byte c/$wal 11
bad 'another version than 1'
rm -f c/$wal && mkfifo c/$wal
bad 'head of the segment is damaged'
byte c/ledger/checkpoint 60
bad 'ledger/checkpoint: is not a checkpoint that this log.s key signed'
byte c/ledger/vkey 60
bad 'ledger/vkey: is not the key'
byte "c/$bundle" 200
bad 'is not what the records make: another byte at record'
rm -f "c/$object"
bad "the object is missing; record $seq \(.*, verdict of exam\) leads to it as evidence; all $((last + 1)) records"
byte "c/$object" 3
bad "does not hash to its name; record $seq"
truncate -s 0 "c/$object"
bad "does not hash to its name; record $seq"
rm -f "c/$object" && mkfifo "c/$object"
bad 'is no regular file; it was not opened'
rm -f "c/$object" && ln -s /etc/hostname "c/$object"
bad 'is a symbolic link, expected a file; it was not opened'
rm -f "c/$object" && truncate -s 3T "c/$object"
bad 'is longer than any object; it was not read'
chmod 644 c/keys/key
bad 'keys/key: is open to others .mode 0644.'
chown 4242 "c/$object"
bad 'belongs to uid 4242'
echo x >c/ledger/tile/0/999
bad 'does not belong to a tree of'
mkfifo c/pipe
bad 'pipe: is no part of a store'
# Odd, and nothing is lost.
echo x >c/notes
bad 'notes: warning: is no part of a store .a file.: nothing reaches it' 0
head -c 5000 /dev/urandom >c/index.db
bad 'index.db: .* is a projection and will be rebuilt' 0
echo x >c/tmp/t-1
bad 'tmp/t-1: note: is half-written' 0
rm -rf c/ledger/tile
bad 'is missing; the next run writes it again' 0
echo 'proctor store 2' >c/format
expect 2 proctor verify --full --store c
err 'version'
rm -rf c && cp -a s c

# On a disk that nobody can write, also when it is damaged.
byte c/$wal "$at"
mkdir rom && mount --bind c rom && mount -o remount,bind,ro rom
expect 5 proctor verify --full --store rom
out "DAMAGED: record $seq "
umount rom
# What was damaged is still refused, and still there, after all of that.
expect 5 proctor run examples/popcount/graph.yaml --policy policy/default.yaml --store c
expect 0 proctor verify --full --store s
finish

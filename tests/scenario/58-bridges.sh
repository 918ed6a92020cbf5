# CML to the outside and back: a git repository that git itself takes, a database of
# each kind; hostile repositories and unwilling servers are refused by name, and
# nothing is half-written.
. "$(dirname "$0")/lib.sh"
with_examples
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t
unset PGPASSWORD PGHOST PGUSER PGDATABASE PGPORT
export HOME=$WORK
p=policy/default.yaml
unit_cid() { proctor cml cid "$@" | tail -n 1 | cut -c1-64; }
# The artifact that a ref stands for: its exam may have put traps into what was
# handed in.
kept() { # kept REF FILE
    local runnable
    runnable=$(proctor ref list --json | jq -r --arg r "$1" '.refs[] | select(.name == $r) | .target')
    proctor show --raw "$(proctor show --json "$runnable" | jq -r .object.bundle)" >"$2"
}

# --- git ---
expect 0 proctor run examples/cml/graph.yaml --policy $p
expect 0 proctor export --git out.git --json
json '.names == 1 and .changed and .new_blobs > 50 and .new_refs == 1'
first=$(jq -r .commit "$OUT")
check "the repository is clean" git -C out.git fsck --strict
expect 0 git clone -q out.git clone
check "the clone's commit is the ref's" \
    test "$(git -C clone rev-parse HEAD)" = "$(git -C out.git rev-parse refs/cml/heads/main)"
kept primitives/days_from_civil kept.cmlb
check "the manifest names the unit" \
    grep -qx "$(unit_cid kept.cmlb)  primitives/days_from_civil" clone/manifest
check "the unit can be read" proctor cml check clone/units/primitives/days_from_civil.cml
for f in clone/blobs/*/*; do
    name=${f#clone/blobs/}
    [ "$(b3sum --no-names "$f")" = "${name/\//}" ] || echo "$f"
done >wrong
check "b3sum too finds each blob under its name" test ! -s wrong
expect 0 proctor export --git out.git
out 'nothing new'
check "and no new commit" test "$(git -C out.git rev-parse main)" = "$first"
expect 0 proctor export --git again.git --json
check "another new repository has the same commit" test "$(jq -r .commit "$OUT")" = "$first"

# There and back: the same artifact, which a graph takes as it is.
expect 0 proctor cml import --git clone -o in
b=in/primitives/days_from_civil.cmlb
check "same CID" cmp $b kept.cmlb
expect 0 proctor cml import --git out.git -o in2 --json
json '.imported[0].name == "primitives/days_from_civil" and .imported[0].nodes > 50'
check "from the bare one too" cmp $b in2/primitives/days_from_civil.cmlb
expect 0 proctor cml import --git out.git -o in
cp $b examples/cml/there.cmlb
sed 's/date.cml:days_from_civil/there.cmlb:days_from_civil/; s#ref: prim.*#ref: primitives/again}#' \
    examples/cml/graph.yaml >examples/cml/g.yaml
expect 0 proctor run examples/cml/g.yaml --policy $p
out 'known since record'

# A second export is a commit on top.
expect 0 proctor export --git out.git
out '2 names'
check "its parent is the first" test "$(git -C out.git rev-parse main^)" = "$first"
expect 0 proctor export --git out.git --unit examples/cml/gcd.cml
check "a unit of a file goes along" test -n "$(git -C out.git ls-tree main:units/gcd.cml 2>&1)"
check "still clean" git -C out.git fsck --strict
expect 0 git -C clone pull -q
check "and can be pulled" grep -q ' gcd$' clone/manifest
expect 0 proctor export --git only.git --unit examples/cml/gcd.cml --store "$WORK/.proctor"
(cd / && proctor export --git "$WORK/alone.git" --unit "$WORK/examples/cml/gcd.cml") >"$OUT" 2>"$ERR"
check "without a store: the files alone" grep -q '1 names' "$OUT"

# A repository of the person's own: its branches stay.
git init -q -b main own && (cd own && echo x >x && git add x && git commit -qm x)
mine=$(git -C own rev-parse main)
expect 0 proctor export --git own
check "its branch stays" test "$(git -C own rev-parse main)" = "$mine"
check "and its ref is there" git -C own rev-parse -q --verify refs/cml/heads/main
expect 0 proctor cml import --git own -o in3
git -C out.git update-ref refs/heads/main "$(git -C out.git commit-tree -m y 'main^{tree}')"
expect 0 proctor export --git out.git
out "somebody else's"
git -C out.git update-ref refs/heads/main refs/cml/heads/main

# What cannot be written to.
mkdir full && echo x >full/x
expect 2 proctor export --git full
err 'full is no git repository'
expect 2 proctor export --git $b
err 'File exists|Not a directory'
cp -r out.git locked.git && touch locked.git/refs/cml/heads/main.lock
expect 2 proctor export --git locked.git --unit examples/cml/tax.cml
err 'lock'
expect 2 proctor export --git x.git extra
expect 2 proctor cml import --git out.git extra
expect 2 proctor cml import
expect 2 proctor cml import --git nothing-there
err 'nothing-there: No such file'
expect 2 proctor cml import --git full
err 'no git repository'
git init -q --bare empty.git
expect 2 proctor cml import --git empty.git
err 'no refs under refs/cml/'

# A disk that is full, where a test may have one of its own.
if unshare -m true 2>/dev/null; then
    cat >small.sh <<'END'
mkdir small && mount -t tmpfs -o size=100k tmpfs small || exit 9
proctor export --git small/x.git
code=$?
[ -z "$(git -C small/x.git for-each-ref)" ] || echo "there are refs"
exit $code
END
    expect 4 unshare -m bash small.sh
    err 'No space left on device'
    check "and no ref" test ! -s "$OUT"
fi

# Files that are there are not written over; links are not followed.
mkdir -p other/primitives && echo x >other/primitives/again.cmlb
expect 2 proctor cml import --git out.git -o other
err 'primitives/again.cmlb is there and is something else'
check "and nothing was written" test ! -e other/primitives/days_from_civil.cmlb
mkdir away link && ln -s ../away link/primitives
expect 2 proctor cml import --git out.git -o link
check "nothing beyond a link" test -z "$(ls away)"

# hostile TEXT: what was done to the clone in `bad` is refused, and nothing is written.
hostile() {
    (cd bad && git add -A && git commit -qm bad)
    expect 2 proctor cml import --git bad -o bad-in
    err "$1"
    check "nothing was written" test ! -e bad-in
    rm -rf bad && git clone -q out.git bad
}
git clone -q out.git bad
blob=$(cd bad && ls blobs/*/* | sed -n 5p)
echo x >>bad/$blob
hostile "$blob is not what its name says"
rm bad/$blob
hostile "the node $(sed 's#blobs/##; s#/##' <<<"$blob") is missing"
ln -sf /etc/passwd bad/$blob
hostile "refs/cml/heads/main: $blob: a symbolic link"
chmod +x bad/$blob
hostile "$blob: neither folder nor plain file"
mv bad/$blob bad/blobs/zz
hostile 'blobs/zz: no folder of blobs is called so'
cp bad/$blob "bad/$(dirname "$blob")/short"
hostile '/short: no blob is called so'
echo x >bad/README
hostile 'README: does not belong there'
rm -r bad/units && ln -s / bad/units
hostile 'units: a symbolic link'
rm bad/cid
hostile 'cid: is missing'
echo x >bad/cid
hostile 'cid: not 64 hex digits'
head -c 64 bad/manifest >bad/cid && echo >>bad/cid
hostile 'is no manifest'
sed -i 's/again$/agaim/' bad/manifest
hostile 'manifest does not say what'
mkdir -p bad/blobs/00 && head -c 9000000 /dev/zero >"bad/blobs/00/$(printf '0%.0s' {1..62})"
hostile 'larger than what it may hold'
# Manifests whose names would leave the folder, are twice there, or out of order.
for names in '../../x' 'a/../b' '/x' '.git/x' 'a,a' 'b,a' ''; do
    python3 - "$names" <<'PY'
import pathlib, struct, subprocess, sys
names = [n.encode() for n in sys.argv[1].split(",")]
cid = bytes.fromhex(open("bad/manifest").read(64))
m = b"CMLM" + struct.pack(">I", len(names))
m += b"".join(struct.pack(">I", len(n)) + n + cid for n in names)
h = subprocess.run(["b3sum", "--no-names"], input=m, capture_output=True).stdout.decode().strip()
root = pathlib.Path("bad")
(root / "blobs" / h[:2]).mkdir(exist_ok=True)
(root / "blobs" / h[:2] / h[2:]).write_bytes(m)
(root / "cid").write_text(h + "\n")
(root / "manifest").unlink()
PY
    hostile 'is no manifest'
done
# Trees that git itself would not make.
z=$(git -C bad hash-object -w cid | sed 's/../\\x&/g')
t=$(printf "100644 ..\0$z" | git -C bad hash-object -w --literally -t tree --stdin)
git -C bad update-ref refs/cml/heads/main "$(git -C bad commit-tree -m x "$t")"
expect 2 proctor cml import --git bad -o bad-in
err '\.\.: does not belong there'
t=$(printf "160000 blobs\0$z" | git -C bad hash-object -w --literally -t tree --stdin)
git -C bad update-ref refs/cml/heads/main "$(git -C bad commit-tree -m x "$t")"
expect 2 proctor cml import --git bad -o bad-in
err 'blobs: neither folder nor plain file'
git -C bad update-ref refs/cml/heads/main "$(git -C bad rev-parse HEAD:cid)" 2>/dev/null ||
    git -C bad rev-parse HEAD:cid >bad/.git/refs/cml/heads/main
expect 2 proctor cml import --git bad -o bad-in
err 'refs/cml/heads/main'
git -C bad symbolic-ref refs/cml/heads/main refs/heads/main
expect 2 proctor cml import --git bad -o bad-in
err 'stands for another ref'
# Damage, and ways out of the folder.
cp -r out.git torn.git && git -C torn.git gc -q
chmod u+w torn.git/objects/pack/*
for f in torn.git/objects/pack/*.pack; do
    printf 'garbage garbage garbage' | dd of="$f" bs=1 seek=$(($(stat -c %s "$f") / 2)) conv=notrunc status=none
done
expect 2 proctor cml import --git torn.git -o bad-in
err 'error: '
cp -r out.git torn2.git && git -C torn2.git gc -q
for f in torn2.git/objects/pack/*.idx; do chmod u+w "$f"; truncate -s 100 "$f"; done
expect 2 proctor cml import --git torn2.git -o bad-in
cp -r out.git loop.git && echo "$PWD/loop.git/objects" >loop.git/objects/info/alternates
expect 0 proctor cml import --git loop.git -o in-loop
git clone -q --shared out.git shared
expect 2 proctor cml import --git shared -o bad-in
err "only what lies in the folder itself|HEAD"
mkdir gitfile && echo "gitdir: $PWD/out.git" >gitfile/.git
expect 2 proctor cml import --git gitfile -o bad-in
check "nothing of all that was written" test ! -e bad-in

# --- what is asserted of refs ---
mkdir said && cp examples/cml/gcd.cml said/
task() { printf '  - id: %s\n    op: assert\n    needs: [%s]\n    with: {ref: refs/cml/%s, operation: %s}\n    validator: {name: signed, level: schema}\n' "$@"; }
{
    printf 'version: 1\nname: said\ntasks:\n'
    task a '' desired/rate 'SET, leaf: 19'
    task b a desired/rate 'SET, leaf: 20'
    task c '' units/gcd 'SET, unit: "gcd.cml:gcd"'
} >said/g.yaml
{ printf 'version: 1\nname: said\ntasks:\n'; task d '' desired/rate DELETE; } >said/d.yaml
sed '/^grants:/a\  - capability: cml.assert\n    refs: ["refs/cml/**"]\n    files: ["**"]' $p >said/p.yaml
expect 0 proctor run said/g.yaml --policy said/p.yaml --store s3
expect 0 proctor export --git said.git --store s3
check "each ref has its commit" test "$(git -C said.git for-each-ref --format='%(refname)' refs/cml | xargs)" = \
    "refs/cml/desired/rate refs/cml/heads/main refs/cml/units/gcd"
check "clean" git -C said.git fsck --strict
expect 0 proctor cml import --git said.git -o said-in
check "the unit came back" test "$(unit_cid said-in/units/gcd.cmlb)" = "$(unit_cid examples/cml/gcd.cml)"
expect 0 proctor export --sql said.sqlite --store s3 --json
json '.new_assertions == 3 and .new_refs == 2'
check "the second follows the first" test "$(sqlite3 said.sqlite \
    "SELECT length(b.prev), a.prev IS NULL, r.seq_number FROM m4_assertions a JOIN m4_assertions b USING(did,ref_path)
     JOIN m4_refs r USING(did,ref_path) WHERE a.seq_number=1 AND b.seq_number=2")" = '64|1|2'
expect 0 proctor run said/d.yaml --policy said/p.yaml --store s3
expect 0 proctor export --git said.git --store s3
check "what is deleted is gone" test -z "$(git -C said.git for-each-ref refs/cml/desired)"
expect 0 proctor export --sql said.sqlite --store s3
check "there too" test "$(sqlite3 said.sqlite 'SELECT ref_path FROM m4_refs')" = refs/cml/units/gcd

# --- SQLite ---
expect 0 proctor export --sql a.sqlite --json
json '.new_assertions == 2 and .new_refs == 2 and .new_blobs > 50'
sql() { sqlite3 "$1" "$2"; }
expect 0 proctor export --sql a.sqlite
out 'nothing new'
check "each row is there" test "$(sql a.sqlite "SELECT count(*) FROM m4_refs r JOIN m1_blobs b ON b.cid=r.target_cid WHERE b.node_type='cml.Unit'")" = 2
check "refs are what the assertions say" test -z "$(sql a.sqlite 'SELECT did,ref_path,target_cid FROM m4_refs EXCEPT SELECT did,ref_path,payload_cid FROM m4_assertions')"
sql a.sqlite "SELECT hex(data),cid FROM m1_blobs" | while IFS='|' read -r hex cid; do
    [ "$(xxd -r -p <<<"$hex" 2>/dev/null | b3sum --no-names)" = "$cid" ] || echo "$cid"
done >wrong 2>/dev/null
command -v xxd >/dev/null && check "every blob has its CID" test ! -s wrong
expect 0 proctor export --sql -
cp "$OUT" dump.sql
check "printed SQL makes the same rows" sh -c "sqlite3 b.sqlite <dump.sql && sqlite3 b.sqlite <dump.sql"
rows() { sql "$1" 'SELECT cid,node_type,hex(data) FROM m1_blobs ORDER BY 1; SELECT did,ref_path,operation,payload_cid,seq_number,prev,signature,created_at FROM m4_assertions ORDER BY 1,2,5; SELECT * FROM m4_refs ORDER BY 1,2'; }
check "the same" test "$(rows a.sqlite | sha256sum)" = "$(rows b.sqlite | sha256sum)"
# changed SQL TEXT: a database changed by hand is not written to.
changed() {
    cp a.sqlite c.sqlite && sql c.sqlite "$1" && cp c.sqlite d.sqlite
    expect 2 proctor export --sql c.sqlite --unit examples/cml/tax.cml
    err "$2"
    check "and stays as it was" test "$(rows c.sqlite)" = "$(rows d.sqlite)"
}
changed "UPDATE m1_blobs SET data=x'00' WHERE cid=(SELECT max(cid) FROM m1_blobs)" 'another history: its m1_blobs row'
changed "UPDATE m4_assertions SET payload_cid=(SELECT max(cid) FROM m1_blobs) WHERE id=1" 'another history: its assertion 1 of refs/cml/names/'
changed "UPDATE m4_refs SET target_cid=(SELECT max(cid) FROM m1_blobs)" 'another history: its ref refs/cml/names/'
changed "INSERT INTO m4_assertions(did,ref_path,operation,payload_cid,seq_number) SELECT did,ref_path,operation,payload_cid,9 FROM m4_assertions LIMIT 1" 'another history: 3 assertions'
changed "INSERT INTO m4_refs SELECT did,'refs/cml/names/x',target_cid,1 FROM m4_refs LIMIT 1" 'another history: 3 refs'
sql e.sqlite 'CREATE TABLE m1_blobs(cid INTEGER)'
expect 2 proctor export --sql e.sqlite
err 'in another shape'
check "no table was added" test "$(sql e.sqlite 'SELECT count(*) FROM sqlite_schema')" = 1
echo 'no database at all, but long enough to look at' >f.sqlite
expect 2 proctor export --sql f.sqlite
err 'not a database'
expect 2 proctor export --sql no/such/folder.sqlite
expect 2 proctor export --sql mysql://x/y
err 'no such kind of database'
expect 4 bash -c 'ulimit -f 32; exec proctor export --sql big.sqlite'
check "a disk that is full leaves no rows" test "$(sql big.sqlite 'SELECT count(*) FROM sqlite_schema' 2>&1)" = 0

# --- PostgreSQL: a server of our own, on a socket in a folder of its own ---
pgbin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
pg=$(mktemp -d "${TMPDIR:-/tmp}/pg.XXXXXX")
as=()
if [ "$(id -u)" -eq 0 ]; then # it refuses root
    chown nobody "$pg"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
server() { (cd "$pg" && HOME=$pg "${as[@]}" "$pgbin/$@"); }
trap 'server pg_ctl -D "$pg/data" -m immediate stop >/dev/null 2>&1; rm -rf "$pg"; chmod -R u+w "$WORK" 2>/dev/null; rm -rf "$WORK"' EXIT
secret=geheim-4711
(umask 077; echo $secret >"$pg/pw"; [ "$(id -u)" -ne 0 ] || chown nobody "$pg/pw")
expect 0 server initdb -D "$pg/data" -U proctor -A scram-sha-256 --pwfile="$pg/pw" -E UTF8 --no-locale --no-sync
expect 0 server pg_ctl -D "$pg/data" -w -l "$pg/log" -o "-c listen_addresses= -c unix_socket_directories=$pg -c fsync=off" start
url="postgres://proctor:$secret@/DB?host=$pg"
db() { echo "${url/DB/$1}"; }
q() { psql -XAtq -v ON_ERROR_STOP=1 "$(db "$1")" -c "$2"; }
for n in a b fill shape cut later; do q postgres "CREATE DATABASE $n"; done
expect 0 proctor export --sql "$(db a)" --json
json '.new_assertions == 2 and .new_refs == 2 and .changed'
expect 0 proctor export --sql "$(db a)"
out 'nothing new'
pgrows() { q "$1" "SELECT cid,node_type,upper(encode(data,'hex')) FROM m1_blobs ORDER BY cid COLLATE \"C\"; SELECT did,ref_path,operation,payload_cid,seq_number,prev,signature,to_char(created_at,'YYYY-MM-DD HH24:MI:SS.US') FROM m4_assertions ORDER BY 1,2,5; SELECT * FROM m4_refs ORDER BY 1,2"; }
pgrows a >a.rows
rows a.sqlite >lite.rows
check "the same rows as SQLite has" cmp a.rows lite.rows
expect 0 proctor export --sql postgres:-
cp "$OUT" pg.sql
check "psql takes the printed SQL" psql -Xq -v ON_ERROR_STOP=1 -1 "$(db b)" -f pg.sql
check "with the same rows" test "$(pgrows b)" = "$(cat a.rows)"
check "foreign keys hold" sh -c "! psql -Xq '$(db a)' -c 'DELETE FROM m1_blobs'"
# Another store beside it, and both at once.
expect 0 proctor run examples/cml/graph.yaml --policy $p --store two
proctor export --sql "$(db a)" --store two >/dev/null 2>&1 &
expect 0 proctor export --sql "$(db a)" --unit examples/cml/gcd.cml
wait $! ; check "two exports at once" test $? -eq 0
check "two writers in one database" test "$(q a 'SELECT count(DISTINCT did) FROM m4_refs')" = 2

# refused CODE DATABASE TEXT: what is refused leaves nothing, and no password is told.
refused() {
    expect "$1" proctor export --sql "$2"
    err "$3"
    check "the password is not told" sh -c "! grep -q '$secret' '$OUT' '$ERR'"
}
refused 2 "postgres://proctor:$secret@/a?host=$pg/nowhere" 'no way into the database: .*No such file'
refused 2 "$(db nothere)" 'database "nothere" does not exist'
refused 2 "postgres://proctor:x$secret@/a?host=$pg" 'password authentication failed'
refused 2 "postgres://$secret:%zz@/a" 'no connection string'
q shape 'CREATE TABLE m4_refs(did INTEGER)'
refused 2 "$(db shape)" 'in another shape|does not exist'
check "no table is left" test "$(q shape "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'm_\\_%'")" = 1
q postgres 'ALTER DATABASE b SET default_transaction_read_only=on'
refused 2 "$(db b)" 'read-only transaction'
# A disk that is full and a connection that is cut, in the middle of it.
proctor export --sql "$(db fill)" --store two >/dev/null
q fill "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE='disk_full'; END \$\$; CREATE TRIGGER t BEFORE INSERT ON m4_refs FOR EACH ROW EXECUTE FUNCTION f()"
before=$(pgrows fill)
refused 4 "$(db fill)" 'no space left .53100'
check "nothing was written" test "$(pgrows fill)" = "$before"
proctor export --sql "$(db cut)" --store two >/dev/null
q cut "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END \$\$; CREATE TRIGGER t BEFORE INSERT ON m4_assertions FOR EACH ROW EXECUTE FUNCTION f()"
before=$(pgrows cut)
refused 4 "$(db cut)" 'terminating connection|closed the connection'
check "nothing was written" test "$(pgrows cut)" = "$before"
# Another history: a row that was changed, and one that this store does not know.
q a "UPDATE m4_assertions SET operation='UPDATE' WHERE id=1"
refused 2 "$(db a)" 'another history: its assertion 1'
proctor export --sql "$(db later)" >/dev/null
q later "INSERT INTO m4_assertions(did,ref_path,operation,seq_number) SELECT did,ref_path,'DELETE',2 FROM m4_assertions LIMIT 1"
refused 2 "$(db later)" 'another history: 3 assertions'
expect 0 server pg_ctl -D "$pg/data" -m fast stop
refused 2 "$(db a)" 'no way into the database'
whole
finish

# Forks and restored copies: seen by the person's own memory, and by a witness.
. "$(dirname "$0")/lib.sh"
with_examples
# One task without an exam: a store is made often here.
cat >examples/series/small.yaml <<'Y'
version: 1
name: small
tasks:
  - {id: p, op: program, with: {function: swap.py:swap, takes: [bytes], gives: bytes}, validator: {name: well_formed, level: schema}}
Y
good=(examples/series/small.yaml --policy policy/default.yaml)
another() { # another STORE [COMMAND...]: one more run, which appends a few records
    local store=$1
    shift
    expect 0 "$@" proctor run "${good[@]}" --store "$store"
}
refused() { # refused CODE TEXT STORE [COMMAND...]: nothing may be signed over
    local code=$1 text=$2 store=$3 before
    shift 3
    before=$(sha256sum "$store"/ledger/wal/* "$store"/ledger/checkpoint 2>/dev/null)
    expect "$code" "$@" proctor run "${good[@]}" --store "$store"
    err "$text"
    check "nothing was signed" test "$before" = "$(sha256sum "$store"/ledger/wal/* "$store"/ledger/checkpoint 2>/dev/null)"
}
fresh() { XDG_STATE_HOME=$WORK/.fresh$RANDOM$RANDOM "$@"; } # remembers nothing
serve() { # serve DIR SOCKET: in the background; its pid is in $pid
    rm -f "$WORK/.serve" # else the line of the one before counts
    proctor witness serve --dir "$1" --listen "unix:$2" >"$WORK/.serve" 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        if grep -q listening "$WORK/.serve"; then break; fi
        sleep 0.05
    done
    check "$1 listens" grep -q "listening on unix:" "$WORK/.serve"
}
stop() { kill "$1"; wait "$1" 2>/dev/null; }
size() { sed -n 2p "$1/ledger/checkpoint"; }

# Without any witness: one's own memory.
another m
cp -a m m.old
another m
cp -a m m.new
rm -rf m; cp -a m.old m
refused 5 'older copy.* a head seen before' m
expect 5 proctor verify --store m
out 'you have seen [0-9]+ records'
fresh expect 0 proctor verify --store m
rm -rf m; cp -a m.new m
another m # the newer copy is taken
# Rollback of the write-ahead log only; of the checkpoint only, which is derived.
rm -rf m; cp -a m.new m; cp m.old/ledger/wal/* m/ledger/wal/
fresh refused 5 'ledger/checkpoint' m
rm -rf m; cp -a m.new m; cp m.old/ledger/checkpoint m/ledger/
fresh another m
fresh whole --store m
# Two copies that both went on: the second one is a fork for whoever saw the first.
rm -rf m; cp -a m.old m; cp -a m.old fork
fresh another m
XDG_STATE_HOME=$WORK/.saw another m
fresh another fork; fresh another fork; fresh another fork
XDG_STATE_HOME=$WORK/.saw refused 5 'a head seen before was signed for' fork
XDG_STATE_HOME=$WORK/.saw expect 5 proctor verify --store m.old
out 'DAMAGED: records [0-9]+\.\.[0-9]+ are gone'
err "hint: put the newer copy back: .* remove what you remember of it, $WORK/.saw/proctor/heads/[0-9a-f]+,"
check "that file is there" test -f "$(grep -oE '/[^ ,]*/heads/[0-9a-f]+' "$ERR")"
# Nowhere to remember: said once, no reason to stop.
expect 0 env -u HOME -u XDG_STATE_HOME proctor run "${good[@]}" --store homeless
err 'note: heads of ledgers are not remembered'
check "said once" test "$(grep -c 'not remembered' "$ERR")" = 1
mkdir ro; chmod 555 ro
if [ "$(id -u)" -eq 0 ]; then mount --bind ro ro && mount -o remount,bind,ro ro; fi
expect 0 env XDG_STATE_HOME="$WORK/ro" proctor run "${good[@]}" --store homeless
err 'not remembered'
if [ "$(id -u)" -eq 0 ]; then umount ro; fi

# A witness for two stores.
another a
another b
expect 0 proctor witness init --dir W --name host.example/w
expect 2 proctor witness init --dir W --name host.example/w
expect 0 proctor witness use --store a W/vkey unix:w.sock
expect 0 proctor witness use --store b W/vkey unix:w.sock
refused 3 'no quorum' a # nobody listens
expect 3 proctor witness sync --store a
out 'not reached'
serve W w.sock; w=$pid
check "no privileges left" grep -qE '^NoNewPrivs:.1' "/proc/$w/status"
[ "$(id -u)" -ne 0 ] || check "not root" grep -qvE '^Uid:.0' <(grep Uid "/proc/$w/status")
expect 2 proctor witness serve --dir W --listen unix:other.sock
refused 3 'does not know this log' a
expect 0 proctor witness add --dir W a/ledger/vkey
expect 0 proctor witness add --dir W b/ledger/vkey
expect 2 proctor witness add --dir W b/ledger/vkey
another a
another b
check "cosigned" grep -q '^— host.example/w ' a/ledger/checkpoint
expect 0 proctor witness list --dir W --json
json "[.logs[].size] | sort == ([$(size a), $(size b)] | sort)"
whole --store a
expect 0 proctor verify --store a --policy a/witnesses
python3 "$ROOT/tests/scenario/tlog_check.py" a/ledger >"$OUT" 2>&1
check "other readers pass the cosignature over" test $? -eq 0
# A proof carries it.
expect 0 proctor prove 1 --store a --output p --entry e
check "in the proof" grep -q '^— host.example/w ' p
expect 0 proctor prove --check p --entry e --policy a/witnesses
grep -v '^— host' p >p.bare
expect 1 proctor prove --check p.bare --entry e --policy a/witnesses
expect 0 proctor prove --check p.bare --entry e --key "$(cat a/ledger/vkey)"
sed '/^— host/s/\(....\)=*$/AAAA/' p >p.bad
expect 1 proctor prove --check p.bad --entry e --policy a/witnesses
cp a/ledger/checkpoint cp
sed -i '/^— host/s/\(....\)=*$/AAAA/' a/ledger/checkpoint
expect 5 proctor verify --store a
grep -v '^— host' cp >a/ledger/checkpoint; echo '— stranger.example AAAAAAA=' >>a/ledger/checkpoint
expect 0 proctor verify --store a
cp cp a/ledger/checkpoint

# Restored copy: the witness holds more, whoever asks.
cp -a a a.old
another a
cp -a a a.new
rm -rf a; cp -a a.old a
fresh refused 5 'older copy.* the witness host.example/w cosigned' a
# Write-ahead log only; checkpoint only (made again, and asked for again).
rm -rf a; cp -a a.new a; cp a.old/ledger/wal/* a/ledger/wal/
fresh refused 5 'ledger|tiles' a
rm -rf a; cp -a a.new a; cp a.old/ledger/checkpoint a/ledger/
fresh another a
# The ledger gone, keys and policy there.
cp -a a gone; rm -rf gone/ledger; mkdir -p gone/ledger/wal
fresh refused 5 'its ledger is gone' gone
# A fork that grew past the witness without asking it: its policy was taken away.
rm -rf fork; cp -a a.old fork; mv fork/witnesses fork.witnesses
for _ in 1 2 3 4; do fresh another fork; done
mv fork.witnesses fork/witnesses
fresh refused 5 'is a fork of that|cosigned another' fork
# Split view: both readers hold a whole ledger under one key; only one is cosigned.
expect 0 proctor verify --store a --policy a/witnesses
XDG_STATE_HOME=$WORK/.reader expect 3 proctor verify --store fork --policy a/witnesses
err 'no quorum'

# Two commands at once on two stores, four on one.
proctor run "${good[@]}" --store a >r1 2>&1 & p1=$!
proctor run "${good[@]}" --store b >r2 2>&1 & p2=$!
wait "$p1"; s1=$?; wait "$p2"; s2=$?
check "two stores at once" test "$s1 $s2" = "0 0"
for i in 1 2 3 4; do proctor witness sync --store a >"r$i" 2>&1 & eval "p$i=$!"; done
bad=0; for i in 1 2 3 4; do eval "wait \$p$i" || bad=1; done
check "four at once" test "$bad" = 0
# Foreign bytes.
if command -v curl >/dev/null; then
    code() { curl -s -o /dev/null -w '%{http_code}' --unix-socket w.sock "$@"; }
    check "garbage is 400" test "$(head -c 500 /dev/urandom | code --data-binary @- http://x/add-checkpoint)" = 400
    check "too long is 400" test "$(head -c 500000 /dev/zero | code --data-binary @- http://x/add-checkpoint)" = 400
    check "GET is 405" test "$(code http://x/add-checkpoint)" = 405
    check "elsewhere is 404" test "$(code -d x http://x/)" = 404
fi
expect 0 proctor witness sync --store b

# Killed and started again, it remembers.
kill -9 "$w"; wait "$w" 2>/dev/null
serve W w.sock; w=$pid
another b
# Its state put back from an older copy: told, proven again, gone on with.
stop "$w"
cp -a W W.old
serve W w.sock; w=$pid
another b
stop "$w"
rm -rf W; cp -a W.old W
serve W w.sock; w=$pid
another b
err 'has forgotten it'
# Its state lost: it cosigns nothing for that log rather than anything.
stop "$w"
rm -f W/heads/*
expect 5 proctor witness list --dir W
serve W w.sock; w=$pid
refused 3 'it answered 500' b
stop "$w"
# On a port, and nowhere else.
expect 2 proctor witness serve --dir W --listen 0.0.0.0:0
expect 2 proctor witness serve --dir W
expect 2 proctor witness use --store b W/vkey unix:w.sock
finish

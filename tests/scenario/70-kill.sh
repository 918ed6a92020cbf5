# kill -9 and Ctrl-C in the middle; the ledger goes on where it was.
. "$(dirname "$0")/lib.sh"
with_examples
good=(examples/crc32/graph.yaml --policy policy/default.yaml)
for delay in 0.05 0.15 0.3 0.6 1.0 1.5; do
    proctor run "${good[@]}" --store k >/dev/null 2>&1 &
    sleep $delay
    pkill -9 -f 'proctor-kernel --store .*/k' 2>/dev/null || pkill -9 proctor-kernel
    wait $! 2>/dev/null
    if ls k/ledger/wal/*.wal >/dev/null 2>&1; then
        expect 0 proctor verify --store k
    fi
done
check "no worker outlived its kernel" sh -c 'sleep 0.5; ! pgrep -f worker-program'
expect 0 proctor run --resume --store k --policy policy/default.yaml
expect 0 proctor ref list --store k
out 'primitives/crc32'
expect 0 proctor log --store k --kind crash
expect 0 proctor replay --all --store k
whole --store k

# Ctrl-C stops cleanly and can be resumed.
proctor run "${good[@]}" --store c >/dev/null 2>stopped &
sleep 0.5
kill -INT $!
wait $!
check "Ctrl-C ends with code 1" test $? -eq 1
expect 0 proctor verify --store c
expect 0 proctor run --resume --store c
expect 0 proctor ref list --store c
out 'primitives/crc32'
whole --store c
finish

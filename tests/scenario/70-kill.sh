# kill -9 and Ctrl-C in the middle; the ledger goes on where it was.
. "$(dirname "$0")/lib.sh"
with_examples
good=(examples/crc32/graph.yaml --policy policy/default.yaml)
# kernel_of PID: waits for the kernel that `proctor` PID started.
kernel_of() {
    for _ in $(seq 100); do
        pgrep -P "$1" proctor-kernel && return
        sleep 0.02
    done
}
# Until the run has recorded something of this kind (or is over).
until_kind() {
    for _ in $(seq 200); do
        if proctor log --store "$2" --kind "$1" --json 2>/dev/null | grep -q "\"$1\""; then return; fi
        sleep 0.05
    done
}
for kind in genesis ${PROCTOR_FULL:+admit} confine task ${PROCTOR_FULL:+commit} draw verdict; do
    proctor run "${good[@]}" --store k-$kind >/dev/null 2>&1 &
    client=$!
    kernel=$(kernel_of $client)
    until_kind $kind k-$kind
    kill -9 "$kernel"
    wait $client 2>/dev/null
    expect 0 proctor verify --store k-$kind
    expect 0 proctor replay --all --store k-$kind
done
sleep 0.5
check "no child outlived a kernel" sh -c "! pgrep -f 'proctor-(kernel --store $WORK|signer.*$WORK)'"
k=k-draw
expect 0 proctor run --resume --store $k
expect 0 proctor ref list --store $k
out 'primitives/crc32'
expect 0 proctor log --store $k --kind crash --json
json '[.. | objects | select(.kind? == "crash")] | length == 1'
# The seed that was revealed before the crash is spent: j counts it.
expect 0 proctor log --store $k --kind commit --json
json '[.. | objects | select(.kind? == "commit") | .j] | max == 2'
expect 0 proctor replay --all --store $k
whole --store $k
expect 0 proctor run "${good[@]}" --store k-confine
whole --store k-confine
expect 2 proctor run --resume --store nothing-here
check "resume makes no store" test ! -e nothing-here

# Ctrl-C stops cleanly and can be resumed.
proctor run "${good[@]}" --store c >/dev/null 2>stopped &
client=$!
until_kind draw c
kill -INT $client
wait $client
check "Ctrl-C ends with code 1" test $? -eq 1
expect 0 proctor verify --store c
expect 0 proctor run --resume --store c
expect 0 proctor ref list --store c
out 'primitives/crc32'
whole --store c
finish

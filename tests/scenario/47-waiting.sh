# 256 tasks whose records wait for the ledger at once: the caller is killed, the
# caller stops, the kernel is told to end. What was acknowledged is there, nobody
# is left behind, and the next run goes on.
. "$(dirname "$0")/lib.sh"
with_examples
cp examples/popcount/*.py .
sed 's#examples/\*\*#**#; s/^workers: .*/workers: 4/' policy/default.yaml >p.yaml
{
    echo 'version: 1'
    echo 'name: waiting'
    echo 'tasks:'
    for i in $(seq 256); do
        echo "  - {id: c$i, op: program, with: {function: \"popcount.py:popcount\", takes: [u32], gives: u8}, validator: {name: well_formed, level: schema}}"
    done
} >many.yaml
started() { # started STORE: some tasks are at work, most wait
    for _ in $(seq 200); do
        [ "$(proctor log --store "$1" --kind start --json 2>/dev/null | jq '.records | length' 2>/dev/null || echo 0)" -ge 4 ] && return
        sleep 0.02
    done
    return 1
}
kernels() { pgrep -f "proctor-kernel --store $WORK/$1" || true; }
gone() { # gone STORE: its kernel ended by itself
    for _ in $(seq 200); do
        [ -z "$(kernels "$1")" ] && return
        sleep 0.05
    done
    return 1
}
cut() { # cut NAME SIGNAL WHO
    proctor run many.yaml --policy p.yaml --store "$1" policy.budgets.tasks=300 >"$1.out" 2>&1 &
    local client=$! before
    check "$1: tasks wait" started "$1"
    before=$(proctor log --store "$1" --last 1 --json | jq '.records[0].seq')
    if [ "$3" = client ]; then kill -"$2" $client; else kill -"$2" "$(kernels "$1" | head -1)"; fi
    wait $client 2>/dev/null
    check "$1: the kernel ends" gone "$1"
    expect 0 proctor verify --store "$1"
    expect 0 proctor log --store "$1" --last 1 --json
    json ".records[0].seq >= $before"
    expect 0 proctor run examples/popcount/graph.yaml --policy policy/default.yaml --store "$1"
    expect 0 proctor verify --store "$1"
}
cut cancelled KILL client
cut stopped INT client
cut shutdown TERM kernel
finish

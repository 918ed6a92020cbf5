# A run of a series whose kernel dies at its n-th sync: whatever is left, the lists
# differ by one at most, an audit finds nothing damaged, and the same graph again
# ends with the same bytes in the same place. Some n; all with PROCTOR_FULL.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # many small stores
. "$(dirname "$0")/lib.sh"
check "strace is there" strace -V
mkdir under
cp "$PROCTOR_BIN/proctor" under/
cat >under/proctor-kernel <<S
#!/bin/sh
exec strace -qq -o "\$TRACE" -e trace=fdatasync,fsync \$INJECT "$PROCTOR_BIN/proctor-kernel" "\$@"
S
chmod +x under/proctor-kernel
cat >upper.awk <<'A'
{ gsub(/[\[\]]/, ""); print; fflush() }
A
printf 'rows\n' >rows.txt
cat >policy.yaml <<'Y'
version: 1
name: runs
grants:
  - {capability: program.run, programs: [awk], files: ["*.awk"]}
  - {capability: derive, series: ["s", "t"], files: ["*.txt"]}
Y
cat >graph.yaml <<'Y'
version: 1
name: runs
tasks:
  - id: p
    op: program
    with: {run: [awk, -f, upper.awk], files: [upper.awk], takes: [bytes], gives: bytes}
    validator: {name: well_formed, level: schema}
  - {id: a, op: derive, needs: [p], with: {series: s, inputs: rows.txt}, validator: {name: replayed, level: property}}
  - {id: b, op: derive, needs: [p, a], with: {series: t}, validator: {name: recorded, level: schema}}
Y
traced() { # traced STORE OPTIONS
    TRACE=$WORK/$1.trace INJECT=$2 timeout -k 5 30 under/proctor run graph.yaml \
        --policy policy.yaml --store "$1" >"$1.out" 2>&1 </dev/null
}
# One run of each series before, so that there is something to lose.
expect 0 proctor run graph.yaml --policy policy.yaml --store base
cp -r base count
XDG_STATE_HOME=$WORK/count.state traced count ""
lengths() { proctor runs list --store "$1" --json | jq -c '[.series[] | [.inputs, .outputs, .open]]'; }
for call in fdatasync fsync; do
    n=$(grep -c "^$call(" count.trace)
    step=1
    [ -n "${PROCTOR_FULL:-}" ] || step=$((n / 4 + 1))
    for k in $(seq 1 $step "$n"); do
        s=$call-$k
        export XDG_STATE_HOME=$WORK/$s.state # each is a store that nobody saw
        cp -r base "$s"
        traced "$s" "-e inject=$call:signal=KILL:when=$k"
        proctor runs audit --store "$s" >"$OUT" 2>"$ERR"
        code=$?
        check "$s: nothing is damaged ($code, $(lengths "$s"))" test $code -le 1
        check "$s: lists differ by one at most" sh -c \
            "proctor runs list --store $s --json | jq -e 'all(.series[]; .inputs - .outputs | . == 0 or . == 1)'"
        # Dead after the last record: then there is nothing to go on with.
        [ "$(lengths "$s")" = '[[2,2,false],[2,2,false]]' ] ||
            proctor run --resume --store "$s" >/dev/null 2>&1 ||
            expect 0 proctor run graph.yaml --policy policy.yaml --store "$s"
        expect 0 proctor runs audit --store "$s"
        check "$s: the same bytes in their places" sh -c \
            "proctor runs list s --store $s --json | jq -e '[.series[0].runs[].output.sha256] | length == 2 and (unique | length) == 1'"
    done
done
finish

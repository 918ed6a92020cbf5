# The kernel dies, or is told of an error, at its n-th system call of a kind: a
# spread of n for each kind, all with PROCTOR_FULL. Injected by strace, which
# follows the kernel alone. What the command line received before the end is what
# was acknowledged; it is read from a trace of that side.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # many small stores
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/scenario/faults.sh"
check "strace is there" strace -V
faults_begin

# proctor finds its kernel beside itself: here, one under strace.
mkdir under
cp "$PROCTOR_BIN/proctor" under/
cat >under/proctor-kernel <<S
#!/bin/sh
exec strace -qq -o "\$KERNEL_TRACE" \$KERNEL_INJECT "$PROCTOR_BIN/proctor-kernel" "\$@"
S
chmod +x under/proctor-kernel
export acknowledged=$ROOT/tests/scenario/acknowledged.py

# traced STORE OPTIONS: a run whose kernel is under strace with these options.
traced() {
    KERNEL_TRACE=$WORK/$1.kernel KERNEL_INJECT=$2 timeout -k 5 20 \
        strace -qq -xx -s 2000000 -e trace=recvmsg -o "$1.client" \
        under/proctor run graph.yaml --policy policy.yaml --store "$1" \
        >"$1.out" 2>"$1.err" </dev/null
}

# Exit codes that are right when CALL fails with ERROR once. A call that may be
# tried again, or whose failure changes nothing, ends in 0. What makes or measures
# a worker's confinement is refused by 3; a task that lost its worker fails by 1.
codes_for() {
    case $2-$1 in
    KILL-*) echo 4 ;;
    EINTR-*) echo '0' ;;
    *-pwrite64 | *-fdatasync | *-fsync | *-syncfs | *-renameat) echo 4 ;;
    *) echo '0 3 4' ;;
    esac
}

trial() { # CALL ACTION START N
    local store=$1-$2-$3-$4 inject=error=$2 codes status said
    [ "$2" != KILL ] || inject=signal=KILL
    trial_store "$3" "$store"
    traced "$store" "-e trace=$1 -e inject=$1:$inject:when=$4"
    status=$?
    # Two runs need not make as many calls: the last may be missed.
    codes=0
    if grep -qE 'INJECTED|killed by SIGKILL' "$store.kernel"; then
        codes=$(codes_for "$1" "$2")
    fi
    said=$(trial_end "$store" "$status" "$codes" \
        "$(python3 "$acknowledged" "$store.client")")
    trial_report "$1 $4 of $3: $2" "$store" "$status" "$said"
}
export -f traced codes_for

# How often the kernel makes each call in an undisturbed run.
for start in base new; do
    trial_store $start count-$start
    traced count-$start "-e trace=all"
    check "an undisturbed run under strace passes" test $? -eq 0
    sed -nE 's/^([a-z0-9_]+)\(.*/\1/p' count-$start.kernel | sort | uniq -c >$start.calls
done
check "the client was told of all records" test \
    "$(python3 "$acknowledged" count-base.client)" -eq "$(records_of count-base)"

# each CALL START N ACTION...: trials of a call, about N for each action.
each() {
    local call=$1 start=$2 some=$3 total action
    total=$(awk -v c="$call" '$2 == c { print $1 }' "$start.calls")
    shift 3
    for action in "$@"; do
        seq "${total:-0}" | spread "$some" | sed "s/^/$call $action $start /"
    done
}
{
    for call in pwrite64 fdatasync fsync renameat; do
        each $call base 2 KILL
        each $call base 1 EIO ENOSPC
        each $call new 1 KILL EIO
    done
    each pwrite64 base 2 EINTR
    # A kill before one call is a kill behind the last: not at each of them.
    for call in syncfs mkdirat unlinkat ftruncate flock; do
        each $call new 1 EIO ${PROCTOR_FULL:+KILL}
    done
    for call in sendmsg sendto recvmsg openat clone ptrace \
        ${PROCTOR_FULL:+socketpair memfd_create}; do
        each $call base 1 KILL
    done
    each openat base 2 EIO
    for call in openat socketpair memfd_create; do each $call base 1 EMFILE; done
    for call in pread64 read getdents64 mkdir; do each $call base 1 EIO; done
    for call in poll recvmsg sendmsg; do each $call base 1 EINTR; done
    each sendfile base 1 EIO ENOSPC
    each clone base 1 EAGAIN
    each prlimit64 base 1 EPERM
    each ptrace base 2 EPERM
} | trials trial
finish

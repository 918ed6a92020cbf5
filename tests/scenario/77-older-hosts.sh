# Hosts that lack a layer, emulated by a filter around all of proctor that answers
# as such a host (tests/host/older_host.c): `run` and `doctor` name the layer, no
# store is made, and nothing runs with less.
. "$(dirname "$0")/lib.sh"
with_examples
older=$PROCTOR_BIN/../tests/older_host
user=0x10000000

# lacks TEXT_OF_RUN ROW_OF_DOCTOR RULE...
lacks() {
    local run=$1 row=$2
    shift 2
    rm -rf .proctor
    expect 3 "$older" "$@" -- proctor run examples/popcount/graph.yaml --policy policy/default.yaml
    err "$run"
    err 'see: proctor doctor|install again'
    check "no store was made" test ! -e .proctor
    expect 3 "$older" "$@" -- proctor doctor
    out "^MISSING +$row"
    out '^this host cannot run Proctor: '
}
# still RULE...: what older hosts lack and nothing here needs.
still() {
    expect 0 "$older" "$@" -- proctor doctor
    out '^this host can run Proctor: '
}

lacks 'Landlock is not available' Landlock landlock_create_ruleset=ENOSYS
lacks 'Landlock is not available' Landlock landlock_create_ruleset=EOPNOTSUPP
for abi in 1 2 3 4 5; do
    lacks "Landlock has ABI $abi, 6 is the least" Landlock landlock=$abi
done
still landlock=6
out 'Landlock ABI 6'
lacks 'seccomp' seccomp seccomp=ENOSYS
lacks 'namespaces: Operation not permitted' 'user namespaces' clone,0\&$user=EPERM unshare,0\&$user=EPERM
lacks 'namespaces: No space left' 'user namespaces' clone,0\&$user=ENOSPC unshare,0\&$user=ENOSPC
lacks 'namespaces: Invalid argument' 'other namespaces' clone,0\&0x40000000=EINVAL unshare,0\&0x40000000=EINVAL
lacks 'namespaces: Invalid argument' 'other namespaces' clone,0\&0x02000000=EINVAL unshare,0\&0x02000000=EINVAL
lacks 'pidfd' pidfd pidfd_open=ENOSYS pidfd_send_signal=ENOSYS
lacks 'descriptors' close_range close_range=ENOSYS
lacks 'root: read-only' 'root: mount_setattr' mount_setattr=ENOSYS
lacks 'pivot_root' 'root: tmpfs' pivot_root=EPERM
lacks 'mount namespace' 'root: tmpfs' mount=EPERM
lacks 'execute the image' 'images: execveat' execveat=ENOSYS
lacks 'worker image' 'images: memfd' memfd_create=ENOSYS
lacks 'worker image' 'images: memfd' fcntl,1==1033=EINVAL
lacks 'ptrace' ptrace ptrace=EPERM
still clone3=ENOSYS openat2=ENOSYS io_uring_setup=ENOSYS
out 'filters are watched'

# Without control groups everything runs, and says so.
expect 0 unshare -m sh -c 'umount -l /sys/fs/cgroup && exec proctor doctor'
out '^DEGRADED +control groups +none'
expect 3 unshare -m sh -c 'umount -l /proc && exec proctor run examples/popcount/graph.yaml --policy policy/default.yaml'
err '/proc is not mounted'
expect 3 unshare -p -f proctor doctor
out '^MISSING +/proc +of another pid namespace'
expect 0 unshare -p -f --mount-proc proctor doctor --json
json '.fit and (.workers | length == 5) and all(.workers[].report.filter_programs; . == 2)'

# Nor is there a weaker profile to ask for.
printf 'version: 1\nconfinement: none\n' >weak.yaml
expect 2 proctor policy check weak.yaml
err 'weak.yaml:2:14: error: confinement: expected strict, got "none"'
finish

# A person who is not root, root of a user namespace, and containers: everything
# works with every layer on and measured where Linux allows it, and is refused by
# name where it does not. The host's accounts stay as they are: passwd, subuid and
# the like are bound over in a mount namespace of this script.
[ -n "${PROCTOR_IN_MOUNTS:-}" ] || PROCTOR_IN_MOUNTS=1 exec unshare -m bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
uid=58731
# Where the person can read them, wherever the build lies.
cp -r "$PROCTOR_BIN" bin
cp "$PROCTOR_BIN/../tests/older_host" .
older=$WORK/older_host
export PATH=$WORK/bin:$PATH
over() { # over FILE: what stands on standard input is there instead
    cat >"$WORK/$(basename "$1")"
    chmod 644 "$WORK/$(basename "$1")"
    [ -e "$1" ] && mount --bind "$WORK/$(basename "$1")" "$1"
}
chmod 755 "$WORK"
{ cat /etc/passwd; echo "tess:x:$uid:$uid::$WORK/home:/bin/sh"; } | over /etc/passwd
{ cat /etc/group; echo "tess:x:$uid:"; } | over /etc/group
printf 'tess:300000:65536\nroot:400000:65536\n' | over /etc/subuid
printf 'tess:700000:65536\nroot:400000:65536\n' | over /etc/subgid
mkdir home two
(cd home && with_examples)
cp -r home/examples home/policy two/
chown -R $uid:$uid home two
as_person() { setpriv --reuid $uid --regid $uid --clear-groups "$@"; }
example() { echo proctor run "examples/$1/graph.yaml" --policy policy/default.yaml; }
read -ra run <<<"$(example popcount)"

cd home || exit 1
expect 0 as_person $(example crc32)
out 'ADMIT proven'
check "all files of the store are the person's" test -z "$(find .proctor \! -uid $uid -o \! -gid $uid)"
expect 0 as_person proctor verify --full
expect 0 as_person proctor replay --all
out 'every verdict came out again'
report=$(as_person proctor log --json --kind confine | jq -r '.records[0].report // .records[0].fields.report')
expect 0 as_person proctor show "$report" --json
json '.. | .filter_seen? // empty | select(. == "watched")'
expect 0 as_person proctor doctor
out '^this host can run Proctor: as you \(uid 58731, workers from 300000 on\)'
check "a root run and a person's give the same filters" \
    test "$(proctor doctor --json | jq -c '[.workers[].report.filter]')" = \
    "$(as_person proctor doctor --json | jq -c '[.workers[].report.filter]')"

# Two kernels of one person at once: no uid in common.
uids() { # of live workers and zygotes
    ps -eo uid=,comm= | awk '$2 ~ /^pr-/ && $1 >= 300000 && $1 < 365536 {print $1}' | sort
}
as_person "${run[@]}" >/dev/null 2>&1 &
first=$!
(cd ../two && as_person "${run[@]}") >/dev/null 2>&1 &
second=$!
slots=0
for _ in $(seq 200); do
    n=$(uids | awk '{print int(($1 - 300000) / 2048)}' | sort -u | wc -l)
    [ "$n" -le "$slots" ] || slots=$n
    [ "$slots" -lt 2 ] || break
    sleep 0.02
done
wait $first
check "the first of two at once passes" test $? -eq 0
wait $second
check "the second too" test $? -eq 0
check "each had a range of its own ($slots)" test "$slots" -eq 2

# refused TEXT HINT COMMAND...: exit 3, named, and no store.
refused() {
    local text=$1 hint=$2
    shift 2
    rm -rf .proctor
    expect 3 "$@" "${run[@]}"
    err "$text"
    err "$hint"
    check "no store was made" test ! -e .proctor
    expect 3 "$@" proctor doctor
    out '^this host cannot run Proctor: '
}
refused 'newuidmap fails' 'no_new_privs is set' as_person setpriv --no-new-privs
refused 'uids: 0 beside root are mapped' 'proctor doctor' as_person unshare --user --map-root-user
echo 'tess:300000:500' >"$WORK/subuid"
refused '/etc/subuid and /etc/subgid give you no range' 'usermod --add-subuids 765536-831071 --add-subgids 765536-831071 tess' as_person
: >"$WORK/subuid"
refused '/etc/subuid and /etc/subgid give you no range' 'usermod' as_person
out '^MISSING +uids for workers'
printf 'tess:300000:2048\nroot:400000:65536\n' >"$WORK/subuid"
expect 0 as_person proctor doctor
out 'can run Proctor: as you'

# Root of a user namespace with 65,536 ids: a rootless container.
container() { unshare --map-users=400000,0,65536 --map-groups=400000,0,65536 --setuid 0 --setgid 0 "$@"; }
rm -rf .proctor
chmod 777 .
expect 0 container "${run[@]}"
out 'ADMIT proven'
check "its store is its root's" test "$(stat -c %u .proctor)" -eq 400000
expect 0 container proctor doctor
out 'can run Proctor: as root of a user namespace'

# A container's root: few capabilities, and a filter that forbids what workers are
# confined with.
bounded=--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap
docker=(clone,0\&0x7e020000=EPERM clone3=ENOSYS unshare=EPERM mount=EPERM umount2=EPERM pivot_root=EPERM setns=EPERM
    mount_setattr=EPERM open_tree=EPERM move_mount=EPERM)
refused 'CAP_SYS_ADMIN is missing, and no user namespace can be made: Operation not permitted' \
    'seccomp=unconfined' "$older" "${docker[@]}" -- setpriv "$bounded"
# The same without the filter: through a user namespace of its own.
expect 0 setpriv "$bounded" proctor doctor
out 'root without CAP_SYS_ADMIN: through a user namespace of its own'
out '^this host can run Proctor: '
finish

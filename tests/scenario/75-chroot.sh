# Inside chroot(2), where Linux makes no user namespaces: the tree becomes the
# root of a mount namespace of the kernel's own, and everything works.
. "$(dirname "$0")/lib.sh"
with_examples
mkdir -p r/usr r/proc r/dev r/sys r/etc r/tmp r/p r/bin_
for link in bin sbin lib lib64; do
    [ ! -e /$link ] || ln -s usr/$link r/$link
done
mount --bind /usr r/usr
mount --bind "$PROCTOR_BIN" r/bin_
mount -t proc proc r/proc
mount --rbind /sys r/sys
mount --bind /dev r/dev
cp -r examples policy r/p/
inside() { chroot r sh -c "cd /p && PATH=/bin_:/usr/bin:/bin $*"; }
expect 0 inside proctor run examples/popcount/graph.yaml --policy policy/default.yaml
out 'ADMIT proven'
expect 0 inside proctor replay --all
expect 0 inside proctor verify --full
check "nothing above the chroot changed" test ! -e /p
umount -l r/dev r/sys r/proc r/bin_ r/usr
expect 0 proctor verify --store r/p/.proctor
finish

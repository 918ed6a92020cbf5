# Garbage: told first, removed only when asked, never from a damaged store or
# beside a kernel; a killed collection loses nothing.
. "$(dirname "$0")/lib.sh"
with_examples
good=(examples/popcount/graph.yaml --policy policy/default.yaml)
objects() { find "${1:-s}/objects" -type f -printf '%P\n' | tr -d / | sort; }
old() { find "$@" -type f -exec touch -d '2 hours ago' {} +; }
expect 2 proctor gc
err 'store'
expect 0 proctor run "${good[@]}" --store s
whole --store s
objects >reached
expect 0 proctor gc --store s --grace=0
out 'nothing to do'
expect 0 proctor gc --store s --grace=0 --delete
check "a collection of nothing removes nothing" sh -c 'find s/objects -type f -printf "%P\n" | tr -d / | sort | cmp - reached'
# What a graph that cannot be read leaves behind.
for i in 1 2 3 4; do
    printf 'version: 1\nname: [%s\n' "$i" >broken$i.yaml
    expect 2 proctor run broken$i.yaml --policy policy/default.yaml --store s
done
expect 0 proctor verify --full --store s --json
json '.unnamed_objects == 4'
expect 0 proctor gc --store s
out 'nothing to do; 4 kept that are younger'
expect 0 proctor gc --store s --grace=0 --json
json '.files == 4 and (.deleted | not) and all(.garbage[]; .kind == "object" and .type == "bytes" and .why == "no record leads to it")'
check "looking removes nothing" test "$(objects | wc -l)" -eq $(($(wc -l <reached) + 4))
old s/objects
echo half >s/tmp/t1-1
touch -d '2 hours ago' s/tmp/t1-1
expect 0 proctor gc --store s
out '^found 5 files of'
out 'half-written file'
out 'nothing was removed: `proctor gc --delete`'
# Never beside a kernel.
( flock -x 9; sleep 3 ) 9<>s/lock &
holder=$!
sleep 0.3
expect 2 proctor gc --store s --delete
err 'in use by a kernel'
expect 0 proctor gc --store s
kill $holder 2>/dev/null; wait $holder 2>/dev/null
# A kernel does not start beside a collection: here, one that is held up.
strace -qq -o /dev/null -e trace=unlinkat -e inject=unlinkat:delay_enter=1500000:when=1 \
    proctor gc --store s --delete >held 2>&1 &
holder=$!
for _ in $(seq 50); do [ -s s/lock ] && break; sleep 0.1; done
expect 2 proctor run "${good[@]}" --store s
err 'in use.*gc'
wait $holder
check "the collection that was held up ended well" grep -q '^removed 5 files' held
check "exactly what records lead to is left" sh -c 'find s/objects -type f -printf "%P\n" | tr -d / | sort | cmp - reached'
whole --store s
expect 0 proctor gc --store s --delete --grace=0
out 'nothing to do'
# Killed at each removal, and a disk that refuses one.
for i in 1 2 3; do
    expect 2 proctor run broken$i.yaml --policy policy/default.yaml --store s
done
for how in signal=KILL error=EIO; do
    for when in 1 2 3; do
        rm -rf k; cp -a s k
        strace -qq -o /dev/null -e trace=unlinkat -e inject=unlinkat:$how:when=$when \
            proctor gc --store k --delete --grace=0 >"$OUT" 2>"$ERR"
        [ $how = signal=KILL ] || err "cannot be removed.* $((when - 1)) of 3 files"
        whole --store k
        check "$how at removal $when: the next one ends the work" \
            sh -c "proctor gc --store k --delete --grace=0 | grep -q '^removed $((4 - when)) files'"
        check "... and left what is needed" sh -c 'find k/objects -type f -printf "%P\n" | tr -d / | sort | cmp - reached'
    done
done
XDG_STATE_HOME=$WORK/k.state expect 0 proctor run "${good[@]}" --store k # grows past s
# A damaged store, a missing object, a record that is cut: never collected.
evidence=$(proctor log --store s --kind verdict --json | jq -r '.records[0].evidence')
evidence=objects/${evidence:0:2}/${evidence:2}
for how in flip gone cut; do
    rm -rf d; cp -a s d
    case $how in
    flip) chmod u+w d/$evidence; printf X | dd of=d/$evidence bs=1 conv=notrunc 2>/dev/null ;;
    gone) rm -f d/$evidence ;;
    cut) truncate -s -9 "$(ls d/ledger/wal/*.wal | tail -1)" ;;
    esac
    objects d >before
    expect 5 proctor gc --store d --delete --grace=0
    err 'nothing was removed'
    check "$how: all is left" sh -c 'find d/objects -type f -printf "%P\n" | tr -d / | sort | cmp - before'
done
expect 2 proctor gc --store s --grace=soon
expect 2 proctor gc --store s --torn=nosuch
err 'no torn batch'
expect 0 proctor gc --store s --delete --grace=0
whole --store s
expect 0 proctor replay --all --store s
finish

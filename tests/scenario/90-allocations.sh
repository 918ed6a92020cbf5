# The kernel runs out of memory: its n-th allocation fails, once, or all from
# then on. One n for each stack of callers that allocates: a spread of them, all
# with PROCTOR_FULL.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # many small stores
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/scenario/faults.sh"
preload=$PROCTOR_BIN/../tests/libfail_alloc.so
if grep -qa __asan_init "$PROCTOR_BIN/proctor-kernel"; then
    echo "ok # SKIP a sanitizer stands in for the allocator"
    exit 0
fi
check "the failing allocator is built" test -e "$preload"
faults_begin
export preload

# starved COUNTS AT ON STORE: a run whose kernel is short of memory.
starved() {
    head -c 65536 /dev/zero >"$1"
    env ${3:+PROCTOR_FAIL_ON=1} PROCTOR_FAIL_AT="$2" PROCTOR_FAIL_COUNT="$1" \
        LD_PRELOAD="$preload" timeout -k 5 20 proctor run graph.yaml \
        --policy policy.yaml --store "$4" >"$4.out" 2>"$4.err" </dev/null
}

# Numbers of allocations, one for each stack of callers.
sites() {
    trial_store "$1" "sites-$1"
    starved "sites-$1.counts" 0 '' "sites-$1"
    od -An -v -tu8 -w8 -j24 "sites-$1.counts" | awk '$1 > 0 { print $1 }'
}

trial() { # once|on START N
    local store=$1-$2-$3 status failed said
    trial_store "$2" "$store"
    starved "$store.counts" "$3" "${1#once}" "$store"
    status=$?
    failed=$(od -An -tu8 -j8 -N8 "$store.counts")
    # An allocation that nobody needed may fail unnoticed: all is as it was. A
    # confinement that cannot be measured for want of memory is refused: 3.
    said=$(trial_end "$store" "$status" '0 3 4')
    if [ "$failed" -eq 0 ] && [ "$status" -ne 0 ]; then
        said+="exit $status, though no allocation failed"
    fi
    if [ "$status" -ne 0 ] && ! grep -qE 'memory|the signer failed' "$store.err" "$store.out"; then
        said+=$'\n'"the error does not speak of memory"
    fi
    trial_report "allocation $3 of $2 fails ($1)" "$store" "$status" "$said"
}
export -f starved

sites base >base.sites
sites new >new.sites
check "the kernel allocates in more than 100 places" \
    test "$(wc -l <base.sites)" -gt 100
{
    head -n 12 base.sites
    tail -n +13 base.sites | spread 12
} >base.some
{
    sed 's/^/once base /' base.some
    spread 8 <base.some | sed 's/^/on base /'
    spread 3 <new.sites | sed 's/^/once new /'
    spread 3 <new.sites | sed 's/^/on new /'
} | trials trial
finish

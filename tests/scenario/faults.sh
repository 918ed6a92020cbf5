# Sourced after lib.sh by the scenarios that disturb the kernel. A trial is one
# disturbed run in a store of its own and what must hold after it: a named end, a
# ledger that verifies, nothing lost that was acknowledged, and a next run that
# passes. Trials print one line each and run two at a time or more.
JOBS=$(nproc)
[ "$JOBS" -le 4 ] || JOBS=4

# A quick exam (mawk starts in a millisecond) and the stores that trials copy:
# `base` has held no exam yet; trials on `new` make a store.
faults_begin() {
    cat >graph.yaml <<'Y'
version: 1
name: complement
tasks:
  - id: candidate
    op: program
    with: {run: [awk, -f, not.awk], files: [not.awk], takes: [u8], gives: u8}
    validator: {name: well_formed, level: schema}
  - id: exam
    op: exam
    needs: [candidate]
    with:
      oracle: {run: [awk, -f, oracle.awk], files: [oracle.awk]}
      second_oracle: {run: [awk, -f, second.awk], files: [second.awk]}
      domain: [u8]
      examples: [{in: [0], out: 255}, {in: [255], out: 0}]
    validator: {name: holdout, level: proven}
  - id: data
    op: data.split
    with: {csv: data.csv, inputs: [x], output: y, takes: [u8], gives: u8, holdout: 0.5}
    validator: {name: disjoint, level: property}
  - id: score
    op: score
    needs: [data, candidate]
    with: {metric: mean_absolute_error}
    validator: {name: ladder, level: property}
  - id: keep
    op: ref.move
    needs: [exam]
    with: {ref: primitives/complement}
    validator: {name: same_object, level: proven}
Y
    # Splits and scores take their time: with all the others.
    [ -n "${PROCTOR_FULL:-}" ] || sed -i '/id: data$/,/name: ladder/d' graph.yaml
    cat >policy.yaml <<'Y'
version: 1
name: faults
grants:
  - {capability: program.run, programs: [awk], files: ["*.awk"]}
  - {capability: exam.hold}
  - {capability: data.split, files: ["*.csv"]}
  - {capability: data.look}
  - {capability: ref.move, refs: ["primitives/*"]}
Y
    echo '{ gsub(/[][]/, ""); print 255 - $0 }' >not.awk
    seq 0 249 | awk 'BEGIN { print "x,y" } { print $0 "," 255 - $0 }' >data.csv
    echo '{ gsub(/[][]/, ""); print 256 - ($0 + 1) }' >oracle.awk
    echo '{ gsub(/[][]/, ""); print -$0 + 255 }' >second.awk
    sed '/id: exam/,$d' graph.yaml >first.yaml
    expect 0 proctor run first.yaml --policy policy.yaml --store base
    base_records=$(records_of base)
    export base_records
}

records_of() { proctor log --json --store "$1" 2>/dev/null | jq '.records | length'; }
hashes_of() { proctor log --json --store "$1" 2>/dev/null | jq -r '.records[].hash'; }

# spread N: at most N lines of standard input, evenly, the first and the last of two
# and more, the middle one of one; all of them with PROCTOR_FULL.
spread() {
    awk -v n="${PROCTOR_FULL:+1000000}${PROCTOR_FULL:-$1}" '
        { line[NR] = $0 }
        END {
            if (NR <= n) { n = NR }
            for (i = 0; i < n; i++) {
                print line[n == 1 ? int((NR + 1) / 2) : 1 + int(i * (NR - 1) / (n - 1) + 0.5)]
            }
        }'
}

# trial_store START STORE: makes the store that the trial begins with. Copies of
# base are one store to whoever remembers heads: each trial remembers its own.
trial_store() {
    export XDG_STATE_HOME=$WORK/$2.state
    rm -rf "$2" "$XDG_STATE_HOME"
    [ "$1" = new ] || cp -r base "$2"
}

# trial_end STORE STATUS CODES [ACKNOWLEDGED]: what must hold after a run that
# ended with STATUS, one of the CODES, and whose standard error is STORE.err.
# Prints what is wrong; nothing when all is well.
trial_end() {
    local store=$1 status=$2 codes=$3 acknowledged=${4:-0} have kernel
    for kernel in $(pgrep -f "proctor-kernel --store $WORK/$store\$"); do
        kill -9 "$kernel"
        echo "its kernel was still there"
    done
    [[ " $codes " == *" $status "* ]] || echo "exit $status, wanted one of: $codes"
    if [ "$status" -ne 0 ] &&
        ! grep -qE 'error: .|failed: .' "$store.err" "$store.out"; then
        echo "exit $status, but no error was named"
    fi
    if compgen -G "$store/ledger/wal/*.wal" >/dev/null; then
        proctor verify --store "$store" >"$store.verify" 2>&1 || {
            echo "verify says $?:"
            cat "$store.verify"
        }
        proctor log --json --store "$store" >"$store.log" 2>/dev/null
    else
        : >"$store.log"
    fi
    jq -r '.records[]?.hash' "$store.log" >"$store.before" 2>/dev/null
    have=$(wc -l <"$store.before")
    if [ "$have" -lt "$acknowledged" ]; then
        echo "$acknowledged records were acknowledged, $have are there"
    fi
    if jq -es '[.[].records[]? | select(.kind == "verdict" and .verdict_name != "admit")] | any' \
        "$store.log" >/dev/null 2>&1; then
        echo "a verdict other than admit was recorded"
    fi
    timeout -k 5 20 proctor run graph.yaml --policy policy.yaml --store "$store" \
        >"$store.next" 2>&1 </dev/null || {
        echo "the next run ended with $?:"
        tail -n 5 "$store.next"
    }
    proctor verify --full --store "$store" >"$store.verify" 2>&1 || {
        echo "verify --full after the next run says $?:"
        cat "$store.verify"
    }
    hashes_of "$store" | head -n "$have" | cmp -s - "$store.before" ||
        echo "records changed"
}

# trial_report NAME STORE STATUS PROBLEMS: the trial's line; cleans up.
trial_report() {
    if [ -z "$4" ]; then
        echo "ok $1: exit $3"
    else
        printf 'not ok %s\n%s\n' "$1" "$(printf '%s\n' "$4" "it had said:" \
            "$(tail -n 5 "$2.err")" "$(grep -E 'failed: ' "$2.out")" | sed 's/^/    /')"
    fi
    rm -rf "$2" "$2".*
}

# trials COMMAND: runs `COMMAND LINE` for each line of standard input, JOBS at
# once, and counts what failed.
trials() {
    export -f "$1" trial_store trial_end trial_report hashes_of records_of
    export trial_command=$1 WORK
    xargs -P "$JOBS" -I{} bash -c '
        said=$($trial_command {})
        printf "%s\n" "$said"' >"$WORK/.trials"
    cat "$WORK/.trials"
    failures=$((failures + $(grep -c '^not ok' "$WORK/.trials")))
    check "there were trials" grep -q ok "$WORK/.trials"
}

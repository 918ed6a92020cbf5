# The battery of attacks on the exam (tests/attack/exam) and the table of its ends.
. "$(dirname "$0")/lib.sh"
# With PROCTOR_FULL also four times over: what depends on a race shows.
for again in ${PROCTOR_FULL:+1 2 3}; do
    check "the battery holds, time $again" sh -c "mkdir again-$again && cd again-$again && python3 $ROOT/tests/attack/exam/run.py"
    rm -rf "again-$again"
done
mkdir battery && cd battery || exit 1
python3 "$ROOT/tests/attack/exam/run.py" --table "$WORK/table.md" >"$WORK/log" 2>&1
status=$?
cat "$WORK/log"
[ "$status" -eq 0 ] || failures=$((failures + 1))
# All but the last column, which tells of draws.
columns() { sed -E 's/ \| [^|]*(\\\|[^|]*)* \|$//' "$1"; }
check "docs/exam-attacks.md is what the battery found" diff <(columns "$ROOT/docs/exam-attacks.md") <(columns "$WORK/table.md")
finish

# The battery of attacks on the exam (tests/attack/exam) and the table of its ends.
. "$(dirname "$0")/lib.sh"
mkdir battery && cd battery || exit 1
python3 "$ROOT/tests/attack/exam/run.py" --table "$WORK/table.md" >"$WORK/log" 2>&1
status=$?
cat "$WORK/log"
[ "$status" -eq 0 ] || failures=$((failures + 1))
# All but the last column, which tells of draws.
columns() { sed -E 's/ \| [^|]*(\\\|[^|]*)* \|$//' "$1"; }
check "docs/exam-attacks.md is what the battery found" diff <(columns "$ROOT/docs/exam-attacks.md") <(columns "$WORK/table.md")
finish

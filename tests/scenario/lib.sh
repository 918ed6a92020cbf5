# Sourced by every scenario: a fresh directory, the real binaries, TAP lines.
# A scenario runs commands through `expect` and says what must hold with `check`;
# it ends in `finish`. Sets: ROOT, WORK (current directory), OUT, ERR, STATUS.
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PROCTOR_BIN:=$ROOT/build/release/bin}"
export PATH=$PROCTOR_BIN:$PATH LC_ALL=C.UTF-8
unset PROCTOR_STORE PROCTOR_POLICY
WORK=$(mktemp -d "${TMPDIR:-/tmp}/proctor-scenario.XXXXXX")
trap 'chmod -R u+w "$WORK" 2>/dev/null; rm -rf "$WORK"' EXIT
cd "$WORK" || exit 1
export XDG_STATE_HOME=$WORK/.state # heads that were seen: this scenario's only
OUT=$WORK/.out ERR=$WORK/.err STATUS=0
failures=0

# expect CODE COMMAND...: runs it, keeps output, checks the exit code.
expect() {
    local want=$1
    shift
    "$@" >"$OUT" 2>"$ERR" </dev/null
    STATUS=$?
    if [ "$STATUS" -eq "$want" ]; then
        echo "ok exit $want: $*"
    else
        echo "not ok exit $STATUS, wanted $want: $*"
        tail -n 15 "$OUT" "$ERR" | sed 's/^/    /'
        failures=$((failures + 1))
    fi
}

# check TEXT COMMAND...: the command must succeed.
check() {
    local text=$1
    shift
    if "$@" >"$WORK/.check" 2>&1; then
        echo "ok $text"
    else
        echo "not ok $text"
        { tail -n 5 "$WORK/.check"; tail -n 15 "$OUT" "$ERR"; } 2>/dev/null | sed 's/^/    /'
        failures=$((failures + 1))
    fi
}

# out/err TEXT: standard output/error of the last expect holds it (extended regex).
out() { check "prints /$1/" grep -qE -- "$1" "$OUT"; }
err() { check "says /$1/" grep -qE -- "$1" "$ERR"; }
# json FILTER: jq -e on the last standard output.
json() { check "json $1" jq -e "$1" "$OUT"; }
# The example folders and policies, copied so that paths are short and writable.
with_examples() { cp -r "$ROOT/examples" "$ROOT/policy" .; }
# The store must verify, whatever happened before.
whole() { expect 0 proctor verify --full "$@"; }

finish() {
    [ "$failures" -eq 0 ]
    exit $?
}

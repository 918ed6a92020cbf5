# Random operations, judged by Proctor, by a model in Python and, with PROCTOR_FULL,
# by golang.org/x/mod's reader (tests/scale/differential.py).
. "$(dirname "$0")/lib.sh"
tool=$(dirname "$PROCTOR_BIN")/tests/scale_ledger
judge=()
if [ -n "${PROCTOR_FULL:-}" ] && [ -d /usr/share/gocode/src/golang.org/x/mod ] && command -v go >/dev/null; then
    (cd "$ROOT/tests/outside/tlogcheck" &&
        GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE=$WORK/go go build -trimpath -o "$WORK/tlogcheck" .) &&
        judge=(--judge "$WORK/tlogcheck")
fi
rounds=4
[ -z "${PROCTOR_FULL:-}" ] || rounds=60
seed=${PROCTOR_SEED:-$RANDOM}
expect 0 python3 "$ROOT/tests/scale/differential.py" "$tool" "$seed" $rounds "${judge[@]}"
grep -E '^(#|not ok)' "$OUT"
finish

#!/usr/bin/env bash
# Ledgers of ours before golang.org/x/mod/sumdb, the reader behind Go's checksum
# database: accepted at every size 1..260 (with PROCTOR_FULL 1..1025), around 512,
# 1024, 65,536 and 65,792, and refused when anything was changed. TAP. Packages: scripts/setup.sh --outside.
# Usage: tests/outside/outside.sh [BUILD_DIR]
# (A ledger of size 0 does not exist: GENESIS is its first record.)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
dir=$(mktemp -d "$base/proctor-outside-XXXXXX")
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
report() { # report STATUS TEXT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        failed=$((failed + 1))
    fi
}

if ! command -v go >/dev/null || [ ! -d /usr/share/gocode/src/golang.org/x/mod ]; then
    report 1 "golang-go and golang-golang-x-mod-dev are missing: scripts/setup.sh --outside"
    exit 1
fi
(cd tests/outside/tlogcheck &&
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= GOCACHE=$dir/cache \
        go build -trimpath -o "$dir/tlogcheck" .)
report 0 "the judge builds from Debian's packages alone"

sizes=(1 260 511 513 1023 1025)
[ -z "${PROCTOR_FULL:-}" ] || sizes=(1 1025)
"$build/tests/grow" "$dir" "$dir/tlogcheck" "${sizes[@]}" 65534 65538 65791 65795 >"$dir/log" && s=0 || s=$?
grep '^#' "$dir/log" || true
report $s "$(grep -oE '[0-9]+ sizes.*' "$dir/log")"

# One change at a time; the judge must refuse each and say why.
ledger=$dir/store/ledger
refuses() { # refuses TEXT FILE COMMAND...: FILE is changed by COMMAND, then restored
    local text=$1 file=$ledger/$2 s=0
    shift 2
    cp "$file" "$dir/kept"
    "$@" "$file"
    "$dir/tlogcheck" "$ledger" >/dev/null 2>"$dir/why" && s=1
    [ -s "$dir/why" ] || s=1
    cp "$dir/kept" "$file"
    report $s "refuses $text"
}
flip() { # flip OFFSET FILE
    local byte
    byte=$(od -An -tu1 -j "$1" -N 1 "$2")
    printf "$(printf '\\x%02x' $((byte ^ 1)))" | dd of="$2" bs=1 seek="$1" conv=notrunc status=none
}
shorter() { truncate -s -1 "$1"; }
longer() { printf x >>"$1"; }
gone() { rm "$1"; }
cross() { sed -i "$1" "$2"; }
full=tile/entries/017
edge=$(cd "$ledger" && find tile/entries -path '*.p/*' | sort | tail -n 1)
refuses "a changed entry" $full flip 100
refuses "a changed entry at the edge" "$edge" flip 30
refuses "a changed length" $full flip 1
refuses "a byte behind the last entry" $full longer
refuses "a bundle cut short" $full shorter
refuses "a missing bundle" $full gone
refuses "a changed leaf hash" tile/0/017 flip 64
refuses "a changed hash of level 1" tile/1/000 flip 640
refuses "a tile cut short" tile/0/017 shorter
refuses "another size" checkpoint cross '2s/.$/9/'
refuses "another origin" checkpoint cross '1s/$/x/'
refuses "another root" checkpoint cross '3s/^./A/;3s/^A\(.\)A/A\1B/'
refuses "no signature" checkpoint cross '$d'
refuses "another key" vkey cross 's/.$/x/'
"$dir/tlogcheck" "$ledger" >/dev/null && s=0 || s=$?
report $s "and accepts it again when all is put back"
echo "1..$n"
[ "$failed" -eq 0 ]

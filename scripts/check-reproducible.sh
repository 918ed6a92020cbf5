#!/usr/bin/env bash
# Release builds are reproducible: two copies of the tree in two folders of
# different length give the same binaries. Prints TAP.
# Without PROCTOR_FULL: those that are trusted.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
binaries=(proctor-kernel proctor-signer proctor-replay)
[ -z "${PROCTOR_FULL:-}" ] || binaries+=(proctor proctor-witness proctor-git
    proctor-sql worker-config worker-program worker-cml)
build_copy() { # build_copy FOLDER
    mkdir -p "$1"
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard |
        xargs -0 tar cf - 2>/dev/null) | tar xf - -C "$1"
    (cd "$1" && cmake --preset release &&
        cmake --build --preset release -j "$JOBS" --target "${binaries[@]}") \
        >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; return 1; }
}
first=$ROOT
if [ ! -x "$ROOT/build/release/bin/proctor" ]; then
    first=$work/one
    build_copy "$first"
fi
build_copy "$work/another-folder-with-a-longer-name"
n=0 failed=0
for b in "${binaries[@]}"; do
    n=$((n + 1))
    if cmp -s "$first/build/release/bin/$b" \
           "$work/another-folder-with-a-longer-name/build/release/bin/$b"; then
        echo "ok $n - $b $(sha256sum <"$first/build/release/bin/$b" | cut -c1-16)"
    else
        echo "not ok $n - $b differs between two folders"
        failed=$((failed + 1))
    fi
done
echo "1..$n"
[ "$failed" -eq 0 ]

#!/usr/bin/env bash
# Every header compiles alone, with gcc, in every room. Prints TAP.
# Usage: scripts/check-headers.sh [BUILD_DIR]   (for the generated schemas)
set -euo pipefail
. "$(dirname "$0")/lib.sh"
build=${1:-$ROOT/build/release}
cd "$ROOT"
n=0 failed=0
while read -r h; do
    n=$((n + 1))
    if out=$(printf '#include "%s"\ntypedef int not_empty;\n' "$h" |
             gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only \
                 -I. -isystem "$build/gen" -x c - 2>&1); then
        echo "ok $n - $h"
    else
        echo "not ok $n - $h"
        sed 's/^/# /' <<<"$out" | head -5
        failed=$((failed + 1))
    fi
done < <(git ls-files 'proto/*.h' 'kernel/*.h' 'replay/*.h' 'cli/*.h' 'workers/*.h')
echo "1..$n"
[ "$failed" -eq 0 ]

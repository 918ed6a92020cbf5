#!/usr/bin/env bash
# Documents agree with the tree. Prints TAP.
#   1 manual pages are clean mdoc; 2 generated parts are up to date; 3 every file
#   that docs/architecture.md must list is listed, and what it lists exists;
#   4 every command has a manual page, every step of the threat model its tests; 5 links in documents lead somewhere;
#   6 no path of a build machine is in a tracked file.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
n=0 failed=0
report() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"; failed=$((failed + 1))
        [ -z "${3:-}" ] || sed 's/^/# /' <<<"$3" | head -20
    fi
}
for page in docs/man/*.[15]; do
    out=$(mandoc -T lint -W warning "$page" 2>&1 | grep -v 'outdated mandoc.db\|STYLE' || true)
    s=0; [ -z "$out" ] || s=1
    report $s "$page is clean mdoc" "$out"
done
out=$(scripts/gen-man.sh --check 2>&1); report $? "generated parts of manual pages are current" "$out"

out=$(scripts/gen-files.py --check 2>&1)
report $? "docs/architecture.md has a line for every source file" "$out"
out=$(scripts/gen-cml.py --check 2>&1)
report $? "tables of docs/cml.md are current" "$out"
out=$(scripts/gen-system-calls.py --check 2>&1)
report $? "docs/system-calls.md is what the profiles say, each call with its reason" "$out"
gone=$(grep -oE '`(proto|kernel|replay|cli|workers|scripts|policy|tests)/[A-Za-z0-9_./-]+`' docs/architecture.md |
    tr -d '`' | sort -u | while read -r m; do
        [ -e "$m" ] || ls "$m".* >/dev/null 2>&1 || echo "$m"; done)
s=0; [ -z "$gone" ] || s=1
report $s "docs/architecture.md lists nothing that is gone" "$gone"

# `tests/FILE` or `tests/FILE:TEST` that hold a step or an invariant.
unheld=$(grep -ohE '`(tests|scripts|docs)/[A-Za-z0-9_./:-]+`' docs/threat-model.md docs/ledger.md | tr -d '`' |
    sort -u | while IFS=: read -r file test; do
        [ -e "$file" ] || { echo "$file"; continue; }
        [ -z "$test" ] || grep -q "$test" "$file" || echo "$file:$test"; done)
s=0; [ -z "$unheld" ] || s=1
report $s "every step of docs/threat-model.md and docs/ledger.md names tests that exist" "$unheld"
# Functions that docs/ledger.md says keep an invariant or are an arrow.
gone=$(grep -oE '`[a-z]+_[a-z_]+`' docs/ledger.md | tr -d '`' | sort -u | while read -r f; do
    grep -rqE "\\b$f\\(" --include='*.c' kernel proto cli || echo "$f"; done)
s=0; [ -z "$gone" ] || s=1
report $s "docs/ledger.md names functions that exist" "$gone"

undocumented=$(sed -nE 's/^COMMAND\("?([a-z]+)"?,.*/\1/p' cli/commands.def | while read -r c; do
    [ -e "docs/man/proctor-$c.1" ] || echo "$c"; done)
s=0; [ -z "$undocumented" ] || s=1
report $s "every command has a manual page" "$undocumented"

broken=$(git ls-files '*.md' | while read -r f; do
    grep -oE '\]\([^)#: ]+' "$f" | sed 's/](//' | while read -r l; do
        [ -e "$(dirname "$f")/$l" ] || [ "$l" = https ] || echo "$f -> $l"; done; done)
s=0; [ -z "$broken" ] || s=1
report $s "links in documents lead somewhere" "$broken"

paths=$(git grep -nIE '(^|[^A-Za-z_./{}$-])/(work|home|root)/' -- ':!scripts/check-docs.sh' | head -5)
s=0; [ -z "$paths" ] || s=1
report $s "no path of a build machine in a tracked file" "$paths"
echo "1..$n"
[ "$failed" -eq 0 ]

#!/usr/bin/env bash
# The committed evidence under logs/ is what it says it is. Prints TAP.
#   1 every bench table names the machine, the commit and the command, and each row
#     has a figure; 2 shipped weights are reproduced, byte for byte, by the command
#   that their provenance file names; 3 the calibration of the exam holds.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
n=0 failed=0
report() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=$((failed + 1)); fi
}
for table in logs/bench/[0-9]*.md; do
    for word in '^machine: ' '^commit: [0-9a-f]{7,}' '^command: scripts/bench.sh'; do
        s=0; grep -qE "$word" "$table" || s=1
        report $s "$table has a line $word"
    done
    s=0; [ "$(grep -cE '^\| .* \| .*[0-9].* \|' "$table")" -ge 5 ] || s=1
    report $s "$table has rows with figures"
done
# Calibration: ten thousand candidates at each of six error rates, each share where
# it must be; no placebo admitted. Columns: docs in the file itself.
for table in logs/battery/*-calibration.md; do
    for word in '^machine: ' '^commit: [0-9a-f]{7,}' '^command: PROCTOR_FULL=1 '; do
        s=0; grep -qE "$word" "$table" || s=1
        report $s "$table has a line $word"
    done
    s=0; [ "$(awk -F' *\\| *' '$2 == "errs" && $5 == 10000 { split($7, i, " to ")
        if ($6 >= i[1] && $6 <= i[2] && $4 / $5 >= i[1] && $4 / $5 <= i[2]) print $3 }' "$table" |
        sort -u | wc -l)" -eq 6 ] || s=1
    report $s "$table: six error rates are admitted as often as foretold"
    s=0; [ "$(awk -F' *\\| *' '$3 == 1 { n += $5; k += $4 } END { print (n >= 10000 && k == 0) }' \
        "$table")" -eq 1 ] || s=1
    report $s "$table: ten thousand placebos, and none is admitted"
done
# logs/provenance/NAME: "file: PATH", "sha256: HEX", "command: CMD with OUT".
for p in logs/provenance/*; do
    file=$(sed -n 's/^file: //p' "$p") sum=$(sed -n 's/^sha256: //p' "$p")
    command=$(sed -n 's/^command: //p' "$p")
    s=0; [ "$(sha256sum <"$file" | cut -d' ' -f1)" = "$sum" ] || s=1
    report $s "$file has the hash of its provenance"
    out=$(mktemp)
    s=0; bash -c "${command//OUT/$out}" >/dev/null 2>&1 && cmp -s "$out" "$file" || s=1
    report $s "$file is what its command makes"
    rm -f "$out"
done
echo "1..$n"
[ "$n" -gt 0 ] && [ "$failed" -eq 0 ]

#!/usr/bin/env bash
# The batteries of the neural plane (docs/model/batteries.md). Prints TAP.
# Usage: tests/battery/battery.sh [--write]
#   --write   the accounts of this run become the committed ones, logs/battery/*.json
#
# 1 every battery finds no difference; 2 every saboteur is caught by the battery that
# says so; 3 the independent reference agrees with the forward pass; 4 the committed
# accounts are of this code: they say, field by field, what this run says (the bits
# that were compared included), there is one for each battery and no other, and the
# page has a section for each. With PROCTOR_FULL all runs are longer, and their
# accounts stand beside the short ones.
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"
cd "$ROOT"
write=0
case ${1:-} in
'') ;;
--write) write=1 ;;
*) die "usage: tests/battery/battery.sh [--write]" ;;
esac
bin=$ROOT/build/release/tests
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 failed=0
report() { # report STATUS TEXT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=$((failed + 1)); fi
}
export bin work
export -f report

"$bin/battery_run" list >"$work/names"
"$bin/battery_run" points >"$work/points"
one() { # one NAME POINT: "short" and "full" break nothing
    local program=battery_run out=$work/$1.$2
    unset PROCTOR_FULL # but a long run, everything is short
    case $2 in
    short) set -- "$1" ;;
    full) set -- "$1"; export PROCTOR_FULL=1 ;;
    *) program=battery_broken ;;
    esac
    "$bin/$program" run "$@" >"$out" 2>"$out.err"
    echo $? >"$out.status"
}
pairs() { # "KIND TYPE" lines
    for kind in llama llama-experts qwen3moe olmoe gpt-oss; do
        for type in f32 f16 bf16 q8_0; do echo "$kind $type"; done
    done
}
reference() {
    local files=()
    while read -r kind type; do
        "$bin/battery_run" dump "$kind" "$type" "$work/$kind-$type" || return
        files+=("$work/$kind-$type.gguf" "$work/$kind-$type.dump")
    done < <(pairs)
    /usr/bin/python3 tests/battery/reference.py "${files[@]}"
}
export bin work
export -f one
lengths=short
[ -z "${PROCTOR_FULL:-}" ] || lengths="short full"
{
    for length in $lengths; do sed "s/\$/ $length/" "$work/names"; done
    cat "$work/points"
} | xargs -P "$JOBS" -L 1 bash -c 'one "$1" "$2"' one

for length in $lengths; do
    while read -r name; do
        out=$work/$name.$length
        report "$(cat "$out.status")" "$name, $length: $(jq -r \
            '"\(.differences) differences in \(.bits) bits, \(.schedules) schedules"' \
            "$out" 2>/dev/null || true) $(head -c 300 "$out.err")"
    done <"$work/names"
done
while read -r name point; do
    caught=$(jq -r '.caught // empty' "$work/$name.$point" 2>/dev/null || true)
    s=0; [ -n "$caught" ] || s=1
    report $s "$name catches $point: $caught"
done <"$work/points"
s=0; reference >"$work/reference" 2>"$work/reference.err" || s=1
report $s "reference: $(jq -r 'select(.ok) | .arch' "$work/reference" | wc -l) of $(pairs | wc -l) models agree $(head -c 300 "$work/reference.err")"

# This run's accounts, as they would be committed.
mkdir "$work/fresh"
origin=$(jq -n --arg machine "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs" \
    --arg commit "$(git rev-parse --short HEAD 2>/dev/null || echo none)" \
    '{machine: $machine, commit: $commit, command: "tests/battery/battery.sh --write"}')
while read -r name; do
    full=/dev/null
    [ "$lengths" = short ] || full=$work/$name.full
    caught=("$work/$name".*.err)
    caught=("${caught[@]%.err}")
    cat "${caught[@]}" | jq -S --slurp --argjson origin "$origin" --slurpfile full "$full" '
        (map(select(has("caught")) | {point, breaks, caught}) | sort_by(.point)) as $caught |
        (map(select(has("truth"))) | sort_by(.bits) | first) as $short |
        $short + $origin + {saboteurs: $caught} +
        if $full == [] then {} else {full: ($full[0] |
            {models, schedules, positions, bits, differences, truth, of: $short.truth})} end' \
        >"$work/fresh/$name.json"
done <"$work/names"
jq -S --slurp --argjson origin "$origin" '$origin + {battery: "reference", rows: .}' \
    "$work/reference" >"$work/fresh/reference.json"

if [ "$write" -eq 1 ]; then
    [ "$failed" -eq 0 ] || die "nothing is written: $failed of $n failed"
    rm -f logs/battery/*.json
    cp "$work"/fresh/*.json logs/battery/
    echo "1..$n"
    exit 0
fi

# What does not depend on the machine; of a battery that counts what this host has,
# its plain runs.
claim='del(.machine, .commit, .command, .full) |
    if .by_host then {battery, mechanism, compares, over, truth, differences} else . end |
    if .saboteurs then .saboteurs |= map({point, breaks, caught: (.caught != null)}) else . end |
    if .rows then .rows |= map({arch, type, positions, bounds, ok}) else . end'
for fresh in "$work"/fresh/*.json; do
    name=$(basename "$fresh" .json) committed=logs/battery/$(basename "$fresh")
    s=0; diff <(jq -S "$claim" "$committed" 2>&1) <(jq -S "$claim" "$fresh") >"$work/diff" || s=1
    report $s "$committed is what this code gives $(head -c 400 "$work/diff")"
    s=0; grep -q "^## .*\b$name\b" docs/model/batteries.md || s=1
    report $s "docs/model/batteries.md has a section on $name"
    [ "$name" != reference ] || continue
    s=0; [ "$(jq '.full.of == .truth and .full.differences == 0 and .full.bits >= .bits' \
        "$committed" 2>&1)" = true ] || s=1
    report $s "$committed holds a long run of the same code"
    if [ "$lengths" != short ]; then
        s=0; [ "$(jq -S .full "$committed")" = "$(jq -S .full "$fresh")" ] ||
            [ "$(jq .by_host "$fresh")" = true ] || s=1
        report $s "$committed: the long run is what this code gives"
    fi
done
s=0; diff <(cd "$work/fresh" && ls) <(cd logs/battery && ls -- *.json) >"$work/diff" || s=1
report $s "logs/battery has an account of each battery, and of no other $(head -c 200 "$work/diff")"
echo "1..$n"
[ "$failed" -eq 0 ]

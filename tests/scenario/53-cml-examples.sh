# A checksum, a date, a bit trick and a list function: each proposed wrong first and
# refuted with a small counterexample, then repaired and admitted.
. "$(dirname "$0")/lib.sh"
with_examples
c=examples/cml

# example GRAPH FILE WRONG REF COUNTEREXAMPLE...
example() {
    local graph=$c/$1 ref=$4
    sed "s/unit: $2/unit: $3/" "$graph" >$c/first.yaml
    check "$1: the first proposal is another" sh -c "! cmp -s $graph $c/first.yaml"
    expect 1 proctor run $c/first.yaml --policy policy/default.yaml
    out 'exam: REJECT'
    out "$5"
    expect 0 proctor run "$graph" --policy policy/default.yaml
    expect 0 proctor ref show "$ref"
}
example checksum.yaml crc32.cml crc32_wrong.cml primitives/cml_crc32 'input +\[?"[89a-f][0-9a-f]"'
example graph.yaml date.cml date_wrong.cml primitives/days_from_civil 'input +\['
example bits.yaml bits.cml bits_wrong.cml primitives/next_power 'input +\[?[01]\]?'
example list.yaml list.cml list_wrong.cml primitives/unique 'input +\[\[([0-9]),[0-9],\1\]\]'
expect 0 proctor replay --all
finish

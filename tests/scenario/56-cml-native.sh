# An admitted unit as C: what stands above it, that its proof is checked, and that
# gcc's and clang's answers are both engines' on every draw of its exam.
. "$(dirname "$0")/lib.sh"
with_examples
c=examples/cml
draws=$PROCTOR_BIN/../tests/draws
policy=policy/default.yaml

# What the graph needs beside the unit.
cat >$c/gcd.yaml <<'END'
version: 1
name: gcd
tasks:
  - id: candidate
    op: cml
    with: {unit: gcd.cml:gcd, takes: [u64, u64], gives: u64}
    validator: {name: well_formed, level: schema}
  - id: exam
    op: exam
    needs: [candidate]
    with:
      oracle: {function: gcd_oracle.py:gcd}
      domain: [u64, u64]
      examples:
        - {in: [48, 36], out: 12}
    validator: {name: holdout, level: oracle}
  - id: keep
    op: ref.move
    needs: [exam]
    with: {ref: primitives/gcd}
    validator: {name: same_object, level: oracle}
END
echo 'from math import gcd' >$c/gcd_oracle.py
expect 0 proctor run $c/graph.yaml --policy $policy
expect 0 proctor run $c/gcd.yaml --policy $policy

# field RECORD NAME: of its record.
field() { proctor show "$1" --json | jq -r ".record.$2"; }

# object_of CID FILE: its bytes there, and the file's name; - without one.
object_of() {
    if [ "$1" = null ]; then
        echo -
    else
        proctor show --raw "$1" >"$2"
        echo "$2"
    fi
}

# main.c: lines of arguments in, lines of answers out, as `proctor cml eval` has it.
driver() { # driver NAME TYPE ARGUMENTS
    local args= read= i
    for i in $(seq "$3"); do
        args="${args}a[$((i - 1))], "
    done
    case $2 in
    uint64_t) read=strtoull print=PRIu64 ;;
    *) read=strtoll print=PRId64 ;;
    esac
    cat <<END
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "$1.h"
int main(void)
{
    char line[400];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        $2 a[$3];
        $2 out = 0;
        uint64_t fuel = 1048576;
        char *at = line;

        for (unsigned i = 0; i < $3; i++) {
            a[i] = $read(at + 1, &at, 10);
        }
        if (cml_$1(${args}&fuel, &out) != 0) {
            puts("an error");
            continue;
        }
        printf("%" $print "\n", out);
    }
    return 0;
}
END
}

native() { # native NAME TYPE ARGUMENTS LEVEL
    local verdict commit exam seed literals directed n cid file engine cc
    expect 0 proctor cml export --c --ref "primitives/$1" -o made
    verdict=$(proctor ref show "primitives/$1" --json | jq .verdict)
    commit=$(field "$verdict" commit)
    exam=$(field "$verdict" exam)
    bundle=$(proctor show "$(field "$verdict" candidate)" --json | jq -r .object.bundle)
    proctor show --raw "$bundle" >unit.cmlb
    cid=$(proctor cml cid unit.cmlb | sed -n "s/  $1\$//p")
    for file in made/$1.h made/$1.c; do
        check "$file names the unit" grep -q "^ \* unit  *$cid" "$file"
        check "and the verdict" grep -q "^ \* verdict  *admit, level $4" "$file"
        check "and its record" grep -q "record $verdict of " "$file"
        sed -n '/^c2sp.org/,/^[*]/{/^[*]/!p}' "$file" >proof
        expect 0 proctor prove --check proof --key .proctor/ledger/vkey
        out "^good: record $verdict is in the log"
    done
    mkdir -p again
    expect 0 proctor cml export --c --ref "$verdict" -o again
    check "the record names the same" diff -r -x '*main*' made again
    rm -r again

    # Every input of the exam.
    proctor show --raw "$exam" >exam.bin
    n=$(field "$commit" draws)
    seed=$(proctor log --kind draw --json | jq -r ".. | objects | select(.commit? == $commit) | .seed")
    literals=$(object_of "$(field "$commit" literals)" literals.bin)
    directed=$(object_of "$(field "$commit" directed)" directed.bin)
    "$draws" exam.bin "$seed" "$n" "$literals" "$directed" >inputs
    check "all of the $n draws" test "$(wc -l <inputs)" -ge "$n"
    for engine in reference columns; do
        proctor cml eval --engine $engine --fuel 1048576 --inputs inputs unit.cmlb >$engine.out
    done
    driver "$1" "$2" "$3" >made/main.c
    for cc in gcc clang; do
        expect 0 $cc -std=c17 -O2 -Wall -Wextra -Werror -o made/main made/main.c "made/$1.c" -lm
        made/main <inputs >$cc.out
        check "$cc answers as the reference" cmp $cc.out reference.out
    done
    check "and so do columns" cmp columns.out reference.out
    check "an answer for each draw" test "$(grep -c '^-*[0-9]*$' gcc.out)" = "$(wc -l <inputs)"
    rm made/*
}
mkdir made
native days_from_civil int64_t 3 proven
native gcd uint64_t 2 oracle

# A proof that was touched is none.
expect 0 proctor cml export --c --ref primitives/gcd -o made
sed -n '/^c2sp.org/,/^[*]/{/^[*]/!p}' made/gcd.h | sed 's/^index 1*/&1/' >proof
expect 1 proctor prove --check proof --key .proctor/ledger/vkey

# What is not examined says so.
expect 0 proctor cml export --c -o made $c/gcd.cml
for file in made/gcd.h made/gcd.c; do
    check "$file is not examined" test "$(head -n 1 $file)" = '/* Not examined. */'
    check "and claims nothing" sh -c "! grep -q 'verdict\|c2sp' $file"
done
rm made/*
# What no input of the domain reaches is not what was examined.
expect 0 proctor cml export --c --ref primitives/days_from_civil -o made
check "trapped branches are named" grep -q '^ \* trapped  *[1-9]' made/days_from_civil.h
rm made/*

# What was refuted does not go out, nor what is no unit, no verdict, no name.
sed 's/unit: date.cml:days_from_civil/unit: date_wrong.cml:days_from_civil/' $c/graph.yaml >$c/wrong.yaml
expect 1 proctor run $c/wrong.yaml --policy $policy
verdict=$(proctor log --kind verdict --json | jq -s '[.. | objects | select(.kind? == "verdict") | .seq] | max')
for id in "$verdict" "$(field "$verdict" candidate)"; do
    expect 3 proctor cml export --c --ref "$id" -o made
    err "is not admitted: record $verdict says reject"
done
expect 0 proctor run examples/xor/graph.yaml --policy $policy
verdict=$(proctor log --kind verdict --json | jq -s '[.. | objects | select(.kind? == "verdict") | .seq] | max')
expect 2 proctor cml export --c --ref "$verdict" -o made
err 'is admitted, but no unit of CML'
expect 2 proctor cml export --c --ref 0 -o made
err 'record 0 is a genesis record, not a verdict'
expect 2 proctor cml export --c --ref primitives/gdc -o made
err '"primitives/gdc" is no ref, no record and no candidate'
expect 2 proctor cml export --c --ref 0123456789abcdef -o made
expect 2 proctor cml export --c --ref primitives/gcd -o made $c/gcd.cml
expect 2 proctor cml export --ref primitives/gcd -o made
expect 2 proctor cml cid --ref primitives/gcd
err 'is for export --c'
check "nothing was written" test -z "$(ls made)"

# An artifact that the store has lost is damage.
object() { echo ".proctor/objects/${1:0:2}/${1:2}"; }
chmod u+w "$(object "$bundle")"
mv "$(object "$bundle")" kept
expect 5 proctor cml export --c --ref primitives/gcd -o made
err 'the artifact of primitives/gcd'
mv kept "$(object "$bundle")"
whole
finish

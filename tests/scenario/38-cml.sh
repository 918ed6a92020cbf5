# The closed language: a second encoder agrees on every CID, fmt keeps artifacts,
# values come out, and what is wrong is told with its place.
. "$(dirname "$0")/lib.sh"
with_examples
c=examples/cml

expect 0 python3 "$ROOT/tests/scenario/cml_encode.py" made 60
cp "$OUT" made/cids
expect 0 proctor cml cid made/units.cml
check "60 random units have the CIDs that another encoder gives them" \
    cmp made/cids "$OUT"
expect 0 proctor cml fmt -w made/units.cml
expect 0 proctor cml cid made/units.cml
check "fmt keeps every artifact" cmp made/cids "$OUT"
cp made/units.cml made/once.cml
expect 0 proctor cml fmt -w made/units.cml
check "fmt is stable" cmp made/once.cml made/units.cml

expect 0 proctor cml check $c/gcd.cml
out '^gcd .*, good$'
for f in $c/*.cml; do
    expect 0 proctor cml fmt "$f" # which checks it, too
    check "$f is in its one spelling" cmp "$f" "$OUT"
done
printf '#a\nunit f(x: u8) -> u8 {\n#b\nlet y = 0xFFu8; #c\n#d\nx + y }#e\n' >notes.cml
expect 0 proctor cml fmt notes.cml
printf '#a\nunit f(x: u8) -> u8 {\n  #b\n  let y = 0xFFu8; #c\n  #d\n  x + y\n} #e\n' >wanted.cml
check "fmt keeps comments where they are, and numbers in hex" cmp wanted.cml "$OUT"
expect 0 proctor cml fmt --xml notes.cml
cp "$OUT" notes.xml
expect 0 proctor cml fmt --to=text notes.xml
sed 's/#/# /' wanted.cml >spaced.cml
check "and so does XML" cmp spaced.cml "$OUT"
printf 'unit f(x: u8) -> u8 { x + # no\nx }' >bad.cml
expect 2 proctor cml fmt bad.cml
err 'bad.cml:1:27: error: a comment inside of a statement'

# XML is a second spelling of the same artifacts.
expect 0 proctor cml fmt --xml made/units.cml
cp "$OUT" made/units.xml
expect 0 proctor cml cid made/units.xml
check "60 random units have the same CIDs as XML" cmp made/cids "$OUT"
expect 0 proctor cml fmt --to=text made/units.xml
check "and the same text after it" cmp made/once.cml "$OUT"
expect 0 proctor cml fmt -w made/units.xml
expect 0 proctor cml fmt --xml made/units.cml
check "fmt of XML is XML, and stable" cmp made/units.xml "$OUT"
expect 0 proctor cml cid $c/tax.cml
cp "$OUT" tax.cids
expect 0 proctor cml cid $c/tax.xml
check "an example in both forms is one artifact" cmp tax.cids "$OUT"
expect 0 proctor cml fmt --to=text $c/tax.xml
check "and one text" cmp $c/tax.cml "$OUT"
expect 0 proctor cml diff $c/tax.cml $c/tax.xml
expect 0 proctor cml eval $c/tax.xml 1000 19
out '^1190$'
expect 2 proctor cml fmt --to=yaml $c/tax.xml
err 'text, xml or mdx'

# MDX is a third: prose, frontmatter and metadata are no part of it.
expect 0 proctor cml fmt --to=mdx made/units.cml
cp "$OUT" made/units.mdx
expect 0 proctor cml cid made/units.mdx
check "60 random units have the same CIDs as MDX" cmp made/cids "$OUT"
expect 0 proctor cml fmt --to=text made/units.mdx
check "and the same text after it" cmp made/once.cml "$OUT"
expect 0 proctor cml cid $c/net.mdx
cp "$OUT" net.cids
sed 's/^title: .*/title: "Anything else"/; s/^author: .*/author: "B"/; s/Prose/More prose/; s/name="with_tax" meta/meta:x={7} name="with_tax" meta/' $c/net.mdx >other.mdx
check "the copy is another text" sh -c "! cmp -s $c/net.mdx other.mdx"
expect 0 proctor cml cid other.mdx
check "frontmatter, prose and metadata change no CID" cmp net.cids "$OUT"
expect 0 proctor cml eval $c/net.mdx 1000 19
out '^1190$'
expect 0 proctor cml fmt $c/net.mdx
cp "$OUT" fmt.mdx
check "fmt keeps the prose" grep -q '^# {frontmatter.title}$' fmt.mdx
expect 0 proctor cml fmt fmt.mdx
check "and is stable" cmp fmt.mdx "$OUT"
sed 's/name="with_tax"/name={frontmatter.title}/' $c/net.mdx >bad.mdx
expect 2 proctor cml check bad.mdx
err 'bad.mdx:17:12: error: frontmatter is metadata: no CID may depend on it'
sed 's/{100}/{50 + 50}/' $c/net.mdx >bad.mdx
expect 2 proctor cml check bad.mdx
err 'bad.mdx:29:40: error: an expression: JavaScript is not read here'
sed 's/^author: .*/author: *who/' $c/net.mdx >bad.mdx
expect 2 proctor cml check bad.mdx
err 'bad.mdx:3:9: error: an alias'

# A manifest: names and CIDs, sorted, each once.
expect 0 proctor cml manifest $c/gcd.cml $c/tax.xml $c/tax.cml $c/date.cml
cut -d' ' -f3 "$OUT" >names
check "the manifest's names are sorted and each there once" sort -uc names
check "and all" test "$(tr '\n' ' ' <names)" = "days_from_civil gcd is_leap leap_days with_tax "
expect 0 proctor cml manifest --json -o made/manifest $c/tax.xml $c/gcd.cml
check "its bytes are what --json shows" test "$(od -An -v -tx1 made/manifest | tr -d ' \n')" = "$(jq -r .bytes "$OUT")"
json '.components[0].name == "gcd" and (.components | length) == 2'
expect 2 proctor cml manifest $c/tax.xml $c/net.mdx
err '"with_tax" is the name of two artifacts'

# A bundle: every unit that it reaches, callees first.

# The canonical form: what differs only in what cannot matter has one.
printf 'unit f(a: u64, b: u64) -> u64 { if a > b { a + 0 } else { b * 3 } }' >one.cml
printf 'unit g(x: u64, y: u64) -> u64 { let z = 3 * y; if !(y < x) { z } else { x } }' >two.cml
expect 0 proctor cml canonical one.cml
cut -d' ' -f1 "$OUT" >one.cid
expect 0 proctor cml canonical two.cml
check "two spellings have one canonical form" \
    sh -c 'cut -d" " -f1 "$1" | cmp - one.cid' sh "$OUT"
expect 0 proctor cml canonical --text two.cml
cp "$OUT" form.cml
expect 0 proctor cml cid form.cml
check "which is a unit with that CID" \
    sh -c 'cut -d" " -f1 "$1" | cmp - one.cid' sh "$OUT"
expect 0 proctor cml eval form.cml 3 5
out '^15$'
expect 0 proctor cml canonical --json one.cml
out '"branches": 2'
out '"mutants": [1-9][0-9]'
out "\"canonical\": \"$(cat one.cid)\""
expect 2 proctor cml canonical --unit=h one.cml
err 'no unit "h" in it'

expect 0 proctor cml eval $c/gcd.cml 48 36
out '^12$'
expect 0 proctor cml eval $c/crc32.cml '"313233343536373839"'
out '^3421780262$'
expect 0 proctor cml eval --unit=leap_days $c/date.cml 2024
out '^491$'
expect 0 proctor cml eval --json $c/gcd.cml 48 36
json '.value == 12 and .fuel > 0 and .units[-1].name == "gcd"'
expect 1 proctor cml eval --fuel=3 $c/gcd.cml 48 36
err 'out of fuel'
expect 1 proctor cml eval --json --fuel=3 $c/gcd.cml 48 36
json '.error == "FUEL" and .message == "out of fuel" and .fuel == 3'
expect 2 proctor cml eval $c/gcd.cml 48
err 'takes 2 arguments'
expect 2 proctor cml eval $c/gcd.cml 48 1.5
err 'argument 2'
expect 2 proctor cml eval --unit=nothing $c/gcd.cml 1 2
err 'no unit "nothing"'

# A merge: edits at different places combine, others are conflicts.
sed 's/if cents > 0/if cents >= 0/' $c/tax.cml >ours.cml
sed 's/  let tax/  let half = 50i64; # rounds\n  let tax/; s/ + 50)/ + half)/' $c/tax.cml >theirs.cml
expect 0 proctor cml merge $c/tax.cml ours.cml theirs.cml -o both.cml
check "what both changed is there" test "$(grep -c 'let half = 50i64; # rounds\|>= 0\|+ half)' both.cml)" = 3
check "and the comment above stays" grep -q '^# What is not sold' both.cml
expect 0 proctor cml merge $c/tax.cml theirs.cml ours.cml
cp "$OUT" turned.cml
expect 0 proctor cml diff both.cml turned.cml
expect 0 proctor cml merge $c/tax.xml ours.cml theirs.cml
expect 0 proctor cml merge ours.cml $c/tax.xml ours.cml
check "it has the form of ours" grep -q '^<CML' "$OUT"
sed 's/\* percent + 50/* percent + 51/' $c/tax.cml >ours.cml
expect 1 proctor cml merge $c/tax.cml ours.cml theirs.cml -o none.cml
out '^with_tax.body.statements\[0\].init.left.right: both sides changed it'
out '^  base:   50'
out '^  ours:   51'
out '^  theirs: half'
err '1 conflict: nothing is written'
check "nothing is written" test ! -e none.cml
expect 1 proctor cml merge --json $c/tax.cml ours.cml theirs.cml
json '.conflicts_n == 1 and .conflicts[0].theirs == "half"'
expect 2 proctor cml merge $c/tax.cml ours.cml
expect 2 proctor cml merge $c/tax.cml ours.cml bad.mdx

expect 0 proctor cml explain $c/gcd.cml
out 'Loop kind="while"'
expect 0 proctor cml explain --dot $c/gcd.cml
out '^digraph'
sed 's/x % y/x + y/' $c/gcd.cml >other.cml
sed 's/\bx\b/left/g; s/\by\b/right/g; s/{ (right/{ (right/' $c/gcd.cml >renamed.cml
expect 0 proctor cml diff $c/gcd.cml $c/gcd.cml
check "nothing differs from itself" test ! -s "$OUT"
expect 1 proctor cml diff $c/gcd.cml other.cml
out '^Unit\.body\..*BinOp'

expect 0 proctor cml export --c -o made $c/gcd.cml
cid=$(proctor cml cid $c/gcd.cml | cut -d' ' -f1)
check "the C names the CID" grep -q "CID $cid" made/gcd.c
cat >made/main.c <<'END'
#include <stdio.h>
#include "gcd.h"
int main(void)
{
    uint64_t fuel = 100, little = 3, out = 0;

    if (cml_gcd(48, 36, &fuel, &out) != 0) {
        return 1;
    }
    printf("%u %d\n", (unsigned)out, cml_gcd(48, 36, &little, &out));
    return 0;
}
END
expect 0 gcc -std=c17 -O2 -Wall -Wextra -Werror -o made/main made/main.c made/gcd.c
expect 0 made/main
out '^12 1$'
expect 2 proctor cml export --c -o nowhere/there $c/gcd.cml
err 'cannot write nowhere/there/gcd.h: not found'
expect 2 proctor cml manifest -o nowhere/there $c/gcd.cml
err 'cannot write nowhere/there'
echo 'unit huge() -> [[[u8]]] { fill(fill(fill(1u8, 999), 999), 99) }' >huge.cml
expect 2 proctor cml eval huge.cml
err 'huge.cml:1:1: error: a value of huge is too large to be shown'
expect 2 proctor cml export --c $c/words.cml
err 'words.cml:[0-9]*:[0-9]*: error: not for native code yet'
expect 2 proctor cml export $c/gcd.cml

echo 'unit f(a: u32) -> u32 { a + b }' >bad.cml
expect 2 proctor cml check bad.cml
err 'bad.cml:1:29: error: nothing is called "b" here'
printf 'unit f(a: u8) -> u8 { f(a) }' >bad.cml
expect 2 proctor cml check bad.cml
err 'a circle of calls: f -> f'
printf 'unit f(a: u8) -> u8 { %0.s' 1 >bad.cml
printf '(%.0s' $(seq 3000) >>bad.cml
expect 2 proctor cml check bad.cml
err 'nested more than'
printf 'unit f(a: string) -> string { "e\xcc\x81" }' >bad.cml
expect 2 proctor cml check bad.cml
err 'cml.Leaf.value'
printf '\xff' >bad.cml
expect 2 proctor cml check bad.cml
err 'not UTF-8'
head -c 5000000 /dev/zero >bad.cml
expect 2 proctor cml check bad.cml
err '4 MiB'
printf '<CML><Unit nam="f"/></CML>' >bad.cml
expect 2 proctor cml check bad.cml
err 'bad.cml:1:6: error: <Unit> has no "name", but "nam"'
err 'did you mean "name"'
printf '<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n<CML>&b;</CML>' >bad.cml
expect 2 proctor cml check bad.cml
err 'a document type'
printf '<CML>&a;</CML>' >bad.cml
expect 2 proctor cml check bad.cml
err 'none of the five'
{ printf '<CML>'; printf '<Block>%.0s' $(seq 20000); } >bad.cml
expect 2 proctor cml check bad.cml
err 'nested more than'
{ printf '<'; head -c 5000000 /dev/zero | tr '\0' ' '; } >bad.cml
expect 2 proctor cml check bad.cml
err '4 MiB'
printf 'CMLB\0\0\0\1' >bad.cml
expect 2 proctor cml check bad.cml
err 'bundle'
expect 2 proctor cml check nowhere.cml
expect 2 proctor cml frobnicate $c/gcd.cml
expect 2 proctor cml check
# sequences inside are paid for: shared parts cost little to make and years to compare
cat >deep.cml <<'END'
unit deep(n: u64) -> bool {
  let a = fill(fill(fill(fill(1u8, n), n), n), n);
  a == fill(fill(fill(fill(1u8, n), n), n), n)
}
unit order(n: u64) -> u64 { len(sort(fill(repeat_text("a", n), n))) }
END
for engine in reference columns; do
    expect 1 timeout 20 proctor cml eval --engine=$engine --fuel=1048576 --unit=deep deep.cml 5000
    err 'out of fuel'
    expect 1 timeout 20 proctor cml eval --engine=$engine --fuel=1048576 --unit=order deep.cml 300000
    err 'out of fuel'
done
echo 'unit spin() -> u64 { loop (a: u64 = 0) while true { a + 1 } }' >spin.cml
expect 1 proctor cml eval --fuel=100000 spin.cml
err 'out of fuel'
[ -n "${PROCTOR_FULL:-}" ] || finish
expect 1 proctor cml eval spin.cml # as many steps as are given unasked
err 'out of fuel'
finish

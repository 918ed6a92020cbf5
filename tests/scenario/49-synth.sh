# Programs from examples: SyGuS files of both versions, tables, the oracle's loop, and
# every answer but "yes". What is printed for SMT-LIB is checked by cvc5, where it is.
. "$(dirname "$0")/lib.sh"
with_examples
e=examples/synth

# Each example's unit is a text that can be checked, and is right on other inputs too.
while read -r f want args; do
    expect 0 proctor synth $e/$f -o made.cml
    out '^# nothing is known about other inputs'
    cp "$OUT" printed.cml # the comments are part of the text
    eval "expect 0 proctor cml eval -- printed.cml $args"
    check "$f: $want" grep -qxF -- "$want" "$OUT"
done <<'END'
low_bit_v1.sl 4096 12288
initials.sl "B.L." '"Barbara Liskov"'
area_v1.sl "0421" '"0421-77-3"'
clamp.sl 0 -77
perimeter.csv 26 6 7
address.csv "a@b" '"a"' '"b"'
descending.json [3,2,2] '[2,3,2]'
END
expect 0 proctor cml diff made.cml printed.cml

# The same file gives the same unit; standard input is a file.
expect 0 proctor synth $e/clamp.sl
cp "$OUT" first
expect 0 bash -c "proctor synth - <$e/clamp.sl"
check "the same examples give the same unit" cmp first "$OUT"

# SMT-LIB: one define-fun, and cvc5 finds no example that it misses.
for f in shift_mask initials clamp; do
    expect 0 proctor synth --sygus $e/$f.sl
    out '^\(define-fun .*\)$'
    command -v cvc5 >"$WORK/.which" || continue
    { echo '(set-logic ALL)'; grep '^(define-fun shr1' $e/$f.sl; cat "$OUT"
      echo '(assert (not (and true'
      tr '\n' ' ' <$e/$f.sl | sed 's/(check-synth)//; s/(constraint/\n(constraint/g' |
          sed -n 's/^(constraint \(.*\)) *$/\1/p'
      echo ')))(check-sat)'; } >check.smt2
    check "cvc5 agrees that $f fits its examples" bash -c 'cvc5 --lang=smt2 check.smt2 | tee /dev/stderr | grep -qx unsat'
done
expect 2 proctor synth --sygus $e/descending.json
err 'no form in SMT-LIB'

# Held out examples are counted, and not learnt from.
expect 0 proctor synth $e/perimeter.csv --hold-out 0.34 --any --json
json '.problem.held_out == 2 and .problem.examples == 4 and .unit.fit == 4'
json '.answer == "fits" and .exam == null and .exit == 0'
expect 2 proctor synth $e/perimeter.csv --hold-out 2
err 'no share from 0 to 0.9'

# Too little to go by, and nothing that fits.
expect 1 proctor synth $e/one_row.csv
err 'not enough evidence'
out '^# not enough evidence'
expect 1 proctor synth $e/one_row.csv --json
json '.answer == "not enough evidence" and .unit.name == "c" and .exit == 1'
expect 0 proctor synth --any $e/one_row.csv
expect 1 proctor synth $e/contradictory.csv
err 'contradictory.csv:4:1: error: contradictory examples: the input of 2:1'
expect 1 proctor synth $e/contradictory.csv --json
json '.answer == "contradictory examples" and .line == 4 and .unit == null'
cat >none.sl <<'END'
(set-logic LIA)
(synth-fun f ((x Int)) Int ((S Int)) ((S Int (x (+ S S)))))
(constraint (= (f 2) 3))
(constraint (= (f 5) 5))
(check-synth)
END
expect 1 proctor synth none.sl --size 6
err 'no program of this grammar fits|none found'
expect 1 proctor synth $e/initials.sl --budget 1000
err 'none found in'

# With an oracle: two examples, the rest is learnt from refuted proposals.
export PROCTOR_STORE=$WORK/store
expect 0 proctor synth $e/low_bit_few.csv --types 'u64->u64' --oracle $e/low_bit.py --json
json '.answer == "admitted" and .exam.verdict == "admit" and .exam.draws >= 16384'
json '.exam.bound95 < 0.001 and .unit.fit == 2 + (.exam.disclosed | length)'
cat >clamped.py <<'END'
def clamped(x):
    return min(max(x, 0), 10)
END
printf 'x,y\n1,1\n7,7\n-5,0\n-77,0\n' >clamped.csv
expect 0 proctor synth clamped.csv --oracle clamped.py --json \
    --domain '[{i64: {range: [-1000, 1000]}}]' --grammar int
json '.answer == "admitted" and (.exam.disclosed | length) >= 1 and .exam.exams >= 2'
expect 0 proctor log --kind verdict --json
json '[.records[] | select(.verdict_name == "reject")] | length >= 1'
printf 'unit clamped(x: i64) -> i64 { min(max(x, 0), 10) }\n' >clamped.cml
expect 0 proctor synth clamped.csv --oracle clamped.cml --domain '[{i64: {range: [-1000, 1000]}}]' --grammar int
err 'ADMIT'
printf 'def clamped(x):\n    return x * 7919 %% 10007 %% 97\n' >clamped.py
expect 1 proctor synth clamped.csv --oracle clamped.py --budget 30000
err 'contradictory|none found|no program|not admitted'
printf 'def other(x):\n    return x\n' >broken.py # the oracle's fault is not the program's
expect 1 proctor synth clamped.csv --oracle broken.py:clamped --grammar int
err 'the exam came to no end: the oracle gives no answer'
whole

# Bad input: told with its place, by name.
bad() { # bad TEXT PATTERN
    printf '%b' "$1" >bad.sl
    expect 2 proctor synth bad.sl
    err "$2"
}
bad '' 'bad.sl:1:1: error: the file is empty'
bad '(set-logic BV' 'bad.sl:1:1: error: a "\(" that is never closed'
bad '(set-logic BV))' 'bad.sl:1:15: error: a "\)" that closes nothing'
bad '(set-logic UFLRA)' 'bad.sl:1:12: error: the logic UFLRA'
bad '(synth-fun f ((x Int)) Int ((S Int (x (str.foo S)))))' 'bad.sl:1:40: error: the operator str.foo'
bad '(synth-fun f ((x Int)) Int ((S Int (x (str.len S)))))' 'S is Int; str.len takes String'
bad '(synth-fun f ((x Int)) Int)(constraint (= (f 18446744073709551616) 1))(check-synth)' \
    'bad.sl:1:46: error: 18446744073709551616 is out of the range'
bad '(synth-fun f ((x (_ BitVec 64))) Bool)(constraint (f #x10000000000000000))(check-synth)' 'another width'
bad '(synth-fun f ((x Int)) Int)(constraint (> (f 1) 1))(check-synth)' 'is no example'
bad '\0(check-synth)' 'a NUL character'
bad '(check-synth)\xff' 'not UTF-8'
printf '(%.0s' $(seq 100000) >bad.sl
expect 2 proctor synth bad.sl
err 'nested more than 128 deep'
head -c 100000 /dev/urandom >bad.sl
expect 2 proctor synth bad.sl
head -c 5000000 /dev/zero >bad.sl
expect 2 proctor synth bad.sl
err 'over 4 MiB'
printf 'a,b\n1\n' >bad.csv
expect 2 proctor synth bad.csv
err 'bad.csv:2:1: error: 1 fields; the header has 2'
expect 2 proctor synth bad.csv --json
json '.answer == "failed" and .line == 2 and .exit == 2'
printf '[{"in": [1], "out": {}}]' >bad.json
expect 2 proctor synth bad.json
err 'bad.json:1:21'
expect 2 proctor synth $e/perimeter.csv --types 'u64->u64'
err '2 columns of inputs, and --types has 1'
expect 2 proctor synth $e/perimeter.csv --column depth
err 'no column "depth"'
expect 2 proctor synth nowhere.sl
expect 2 proctor synth
expect 2 proctor synth $e/clamp.sl --domain '[u8]'
finish

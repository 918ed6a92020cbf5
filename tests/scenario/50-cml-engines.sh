# Two engines for the same units: each can be asked for, says that it worked, and
# gives the same values, errors and fuel.
. "$(dirname "$0")/lib.sh"
with_examples
c=examples/cml

# many LINES FILE [UNIT]: both engines over the lines; equal, fuel too.
both() {
    expect "$1" proctor cml eval --engine=reference --inputs "$2" $3
    cp "$OUT" reference.out
    expect "$1" proctor cml eval --engine=columns --inputs "$2" $3
    check "columns give what the reference gives: $3" cmp reference.out "$OUT"
    expect "$1" proctor cml eval --json --engine=reference --inputs "$2" $3
    sed 's/"engine": "reference"//' "$OUT" >reference.out
    expect "$1" proctor cml eval --json --engine=columns --inputs "$2" $3
    sed 's/"engine": "columns"//' "$OUT" >columns.out
    check "and spend what it spends" cmp reference.out columns.out
}

i=0
while [ $i -lt 600 ]; do
    echo "[$((i * 7919 % 1000)), $((i * 104729 % 999))]"
    i=$((i + 1))
done >pairs
both 0 pairs $c/gcd.cml
expect 0 proctor cml eval --inputs pairs $c/gcd.cml
check "an answer a line" test "$(wc -l <"$OUT")" = 600

cat >words.cml <<'END'
unit long(w: string) -> bool { len(w) > 3 }
unit f(text: string, n: u32) -> {words: [string], rest: u32} {
  {words: [string], rest: u32}(filter(long, split(text, " ")), 100 / n)
}
END
printf '["the quick brown fox", 7]\n["", 0]\n["\\u00e9clair and tea", 3]\n' >lines
both 1 lines words.cml
expect 1 proctor cml eval --inputs lines words.cml
out '^\[\["quick","brown"\],14\]$'
out '^{"error": "DIVISION"}$'
err 'line 2 has no value: division by zero'

# Who worked is told.
expect 0 proctor cml eval --json words.cml '"some words"' 5
out '"engine": "columns"'
expect 0 proctor cml eval --json --engine reference words.cml '"some words"' 5
out '"engine": "reference"'

# What is wrong is told.
expect 2 proctor cml eval --engine=fast $c/gcd.cml 1 2
err 'best, reference or columns'
printf '[1, 2]\n[3]\n' >short
expect 2 proctor cml eval --inputs short $c/gcd.cml
err 'inputs: line 2'
expect 2 proctor cml eval --inputs nowhere $c/gcd.cml
: >empty
expect 2 proctor cml eval --inputs empty $c/gcd.cml
err 'no line'
expect 2 proctor cml fmt --inputs pairs $c/gcd.cml
err 'for eval'

# A value of more than 64 parts is not for columns; the reference takes it.
python3 - >wide.cml <<'END'
t = "{" + ", ".join("f%d: u8" % i for i in range(16)) + "}"
u = "{" + ", ".join("g%d: %s" % (i, t) for i in range(5)) + "}"
v = t + "(" + ", ".join("x" for i in range(16)) + ")"
print("unit f(x: u8) -> u8 { (%s(%s)).g4.f15 }" % (u, ", ".join([v] * 5)))
END
expect 0 proctor cml eval --json wide.cml 7
out '"value": 7'
out '"engine": "reference"'
out '"not_columns": "a composite of more than 64 parts"'
expect 2 proctor cml eval --engine columns wide.cml 7
err 'wide.cml:1:[0-9]*: error: not for the columnar engine: a composite of more'
finish

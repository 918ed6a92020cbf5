# The rarer ends of lanes through `proctor run`: logits and scores, drafts that leave
# every text as it is, injectors, experts, and a text that becomes a candidate.
. "$(dirname "$0")/lib.sh"
expect 0 proctor model init m.gguf --arch llama --seed 3 --context 512
expect 0 proctor model init d.gguf --arch llama --seed 3 --context 512 --layers 1
expect 0 proctor model init v.gguf --arch llama --seed 8 --context 512
expect 0 proctor model init e.gguf --arch qwen3moe --seed 4 --context 512
# injector FILE SCALE: width and values of the model, up of a pattern.
injector() {
    python3 - "$1" "$2" <<'PY'
import struct, sys
width, values, narrow = 64, 2, 4
def text(s):
    return struct.pack('<Q', len(s)) + s.encode()
tensors = [('norm.weight', [width], lambda i: 1.0),
           ('proj.weight', [values, width], lambda i: i % 5 / 4 - 0.5),
           ('down.weight', [width, narrow], lambda i: i % 7 / 8 - 0.375),
           ('up.weight', [narrow, width], lambda i: i % 3 - 1.0)]
head, data = b'', b''
for name, dims, f in tensors:
    n = 1
    for d in dims:
        n *= d
    head += text(name) + struct.pack('<I', len(dims))
    head += b''.join(struct.pack('<Q', d) for d in dims)
    head += struct.pack('<IQ', 0, len(data))
    data += struct.pack('<%df' % n, *[f(i) for i in range(n)])
    data += bytes(-len(data) % 32)
pairs = text('general.architecture') + struct.pack('<I', 8) + text('proctor-injector')
pairs += text('inject.scale') + struct.pack('<If', 6, float(sys.argv[2]))
whole = b'GGUF' + struct.pack('<IQQ', 3, len(tensors), 2) + pairs + head
open(sys.argv[1], 'wb').write(whole + bytes(-len(whole) % 32) + data)
PY
}
injector off.gguf 0
injector on.gguf 1
files='files: ["**"]'
printf 'version: 1\nname: p\ngrants: [{capability: model.generate, %s}, {capability: model.score, %s}, {capability: model.logits, %s}, {capability: cml.run, %s}, {capability: exam.hold}, {capability: program.run, programs: [python3], files: ["*.py"]}]\n' "$files" "$files" "$files" "$files" >p.yaml
# task ID OP WITH [MORE]: one task of a graph in flow style.
task() {
    local v='{name: counted, level: syntax}'
    case $3 in *grammar:*) v='{name: keeps_grammar, level: schema}' ;; esac
    printf '  - {id: %s, op: %s, with: {%s}, validator: %s%s}\n' "$1" "$2" "$3" "$v" "${4:-}"
}
graph() { { printf 'version: 1\nname: g\ntasks:\n'; printf '%s\n' "$@"; } >g.yaml; }
# field STORE TASK NAME: of its last GENERATE.
field() {
    proctor log --store "$1" --kind generate --json |
        jq -r "[.. | objects | select(.task? == \"$2\" and has(\"generation\"))][-1].$3"
}
# same/other A B: texts of two tasks of store s.
same() { check "$1 says what $2 says" test -n "$(field s "$1" result)" -a "$(field s "$1" result)" = "$(field s "$2" result)"; }
other() { check "$1 says something else than $2" test "$(field s "$1" result)" != "$(field s "$2" result)"; }

# --- one run with all that leaves a text as it is, or must not ----------------------
w='weights: m.gguf, prompt: "abc abc abc", max_tokens: 40'
h="$w, temperature: 0.9, top_k: 40, seed: 7"
x='weights: e.gguf, prompt: "one", max_tokens: 24'
trap='act: inject, layer: 1, when: after, value: [1, -0.5]'
s='weights: m.gguf, prompt: "The sky is "'
answers=("$(task last model.logits "$s")"
    "$(task each model.logits "$s, all_positions: true")"
    "$(task scored model.score "$s, choices: [blue, \"green and wide\"]")"
    "$(task word model.generate "$s, max_tokens: 20, grammar: {regex: \"[a-z]{3,8}\"}")"
    "$(task after model.generate 'weights: m.gguf, prompt_of: word, max_tokens: 8' ', needs: [word]')")
graph "$(task plain model.generate "$w")" \
    "$(task looked model.generate "$w, draft_tokens: 4")" \
    "$(task drafted model.generate "$w, draft: d.gguf, draft_tokens: 4")" \
    "$(task itself model.generate "$w, draft: m.gguf, draft_tokens: 4")" \
    "$(task warm model.generate "$h")" \
    "$(task warm_looked model.generate "$h, draft_tokens: 4")" \
    "$(task warm_drafted model.generate "$h, draft: d.gguf, draft_tokens: 5")" \
    "$(task warm_tapped model.generate "$h, traps: [{act: digest, layer: 0, when: after}, {$trap, injector: off.gguf}]")" \
    "$(task told_nothing model.generate "$w, traps: [{$trap, injector: off.gguf}]")" \
    "$(task told model.generate "$w, traps: [{$trap, injector: on.gguf}]")" \
    "$(task free model.generate "$x, entropy: true")" \
    "$(task all model.generate "$x, experts: [0, 1, 2, 3, 4, 5, 6, 7]")" \
    "$(task few model.generate "$x, experts: [1, 2]")" \
    "${answers[@]}"
expect 0 proctor run g.yaml --policy p.yaml --store s
same looked plain
same drafted plain
same itself plain
check "its own drafts are taken" test "$(field s itself accepted)" -gt 0
same warm_looked warm
same warm_drafted warm
same warm_tapped warm
other warm plain
same told_nothing plain
other told plain
same all free
other few free
check "entropies of the free one" test "$(field s free entropies)" != null
graph "${answers[@]}"
expect 0 proctor run g.yaml --policy p.yaml --store t
for id in last each scored after; do
    check "$id again" test "$(field s $id result)" = "$(field t $id result)"
done
# row TASK: its record, with the answer that it stands on, shown.
row() { expect 0 proctor show "$(field s "$1" seq)" --store s; }
row last
out 'result: LaneAnswer'
out 'logits'
row each
out 'result: LaneAnswer'
row scored
out 'log_likelihood'
# Logits of all positions end in those of the last one, finite, a row for each token.
for i in last each; do proctor show "$(field s $i result)" --store s --raw | cat >$i.answer; done
cat >rows.py <<'PY'
import math, struct, sys
def logits(path):
    b, i, got = open(path, 'rb').read(), 0, {}
    def number():
        nonlocal i
        n = shift = 0
        while True:
            c, i = b[i], i + 1
            n, shift = n | (c & 127) << shift, shift + 7
            if c < 128:
                return n
    while i < len(b):
        tag = number()
        n = number()
        if tag & 7 == 2:
            got[tag >> 3], i = b[i:i + n], i + n
    return got[3]
last, each = logits('last.answer'), logits('each.answer')
tokens = int(sys.argv[1])
assert len(last) == 512 * 4 and len(each) == tokens * len(last), (len(last), len(each))
assert each.endswith(last)
rows = [struct.unpack_from('<512f', each, 2048 * k) for k in range(tokens)]
assert len(set(rows)) == tokens and all(map(math.isfinite, sum(rows, ())))
PY
check "rows of logits" python3 rows.py "$(field s each prompt_n)"
expect 0 proctor replay --all --store s
whole --store s
graph "$(task f model.generate "$w, draft: v.gguf, draft_tokens: 4")"
expect 1 proctor run g.yaml --policy p.yaml --store s
out 'the draft model has another vocabulary'
graph "$(task f model.generate "$w, traps: [{$trap, injector: m.gguf}]")"
expect 1 proctor run g.yaml --policy p.yaml --store s
out 'injector'
graph "$(task f model.generate "$x, experts: [1, 9]")"
expect 1 proctor run g.yaml --policy p.yaml --store s
out 'expert'

# --- a text as a candidate ------------------------------------------------------------
printf 'def f(a):\n    return a + 3\n' >oracle.py
printf 'root ::= "unit f(a: u8) -> u16 { u16(a) + " [3] " }"\n' >unit.gbnf
# unit NAME: of what task t wrote.
unit() { printf '  - {id: u, op: cml, needs: [t], with: {file_of: t, unit: %s, takes: [u8], gives: u16}, validator: {name: well_formed, level: schema}}\n' "$1"; }
exam='  - {id: held, op: exam, needs: [u], with: {oracle: {function: oracle.py:f}, domain: [u8]}, validator: {name: holdout, level: oracle}}'
grammar="$s, max_tokens: 80, grammar: {gbnf: unit.gbnf}"
graph "$(task t model.generate "$grammar")" "$(unit f)" "$exam"
expect 0 proctor run g.yaml --policy p.yaml --store c
out 'held: ADMIT oracle'
sed -i 's/\[3\]/[4]/' unit.gbnf
expect 1 proctor run g.yaml --policy p.yaml --store c
out 'held: REJECT'
out 'got      4'
expect 0 proctor replay --all --store c
# What a random model writes keeps to the form, and is taken for no more than that.
# Few of its texts end where the grammar lets them: the seeds are tried in order.
for seed in $(seq 17 60); do
    wild="weights: m.gguf, prompt: \"x\", max_tokens: 120, temperature: 1, repairs: 8, seed: $seed, grammar: cml"
    graph "$(task t model.generate "$wild")" "$(unit f)"
    expect 1 proctor run g.yaml --policy p.yaml --store c
    grep -q 't: failed: bail' "$OUT" || break
done
out 't +model.generate +passed +schema'
out 'u: failed: u: .'
err '^u:[0-9]+:[0-9]+: error: '
proctor show "$(field c t result)" --store c --raw | cat >wild.cml
check "it is a unit in form" grep -qE '^ ?unit [A-Za-z0-9_]+\(' wild.cml
graph "$(task t model.generate "$wild")" '  - {id: u, op: cml, with: {file_of: t, unit: f, takes: [u8], gives: u16}, validator: {name: well_formed, level: schema}}'
expect 2 proctor run g.yaml --policy p.yaml --store c
err 'file_of'
finish

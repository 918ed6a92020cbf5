# Texts of models: under a schema, many at once, parked, killed and resumed, stopped
# inside of a pass, within budgets; refused by name; the same again in replay.
. "$(dirname "$0")/lib.sh"
expect 0 proctor model init m.gguf --arch llama --seed 3 --context 1024
expect 0 proctor model init e.gguf --arch qwen3moe --seed 4 --context 1024
cp "$ROOT/examples/generate/order.json" .
kernel_of() {
    for _ in $(seq 100); do
        pgrep -P "$1" proctor-kernel && return
        sleep 0.02
    done
}
grants='{capability: model.generate, files: ["**"]}, {capability: model.score, files: ["*.gguf"]}, {capability: model.classify, files: ["*.gguf"]}, {capability: model.logits, files: ["*.gguf"]}'
# policy NAME MORE...
policy() {
    printf 'version: 1\nname: %s\ngrants: [%s]\n%s\n' "$1" "$grants" "${2:-}" >"$1.yaml"
}
policy p
# task ID OP WITH [MORE]: one task of a graph in flow style.
task() {
    local v='{name: counted, level: syntax}'
    case $3 in *grammar:*) v='{name: keeps_grammar, level: schema}' ;; esac
    printf '  - {id: %s, op: %s, with: {weights: m.gguf, %s}, validator: %s%s}\n' "$1" "$2" "$3" "$v" "${4:-}"
}
# graph TASK...: a graph of these lines.
graph() { { printf 'version: 1\nname: g\ntasks:\n'; printf '%s\n' "$@"; } >g.yaml; }
records() { proctor log --store "$1" --kind "$2" --json | jq "[.. | objects | select(.kind? == \"$2\")]"; }
# until_more STORE KIND N: until the log has more than N records of the kind, for a while.
until_more() {
    for _ in $(seq 400); do
        [ "$(records "$1" "$2" 2>/dev/null | jq length)" -gt "$3" ] 2>/dev/null && return
        sleep 0.01
    done
}
# result STORE TASK: CID of what its last GENERATE names.
result() { records "$1" generate | jq -r "map(select(.task == \"$2\"))[-1].result"; }

# --- by hand ------------------------------------------------------------------
expect 0 proctor model generate m.gguf "Order: " --schema order.json --temperature 0.9 --seed 5 --max-tokens 300 --repairs 4 --store h --json
json '.text | fromjson | (.item | IN("apple", "pear", "plum")) and .count >= 0 and .count <= 99 and (.gift | type) == "boolean"'
json '.decision == "emit" and (.tokens | length) > 5'
jq -r .text "$OUT" >first
expect 0 proctor model generate m.gguf "Order: " --schema order.json --temperature 0.9 --seed 5 --max-tokens 300 --repairs 4 --store h
check "the same text again" cmp first "$OUT"
expect 0 proctor model generate m.gguf "x" --regex '[a-f]{3,9}' --store h
out '^[a-f]{3,9}$'
expect 0 proctor model classify m.gguf "The sky is " blue green --store h --json
json '(.choices | length) == 2 and .best < 2'
expect 0 proctor model score m.gguf "The sky is " blue --store h
expect 0 proctor replay --all --store h
whole --store h
expect 2 proctor model generate m.gguf
expect 2 proctor model generate m.gguf x --temperature hot
expect 2 proctor model generate m.gguf x --schema order.json --regex a
expect 2 proctor model classify m.gguf x one
expect 2 proctor model generate nothing.gguf x --store h
err 'nothing.gguf: cannot read it'
expect 2 proctor model generate m.gguf x --draft nothing.gguf --store h
err 'nothing.gguf: cannot read it'
expect 2 proctor model generate m.gguf "$(printf 'ab\377')" --store h
err 'the prompt is no UTF-8 at byte 2'
expect 0 proctor model generate m.gguf x --draft m.gguf --max-tokens 20 --store h --json
json '.drafted > 0 and .accepted == .drafted'
expect 0 proctor model generate m.gguf x --context 4 --store h --json
json '.reason == "no position is left" and .wall_s > 0.01'
expect 2 proctor model generate order.json x --store h
err '^order.json: error: this is no GGUF file'
expect 2 proctor model generate m.gguf x --draft order.json --store h
err '^order.json: error: this is no GGUF file'
expect 2 proctor model generate m.gguf x --regex '((' --store h
err '^--regex:1:[12]: error: the group is not closed'
printf '{"type": 5}' >five.json
expect 2 proctor model generate m.gguf x --schema five.json --store h
err '^five.json:1:'
expect 2 proctor model generate m.gguf x --max-tokens 0 --store h
err '^proctor: error: --max-tokens: '
expect 0 sh -c 'printf "The sky is " | proctor model score m.gguf - blue --store h'
cp "$OUT" typed
expect 0 proctor model score m.gguf "The sky is " blue --store h
check "a prompt from the standard input is the same prompt" cmp typed "$OUT"

# --- the example ----------------------------------------------------------------
cp -r "$ROOT/examples/generate" .
expect 0 bash generate/run.sh "$WORK/example"
out 'went-on'
out '^[4-9] replayed, 0 different' # more than four: some were said before the kill, too
whole --store example

# --- a crowd says what each says alone ------------------------------------------
with='max_tokens: 90, temperature: 0.8, seed'
lines=()
for i in $(seq 12); do
    lines+=("$(task "l$i" model.generate "prompt: \"p$i\", $with: $i, quantum: $((i % 5 + 1)), deadline: $((i * 20))" ", priority: $((i % 10))")")
done
graph "${lines[@]}"
expect 0 proctor run g.yaml --policy p.yaml --store crowd
some=(2 11)
[ -z "${PROCTOR_FULL:-}" ] || some=($(seq 12))
for i in "${some[@]}"; do
    graph "${lines[$((i - 1))]}"
    expect 0 proctor run g.yaml --policy p.yaml --store "alone$i"
    check "lane $i is the same in a crowd" test "$(result crowd "l$i")" = "$(result "alone$i" "l$i")"
done
[ -z "${PROCTOR_FULL:-}" ] || expect 0 proctor replay --all --store crowd
# Room for two lanes only: they take turns through the store.
policy small 'limits: {memory: 44MiB}'
graph "${lines[@]:0:6}"
expect 0 proctor run g.yaml --policy small.yaml --store small
for i in 1 4 6; do
    check "lane $i is the same through the store" test "$(result small "l$i")" = "$(result crowd "l$i")"
done

# --- killed, parked, stopped -------------------------------------------------------
long='prompt: "long", max_tokens: 900, temperature: 1, seed: 7, park_every: 1'
graph "$(task long model.generate "$long")"
expect 0 proctor run g.yaml --policy p.yaml --store calm
proctor run g.yaml --policy p.yaml --store killed >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
until_more killed lane 2
kill -9 "$kernel" 2>/dev/null
wait $client
parked=$(records killed lane | jq length)
expect 0 proctor run --resume --store killed
check "went on from a parked state ($parked of them)" test "$(records killed went-on | jq length)" -ge 1
check "the same text as without the kill" test "$(result killed long)" = "$(result calm long)"
proctor run g.yaml --policy p.yaml --store lost >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
until_more lost lane 1
for zygote in $(pgrep -P "$kernel"); do # a worker is the child of its zygote
    for worker in $(pgrep -P "$zygote"); do kill -9 "$worker"; done
done 2>/dev/null
wait $client
check "a lost worker ends no text" test $? -eq 0
check "the same text as without the loss" test "$(result lost long)" = "$(result calm long)"
whole --store lost
# A trap's stop outlives the kernel: only who resumes the task lets it go on.
graph "$(task s model.generate 'prompt: "stop", max_tokens: 60, traps: [{layer: 0, when: before, act: stop, pass: 3}]')" \
    "$(task long model.generate "$long")"
proctor run g.yaml --policy p.yaml --store held >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
until_more held park 0
kill -9 "$kernel" 2>/dev/null
wait $client
expect 0 proctor run --resume --store held
out 's: waits'
check "the killed run's other text is whole" test "$(result held long)" = "$(result calm long)"
expect 0 proctor resume s --store held
check "it ends when it is let go on" test -n "$(result held s)"
stop='prompt: "stop", max_tokens: 60, seed: 2'
graph "$(task s model.generate "$stop, traps: [{layer: 1, when: after, act: stop, pass: 25}]")"
expect 0 proctor run g.yaml --policy p.yaml --store stopped
out 's: waits'
expect 0 proctor log --store stopped --kind park
out 'a trap stopped it'
expect 0 proctor resume s --store stopped
expect 0 proctor replay --all --store stopped
graph "$(task s model.generate "$stop")"
expect 0 proctor run g.yaml --policy p.yaml --store free
check "a stop changes no bit" test "$(result stopped s)" = "$(result free s)"
# Neither does anything that drafts, watches or stops a text whose tokens are drawn.
drawn='prompt: "abc abc abc", max_tokens: 60, temperature: 0.9, seed: 5'
graph "$(task plain model.generate "$drawn")" \
    "$(task looked-up model.generate "$drawn, draft_tokens: 7")" \
    "$(task drafted model.generate "$drawn, draft: m.gguf, draft_tokens: 4")" \
    "$(task seen model.generate "$drawn, traps: [{layer: 0, when: after, act: digest}]")" \
    "$(task stepped model.generate "$drawn, quantum: 1, park_every: 1")" \
    "$(task stopped model.generate "$drawn, traps: [{layer: 1, when: after, act: stop, pass: 20}]")"
expect 0 proctor run g.yaml --policy p.yaml --store drawn
expect 0 proctor resume stopped --store drawn
for i in looked-up drafted seen stepped stopped; do
    check "drawn, $i: the plain text" test "$(result drawn "$i")" = "$(result drawn plain)"
done
whole --store drawn
expect 0 proctor gc --grace=0 --delete --store stopped
expect 0 proctor replay --all --store stopped

# --- what it may cost, and what is refused -------------------------------------------
policy few 'budgets: {tokens: 20}'
expect 1 proctor run g.yaml --policy few.yaml --store few
out 'budgets.tokens is used up \(20\)'
graph "$(task s model.generate "$stop")"
policy tiny 'limits: {memory: 8MiB}'
expect 3 proctor run g.yaml --policy tiny.yaml --store tiny
out 'limits.memory'
enough() { sed -n 's/.*at least \([0-9]*\) needed.*/\1/p' "$OUT" | head -n 1; }
policy tiny "limits: {memory: $(enough)}" # the weights, and one page for the lane
expect 3 proctor run g.yaml --policy tiny.yaml --store tiny
policy tiny "limits: {memory: $(enough)}" # now the size of the lane is known
expect 0 proctor run g.yaml --policy tiny.yaml --store tiny
printf 'version: 1\nname: none\ngrants: [{capability: model.generate, files: ["other/*"]}]\n' >none.yaml
expect 3 proctor run g.yaml --policy none.yaml --store none
err 'does not let model.generate read "m.gguf"'
printf 'version: 1\nname: none\ngrants: []\n' >none.yaml
expect 3 proctor run g.yaml --policy none.yaml --store none
err 'does not grant model.generate'
# bad WITH TEXT: refused when it is read or admitted, with that text.
bad() {
    graph "$(task b model.generate "$1")"
    expect 2 proctor run g.yaml --policy p.yaml --store bad
    err "$2"
}
bad 'max_tokens: 5' 'one of prompt, prompt_file and prompt_of'
bad 'prompt: a, prompt_file: b, max_tokens: 5' 'one of prompt, prompt_file and prompt_of'
bad 'prompt: a' '"max_tokens" is missing'
bad 'prompt: a, max_tokens: 0' 'max_tokens'
bad 'prompt: a, max_tokens: 5, temperature: -1' 'a number of 0 to 100'
bad 'prompt: a, max_tokens: 5, top_p: 1.5' 'a number of 0 to 1'
bad 'prompt: a, max_tokens: 5, grammar: {regex: a, gbnf: b}' 'one form of grammar'
bad 'prompt: a, max_tokens: 5, choices: [a]' 'only model.score and model.classify'
bad 'prompt: a, max_tokens: 5, traps: [{layer: 1, act: inject}]' 'injector'
bad 'prompt: a, max_tokens: 5, experts: [3, 3]' 'experts'
bad 'prompt_of: other, max_tokens: 5' 'no model.generate task that it needs'
bad 'prompt: a, max_tokens: 5, facts: [{name: x, of: y, input: [1]}]' 'no exam that it needs'
bad 'prompt: a, max_tokens: 5, repairs: 99' 'repairs'
# fails WITH TEXT: the task fails, by name.
fails() {
    graph "$(task f model.generate "$1")"
    expect 1 proctor run g.yaml --policy p.yaml --store bad
    out "$2"
}
fails 'prompt: a, max_tokens: 5, grammar: {regex: "(("}' 'the grammar'
err '^grammar.regex:1:'
fails 'prompt: "a long prompt indeed", max_tokens: 5, context: 4' 'context'
fails 'prompt: a, max_tokens: 3, grammar: {regex: "[a-z]{30}"}' 'bail: max_tokens, where its grammar lets no text end'
fails 'prompt: a, max_tokens: 3, traps: [{layer: 99, act: digest}]' 'layer'

# --- facts, and texts that others work on --------------------------------------------
printf 'def sq(x):\n    return x * x\n' >sq.py
printf 'def sq(x):\n    return sum(2 * i + 1 for i in range(x))\n' >oracle.py
cat >g.yaml <<'G'
version: 1
name: facts
tasks:
  - {id: sq, op: program, with: {function: sq.py:sq, takes: [u8], gives: u16}, validator: {name: well_formed, level: schema}}
  - {id: held, op: exam, needs: [sq], with: {oracle: {function: oracle.py:sq}, domain: [u8]}, validator: {name: holdout, level: oracle}}
  - id: told
    op: model.generate
    needs: [held]
    with: {weights: m.gguf, prompt: "twelve squared is ", facts: [{name: square, of: held, input: [12]}], max_tokens: 20, grammar: {regex: "[0-9]{1,4}"}}
    validator: {name: keeps_grammar, level: schema}
  - {id: more, op: model.generate, needs: [told], with: {weights: m.gguf, prompt_of: told, max_tokens: 10}, validator: {name: counted, level: syntax}}
G
printf 'version: 1\nname: f\ngrants: [%s, {capability: program.run, programs: [python3], files: ["*.py"]}, {capability: exam.hold}]\n' "$grants" >f.yaml
expect 0 proctor run g.yaml --policy f.yaml --store facts
generation=$(records facts generate | jq -r 'map(select(.task == "told"))[0].generation')
expect 0 proctor show "$generation" --store facts --as generation --json
json '[.. | objects | select(has("text")) | .text] | index("144") != null'
expect 0 proctor replay --all --store facts
finish

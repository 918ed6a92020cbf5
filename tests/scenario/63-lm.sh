# Language models: a text becomes rows of tokens, a mixture of experts learns them,
# the model that came out writes; the same bits again, on two workers too; what is
# refused, by name. PROCTOR_FULL: the two million parameters of examples/lm.
. "$(dirname "$0")/lib.sh"
with_examples
cd examples/lm || exit 1

expect 0 proctor run tiny.yaml --store "$WORK/s"
out 'net +train +passed'
out 'exam +exam.holdout +passed +oracle'
out 'log_loss [0-9.]+ nats a token'
out 'story +model.generate +passed'
# weights STORE: what the training ended with.
weights() {
    proctor log --store "$1" --kind trained --json | sed -n 's/.*"weights":"\([0-9a-f]\{64\}\)".*/\1/p' | tail -n 1
}
first=$(proctor log --store "$WORK/s" --kind trained --task net --json 2>/dev/null |
    sed -n 's/.*"weights":"\([0-9a-f]\{64\}\)".*/\1/p' | tail -n 1)
check "there are weights" test ${#first} -eq 64
whole --store "$WORK/s"
expect 0 proctor replay --all --store "$WORK/s"
out '1 replayed, 0 different'

# The file is one that others open: keys, tensors, a tokenizer that gives back text.
proctor show "$first" --raw --store "$WORK/s" >net.gguf
expect 0 proctor model info net.gguf
out 'olmoe'
expect 0 proctor model encode net.gguf 'The kernel, naïve: 1.5 ≤ x'
expect 0 proctor model decode net.gguf $(cat "$OUT")
out '^The kernel, naïve: 1.5 ≤ x$'

# Two workers, four micro-batches, byte pairs: the same weights as on one worker. (In
# one store: another one draws another split.)
for workers in 1 2; do
    sed "s/vocab: 0/vocab: 300/; s/holdout: 0.4/holdout: 0.5/; s/batch: 8/batch: 8\n      micro_batches: 4\n      workers: $workers/; /id: shuffled/,\$d" tiny.yaml >"w$workers.yaml"
    expect 0 proctor run "w$workers.yaml" --store "$WORK/s"
    out 'a vocabulary of 300'
    weights "$WORK/s" >"w$workers"
done
check "one worker and two: the same weights" cmp w1 w2

# Bad input. bad SED CODE TEXT: tiny.yaml, changed so, ends with the code and says it.
bad() {
    sed "$1; /id: shuffled/,/^  - id: story/{/id: story/!d}" tiny.yaml >bad.yaml
    expect "$2" proctor run bad.yaml --store "$WORK/bad"
    if [ "$2" -eq 1 ]; then out "$3"; else err "$3"; fi
}
printf 'good\nbad \377 byte\n' >latin.md
bad 's/files: \[[^]]*\]/files: [latin.md]/' 1 'no UTF-8: byte 0xff'
printf 'short\n' >short.md
bad 's/files: \[[^]]*\]/files: [short.md]/' 1 '[0-9]+ tokens, one row takes 25'
bad 's/experts_used: 2/experts_used: 2, kv_heads: 1/' 1 'as many kv_heads as heads'
bad 's/experts_used: 2/experts_used: 2, arch: gpt-oss/' 1 'gpt-oss is not trained here'
bad 's/weights_of: net/weights_of: text/' 2 'no task that it needs and that trains on text'
bad 's/needs: \[net\]/needs: [text]/' 2 'no task that it needs and that trains on text'
bad 's/weights_of: net/weights_of: net, weights: net.gguf/' 2 'either weights or weights_of'
bad 's/weights_of: net, //' 2 'either weights or weights_of'

if [ -n "${PROCTOR_FULL:-}" ]; then
    cp -r "$ROOT/docs" "$WORK/docs"
    expect 0 ./run.sh "$WORK/big"
    out 'net +train +passed'
    out '^The kernel|.'
fi
finish

# Model files: what they are, made at random, converted, their tokens there and back,
# and every way to be no model file. docs/man/proctor-model.1.
. "$(dirname "$0")/lib.sh"
with_examples

# The smallest model there is.
expect 0 proctor model info examples/xor/xor.gguf --json
json '.kind == "perceptron" and .can == ["model"] and .tokenizer == null'
json '.shape.inputs == 2 and .parameters == 17'
check "its CID is that of b3sum" bash -c \
    '[ "$(jq -r .cid "$1")" = "$(b3sum --no-names examples/xor/xor.gguf)" ]' - "$OUT"

# Every architecture: made twice, the same bytes; described; converted.
for arch in llama qwen3moe olmoe gpt-oss; do
    expect 0 proctor model init $arch.gguf --arch $arch --seed 3
    expect 0 proctor model init again.gguf -f --arch $arch --seed 3
    check "$arch: the same options make the same file" cmp $arch.gguf again.gguf
    expect 0 proctor model info $arch.gguf --json
    json '.kind == "transformer" and .architecture == "'$arch'" and .cannot == []'
    json '.can | index("model.generate") != null'
    json '.weight_bytes > 100000 and .lane_bytes > 1000 and (.routes | test("f32 "))'
done
expect 0 proctor model init other.gguf --arch llama --seed 4
check "another seed makes another file" bash -c '! cmp -s llama.gguf other.gguf'
for type in f16 bf16 q8_0; do
    expect 0 proctor model quantize llama.gguf $type.gguf --type $type --json
    json ".type == \"$type\" and .bytes < 400000"
    expect 0 proctor model info $type.gguf --json
    json "[.tensors[] | select(.type == \"$type\")] | length == 1"
done
expect 0 proctor model info llama.gguf
out '^shape .*layers 2'
out '^tokenizer +gpt-2, 512 tokens'

# Text to tokens and back, by both kinds of tokenizer; control tokens stay text.
expect 0 proctor model init spm.gguf --arch llama --spm --vocab 600
printf 'Zoë said: <|eos|> <0x41>\n\n  两个 \360\237\230\200 ▁x <|bos|> \t end' >text
for f in llama.gguf spm.gguf; do
    expect 0 bash -c "proctor model encode $f - <text"
    cp "$OUT" ids
    expect 0 bash -c "proctor model decode $f $(cat ids)"
    check "$f: the text comes back" cmp text "$OUT"
    expect 0 proctor model encode $f '<|bos|><|eos|>' --json
    bos=$(proctor model info $f --json | jq .tokenizer.bos)
    json ".tokens | length > 4 and index($bos) == null"
done
expect 0 proctor model decode llama.gguf 240 --json # a piece of a character
json '.bytes == "f0"'
expect 2 proctor model decode llama.gguf 512
err 'token 512: the model has 512'
expect 2 proctor model decode llama.gguf x
expect 2 proctor model encode llama.gguf "$(printf 'a\377')"
err 'no UTF-8 at byte 1'
expect 2 proctor model encode examples/xor/xor.gguf text
err 'has no tokenizer'

expect 0 proctor model bench q8_0.gguf --prompt 40 --generate 3 --repeat 2 --json
json '.prefill.tokens == 40 and (.prefill.seconds | length) == 2 and .decode.median > 0'
expect 2 proctor model bench llama.gguf --prompt 5000
err 'context is 1024'

# Nothing that exists is replaced unasked, and nothing is left behind.
cp llama.gguf before
expect 2 proctor model init llama.gguf --arch llama --seed 9
err 'exists'
expect 2 proctor model quantize other.gguf llama.gguf --type f16
check "the file is as it was" cmp before llama.gguf
expect 2 proctor model init nowhere/x.gguf --arch llama
expect 2 proctor model init new.gguf --arch lama
err 'no architecture'
expect 2 proctor model init new.gguf --arch llama --layers 1000000
expect 2 proctor model init new.gguf --arch llama --type q4_0
expect 2 proctor model init new.gguf
expect 2 proctor model quantize llama.gguf new.gguf
expect 2 proctor model quantize examples/xor/graph.yaml new.gguf --type f16
check "nothing half written is left" bash -c '! ls new.gguf* 2>/dev/null'
expect 2 proctor model
expect 2 proctor model frobnicate llama.gguf
err 'proctor model --help'
expect 2 proctor model info
expect 2 proctor model info llama.gguf other.gguf

# What is no model: an error with the reason, whatever it is.
mkfifo pipe
ln -s nowhere.gguf dangling
: >empty
head -c 100000 /dev/urandom >noise
for f in pipe dangling empty noise . missing.gguf examples/xor/xor.csv; do
    expect 2 proctor model info $f
    err '^(proctor|[^ ]+): error: '
done
size=$(stat -c %s llama.gguf)
cuts="3 24 100 9999 $((size - 1))" flips="0 8 24 60 4000"
[ -z "${PROCTOR_FULL:-}" ] || cuts="$(seq 0 97 30000) $(seq 0 9973 $size)" flips=$(seq 0 61 16000)
for n in $cuts; do
    head -c $n llama.gguf >cut.gguf
    expect 2 proctor model info cut.gguf
done
{ cat llama.gguf; printf x; } >long.gguf
expect 2 proctor model info long.gguf
# One that changes while it is read: that is said, whatever else it led to.
head -c 9999 llama.gguf >moving.gguf
(while touch -c moving.gguf && [ -e moving.gguf ]; do sleep 0.002; done) &
expect 2 proctor model info moving.gguf
rm moving.gguf
wait
err 'moving.gguf changed while it was read'
# One bit changed, at places of the head and the tables: an error, or another file.
for at in $flips; do
    cp llama.gguf flip.gguf
    printf "\\x$(printf %02x $(($(od -An -tu1 -j$at -N1 llama.gguf) ^ 16)))" |
        dd of=flip.gguf bs=1 seek=$at conv=notrunc status=none
    proctor model info flip.gguf --json >"$OUT" 2>"$ERR"
    case $? in
    0) check "a flip at $at is another file" jq -e ".cid != \"$(b3sum --no-names llama.gguf)\"" "$OUT" ;;
    *) check "a flip at $at is an error" grep -q '^flip.gguf: error: ' "$ERR" ;;
    esac
done
# A number that is none, within the weights.
cp llama.gguf nan.gguf
printf '\377\377\377\377' | dd of=nan.gguf bs=1 seek=$((size - 64)) conv=notrunc status=none
expect 0 proctor model info nan.gguf --json
json '.can == [] and (.cannot[0].why | test("finite"))'

# The kernel takes no descriptor that could be written to, nor one that is no file.
expect 0 python3 "$ROOT/tests/scenario/model_ask.py" llama.gguf
out '^read-only 0$'
for case in writable write-only path folder pipe device encode-without-weights session too-much; do
    out "^$case -"
done
out '^written 0 descriptors 1$'
out '^sealed 3 of 3$'
check "nothing made a store" [ ! -e .proctor ]

# Which numeric kernels were proven here.
expect 0 proctor doctor --json
json '.routes | test("^f32 [a-z0-9]+, ")'
finish

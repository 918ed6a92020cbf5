# Training: the same bits on one worker, two and four, killed, stopped, lost; what the
# kernel measures; best, average, placebos; refused and diverging by name.
. "$(dirname "$0")/lib.sh"
grants='{capability: data.load}, {capability: data.split}, {capability: data.look}, {capability: train.run}'
# policy NAME [MORE]
policy() { printf 'version: 1\nname: %s\ngrants: [%s]\nworkers: 4\n%s\n' "$1" "$grants" "${2:-}" >"$1.yaml"; }
policy p 'budgets: {memory: 4GiB}'
# net ID WITH: one training task in flow style.
net() {
    printf '  - {id: %s, op: train, needs: [parts], with: {data: parts, model: {kind: mlp, layers: [%s], activation: tanh}, batch: 32, %s}, validator: {name: well_formed, level: schema}}\n' "$1" "${3:-8}" "$2"
}
# graph LINE...: data, its split, and these.
graph() {
    cat <<'G'
version: 1
name: moons
tasks:
  - {id: data, op: data.load, with: {format: moons, rows: 400, noise: 0.1, seed: 1}, validator: {name: well_formed, level: schema}}
  - {id: parts, op: data.split, needs: [data], with: {of: data, holdout: 0.2, stratified: true}, validator: {name: disjoint, level: property}}
G
    printf '%s\n' "$@"
}
records() { proctor log --store "$1" --kind "$2" --json | jq "[.. | objects | select(.kind? == \"$2\")]"; }
result() { records "$1" task | jq -r "map(select(.task == \"$2\"))[-1].result"; }
until_more() {
    for _ in $(seq 400); do
        [ "$(records "$1" "$2" 2>/dev/null | jq length)" -gt "$3" ] 2>/dev/null && return
        sleep 0.01
    done
}
kernel_of() {
    for _ in $(seq 100); do
        pgrep -P "$1" proctor-kernel && return
        sleep 0.02
    done
}

# --- four identical results ---------------------------------------------------------
long='micro_batches: 4, optimizer: {kind: adamw, rate: 1e-2}, epochs: 60, validation: 0.1, metric: accuracy, result: best, seed: 3'
for n in 1 2 4; do
    graph "$(net net "$long, workers: $n" "256, 256")" >"g$n.yaml"
    expect 0 proctor run "g$n.yaml" --policy p.yaml --store s
    echo "$(result s net)" >>results
done
n=$(records s trained | jq length)
proctor run g1.yaml --policy p.yaml --store s >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
until_more s trained "$n"
kill -9 "$kernel" 2>/dev/null
wait $client
expect 0 proctor run --resume --store s
echo "$(result s net)" >>results
check "it went on from a state" test "$(records s train | jq '.[-1].went_on_ref')" -gt 0
check "one, two and four workers, and killed once: one result" test "$(sort -u results | wc -l)" -eq 1
# Stopped by hand, and gone on with.
n=$(records s trained | jq length)
proctor run g2.yaml --policy p.yaml --store s >stopped 2>&1 &
client=$!
until_more s trained "$n"
kill -INT $client
wait $client
check "it says how to go on" grep -q 'run --resume' stopped
check "it is at rest" test "$(records s trained | jq -r '.[-1].why')" = stopped
expect 0 proctor run --resume --store s
check "the same result" test "$(result s net)" = "$(head -1 results)"
if [ -n "${PROCTOR_FULL:-}" ]; then
# The same graph again, instead of --resume.
n=$(records s trained | jq length)
proctor run g1.yaml --policy p.yaml --store s >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
until_more s trained "$n"
kill -9 "$kernel" 2>/dev/null
wait $client
expect 0 proctor run g4.yaml --policy p.yaml --store s
check "the same run again goes on, too" test "$(records s train | jq '.[-1].went_on_ref')" -gt 0
check "the same result on other workers" test "$(result s net)" = "$(head -1 results)"
fi
# A worker is lost; others are relieved before limits.cpu.
n=$(records s trained | jq length)
proctor run g2.yaml --policy p.yaml --store s >/dev/null 2>&1 &
client=$!
kernel=$(kernel_of $client)
until_more s trained "$n"
for zygote in $(pgrep -P "$kernel"); do # a worker is the child of its zygote
    for worker in $(pgrep -P "$zygote"); do kill -9 "$worker" && break 2; done
done 2>/dev/null
wait $client
check "a lost worker ends no training" test $? -eq 0
check "the same result without the loss" test "$(result s net)" = "$(head -1 results)"
whole --store s
expect 0 proctor replay --all --store s

# The kernel dies at its n-th write, sync or rename of a training, a spread of n: what
# it left is whole, and the run that goes on comes to the same weights.
if [ -n "${PROCTOR_FULL:-}" ]; then
    mkdir under
    cp "$PROCTOR_BIN/proctor" under/
    cat >under/proctor-kernel <<S
#!/bin/sh
exec strace -qq -o "$WORK/kernel.trace" \$KERNEL_INJECT "$PROCTOR_BIN/proctor-kernel" "\$@"
S
    chmod +x under/proctor-kernel
    graph "$(net net "$long" 32)" >f.yaml
    expect 0 proctor run f.yaml --policy p.yaml --store d
    calm=$(result d net)
    KERNEL_INJECT='-e trace=pwrite64,fdatasync,renameat' under/proctor run f.yaml --policy p.yaml --store d >/dev/null 2>&1
    mv kernel.trace calm.trace
    for call in pwrite64 fdatasync renameat; do
        total=$(grep -c "^$call" calm.trace)
        for n in $(seq 1 $((total / 12 + 1)) "$total"); do
            KERNEL_INJECT="-e trace=$call -e inject=$call:signal=KILL:when=$n" \
                timeout 60 under/proctor run f.yaml --policy p.yaml --store d >/dev/null 2>&1
            proctor run --resume --store d >/dev/null 2>&1 ||
                proctor run f.yaml --policy p.yaml --store d >/dev/null 2>&1
            check "killed at $call $n of $total: the same result" test "$(result d net)" = "$calm"
        done
    done
    whole --store d
fi

# --- what is made of it ---------------------------------------------------------------
some='micro_batches: 4, optimizer: {kind: adamw, rate: 1e-2}, epochs: 8'
graph "$(net last "$some")" "$(net best "$some, validation: 0.1, metric: accuracy, result: best")" \
    "$(net fold "$some, fold: 2, folds: 4, metric: accuracy, checkpoint: {every: 2, steps: 3}")" \
    "$(net labels "$some, twin: labels")" "$(net weights "$some, twin: weights")" \
    "  - {id: look, op: score, needs: [parts, last], with: {metric: accuracy}, validator: {name: ladder, level: property}}" >g.yaml
expect 0 proctor run g.yaml --policy p.yaml --store t
check "its twins are others" test "$(for i in last labels weights; do result t $i; done | sort -u | wc -l)" -eq 3
check "an untrained one makes no step" test "$(records t trained | jq 'map(select(.task == "weights"))[-1].step')" -eq 0
check "a quarter of its rows is measured on" jq -e '[.. | .checked_rows?] | any(tonumber? == 80 or . == 80)' <(proctor show "$(records t trained | jq -r 'map(select(.task == "fold"))[-1].training')" --store t --json)
check "what the kernel measured stands in the record" test "$(records t trained | jq 'map(select(.task == "best"))[-1].metric')" -eq 1
whole --store t

# --- refused, and failing by name ---------------------------------------------------
# bad CODE TEXT WITH: a training that is not admitted, or fails.
bad() {
    graph "$(net net "$3")" >b.yaml
    expect "$1" proctor run b.yaml --policy p.yaml --store b
    check "says /$2/" grep -qE -- "$2" "$OUT" "$ERR"
}
bad 3 '5 workers, and the policy has 4' "${some/4/8}, workers: 5"
bad 2 'validation' "$some, validation: 0.95, metric: accuracy"
bad 2 'accuracy is for classes' "$some, validation: 0.1, metric: mean_squared_error"
bad 2 'nothing is measured that could be best' "$some, result: best"
bad 1 'diverged|finite|no number' 'optimizer: {kind: sgd, rate: 1e6}, loss: squared, epochs: 5, handlers: [{kind: terminate_on_nonfinite}]'
graph "$(net net "$some, workers: 4" "600, 600")" >b.yaml
policy tight 'budgets: {memory: 1GiB}'
expect 3 proctor run b.yaml --policy tight.yaml --store b
err 'are more than budgets.memory'
policy small 'limits: {memory: 4MiB}'
expect 3 proctor run b.yaml --policy small.yaml --store b
check "says how much it needs" grep -q 'limits.memory is too small: one worker needs' "$OUT" "$ERR"
whole --store b
finish

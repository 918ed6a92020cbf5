#!/usr/bin/env bash
# Files of experiments: what they promise is what happens. Each defect of the numpy
# harness that its specification lists (T1 to T14) is a check that ours is right.
# PROCTOR_FULL: 24 commands at once instead of 4, folds, ensembles and searches too.
. "$(dirname "$0")/lib.sh"

full() { [ -n "${PROCTOR_FULL:-}" ]; }
last() { ls -td "$1"/*/ | head -1; } # the newest run of an experiment's folder
summary() { jq -e "$2" "$(last "$1")summary.json"; }

cat >line.json <<'E'
{"name": "line",
 "dataset": {"name": "synthetic_regression",
             "params": {"n_samples": 400, "n_features": 5, "noise_std": 0.1}},
 "model": {"name": "linear_regression", "params": {"use_gradient_descent": true}},
 "training": {"epochs": 3, "batch_size": 32, "learning_rate": 0.05, "optimizer": "sgd"}}
E
cat >net.yaml <<'E'
name: net
dataset: {name: synthetic_classification, params: {n_samples: 400, n_features: 4, class_sep: 2.5, seed: 5}}
model: {name: mlp, params: {layer_sizes: [4, 8, 2], output_activation: softmax}}
training: {epochs: 6, batch_size: 16, learning_rate: 1e-2}
output: {checkpoint_frequency: 2}
E

# The plan, and what is wrong.
expect 0 proctor experiment run --config line.json --dry-run
out "400 rows of 5 numbers"
out "nothing was run"
check "a dry run leaves nothing" test ! -e outputs -a ! -e .proctor
expect 2 proctor experiment run --config line.json training.epochs=2.0 \
    training.batch_size=0 dataset.params.n_samples=true name=a/b
err "4 things are wrong"
err "training.epochs: expected 1..1000000000, got 2.0"
err "has invalid path characters"
expect 2 proctor experiment run --config missing.yaml
expect 2 proctor experiment run
expect 2 proctor experiment walk
cp line.json line.txt
expect 2 proctor experiment run --config line.txt
err ".json, .yaml or .yml"
expect 2 proctor experiment run --config line.json output.directory=../out
err "outside of the working directory"

# A run, its directory, its evaluation: claims beside what was measured (T5).
expect 0 proctor experiment run --config net.yaml
out "completed"
out "measured   accuracy"
R=$(last outputs/net)
check "six epochs as lines" test "$(wc -l <"${R}metrics/metrics.ndjson")" = 6
check "metrics.json" jq -e '.experiment == "net" and (.metrics | length) == 6 and .metrics[5].epoch == 6' "${R}metrics/metrics.json"
check "metrics.md" grep -q '^| Epoch | loss | accuracy |$' "${R}metrics/metrics.md"
check "checkpoints 2, 4, 6 and the last" test "$(ls "${R}checkpoints" | tr '\n' ' ')" = "checkpoint_epoch_2 checkpoint_epoch_4 checkpoint_epoch_6 checkpoint_final "
check "a checkpoint is a model" proctor model info "${R}checkpoints/checkpoint_final/weights.gguf"
check "summary" jq -e '.status == "completed" and (.measured | test("accuracy")) and .claimed.epoch == 6' "${R}summary.json"
expect 0 proctor experiment eval --run "$R" --json
json '.n == 80 and (.metrics.accuracy.measured > 0.9) and (.rows | test("held-out rows"))'
! full || expect 0 proctor experiment eval --run "$R" --checkpoint checkpoint_epoch_4
expect 2 proctor experiment eval --run "$R" --checkpoint checkpoint_epoch_5
err "checkpoint not found"
expect 2 proctor experiment eval --run nowhere
expect 0 proctor experiment eval --run "$R" --dry-run
expect 0 proctor experiment run --config "${R}config.json"
W=$(jq -r .cids.weights "${R}summary.json")
check "config.json is the same experiment again: the same weights" test "$(jq -r .cids.weights "$(last outputs/net)summary.json")" = "$W"

# T1: rate and optimizer are obeyed. T2: the data's seed. T9: what says nothing is told.
loss() { jq -r '.metrics[-1].loss' "$(last "outputs/$1")metrics/metrics.json"; }
expect 0 proctor experiment run --config line.json
A=$(loss line) D=$(jq -r .cids.dataset "$(last outputs/line)summary.json")
expect 0 proctor experiment run --config line.json training.learning_rate=0.01
B=$(loss line)
expect 0 proctor experiment run --config line.json training.optimizer=adam \
    training.epoch=9 model.architecture=deep
err "unknown key \"epoch\" is ignored; did you mean \"epochs\""
err "\"architecture\" says nothing"
check "three losses (T1): $A $B $(loss line)" test "$A" != "$B" -a "$B" != "$(loss line)" -a "$A" != "$(loss line)"
expect 0 proctor experiment run --config line.json dataset.params.seed=43
check "other data (T2)" test "$(jq -r .cids.dataset "$(last outputs/line)summary.json")" != "$D"

# T3: the closed form is that of all rows, whatever the batch.
expect 0 proctor experiment run --config line.json model.params.use_gradient_descent=false
err "the solution of all rows is computed at once"
expect 0 proctor experiment eval --run "$(last outputs/line)" --json
json '.metrics.mse.measured < 0.02 and .metrics.r2.measured > 0.99'

# T4: one sigmoid output is a threshold.
expect 0 proctor experiment run --config net.yaml name=one \
    model.params.output_activation=sigmoid 'model.params.layer_sizes=[4, 8, 1]'
expect 0 proctor experiment eval --run "$(last outputs/one)" --json
json '.metrics.accuracy.measured > 0.9'

# T6: a loss that is no number: failed, and the exit code says so. T14: the index too.
expect 1 proctor experiment run --config line.json name=away training.learning_rate=1e5 training.epochs=40
check "status failed (T6)" summary outputs/away '.status == "failed" and (.why | length) > 0'
check "the index says so, with final metrics (T14)" jq -e '[.runs[] | select(.experiment == "away") | .status] == ["failed"] and ([.runs[] | select(.experiment == "net") | .final_metrics.epoch][0] == 6)' outputs/index.json

# T8: what cannot run is said, before anything runs.
cat >list.yaml <<'E'
- {name: first, dataset: {name: moons, params: {n_samples: 200}}, model: {name: mlp, params: {layer_sizes: [2, 4, 2], output_activation: softmax}}, training: {epochs: 1}}
- {name: second, dataset: {name: imagenet}, model: {name: resnet18}}
E
expect 2 proctor experiment run --config list.yaml --dry-run
out "cannot run  dataset imagenet: there is no reader for it"
expect 2 proctor experiment run --config list.yaml
err "dataset imagenet"
check "nothing of the list ran (T8)" test ! -e outputs/first

# T12, T13: named where they stand.
expect 2 proctor experiment run --config net.yaml 'model.params.layer_sizes=[4, true, 2]'
err "layer_sizes\[1\]: expected 1..65536, got true"
! full || expect 2 proctor experiment run --config net.yaml dataset.params.n_classes=3

# A list stops at the first failure and says how far it came.
cat >list.yaml <<'E'
- {name: a, dataset: {name: moons, params: {n_samples: 200}}, model: {name: mlp, params: {layer_sizes: [2, 4, 2], output_activation: softmax}}, training: {epochs: 1}}
- {name: b, dataset: {name: csv, path: gone.csv, params: {output: y}}, model: {name: linear_regression}}
- {name: c, dataset: {name: moons}, model: {name: mlp, params: {layer_sizes: [2, 4, 2], output_activation: softmax}}}
E
expect 2 proctor experiment run --config list.yaml
err "1 of 3 experiments completed"
check "c did not run" test ! -e outputs/c

# T10: Ctrl-C keeps a checkpoint and says how to go on; then the weights are those of a
# run that nobody stopped. With PROCTOR_FULL also after kill -9.
LONG=(training.epochs=6000 output.checkpoint_frequency=200 evaluation.holdout=0)
expect 0 proctor experiment run --config net.yaml name=whole "${LONG[@]}"
W=$(jq -r .cids.weights "$(last outputs/whole)summary.json")
proctor experiment run --config net.yaml name=cut --store other "${LONG[@]}" >"$OUT" 2>"$ERR" &
PID=$!
for _ in $(seq 200); do [ -s outputs/cut/*/metrics/metrics.ndjson ] && break; sleep 0.01; done 2>/dev/null
kill -INT $PID
wait $PID
STATUS=$?
if [ $STATUS -eq 1 ]; then
    out "go on      proctor experiment run --resume"
    check "stopped" summary outputs/cut '.status == "stopped"'
    expect 0 proctor experiment run --resume "$(last outputs/cut)"
fi
check "stopped or not, the same weights" test "$(jq -r .cids.weights "$(last outputs/cut)summary.json")" = "$W"
check "all epochs are there" test "$(wc -l <"$(last outputs/cut)metrics/metrics.ndjson")" = 6000

# A run that is over is shown again, and nothing is recorded; one that another run came
# after is gone on with for all that, and never the other in its place. SIGTERM ends a
# run in good order.
N=$(proctor log --store other | wc -l)
rm "$(last outputs/cut)metrics/metrics.ndjson"
expect 0 proctor experiment run --resume "$(last outputs/cut)"
check "shown from the ledger" test "$(wc -l <"$(last outputs/cut)metrics/metrics.ndjson")" = 6000
check "nothing was recorded" test "$(proctor log --store other | wc -l)" = "$N"
proctor experiment run --config net.yaml name=term --store other "${LONG[@]}" training.epochs=5999 >"$OUT" 2>"$ERR" &
PID=$!
for _ in $(seq 200); do [ -s outputs/term/*/metrics/metrics.ndjson ] && break; sleep 0.01; done 2>/dev/null
kill -TERM $PID
wait $PID
STATUS=$?
if [ $STATUS -eq 1 ]; then # not over, nor at its last words, when it came
    out "go on      proctor experiment run --resume"
    expect 0 proctor log --store other
    out "a person stopped it"
fi
expect 0 proctor experiment run --config line.json --store other evaluation.holdout=0
expect 0 proctor experiment run --resume "$(last outputs/term)"
out "term: completed"
check "its own epochs" test "$(wc -l <"$(last outputs/term)metrics/metrics.ndjson")" = 5999

# Folds, an ensemble, a search: ordinary tasks.
if full; then
expect 0 proctor experiment run --config net.yaml name=folds training.epochs=2 'evaluation={folds: 3}'
out "fold_3"
check "metrics of each fold" test -s "$(last outputs/folds)metrics/fold_2.json"
expect 0 proctor experiment run --config net.yaml name=many training.epochs=2 'ensemble={how: average, n: 2}'
out "measured"
expect 0 proctor experiment run --config net.yaml 'search={grid: {training.learning_rate: [0.1, 0.01]}}' name=grid training.epochs=1
out "2 of 2 experiments completed"
check "two folders" test -d outputs/grid-001 -a -d outputs/grid-002
fi

# compat: harness: the numbers of its own runs, to 1e-9 (docs/experiments.md).
cat >harness.json <<'E'
[{"name": "line_as_there",
  "dataset": {"name": "synthetic_regression", "params": {"n_samples": 1000, "n_features": 10, "n_informative": 8, "noise_std": 0.1}},
  "model": {"name": "linear_regression", "params": {"use_gradient_descent": true, "l2_regularization": 0.01}},
  "training": {"epochs": 50, "batch_size": 32, "learning_rate": 0.01, "seed": 42}},
 {"name": "net_as_there",
  "dataset": {"name": "synthetic_classification", "params": {"n_samples": 1000, "n_features": 20, "n_classes": 2, "class_sep": 2.0}},
  "model": {"name": "mlp", "params": {"layer_sizes": [20, 10, 5, 2], "activation": "relu", "output_activation": "softmax"}},
  "training": {"epochs": 100, "batch_size": 32, "seed": 42},
  "output": {"checkpoint_frequency": 20}}]
E
near() { # near NAME EPOCH KEY WANTED
    check "$1, epoch $2: $3 is $4" jq -e ".metrics[$2 - 1].$3 - $4 | fabs <= 1e-9 * ([($4 | fabs), 1e-3] | max)" "$(last "outputs/$1")metrics/metrics.json"
}
expect 0 proctor experiment run --config harness.json --compat harness
err "\"learning_rate\" says nothing"
near line_as_there 1 loss 4.668918369364614
near line_as_there 50 loss 0.18334198012472874
near net_as_there 1 loss 0.19579284949187373
near net_as_there 1 accuracy 0.767
near net_as_there 20 accuracy 0.989
near net_as_there 100 loss 0.0017416344559557457
expect 0 proctor experiment eval --run "$(last outputs/line_as_there)" --json
json '(.metrics.mse.measured - 0.176016 | fabs) < 1e-6 and (.metrics.r2.measured - 0.963902 | fabs) < 1e-6 and (.rows | test("trained on"))'

# T11: what is bundled runs: from a CSV file to an admitted predictor.
with_examples
expect 0 proctor experiment run --config examples/flowers/experiment.yaml
out "exam: admit"
expect 0 proctor ref list
out "primitives/flowers"
expect 0 proctor experiment run --config examples/experiment/moons.yaml

# T7: many commands at once, one index.
N=4
! full || N=24
for i in $(seq $N); do
    proctor experiment run --config line.json name=n output.directory=many \
        training.epochs=1 dataset.params.n_samples=70 --store "s$i" >"log$i" 2>&1 &
    PIDS[i]=$!
done
for i in $(seq $N); do wait "${PIDS[i]}" || tail -3 "log$i"; done
check "$N runs at once, all of them in the index (T7)" jq -e "[.runs[] | select(.status == \"completed\") | .run_dir] | unique | length == $N" many/index.json
expect 0 proctor experiment list many
out "^$N runs"
whole
finish

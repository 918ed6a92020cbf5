/* Graphs that train: what each key becomes, which defaults are filled in, and what
 * is refused where. */
#include "tests/unit/config/ask.h"

#include "proto/record.h"

/* A graph of one train task; data: the task before it, or "". */
static const char *graph_of(const char *data, const char *with)
{
    static char text[8192];

    snprintf(text, sizeof(text),
             "version: 1\nname: t\ntasks:\n%s- id: net\n  op: train\n"
             "  with:\n%s",
             data, with);
    return text;
}

static void moons(struct asked *a, const char *with)
{
    ask_graph(a, graph_of("", with));
}

static void defaults(void **state)
{
    struct asked a;
    const Proctor__TrainSpec *t;
    const Proctor__Recipe *r;

    (void)state;
    moons(&a, "    {data: d, model: {kind: mlp, layers: [8, 4]}}\n");
    assert_fine(&a);
    t = a.reply.graph->tasks[0]->train;
    r = t->recipe;
    assert_string_equal(t->data, "d");
    assert_int_equal(r->version, 1);
    assert_int_equal(r->learner->n_layers, 4);
    assert_int_equal(r->learner->layers[0], 0);
    assert_int_equal(r->learner->layers[1], 8);
    assert_int_equal(r->learner->layers[2], 4);
    assert_int_equal(r->learner->layers[3], 0);
    assert_string_equal(r->learner->activation, "relu");
    assert_int_equal(r->epochs, 10);
    assert_int_equal(r->batch, 32);
    assert_int_equal(r->micro_batches, 1);
    assert_int_equal(r->accumulate, 1);
    assert_int_equal(r->seed, 1);
    assert_string_equal(r->optimizer->kind, "adamw");
    assert_true(r->optimizer->rate == 0.001 && r->optimizer->decay == 0.01);
    assert_true(r->optimizer->beta1 == 0.9 && r->optimizer->beta2 == 0.999);
    assert_true(r->optimizer->epsilon == 1e-8);
    assert_null(r->schedule);
    assert_int_equal(t->workers, 1);
    assert_int_equal(t->checkpoint_every, 1);
    assert_int_equal(t->result, PROCTOR__TRAIN_RESULT__RESULT_LAST);
    assert_int_equal(t->keep, 1);
    assert_int_equal(t->twin, PROCTOR__TRAIN_TWIN__TWIN_NONE);
    /* Its data are not of this graph: the worker knows what they are. */
    assert_null(r->loss);
    assert_string_equal(r->learner->output, "");
    assert_int_equal(t->metric, METRIC_NONE);
    ask_done(&a);
}

static void every_key(void **state)
{
    struct asked a;
    const Proctor__TrainSpec *t;
    const Proctor__Recipe *r;

    (void)state;
    moons(&a, "    data: parts\n"
              "    model: {kind: mlp, sizes: [4, 9, 3], activation: tanh,\n"
              "            output: softmax, dropout: 0.1, standardize: true,\n"
              "            seed: 7}\n"
              "    loss: {kind: cross_entropy, smoothing: 0.05}\n"
              "    optimizer: {kind: sgd, rate: 1e-3, momentum: 0.9,\n"
              "                nesterov: true, decay: 0.5}\n"
              "    schedule: [{kind: linear, size: 5, start: 0.1},\n"
              "               {kind: multi_step, from: 5, at: [3, 9]}]\n"
              "    epochs: 20\n    steps: 900\n    batch: 64\n"
              "    micro_batches: 4\n    accumulate: 2\n    seed: 11\n"
              "    clip: {norm: 1.0, value: 2}\n    ema: 0.99\n"
              "    ordered: true\n    metrics: [accuracy, f1]\n"
              "    fold: 2\n    folds: 5\n    metric: mean_absolute_error\n"
              "    checkpoint: {every: 3, steps: 50}\n"
              "    result: {average: 3}\n    workers: 2\n"
              "    twin: labels\n    start: other\n"
              "    handlers:\n"
              "    - {kind: early_stopping, patience: 4, min_delta: 0.1}\n"
              "    - {kind: early_stopping, metric: f1_macro}\n"
              "    - terminate_on_nonfinite\n"
              "    - {kind: time_limit, seconds: 9}\n"
              "    - {kind: timer, event: started, once: 5, fires: boom}\n");
    assert_fine(&a);
    t = a.reply.graph->tasks[0]->train;
    r = t->recipe;
    assert_int_equal(r->learner->n_layers, 3);
    assert_int_equal(r->learner->layers[2], 3);
    assert_string_equal(r->learner->output, "softmax");
    assert_true(r->learner->dropout == 0.1 && r->learner->standardize);
    assert_int_equal(r->learner->seed, 7);
    assert_true(r->loss->smoothing == 0.05);
    assert_true(r->optimizer->momentum == 0.9 && r->optimizer->nesterov);
    assert_int_equal(r->schedule->n_parts, 2);
    assert_false(r->schedule->per_epoch);
    assert_true(r->schedule->parts[0]->start == 0.1);
    assert_int_equal(r->schedule->parts[1]->n_at, 2);
    assert_true(r->schedule->parts[1]->factor == 0.1);
    assert_int_equal(r->steps, 900);
    assert_true(r->clip_norm == 1 && r->clip_value == 2 && r->ema == 0.99);
    assert_true(r->ordered);
    assert_int_equal(r->n_metrics, 2);
    assert_int_equal(t->fold, 2);
    assert_int_equal(t->folds, 5);
    assert_int_equal(t->metric, METRIC_ABSOLUTE_ERROR);
    assert_int_equal(t->checkpoint_every, 3);
    assert_int_equal(t->checkpoint_steps, 50);
    assert_int_equal(t->result, PROCTOR__TRAIN_RESULT__RESULT_AVERAGE);
    assert_int_equal(t->keep, 3);
    assert_int_equal(t->workers, 2);
    assert_int_equal(t->twin, PROCTOR__TRAIN_TWIN__TWIN_LABELS);
    assert_string_equal(t->start, "other");
    assert_int_equal(r->n_handlers, 5);
    assert_int_equal(r->handlers[0]->lower, 1); /* an error */
    assert_int_equal(r->handlers[1]->lower, 0); /* a score */
    assert_int_equal(r->handlers[0]->patience, 4);
    assert_string_equal(r->handlers[0]->event, "epoch_completed");
    assert_string_equal(r->handlers[2]->event, "iteration_completed");
    assert_int_equal(r->handlers[4]->n_once, 1);
    assert_string_equal(r->handlers[4]->fires, "boom");
    ask_done(&a);
}

static void kinds(void **state)
{
    struct asked a;
    const Proctor__Recipe *r;

    (void)state;
    moons(&a, "    {data: d, model: {kind: linear, l2: 0.5}}\n");
    assert_fine(&a);
    r = a.reply.graph->tasks[0]->train->recipe;
    assert_true(r->learner->closed_form && r->learner->l2 == 0.5);
    assert_null(r->optimizer);
    assert_int_equal(r->epochs, 1);
    assert_string_equal(r->loss->kind, "squared");
    ask_done(&a);
    moons(&a, "    {data: d, optimizer: adam, clip: 3, checkpoint: 7,\n"
              "     schedule: {kind: plateau, patience: 2}, validation: 0.1,\n"
              "     result: best, model: {kind: transformer, width: 128,\n"
              "     experts: 4}}\n");
    assert_fine(&a);
    r = a.reply.graph->tasks[0]->train->recipe;
    assert_string_equal(r->learner->arch, "olmoe");
    assert_int_equal(r->learner->experts_used, 2);
    assert_int_equal(r->learner->kv_heads, 4);
    assert_int_equal(r->learner->ffn, 256);
    assert_true(r->learner->balance == 0.01);
    assert_string_equal(r->loss->kind, "cross_entropy");
    assert_true(r->schedule->per_epoch && r->clip_norm == 3);
    assert_int_equal(a.reply.graph->tasks[0]->train->checkpoint_every, 7);
    ask_done(&a);
    moons(&a, "    {data: d, compat: harness, epochs: 3, batch: 8,\n"
              "     optimizer: {kind: sgd, rate: 0.001}, model: linear}\n");
    assert_fine(&a);
    r = a.reply.graph->tasks[0]->train->recipe;
    assert_true(r->harness && r->learner->closed_form && r->optimizer);
    assert_int_equal(r->epochs, 3);
    ask_done(&a);
}

/* What the data are decides what was left out. */
static void by_data(void **state)
{
    static const struct {
        const char *data;
        const char *loss, *output;
        uint32_t metric;
    } rows[] = {
        {"- {id: d, op: data.load, with: {format: moons}}\n", "cross_entropy",
         "softmax", METRIC_ACCURACY},
        {"- {id: d, op: data.load, with: {format: regression}}\n", "squared",
         "identity", METRIC_SQUARED_ERROR},
        {"- {id: e, op: data.load, with: {format: moons}}\n"
         "- {id: d, op: data.split, needs: [e],\n"
         "   with: {of: e, holdout: 0.2}}\n",
         "cross_entropy", "softmax", METRIC_ACCURACY}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        const Proctor__TrainSpec *t;
        struct asked a;

        ask_graph(&a, graph_of(rows[i].data,
                               "    {data: d, model: {kind: mlp, layers: [8]},\n"
                               "     validation: 0.1,\n"
                               "     handlers: [early_stopping]}\n"));
        assert_fine(&a);
        t = a.reply.graph->tasks[a.reply.graph->n_tasks - 1]->train;
        assert_string_equal(t->recipe->loss->kind, rows[i].loss);
        assert_string_equal(t->recipe->learner->output, rows[i].output);
        assert_int_equal(t->metric, rows[i].metric);
        assert_int_equal(t->recipe->handlers[0]->lower,
                         rows[i].metric != METRIC_ACCURACY);
        ask_done(&a);
    }
}

static void others(void **state)
{
    static const char text[] =
        "version: 1\nname: t\ntasks:\n"
        "- id: sum\n  op: train.combine\n  needs: [a, b]\n"
        "  with: {how: vote, of: [a, b]}\n"
        "- id: exam\n  op: exam.holdout\n  needs: [p, sum, s]\n"
        "  with: {split: p, candidate: sum, metric: accuracy, twins: [s],\n"
        "         incumbent: primitives/iris}\n";
    struct asked a;
    const Proctor__HoldoutSpec *h;

    (void)state;
    ask_graph(&a, text);
    assert_fine(&a);
    assert_string_equal(a.reply.graph->tasks[0]->combine->how, "vote");
    assert_int_equal(a.reply.graph->tasks[0]->combine->n_of, 2);
    h = a.reply.graph->tasks[1]->holdout;
    assert_string_equal(h->candidate, "sum");
    assert_string_equal(h->incumbent, "primitives/iris");
    assert_int_equal(h->metric, METRIC_ACCURACY);
    assert_int_equal(h->n_twins, 1);
    ask_done(&a);
}

struct refused {
    const char *with;
    const char *what;
    const char *hint; /* a part of it */
};

#define NET "model: {kind: mlp, layers: [4]}"
static const struct refused refusals[] = {
    {"{data: d}", "key \"model\" is missing", "known keys"},
    {"{" NET "}", "key \"data\" is missing", ""},
    {"{data: d, model: mpl}", "did you mean \"mlp\"", ""},
    {"{data: d, model: [mlp]}", "expected a word or a map", ""},
    {"{data: d, model: {layers: [3]}}", "key \"kind\" is missing", "kind"},
    {"{data: d, " NET ", epoch: 3}", "did you mean \"epochs\"", ""},
    {"{data: d, " NET ", epochs: 0}", "with.epochs: expected 1..", ""},
    {"{data: d, " NET ", epochs: 2.0}", "got 2.0", "whole number"},
    {"{data: d, " NET ", batch: -1}", "with.batch: ", ""},
    {"{data: d, " NET ", batch: 2, micro_batches: 4}", "4 parts of a batch",
     "at least one row"},
    {"{data: d, " NET ", workers: 2}", "2 workers share 1 micro_batches",
     "micro_batches: 2"},
    {"{data: d, " NET ", seed: -1}", "with.seed: ", ""},
    {"{data: d, " NET ", ema: 1}", "with.ema: expected a number above 0", ""},
    {"{data: d, " NET ", clip: 0}", "with.clip: expected a number above", ""},
    {"{data: d, " NET ", clip: {norm: .nan}}", "with.clip.norm: ", ""},
    {"{data: d, " NET ", loss: hubert}", "did you mean \"huber\"", ""},
    {"{data: d, " NET ", loss: {kind: squared, delta: 1}}",
     "squared has no such key", "leave this key out"},
    {"{data: d, " NET ", loss: {kind: cross_entropy, smoothing: 1}}",
     "with.loss.smoothing: ", ""},
    {"{data: d, " NET ", optimizer: {rate: 1}}", "key \"kind\" is missing", ""},
    {"{data: d, " NET ", optimizer: {kind: sgd, beta1: 1}}",
     "sgd has no such key", ""},
    {"{data: d, " NET ", optimizer: {kind: sgd, nesterov: true}}",
     "nesterov without momentum", "momentum"},
    {"{data: d, " NET ", optimizer: {kind: sgd, rate: 0}}",
     "with.optimizer.rate: expected a number above 0", ""},
    {"{data: d, " NET ", optimizer: {kind: sgd, rate: .inf}}", "a number", ""},
    {"{data: d, " NET ", schedule: []}", "at least one part", ""},
    {"{data: d, " NET ", schedule: {kind: cosine}}", "key \"size\" is missing",
     "length"},
    {"{data: d, " NET ", schedule: {kind: cosine, size: 5, gamma: 1}}",
     "unknown key \"gamma\"", ""},
    {"{data: d, " NET ", schedule: {kind: multi_step, at: [3, 3]}}",
     "ascending", ""},
    {"{data: d, " NET ", schedule: {kind: multi_step}}",
     "key \"at\" is missing", ""},
    {"{data: d, " NET ", schedule: [{kind: constant, from: 3}]}",
     "first part begins at 0", ""},
    {"{data: d, " NET ", schedule: [constant, constant]}", "later from", ""},
    {"{data: d, " NET ", schedule: [constant, {kind: plateau, from: 3}]}",
     "another unit", "per:"},
    {"{data: d, " NET ", validation: 1}", "with.validation: ", ""},
    {"{data: d, " NET ", folds: 5}", "belong together", "fold: 2"},
    {"{data: d, " NET ", fold: 6, folds: 5}", "with.fold: expected 1..5", ""},
    {"{data: d, " NET ", fold: 1, folds: 5, validation: 0.1}",
     "both \"validation\" and \"folds\"", ""},
    {"{data: d, " NET ", metric: auc}", "with.metric: expected accuracy", ""},
    {"{data: d, " NET ", checkpoint: {}, result: {best: 2}}",
     "nothing is measured", "validation"},
    {"{data: d, " NET ", result: {best: 2, average: 3}}", "expected last", ""},
    {"{data: d, " NET ", twin: label}", "did you mean \"labels\"", ""},
    {"{data: d, " NET ", compat: mlx}", "expected harness", ""},
    {"{data: d, " NET ", handlers: early_stopping}", "expected a list", ""},
    {"{data: d, " NET ", handlers: [{kind: time_limit}]}",
     "with.handlers[0]: key \"seconds\" is missing", ""},
    {"{data: d, " NET ", handlers: [{kind: timer, patience: 3}]}",
     "timer has no such key", ""},
    {"{data: d, " NET ", handlers: [{kind: timer, every: 3, once: 4}]}",
     "both \"every\" and \"once\"", ""},
    {"{data: d, model: {kind: mlp, layers: [3], sizes: [1, 2]}}",
     "both \"layers\" and \"sizes\"", ""},
    {"{data: d, model: {kind: mlp, sizes: [1]}}", "inputs and outputs", ""},
    {"{data: d, model: {kind: mlp, layers: [true]}}",
     "with.model.layers[0]: expected 1..65536, got true", ""},
    {"{data: d, model: {kind: mlp, layers: [0]}}", "layers[0]", ""},
    {"{data: d, model: {kind: mlp, dropout: 1}}", "model.dropout", ""},
    {"{data: d, model: {kind: mlp, l2: 1}}", "mlp has no such key", ""},
    {"{data: d, model: linear, epochs: 3}", "the closed form makes no steps",
     "closed_form: false"},
    {"{data: d, model: {kind: transformer, width: 30}}",
     "does not divide into 4 heads", ""},
    {"{data: d, model: {kind: transformer, kv_heads: 3}}",
     "cannot share 3 kv_heads", ""},
    {"{data: d, model: {kind: transformer, experts_used: 2}}",
     "2 experts_used of 0 experts", ""},
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(refusals); i++) {
        const Proctor__Problem *p;
        struct asked a;
        char with[512];

        snprintf(with, sizeof(with), "    %s\n", refusals[i].with);
        moons(&a, with);
        p = a.reply.problem;
        if (!p || p->line != 7 || p->col < 5 ||
            !strstr(p->what, refusals[i].what) ||
            !strstr(p->hint, refusals[i].hint)) {
            fail_msg("%s\n  wanted: %s (%s)\n  got %u:%u: %s (%s)",
                     refusals[i].with, refusals[i].what, refusals[i].hint,
                     p ? p->line : 0, p ? p->col : 0, p ? p->what : "nothing",
                     p ? p->hint : "");
        }
        ask_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(every_key),
        cmocka_unit_test(kinds), cmocka_unit_test(by_data),
        cmocka_unit_test(others),
        cmocka_unit_test(refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

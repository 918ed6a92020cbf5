/* How an experiment trains, what it leaves on the disk, and how it is measured. Runs
 * in the confined `config` worker. */
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/experiment_int.h"
#include "workers/config/schema.h"
#include "workers/config/specs.h"

#define COUNT_MAX 1000000000u
#define HARNESS_RATE 0.001 /* whatever its files say */
#define HOLDOUT 0.2

enum {
    T_EPOCHS,
    T_BATCH,
    T_RATE,
    T_OPTIMIZER,
    T_SEED,
    T_PARAMS,
    T_N
};

static const char *const optimizers[] = {"adam", "sgd", "rmsprop", "adamw"};
static const struct exp_field training_fields[T_N] = {
    {"epochs", X_UINT, 0, 0, 1, COUNT_MAX, 0, NULL, 0},
    {"batch_size", X_UINT, 0, 0, 1, COUNT_MAX, 0, NULL, 0},
    {"learning_rate", X_NUMBER, X_OPEN, 0, 0, 0, 0, NULL, 0},
    {"optimizer", X_WORD, 0, 0, 0, 0, 0, optimizers, ARRAY_N(optimizers)},
    {"seed", X_UINT, X_NULL, 0, 0, UINT32_MAX, 0, NULL, 0},
    {"params", X_MAP, 0, 0, 0, 0, 0, NULL, 0}};

/* Keys of params: those of op train, and of its optimizer, by their names here. */
static const struct exp_field train_params[] = {
    {"loss", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"schedule", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"clip", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"ema", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"steps", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"micro_batches", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"accumulate", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"ordered", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"metrics", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"handlers", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"workers", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"result", X_ANY, 0, 0, 0, 0, 0, NULL, 0}};
static const struct exp_field optimizer_params[] = {
    {"momentum", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"nesterov", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"beta1", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"beta2", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"epsilon", X_ANY, 0, 0, 0, 0, 0, NULL, 0},
    {"decay", X_ANY, 0, 0, 0, 0, 0, NULL, 0}};
#define TRAIN_PARAMS ARRAY_N(train_params)
#define ALL_PARAMS (TRAIN_PARAMS + ARRAY_N(optimizer_params))

static int put(struct config *c, struct yaml_node *map, const char *key,
               struct yaml_node *value)
{
    return build_add(c, map, key, value) ? 0 : ERR_NOMEM;
}

/* What is there of the two tables: into `with`, the optimizer and config.json. */
static int put_params(struct exp_reader *r, const struct yaml_node *n,
                      struct yaml_node *optimizer, struct experiment *e)
{
    struct config *c = r->c;
    struct exp_field fields[ALL_PARAMS];
    struct exp_value v[ALL_PARAMS];

    memcpy(fields, train_params, sizeof(train_params));
    memcpy(fields + TRAIN_PARAMS, optimizer_params, sizeof(optimizer_params));
    config_enter(c, "params");
    TRY(exp_fields(r, n, fields, ALL_PARAMS, 0, v));
    config_leave(c);
    for (size_t i = 0; i < ALL_PARAMS; i++) {
        struct yaml_node *to = i < TRAIN_PARAMS ? e->with : optimizer;

        if (!v[i].n) {
            continue;
        }
        if (e->is_harness) {
            TRY(exp_warn(r, v[i].n->key, "compat: harness: key \"%s\" says "
                                         "nothing", fields[i].name));
            continue;
        }
        TRY(put(c, to, fields[i].name, build_copy(c, v[i].n)));
        TRY(put(c, e->training_params, fields[i].name, build_copy(c, v[i].n)));
    }
    return 0;
}

/* The reader of graphs looks at all of `with`, beside a model that takes every loss:
 * its problems stand where a person wrote. */
static int check_with(struct exp_reader *r, const struct experiment *e)
{
    struct config *c = r->c;
    struct yaml_node *all = build_deep_copy(c, e->with);
    struct yaml_node *model = build_map(c);
    Proctor__TrainSpec *unused = NULL;
    size_t path_n = c->path_n;

    if (!model || !all) {
        return ERR_NOMEM;
    }
    TRY(put(c, model, "kind", build_text(c, e->is_closed ? "linear" : "mlp")));
    TRY(put(c, all, "model", model));
    TRY(put(c, all, "data", build_text(c, "data")));
    if (e->validation > 0) {
        TRY(put(c, all, "validation", build_number(c, e->validation)));
    }
    config_enter(c, "params");
    KEEP(r, spec_train(c, all, &unused));
    c->path_n = path_n;
    return 0;
}

/* Without steps, what is said of them says nothing. */
static int warn_closed(struct exp_reader *r, const struct exp_value v[T_N])
{
    for (size_t i = 0; i <= T_OPTIMIZER; i++) {
        if (v[i].n) {
            TRY(exp_warn(r, v[i].n->key, "\"%s\" says nothing: the solution of "
                                         "all rows is computed at once "
                                         "(use_gradient_descent: false)",
                         training_fields[i].name));
        }
    }
    return 0;
}

/* What the harness does whatever the file says. */
static int put_harness(struct exp_reader *r, const struct exp_value v[T_N],
                       struct experiment *e)
{
    struct config *c = r->c;

    TRY(put(c, e->with, "compat", build_text(c, "harness")));
    TRY(put(c, e->with, "loss", build_text(c, "squared")));
    for (size_t i = T_RATE; i <= T_OPTIMIZER; i++) {
        if (v[i].n) {
            TRY(exp_warn(r, v[i].n->key,
                         "compat: harness: \"%s\" says nothing, as there: "
                         "plain descent at rate 0.001",
                         training_fields[i].name));
        }
    }
    return 0;
}

static int put_steps(struct exp_reader *r, const struct exp_value v[T_N],
                     struct experiment *e)
{
    struct config *c = r->c;
    struct yaml_node *o = build_map(c);

    if (!o) {
        return ERR_NOMEM;
    }
    TRY(put(c, o, "kind", build_text(c, e->is_harness ? "sgd" : e->optimizer)));
    TRY(put(c, o, "rate",
            build_number(c, e->is_harness ? HARNESS_RATE : e->rate)));
    TRY(put_params(r, v[T_PARAMS].n, o, e));
    TRY(put(c, e->with, "optimizer", o));
    TRY(put(c, e->with, "epochs", build_uint(c, e->epochs)));
    TRY(put(c, e->with, "batch", build_uint(c, e->batch)));
    if (e->is_harness) {
        TRY(put_harness(r, v, e));
    } else if (e->model_kind == MODEL_MLP && e->rate > 1) {
        TRY(exp_warn(r, v[T_RATE].n, "learning_rate %g is above 1: it will "
                                     "hardly converge", e->rate));
    }
    return 0;
}

/* Files that do not tell what their labels are: what the model wants them to be. */
static int put_kind(struct config *c, struct experiment *e)
{
    const char *word = e->kind == PROCTOR__DATA_KIND__DATA_REGRESSION
                           ? "regression"
                           : "classification";

    if (!e->asks_kind) {
        return 0;
    }
    TRY(put(c, e->load, "kind", build_text(c, word)));
    return put(c, e->dataset_params, "kind", build_text(c, word));
}

int exp_read_training(struct exp_reader *r, const struct yaml_node *n,
                      struct experiment *e)
{
    struct config *c = r->c;
    const struct yaml_node *seed = build_find(n, "seed");
    struct exp_value v[T_N];
    struct yaml_node *unused = build_map(c);

    e->with = build_map(c);
    e->training_params = build_map(c);
    if (!e->with || !e->training_params || !unused) {
        return ERR_NOMEM;
    }
    TRY(exp_fields(r, n, training_fields, T_N, 0, v));
    if (seed && build_is_null(seed)) {
        TRY(exp_fail(r, seed, "seed", "leave it out for 42",
                     "rows are shuffled by it: there is no null"));
    }
    e->epochs = v[T_EPOCHS].n ? v[T_EPOCHS].u : 10;
    e->batch = v[T_BATCH].n ? v[T_BATCH].u : 32;
    e->rate = v[T_RATE].n ? v[T_RATE].f : 0.001;
    e->optimizer = v[T_OPTIMIZER].s ? v[T_OPTIMIZER].s : "adam";
    e->seed = v[T_SEED].n ? v[T_SEED].u : 42;
    /* Rows of a generator: drawn by the data's own seed, or by this one. */
    if (e->rows > 0 && (e->is_harness || !build_find(e->load, "seed"))) {
        TRY(put(c, e->load, "seed", build_uint(c, e->seed)));
        TRY(put(c, e->dataset_params, "seed", build_uint(c, e->seed)));
    }
    TRY(put(c, e->with, "seed", build_uint(c, e->seed)));
    TRY(put_kind(c, e));
    if (e->is_closed && !e->is_harness) {
        TRY(put_params(r, v[T_PARAMS].n, unused, e));
        TRY(warn_closed(r, v));
    } else {
        TRY(put_steps(r, v, e));
    }
    return check_with(r, e);
}

enum {
    O_DIRECTORY,
    O_SAVE,
    O_FREQUENCY,
    O_LOGS,
    O_PARAMS,
    O_N
};

static const struct exp_field output_fields[O_N] = {
    {"directory", X_TEXT, 0, 0, 0, 0, 0, NULL, 0},
    {"save_checkpoints", X_BOOL, 0, 0, 0, 0, 0, NULL, 0},
    {"checkpoint_frequency", X_UINT, 0, 0, 1, COUNT_MAX, 0, NULL, 0},
    {"save_logs", X_BOOL, 0, 0, 0, 0, 0, NULL, 0},
    {"params", X_MAP, 0, 0, 0, 0, 0, NULL, 0}};

int exp_read_output(struct exp_reader *r, const struct yaml_node *n,
                    struct experiment *e)
{
    struct exp_value v[O_N];

    TRY(exp_fields(r, n, output_fields, O_N, 0, v));
    if (v[O_PARAMS].n && v[O_PARAMS].n->n > 0) {
        TRY(exp_warn(r, v[O_PARAMS].n->key, "key \"params\" says nothing here"));
    }
    e->directory = v[O_DIRECTORY].s ? v[O_DIRECTORY].s : "outputs";
    e->saves = !v[O_SAVE].n || v[O_SAVE].b;
    e->logs = !v[O_LOGS].n || v[O_LOGS].b;
    e->frequency = v[O_FREQUENCY].n ? v[O_FREQUENCY].u : 1;
    return 0;
}

enum {
    V_HOLDOUT,
    V_STRATIFIED,
    V_METRIC,
    V_VALIDATION,
    V_FOLDS,
    V_EXAM,
    V_REF,
    V_N
};

static const char *const metrics[] = {"accuracy", "mean_absolute_error",
                                      "mean_squared_error"};
static const struct exp_field evaluation_fields[V_N] = {
    {"holdout", X_NUMBER, 0, 0, 0, 0, 0, NULL, 0},
    {"stratified", X_BOOL, 0, 0, 0, 0, 0, NULL, 0},
    {"metric", X_WORD, 0, 0, 0, 0, 0, metrics, ARRAY_N(metrics)},
    {"validation", X_NUMBER, X_OPEN, 0, 0, 0, 0, NULL, 0},
    {"folds", X_UINT, 0, 0, 2, 100, 0, NULL, 0},
    {"exam", X_BOOL, 0, 0, 0, 0, 0, NULL, 0},
    {"ref", X_TEXT, X_NULL, 0, 0, 0, 0, NULL, 0}};

static int check_shares(struct exp_reader *r, const struct exp_value v[V_N])
{
    if (v[V_HOLDOUT].n && !(v[V_HOLDOUT].f < 1)) {
        TRY(exp_fail(r, v[V_HOLDOUT].n, "holdout", "0.2 holds out a fifth, 0 "
                                                   "nothing",
                     "expected a share below 1"));
    }
    if (v[V_VALIDATION].n && !(v[V_VALIDATION].f <= 0.9)) {
        TRY(exp_fail(r, v[V_VALIDATION].n, "validation", "",
                     "expected a share of at most 0.9"));
    }
    if (v[V_VALIDATION].n && v[V_FOLDS].n) {
        TRY(exp_fail(r, v[V_FOLDS].n->key, NULL, "keep one of them",
                     "both \"validation\" and \"folds\" are given"));
    }
    if (v[V_REF].n && !v[V_EXAM].b) {
        TRY(exp_fail(r, v[V_REF].n->key, NULL, "say exam: true",
                     "a ref moves only when an exam admits"));
    }
    return 0;
}

/* The usual share; so many rows at least that a look says something. */
static int choose_holdout(struct exp_reader *r, struct experiment *e)
{
    double least = (double)LIMIT_HELD_MIN + 0.5;

    e->holdout = HOLDOUT;
    if (e->rows == 0 || (double)e->rows * HOLDOUT >= least) {
        return 0;
    }
    if (e->rows < 2u * LIMIT_HELD_MIN + 1) {
        e->holdout = 0;
        return exp_warn(r, NULL, "nothing is held out: of %llu rows %u cannot be "
                                 "spared, so all numbers are claims",
                        (unsigned long long)e->rows, LIMIT_HELD_MIN);
    }
    e->holdout = least / (double)e->rows;
    return 0;
}

int exp_read_evaluation(struct exp_reader *r, const struct yaml_node *n,
                        struct experiment *e)
{
    struct exp_value v[V_N];
    int is_class = e->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION;

    TRY(exp_fields(r, n, evaluation_fields, V_N, 0, v));
    TRY(check_shares(r, v));
    e->has_exam = v[V_EXAM].b;
    e->ref = v[V_REF].s;
    e->stratified = v[V_STRATIFIED].n ? v[V_STRATIFIED].b : is_class;
    e->metric = v[V_METRIC].s ? v[V_METRIC].s
                : is_class    ? metrics[0]
                              : metrics[2];
    e->validation = v[V_VALIDATION].f;
    e->folds = v[V_FOLDS].u;
    if (!is_class && v[V_METRIC].s == metrics[0]) {
        TRY(exp_fail(r, v[V_METRIC].n, "metric", "mean_squared_error or "
                                                 "mean_absolute_error",
                     "accuracy is of classes"));
    }
    if (is_class && v[V_METRIC].s && v[V_METRIC].s != metrics[0]) {
        TRY(exp_fail(r, v[V_METRIC].n, "metric", "accuracy",
                     "classes have no distance"));
    }
    if (e->is_harness && (v[V_HOLDOUT].f > 0 || v[V_VALIDATION].n ||
                          v[V_FOLDS].n || v[V_EXAM].b)) {
        return exp_fail(r, n, NULL, "leave evaluation or compat out",
                        "compat: harness trains on all rows, and measures on "
                        "them");
    }
    if (v[V_HOLDOUT].n || e->is_harness) {
        e->holdout = v[V_HOLDOUT].f;
    } else if (e->kind == PROCTOR__DATA_KIND__DATA_TEXT && !e->has_exam) {
        e->holdout = 0; /* no op scores a text but an exam */
    } else {
        TRY(choose_holdout(r, e));
    }
    if ((e->validation > 0 || e->folds > 0) && !(e->holdout > 0)) {
        return exp_fail(r, n, NULL, "holdout: 0.2",
                        "validation and folds take rows in the order that a "
                        "split draws");
    }
    if (e->has_exam && !(e->holdout > 0)) {
        return exp_fail(r, v[V_EXAM].n, "exam", "holdout: 0.2",
                        "an exam needs rows that are held out");
    }
    return 0;
}

int exp_read_ensemble(struct exp_reader *r, const struct yaml_node *n,
                      struct experiment *e)
{
    static const char *const hows[] = {"average", "vote", "weights"};
    static const struct exp_field fields[] = {
        {"how", X_WORD, X_REQUIRED, 0, 0, 0, 0, hows, ARRAY_N(hows)},
        {"n", X_UINT, 0, 0, 2, LIMIT_NEEDS, 0, NULL, 0}};
    struct exp_value v[ARRAY_N(fields)];

    TRY(exp_fields(r, n, fields, ARRAY_N(fields), 0, v));
    e->how = v[0].s;
    e->members = v[1].n ? v[1].u : 3;
    if (e->how && (e->is_closed || e->is_harness)) {
        return exp_fail(r, n, NULL, "leave the ensemble out",
                        e->is_harness ? "compat: harness trains one model"
                                      : "all members would be the one solution");
    }
    if (e->how == hows[1] &&
        e->kind == PROCTOR__DATA_KIND__DATA_REGRESSION) {
        return exp_fail(r, v[0].n, "how", "how: average",
                        "a vote is about classes");
    }
    return 0;
}

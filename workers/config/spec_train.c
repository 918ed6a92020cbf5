/* `with` of train, train.combine and exam.holdout. Runs in the confined `config`
 * worker. Form only: whether a task is a split, and a recipe fits its data, is for
 * others to say. */
#include "workers/config/specs.h"

#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/spec_recipe.h"

#define EPOCHS 10u
#define BATCH 32u
#define COUNT_MAX 1000000000u

enum {
    T_DATA,
    T_MODEL,
    T_LOSS,
    T_OPTIMIZER,
    T_SCHEDULE,
    T_EPOCHS,
    T_STEPS,
    T_BATCH,
    T_MICRO_BATCHES,
    T_ACCUMULATE,
    T_SEED,
    T_CLIP,
    T_EMA,
    T_ORDERED,
    T_METRICS,
    T_HANDLERS,
    T_COMPAT,
    T_VALIDATION,
    T_FOLD,
    T_FOLDS,
    T_METRIC,
    T_CHECKPOINT,
    T_RESULT,
    T_WORKERS,
    T_TWIN,
    T_START,
    T_N
};

static const struct schema_key train_keys[T_N] = {
    {"data", 1, NULL},       {"model", 1, NULL},    {"loss", 0, NULL},
    {"optimizer", 0, NULL},  {"schedule", 0, NULL}, {"epochs", 0, NULL},
    {"steps", 0, NULL},      {"batch", 0, NULL},    {"micro_batches", 0, NULL},
    {"accumulate", 0, NULL}, {"seed", 0, NULL},     {"clip", 0, NULL},
    {"ema", 0, NULL},        {"ordered", 0, NULL},  {"metrics", 0, NULL},
    {"handlers", 0, NULL},   {"compat", 0, NULL},   {"validation", 0, NULL},
    {"fold", 0, NULL},       {"folds", 0, NULL},    {"metric", 0, NULL},
    {"checkpoint", 0, NULL}, {"result", 0, NULL},   {"workers", 0, NULL},
    {"twin", 0, NULL},       {"start", 0, NULL}};

/* clip: 1.0 is {norm: 1.0}. */
static int read_clip(struct config *c, const struct yaml_node *n,
                     Proctor__Recipe *r)
{
    static const struct schema_key keys[] = {{"norm", 0, NULL},
                                             {"value", 0, NULL}};
    static const struct member_range range = {0, RECIPE_RATE_MAX, 1, 0};
    const struct yaml_node *v[ARRAY_N(keys)];

    if (!n || n->kind == YAML_SCALAR) {
        return member_number(c, n, "clip", range, &r->clip_norm);
    }
    config_enter(c, "clip");
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(member_number(c, v[0], "norm", range, &r->clip_norm));
    TRY(member_number(c, v[1], "value", range, &r->clip_value));
    config_leave(c);
    return 0;
}

static int read_metrics(struct config *c, const struct yaml_node *n,
                        Proctor__Recipe *r)
{
    if (n) {
        config_enter(c, "metrics");
        TRY(schema_texts(c, n, 64, LIMIT_ID_BYTES, &r->metrics, &r->n_metrics));
        config_leave(c);
    }
    return 0;
}

/* A least-squares solution has no steps: keys of steps would say nothing. */
static int check_closed(struct config *c, const struct yaml_node *const v[T_N],
                        Proctor__Recipe *r)
{
    static const size_t of_steps[] = {
        T_LOSS,     T_OPTIMIZER,     T_SCHEDULE,   T_EPOCHS, T_STEPS,
        T_BATCH,    T_MICRO_BATCHES, T_ACCUMULATE, T_CLIP,   T_EMA,
        T_HANDLERS, T_ORDERED};

    if (!r->learner->closed_form || r->harness) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_N(of_steps); i++) {
        if (v[of_steps[i]]) {
            config_fail(c, v[of_steps[i]]->key,
                        "key \"%s\": the closed form makes no steps",
                        train_keys[of_steps[i]].name);
            config_hint(c, "leave it out, or say model: {kind: linear, "
                           "closed_form: false}");
            return ERR_INPUT;
        }
    }
    r->epochs = 1;
    r->optimizer = NULL;
    return 0;
}

static int read_counts(struct config *c, const struct yaml_node *const v[T_N],
                       Proctor__Recipe *r)
{
    r->version = 1;
    r->epochs = EPOCHS;
    r->batch = BATCH;
    r->micro_batches = 1;
    r->accumulate = 1;
    r->seed = 1;
    TRY(member_u32(c, v[T_EPOCHS], "epochs", 1, COUNT_MAX, &r->epochs));
    TRY(member_uint(c, v[T_STEPS], "steps", 1, INT64_MAX, &r->steps));
    TRY(member_u32(c, v[T_BATCH], "batch", 1, COUNT_MAX, &r->batch));
    TRY(member_u32(c, v[T_MICRO_BATCHES], "micro_batches", 1, LIMIT_WORKERS,
                   &r->micro_batches));
    TRY(member_u32(c, v[T_ACCUMULATE], "accumulate", 1, 65536, &r->accumulate));
    TRY(member_uint(c, v[T_SEED], "seed", 0, UINT64_MAX, &r->seed));
    TRY(member_number(c, v[T_EMA], "ema", (struct member_range){0, 1, 1, 1},
                      &r->ema));
    TRY(member_flag(c, v[T_ORDERED], "ordered", &r->ordered));
    if (r->micro_batches > r->batch) {
        config_enter(c, "micro_batches");
        config_fail(c, v[T_MICRO_BATCHES], "%u parts of a batch of %u rows",
                    r->micro_batches, r->batch);
        config_hint(c, "a part holds at least one row");
        return ERR_INPUT;
    }
    return 0;
}

static int read_recipe(struct config *c, const struct yaml_node *const v[T_N],
                       Proctor__Recipe **out)
{
    static const char *const compats[] = {"harness"};
    Proctor__Recipe *r = arena_get(&c->reply, sizeof(*r));
    size_t compat = 0;

    if (!r) {
        return ERR_NOMEM;
    }
    proctor__recipe__init(r);
    TRY(member_word(c, v[T_COMPAT], "compat", compats, 1, &compat));
    r->harness = v[T_COMPAT] != NULL;
    TRY(recipe_learner(c, v[T_MODEL], &r->learner));
    TRY(recipe_loss(c, v[T_LOSS], &r->loss));
    TRY(recipe_optimizer(c, v[T_OPTIMIZER], &r->optimizer));
    TRY(recipe_schedule(c, v[T_SCHEDULE], &r->schedule));
    TRY(read_counts(c, v, r));
    TRY(read_clip(c, v[T_CLIP], r));
    TRY(read_metrics(c, v[T_METRICS], r));
    TRY(recipe_handlers(c, v[T_HANDLERS], r));
    TRY(check_closed(c, v, r));
    *out = r;
    return 0;
}

/* validation: SHARE, or fold: I with folds: N. */
static int read_checked(struct config *c, const struct yaml_node *const v[T_N],
                        Proctor__TrainSpec *t)
{
    TRY(member_number(c, v[T_VALIDATION], "validation",
                      (struct member_range){0, 0.9, 1, 0}, &t->validation));
    TRY(member_u32(c, v[T_FOLDS], "folds", 2, LIMIT_FOLDS, &t->folds));
    TRY(member_u32(c, v[T_FOLD], "fold", 1,
                   t->folds > 0 ? t->folds : LIMIT_FOLDS, &t->fold));
    if ((v[T_FOLD] != NULL) != (v[T_FOLDS] != NULL)) {
        const struct yaml_node *n = v[T_FOLD] ? v[T_FOLD] : v[T_FOLDS];

        config_fail(c, n->key, "fold and folds belong together");
        config_hint(c, "fold: 2, folds: 5 measures on the second of five");
        return ERR_INPUT;
    }
    if (v[T_VALIDATION] && v[T_FOLDS]) {
        config_fail(c, v[T_FOLDS]->key, "both \"validation\" and \"folds\" are "
                                        "given");
        config_hint(c, "keep one of them");
        return ERR_INPUT;
    }
    return 0;
}

/* checkpoint: 5 is {every: 5}. */
static int read_checkpoint(struct config *c, const struct yaml_node *n,
                           Proctor__TrainSpec *t)
{
    static const struct schema_key keys[] = {{"every", 0, NULL},
                                             {"steps", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];

    t->checkpoint_every = 1;
    if (!n || n->kind == YAML_SCALAR) {
        return member_u32(c, n, "checkpoint", 1, COUNT_MAX,
                          &t->checkpoint_every);
    }
    config_enter(c, "checkpoint");
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(member_u32(c, v[0], "every", 1, COUNT_MAX, &t->checkpoint_every));
    TRY(member_uint(c, v[1], "steps", 1, INT64_MAX, &t->checkpoint_steps));
    config_leave(c);
    return 0;
}

/* last, best, {best: 3} or {average: 3}. */
static int read_result(struct config *c, const struct yaml_node *n,
                       Proctor__TrainSpec *t)
{
    static const char *const words[] = {"last", "best"};
    static const struct schema_key keys[] = {{"best", 0, NULL},
                                             {"average", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    size_t i = 0;

    t->keep = 1;
    if (!n || n->kind == YAML_SCALAR) {
        TRY(member_word(c, n, "result", words, ARRAY_N(words), &i));
        t->result = (Proctor__TrainResult)i;
    } else {
        config_enter(c, "result");
        TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
        if (n->n != 1) {
            return schema_expected(c, n, "last, best, {best: N} or {average: "
                                         "N}");
        }
        TRY(member_u32(c, v[0], "best", 1, LIMIT_COMBINED, &t->keep));
        TRY(member_u32(c, v[1], "average", 2, LIMIT_COMBINED, &t->keep));
        config_leave(c);
        t->result = v[0] ? PROCTOR__TRAIN_RESULT__RESULT_BEST
                         : PROCTOR__TRAIN_RESULT__RESULT_AVERAGE;
    }
    if (t->result == PROCTOR__TRAIN_RESULT__RESULT_BEST &&
        !(t->validation > 0) && t->folds == 0) {
        config_enter(c, "result");
        config_fail(c, n, "nothing is measured that could be best");
        config_hint(c, "say validation: 0.1, or fold: and folds:");
        return ERR_INPUT;
    }
    return 0;
}

static int read_sharing(struct config *c, const struct yaml_node *n,
                        Proctor__TrainSpec *t)
{
    t->workers = 1;
    TRY(member_u32(c, n, "workers", 1, LIMIT_WORKERS, &t->workers));
    if (t->workers > t->recipe->micro_batches) {
        config_enter(c, "workers");
        config_fail(c, n, "%u workers share %u micro_batches", t->workers,
                    t->recipe->micro_batches);
        config_hint(c, "micro_batches is part of what is trained: say at least "
                       "micro_batches: %u", t->workers);
        return ERR_INPUT;
    }
    return 0;
}

int spec_train(struct config *c, const struct yaml_node *n,
               Proctor__TrainSpec **out)
{
    static const char *const twins[] = {"labels", "weights"};
    const struct yaml_node *v[T_N];
    Proctor__TrainSpec *t = arena_get(&c->reply, sizeof(*t));
    size_t twin = 0;

    if (!t) {
        return ERR_NOMEM;
    }
    proctor__train_spec__init(t);
    TRY(schema_map(c, n, train_keys, T_N, v));
    TRY(spec_path(c, v[T_DATA], "data", &t->data));
    TRY(read_recipe(c, v, &t->recipe));
    TRY(read_checked(c, v, t));
    TRY(spec_metric(c, v[T_METRIC], &t->metric));
    TRY(read_checkpoint(c, v[T_CHECKPOINT], t));
    TRY(read_result(c, v[T_RESULT], t));
    TRY(read_sharing(c, v[T_WORKERS], t));
    TRY(member_word(c, v[T_TWIN], "twin", twins, ARRAY_N(twins), &twin));
    t->twin = v[T_TWIN] ? (Proctor__TrainTwin)(twin + 1)
                        : PROCTOR__TRAIN_TWIN__TWIN_NONE;
    if (v[T_START]) {
        TRY(spec_path(c, v[T_START], "start", &t->start));
    }
    *out = t;
    return 0;
}

static int read_tasks(struct config *c, const struct yaml_node *n,
                      const char *key, size_t least, char ***out,
                      size_t *out_n)
{
    config_enter(c, key);
    TRY(schema_texts(c, n, LIMIT_NEEDS, LIMIT_ID_BYTES, out, out_n));
    if (*out_n < least) {
        char what[48];

        (void)snprintf(what, sizeof(what), "at least %zu train task%s", least,
                       least > 1 ? "s" : "");
        return config_fail(c, n, "expected %s, got %zu", what, *out_n);
    }
    config_leave(c);
    return 0;
}

int spec_combine(struct config *c, const struct yaml_node *n,
                 Proctor__CombineSpec **out)
{
    static const struct schema_key keys[] = {{"how", 1, NULL}, {"of", 1, NULL}};
    static const char *const hows[] = {"average", "vote", "weights"};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__CombineSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__combine_spec__init(s);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(member_word_text(c, v[0], "how", hows, ARRAY_N(hows), &s->how));
    TRY(read_tasks(c, v[1], "of", 2, &s->of, &s->n_of));
    *out = s;
    return 0;
}

int spec_holdout(struct config *c, const struct yaml_node *n,
                 Proctor__HoldoutSpec **out)
{
    static const struct schema_key keys[] = {{"split", 1, NULL},
                                             {"candidate", 1, NULL},
                                             {"metric", 0, NULL},
                                             {"twins", 1, NULL},
                                             {"incumbent", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__HoldoutSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__holdout_spec__init(s);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "split", &s->split));
    TRY(spec_path(c, v[1], "candidate", &s->candidate));
    TRY(spec_metric(c, v[2], &s->metric));
    TRY(read_tasks(c, v[3], "twins", 1, &s->twins, &s->n_twins));
    if (v[4]) {
        TRY(spec_path(c, v[4], "incumbent", &s->incumbent));
    }
    *out = s;
    return 0;
}

/* Linear regression in closed form, as a fit of one step. What predicts and what
 * is written is learner_linear with the weights rounded to f32. Runs in
 * worker-train. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/closed.h"
#include "workers/train/fit.h"
#include "workers/train/learner.h"

enum {
    TILE_ROWS = 256,       /* that are predicted at once */
    HEAD_BYTES = 1 + 2 * 8 /* of a state */
};

struct closed_fit {
    struct fit base;
    struct fit_task t;
    Proctor__Recipe recipe; /* as given, but nothing is standardized: the
                             * solution does not hang on it */
    Proctor__Learner spec;
    struct learner *learner;
    size_t n;
    float *params; /* owned: weights, bias */
    uint64_t weights_bytes;
    uint8_t done, said;
    double loss, condition;
};

static const struct loc nowhere = {NULL, 0, 0};

static struct closed_fit *closed_of(struct fit *f)
{
    return (struct closed_fit *)(void *)f;
}

static const struct closed_fit *closed_of_const(const struct fit *f)
{
    return (const struct closed_fit *)(const void *)f;
}

static void closed_close(struct fit *f)
{
    struct closed_fit *c = closed_of(f);

    if (c != NULL) {
        learner_linear.close(c->learner);
        free(c->params);
        free(c);
    }
}

static int check(const struct fit_task *t, struct diag *d)
{
    const Proctor__Recipe *r = t->recipe;
    const char *loss = r->loss == NULL ? "" : r->loss->kind;

    if (t->rows->kind != ROWS_REGRESSION ||
        (loss[0] != '\0' && strcmp(loss, "squared") != 0)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "the closed form is of squared errors of numbers");
        diag_hint(d, "closed_form: false");
        return ERR_INPUT;
    }
    if (t->rows->width > CLOSED_WIDTH_MAX) {
        (void)diag_set(d, ERR_LIMIT, nowhere,
                       "%u inputs, the closed form takes at most %u",
                       t->rows->width, CLOSED_WIDTH_MAX);
        diag_hint(d, "closed_form: false");
        return ERR_LIMIT;
    }
    return 0;
}

static int open_all(struct closed_fit *c, struct diag *d)
{
    int code;

    TRY(check(&c->t, d));
    c->recipe = *c->t.recipe;
    c->spec = *c->t.recipe->learner;
    c->spec.standardize = 0;
    c->spec.output = NULL;
    c->recipe.learner = &c->spec;
    TRY(learner_linear.open(&c->recipe, c->t.rows, NULL, &c->learner, d));
    c->n = learner_linear.parameters_n(c->learner);
    code = learner_linear.write(c->learner, NULL, 0, NULL, NULL,
                                &c->weights_bytes);
    return code == ERR_LIMIT ? 0 : ERR_TRACE(code);
}

static int closed_open(const struct fit_task *t, struct fit **out,
                       struct diag *d)
{
    struct closed_fit *c = calloc(1, sizeof(*c));
    int code;

    *out = NULL;
    if (c == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    c->base.ops = &fit_closed;
    c->t = *t;
    code = open_all(c, d);
    if (code != 0) {
        closed_close(&c->base);
        return ERR_TRACE(code);
    }
    *out = &c->base;
    return 0;
}

static void closed_plan(const struct fit *f, struct fit_plan *out)
{
    const struct closed_fit *c = closed_of_const(f);

    *out = (struct fit_plan){
        .parameters = c->n,
        .outputs = 1,
        .steps = 1,
        .steps_all = 1,
        .memory_bytes = closed_memory(c->t.rows->width) +
                        learner_linear.memory(c->learner, TILE_ROWS) +
                        c->n * (sizeof(float) + sizeof(double)),
        .state_bytes = HEAD_BYTES + c->n * sizeof(float),
        .weights_bytes = c->weights_bytes};
}

static int closed_start(struct fit *f, uint8_t *exchange, struct diag *d)
{
    struct closed_fit *c = closed_of(f);

    (void)exchange;
    c->params = calloc(c->n, sizeof(float));
    if (c->params == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(learner_linear.start(c->learner, TILE_ROWS));
    TRY(learner_linear.first(c->learner, c->t.rows, c->params));
    if (c->t.weights != NULL) {
        TRY(learner_linear.load(c->learner, c->t.weights, c->params, d));
    }
    return learner_linear.set(c->learner, c->params);
}

static void note(const struct closed_fit *c, const struct closed_result *r)
{
    if (r->constant > 0) {
        fit_note(c->t.notes,
                 "%u of %u inputs never change: their weights are 0",
                 r->constant, c->t.rows->width);
    }
    if (r->is_pseudo) {
        fit_note(c->t.notes,
                 "the system is singular (rank %u of %u): solved by its "
                 "pseudo-inverse; l2: 1e-6 makes it regular",
                 r->rank, c->t.rows->width - r->constant);
    } else if (r->condition > CLOSED_CONDITION_HIGH) {
        fit_note(c->t.notes,
                 "the condition number is %.3g: weights hang on the last digits "
                 "of the data; l2 lowers it",
                 r->condition);
    }
}

static int solve(struct closed_fit *c, struct diag *d)
{
    double *weights CLEANUP(mem_freep) = calloc(c->n, sizeof(*weights));
    struct closed_result r;

    if (weights == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(closed_solve(c->t.rows, c->spec.l2, weights, &r, d));
    for (size_t i = 0; i < c->n; i++) {
        c->params[i] = (float)weights[i];
        if (!isfinite(weights[i]) || fabs(weights[i]) > 3.4e38) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "weight %zu is %g: the inputs' sizes differ too "
                            "much",
                            i, weights[i]);
        }
    }
    c->loss = r.mean_squared + r.penalty;
    c->condition = r.condition;
    c->done = 1;
    note(c, &r);
    return learner_linear.set(c->learner, c->params);
}

static int closed_step(struct fit *f, enum fit_at *out, struct diag *d)
{
    struct closed_fit *c = closed_of(f);

    *out = c->said ? FIT_END : FIT_EPOCH;
    if (!c->done) {
        TRY(solve(c, d));
    }
    c->said = 1;
    return 0;
}

static void closed_place(const struct fit *f, struct fit_place *out)
{
    const struct closed_fit *c = closed_of_const(f);

    *out =
        (struct fit_place){.step = c->done, .epoch = c->done, .loss = c->loss};
}

static int closed_claims(struct fit *f, struct fit_claims *out)
{
    const struct closed_fit *c = closed_of_const(f);

    *out = (struct fit_claims){.v = {{"loss", c->loss}}, .n = 1};
    if (isfinite(c->condition)) {
        out->v[out->n++] = (struct fit_claim){"condition", c->condition};
    }
    return 0;
}

static int closed_measured(struct fit *f, double value)
{
    (void)f;
    (void)value; /* nothing is left to be decided */
    return 0;
}

static int closed_save(struct fit *f, struct buf *out)
{
    const struct closed_fit *c = closed_of_const(f);

    TRY(buf_put_u8(out, (uint8_t)(c->done | c->said << 1)));
    TRY(buf_put_f64(out, c->loss));
    TRY(buf_put_f64(out, c->condition));
    return buf_put(out, c->params, c->n * sizeof(float));
}

static int closed_restore(struct fit *f, struct ubytes state, struct diag *d)
{
    struct closed_fit *c = closed_of(f);
    double loss, condition;
    uint8_t flags;
    struct rd r;

    rd_init(&r, state);
    flags = rd_u8(&r);
    loss = rd_f64(&r);
    condition = rd_f64(&r);
    if (rd_is_bad(&r) || rd_left(&r) != c->n * sizeof(float) || flags > 3 ||
        flags == 2) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "checkpoint: what it holds is no state of this fit");
    }
    rd_copy(&r, c->params, c->n * sizeof(float));
    c->done = flags & 1;
    c->said = flags >> 1;
    c->loss = loss;
    c->condition = condition;
    return learner_linear.set(c->learner, c->params);
}

static int closed_weights(struct fit *f, uint64_t max_bytes, gguf_sink *sink,
                          void *ctx, uint64_t *out_bytes)
{
    struct closed_fit *c = closed_of(f);

    return learner_linear.write(c->learner, c->params, max_bytes, sink, ctx,
                                out_bytes);
}

static int closed_predict(struct fit *f, const struct rows *r, uint64_t from,
                          size_t n, float *out)
{
    return learner_linear.predict(closed_of(f)->learner, r, from, n, out);
}

const struct fit_ops fit_closed = {.name = "closed",
                                   .open = closed_open,
                                   .close = closed_close,
                                   .plan = closed_plan,
                                   .start = closed_start,
                                   .step = closed_step,
                                   .place = closed_place,
                                   .claims = closed_claims,
                                   .measured = closed_measured,
                                   .save = closed_save,
                                   .restore = closed_restore,
                                   .weights = closed_weights,
                                   .predict = closed_predict};

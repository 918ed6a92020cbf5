/* The usual fit: a learner, an optimizer, a schedule, under an engine's events.
 * Allocates nothing large after start. Runs in worker-train. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"
#include "workers/train/standard.h"
#include "workers/train/streams.h"

#define SMALL_BYTES (32u << 10) /* engine and its values, this struct */

static const struct loc nowhere = {NULL, 0, 0};

/* ---- Opening ---- */

static void standard_close(struct fit *f)
{
    struct standard *s = standard_of(f);

    if (s == NULL) {
        return;
    }
    if (s->learner != NULL) {
        s->ops->close(s->learner);
    }
    optimizer_free(s->optimizer);
    engine_free(s->engine);
    claims_close(s);
    tree_release(&s->tree);
    buf_release(&s->rest);
    free(s->params);
    free(s->mask);
    free(s->order);
    free(s->grad_owned);
    free(s);
}

static int check_numbers(const Proctor__Recipe *r, struct diag *d)
{
    const struct {
        const char *name;
        double v, most;
    } all[] = {{"clip.norm", r->clip_norm, HUGE_VAL},
               {"clip.value", r->clip_value, HUGE_VAL},
               {"ema", r->ema, 1}};

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        if (!(all[i].v >= 0 && all[i].v < all[i].most)) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "%s is %g, expected 0 (off) to below %g",
                            all[i].name, all[i].v, all[i].most);
        }
    }
    return 0;
}

static int check_recipe(const Proctor__Recipe *r, struct diag *d)
{
    if (r->learner == NULL || learner_find(r->learner->kind) == NULL) {
        (void)diag_set(d, ERR_INPUT, nowhere, "model.kind \"%s\" is unknown",
                       r->learner == NULL ? "" : r->learner->kind);
        diag_hint(d, "known: linear, mlp, transformer");
        return ERR_INPUT;
    }
    if (r->optimizer == NULL) {
        return diag_set(d, ERR_INPUT, nowhere, "the recipe has no optimizer");
    }
    TRY(optimizer_check(r->optimizer, d));
    TRY(schedule_check(r->schedule, d));
    return check_numbers(r, d);
}

/* How long the file will be: write says so before it writes. */
static int ask_weights_bytes(struct standard *s)
{
    uint64_t bytes = 0;
    int code = s->ops->write(s->learner, NULL, 0, NULL, NULL, &bytes);

    if (code != ERR_LIMIT || bytes == 0) {
        return ERR_TRACE(code == ERR_NOMEM ? code : ERR_INTERNAL);
    }
    s->weights_bytes = bytes;
    return 0;
}

static uint64_t clock_of(void *ctx)
{
    return ((const struct standard *)ctx)->now_ns;
}

static int open_all(struct standard *s, struct diag *d)
{
    const Proctor__Recipe *r = s->t.recipe;
    const struct ubytes *text =
        s->t.tokenizer.p == NULL ? NULL : &s->t.tokenizer;

    TRY(check_recipe(r, d));
    TRY(cut_open(r, s->t.rows->n, &s->cut, d));
    s->ops = learner_find(r->learner->kind);
    TRY(s->ops->open(r, s->t.rows, text, &s->learner, d));
    s->n = s->ops->parameters_n(s->learner);
    TRY(ask_weights_bytes(s));
    TRY(engine_new("trainer", clock_of, s, &s->engine));
    return claims_open(s, d);
}

static int standard_open(const struct fit_task *t, struct fit **out,
                         struct diag *d)
{
    struct standard *s = calloc(1, sizeof(*s));
    int code;

    *out = NULL;
    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->base.ops = &fit_standard;
    s->t = *t;
    plateau_init(&s->plateau);
    code = open_all(s, d);
    if (code != 0) {
        standard_close(&s->base);
        return ERR_TRACE(code);
    }
    *out = &s->base;
    return 0;
}

static uint64_t copies(const struct standard *s)
{
    return s->t.recipe->ema > 0 ? 2 : 1;
}

static uint64_t tree_memory(const struct standard *s)
{
    uint64_t leaves = (uint64_t)s->cut.micro * s->cut.accumulate;

    return s->t.workers == 1 ? tree_bytes(leaves, s->n)
                             : tree_bytes(leaves, PIECE) + s->n * sizeof(float);
}

static void standard_plan_sizes(const struct fit *f, struct fit_plan *out)
{
    const struct standard *s = standard_of_const(f);

    memset(out, 0, sizeof(*out));
    out->parameters = s->n;
    out->outputs = (uint32_t)s->ops->outputs_n(s->learner);
    out->steps = s->cut.steps;
    out->steps_all = s->cut.steps_all;
    out->tokens = s->t.rows->kind == ROWS_TEXT ? s->t.rows->width - 1 : 0;
    out->memory_bytes = s->ops->memory(s->learner, s->cut.rows_max) +
                        copies(s) * s->n * sizeof(float) + s->n +
                        s->cut.rows * sizeof(uint32_t) + tree_memory(s) +
                        optimizer_memory(s->t.recipe->optimizer, s->n) +
                        claims_memory(s) + SMALL_BYTES;
    out->exchange_bytes = exchange_bytes(s);
    out->state_bytes = standard_state_bytes(s);
    out->weights_bytes = s->weights_bytes;
}

/* ---- Starting ---- */

static uint64_t clock_ns(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_MONOTONIC, &t) != 0
               ? 0
               : (uint64_t)t.tv_sec * UINT64_C(1000000000) +
                     (uint64_t)t.tv_nsec;
}

static int allocate(struct standard *s, struct diag *d)
{
    uint64_t leaves = (uint64_t)s->cut.micro * s->cut.accumulate;
    int alone = s->t.workers == 1;

    s->params = calloc(copies(s) * s->n, sizeof(float));
    s->mask = calloc(s->n, 1);
    s->order = calloc(s->cut.rows, sizeof(uint32_t));
    if (s->params == NULL || s->mask == NULL || s->order == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->ema = copies(s) > 1 ? s->params + s->n : NULL;
    if (!alone) {
        s->grad_owned = calloc(s->n, sizeof(float));
        s->grad = s->grad_owned;
        if (s->grad == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
    }
    TRY(tree_init(&s->tree, leaves, alone ? s->n : PIECE));
    TRY(optimizer_new(s->t.recipe->optimizer, s->n, &s->optimizer, d));
    TRY(s->ops->start(s->learner, s->cut.rows_max));
    buf_init(&s->rest, standard_state_bytes(s));
    return claims_start(s);
}

struct engine_plan standard_plan(const struct standard *s)
{
    return (struct engine_plan){.max_iterations = s->cut.steps_all,
                                .epoch_length = s->cut.steps,
                                .no_data = 1};
}

static int standard_start(struct fit *f, uint8_t *exchange, struct diag *d)
{
    struct standard *s = standard_of(f);

    s->exchange = exchange;
    TRY(allocate(s, d));
    s->ops->decays(s->learner, s->mask);
    TRY(s->ops->first(s->learner, s->t.rows, s->params));
    if (s->t.weights != NULL) {
        TRY(s->ops->load(s->learner, s->t.weights, s->params, d));
    }
    if (s->ema != NULL) {
        memcpy(s->ema, s->params, s->n * sizeof(float));
    }
    s->start_ns = clock_ns();
    return s->ops->set(s->learner, s->params);
}

/* ---- Steps ---- */

/* Fisher and Yates, from the last place down. */
void standard_order(struct standard *s)
{
    uint64_t epoch = engine_state(s->engine)->epoch;
    const struct draw d =
        stream_open(s->t.recipe->seed, STREAM_ORDER, epoch - 1, 0);
    uint32_t n = (uint32_t)s->cut.rows;

    if (s->order_epoch == epoch) {
        return;
    }
    s->order_epoch = epoch;
    for (uint32_t i = 0; i < n; i++) {
        s->order[i] = i;
    }
    for (uint32_t i = n; i > 1 && !s->t.recipe->ordered; i--) {
        uint32_t j = draw_below(&d, i, i);
        uint32_t other = s->order[j];

        s->order[j] = s->order[i - 1];
        s->order[i - 1] = other;
    }
}

static int diverged(const struct standard *s, const char *what, double v,
                    struct diag *d)
{
    (void)diag_set(d, ERR_INPUT, nowhere,
                   "diverged at step %llu (epoch %u): %s is %g, the rate was "
                   "%g",
                   (unsigned long long)s->place.step, s->place.epoch, what, v,
                   s->place.rate);
    diag_hint(d, "lower optimizer.rate, or clip gradients: clip: {norm: 1}");
    return ERR_INPUT;
}

/* In double no square of an f32 overflows. */
static int check_weights(const struct standard *s, struct diag *d)
{
    double norm = clip_norm_of(s->params, s->n);

    return isfinite(norm) ? 0 : diverged(s, "the weights' norm", norm, d);
}

/* Mean, clipping, one move of the weights. */
static int update(struct standard *s, struct diag *d)
{
    const Proctor__Recipe *r = s->t.recipe;
    const struct engine_state *e = engine_state(s->engine);
    double rate = schedule_rate(r->schedule, r->optimizer->rate, s->place.step,
                                e->epoch - 1, &s->plateau);

    s->place.step++;
    s->place.epoch = (uint32_t)e->epoch;
    s->place.rate = rate;
    s->place.loss = s->step.loss / (double)s->step.count;
    if (!isfinite(s->place.loss)) {
        return diverged(s, "the loss", s->place.loss, d);
    }
    if (s->step.count > 1) {
        clip_scale(s->grad, s->n, 1.0 / (double)s->step.count);
    }
    if (r->clip_value > 0) {
        clip_value(s->grad, s->n, r->clip_value);
    }
    if (r->clip_norm > 0 || s->watches_gradients) {
        s->grad_norm = clip_norm_of(s->grad, s->n);
    }
    if (r->clip_norm > 0) {
        (void)clip_norm(s->grad, s->n, s->grad_norm, r->clip_norm);
    }
    optimizer_step(s->optimizer, s->params, s->grad, s->mask, rate);
    if (s->ema != NULL) {
        ema_update(s->ema, s->params, s->n, r->ema, s->place.step);
    }
    s->epoch.loss += s->step.loss;
    s->epoch.count += s->step.count;
    s->epoch.right += s->step.right;
    return s->ops->set(s->learner, s->params);
}

/* An epoch ended, whole or cut short: what handlers may look at. */
static int enter_epoch_end(struct standard *s, struct diag *d)
{
    s->at_epoch = EPOCH_ENDS;
    TRY(check_weights(s, d));
    return claims_make(s, d);
}

/* Between two epochs: a plateau looks at the loss if nothing is measured. */
static void leave_epoch(struct standard *s)
{
    if (s->t.checked_n == 0) {
        schedule_measured(
            s->t.recipe->schedule, s->place.step, s->place.epoch - 1,
            s->epoch.loss / (double)s->epoch.count, 1, &s->plateau);
    }
    s->epoch = (struct loss_sum){0};
    s->claims.n = 0;
    s->at_epoch = EPOCH_RUNS;
}

/* As far as the engine goes without us: to a step (pending), an epoch's end or
 * the end. */
static int engine_goes(struct standard *s, struct diag *d)
{
    enum engine_want want;

    TRY(engine_next(s->engine, &want, d));
    if (want == ENGINE_WANT_PROCESS) {
        s->pending = 1;
        return 0;
    }
    if (want == ENGINE_AT_END) {
        const char *failure =
            s->handlers == NULL ? "" : handlers_failure(s->handlers);

        s->over = 1;
        if (failure[0] != 0) {
            return diag_set(d, ERR_INPUT, nowhere, "%s", failure);
        }
        return s->epoch.count > 0 ? enter_epoch_end(s, d) : 0;
    }
    if (want == ENGINE_AT_EPOCH) {
        return enter_epoch_end(s, d);
    }
    return want == ENGINE_AT_STEP ? 0 : ERR_TRACE(ERR_INTERNAL);
}

static int finish_step(struct standard *s, struct diag *d)
{
    TRY(micro_reduce(s));
    s->pending = 0;
    s->place.wants_checkpoint = 0;
    TRY(update(s, d));
    if (s->handlers != NULL) {
        TRY(engine_value_set(s->engine, "loss", s->place.loss, d));
    }
    engine_processed(s->engine);
    return engine_goes(s, d);
}

/* Leaves a place of rest. */
static int go_on(struct standard *s, struct diag *d)
{
    const struct engine_plan plan = standard_plan(s);

    s->clock_ns = clock_ns() - s->start_ns;
    if (s->t.workers == 1) {
        s->now_ns = s->clock_ns;
    } else {
        buf_reset(&s->rest);
        TRY(standard_rest(s, &s->rest));
    }
    if (!s->begun) {
        TRY(engine_begin(s->engine, &plan, d));
        s->begun = 1;
    }
    TRY(engine_goes(s, d));
    if (s->pending) {
        standard_order(s);
        return micro_gradients(s);
    }
    return 0;
}

static int standard_step(struct fit *f, enum fit_at *out, struct diag *d)
{
    struct standard *s = standard_of(f);

    if (s->at_epoch == EPOCH_SAID) {
        leave_epoch(s);
    }
    if (!s->pending && !s->over && s->at_epoch == EPOCH_RUNS) {
        TRY(go_on(s, d));
        if (s->pending && s->t.workers > 1) {
            *out = FIT_EXCHANGE;
            return 0;
        }
    }
    if (s->pending) {
        *out = FIT_STEP;
        return finish_step(s, d);
    }
    *out = s->at_epoch == EPOCH_ENDS ? FIT_EPOCH : FIT_END;
    s->at_epoch = s->at_epoch == EPOCH_ENDS ? EPOCH_SAID : s->at_epoch;
    return 0;
}

static void standard_place(const struct fit *f, struct fit_place *out)
{
    *out = standard_of_const(f)->place;
}

/* ---- What comes of it ---- */

static int standard_claims(struct fit *f, struct fit_claims *out)
{
    struct standard *s = standard_of(f);
    struct diag d;

    diag_init(&d);
    if (s->claims.n == 0) { /* it went on from an epoch's end */
        TRY(claims_make(s, &d));
    }
    *out = s->claims;
    return 0;
}

static int standard_measured(struct fit *f, double value)
{
    struct standard *s = standard_of(f);

    schedule_measured(s->t.recipe->schedule, s->place.step, s->place.epoch - 1,
                      value, s->t.lower, &s->plateau);
    return engine_value_set(s->engine, HANDLER_MEASURED, value, NULL);
}

/* What is handed out: the average, if there is one. */
static const float *given(const struct standard *s)
{
    return s->ema != NULL ? s->ema : s->params;
}

static int standard_weights(struct fit *f, uint64_t max_bytes, gguf_sink *sink,
                            void *ctx, uint64_t *out_bytes)
{
    struct standard *s = standard_of(f);

    return s->ops->write(s->learner, given(s), max_bytes, sink, ctx, out_bytes);
}

static int standard_predict(struct fit *f, const struct rows *r, uint64_t from,
                            size_t n, float *out)
{
    struct standard *s = standard_of(f);

    if (s->ema == NULL) {
        return s->ops->predict(s->learner, r, from, n, out);
    }
    TRY(s->ops->set(s->learner, s->ema));
    TRY(s->ops->predict(s->learner, r, from, n, out));
    return s->ops->set(s->learner, s->params);
}

const struct fit_ops fit_standard = {.name = "standard",
                                     .open = standard_open,
                                     .close = standard_close,
                                     .plan = standard_plan_sizes,
                                     .start = standard_start,
                                     .step = standard_step,
                                     .place = standard_place,
                                     .claims = standard_claims,
                                     .measured = standard_measured,
                                     .save = standard_save,
                                     .restore = standard_restore,
                                     .weights = standard_weights,
                                     .predict = standard_predict};

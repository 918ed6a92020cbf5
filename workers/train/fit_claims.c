/* What the usual fit claims of an epoch, and the handlers that look at it. Runs in
 * worker-train. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/standard.h"

static const struct loc nowhere = {NULL, 0, 0};

static void claim(struct fit_claims *c, const char *name, double v)
{
    if (c->n < FIT_CLAIMS_MAX) {
        (void)snprintf(c->v[c->n].name, sizeof(c->v[c->n].name), "%s", name);
        c->v[c->n++].value = v;
    }
}

/* ---- Metrics ---- */

/* "loss" is claimed anyway. */
static int is_claimed(const char *text)
{
    return strcmp(text, "loss") == 0;
}

static int open_metric(struct standard *s, const char *text, struct diag *d)
{
    static const enum metric_suits suits[] = {
        [ROWS_REGRESSION] = METRIC_REGRESSION,
        [ROWS_CLASSIFICATION] = METRIC_CLASSIFICATION,
        [ROWS_TEXT] = METRIC_TEXT};
    const struct rows *r = s->t.rows;
    uint32_t outputs = (uint32_t)s->ops->outputs_n(s->learner);
    struct metric_setup setup = {.width = outputs};
    struct epoch_metrics *m = &s->metrics;

    if (m->n == FIT_CLAIMS_MAX - 2 ||
        strlen(text) >= sizeof(s->claims.v[0].name)) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "metrics: at most %u, names of at most %zu bytes",
                        FIT_CLAIMS_MAX - 2, sizeof(s->claims.v[0].name) - 1);
    }
    if (r->kind == ROWS_CLASSIFICATION) {
        setup.classes = r->classes;
        setup.threshold_set = outputs == 1;
        setup.threshold = 0.5;
    }
    TRY(metric_check(text, suits[r->kind], d));
    TRY(metric_open(text, &setup, &m->v[m->n], d));
    m->n++;
    m->has_accuracy = m->has_accuracy || strcmp(text, "accuracy") == 0;
    return 0;
}

static size_t metric_rows(const struct standard *s)
{
    return s->t.rows->kind == ROWS_TEXT || s->metrics.n == 0 ? 0 : METRIC_ROWS;
}

static uint64_t metrics_memory(const struct standard *s)
{
    uint64_t outputs = s->ops->outputs_n(s->learner);
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->metrics.n; i++) {
        bytes += metric_state_bytes(s->metrics.v[i], s->t.rows->n);
    }
    return bytes + metric_rows(s) * (outputs * (4 + 8) + 8);
}

static int start_metrics(struct standard *s)
{
    struct epoch_metrics *m = &s->metrics;
    size_t outputs = s->ops->outputs_n(s->learner);
    size_t n = metric_rows(s);

    if (n == 0) {
        return 0;
    }
    m->pred = calloc(n * outputs, sizeof(*m->pred));
    m->wide = calloc(n * outputs, sizeof(*m->wide));
    m->target = calloc(n, sizeof(*m->target));
    return m->pred == NULL || m->wide == NULL || m->target == NULL
               ? ERR_TRACE(ERR_NOMEM)
               : 0;
}

static int update_all(struct standard *s, const struct metric_batch *b,
                      struct diag *d)
{
    for (size_t i = 0; i < s->metrics.n; i++) {
        TRY(metric_update(s->metrics.v[i], b, d));
    }
    return 0;
}

static int update_rows(struct standard *s, uint64_t from, size_t n, double loss,
                       struct diag *d)
{
    struct epoch_metrics *m = &s->metrics;
    const struct rows *r = s->t.rows;
    size_t outputs = s->ops->outputs_n(s->learner);
    const struct metric_batch b = {
        .n = n, .pred = m->wide, .target = m->target, .loss = loss};

    TRY(s->base.ops->predict(&s->base, r, from, n, m->pred));
    for (size_t i = 0; i < n * outputs; i++) {
        m->wide[i] = (double)m->pred[i];
    }
    for (size_t i = 0; i < n; i++) {
        m->target[i] = r->kind == ROWS_REGRESSION ? rows_target(r, from + i)
                                                  : rows_class(r, from + i);
    }
    return update_all(s, &b, d);
}

static int tally(struct standard *s, double loss, struct diag *d)
{
    const struct metric_batch tokens = {.n = s->epoch.count, .loss = loss};

    for (size_t i = 0; i < s->metrics.n; i++) {
        metric_reset(s->metrics.v[i]);
    }
    if (s->t.rows->kind == ROWS_TEXT) {
        return update_all(s, &tokens, d);
    }
    for (uint64_t from = 0; from < s->t.rows->n; from += METRIC_ROWS) {
        uint64_t left = s->t.rows->n - from;

        TRY(update_rows(
            s, from, left < METRIC_ROWS ? (size_t)left : METRIC_ROWS, loss, d));
    }
    return 0;
}

struct claiming {
    struct fit_claims *claims;
    const char *text;
};

static int claim_value(void *ctx, const char *suffix, double v)
{
    const struct claiming *c = ctx;
    char name[sizeof(c->claims->v[0].name)];

    (void)snprintf(name, sizeof(name), "%s%s", c->text, suffix);
    claim(c->claims, name, v);
    return 0;
}

/* What cannot be computed is not claimed. */
static int claim_metrics(struct standard *s, double loss, struct diag *d)
{
    if (s->metrics.n == 0) {
        return 0;
    }
    TRY(tally(s, loss, d));
    for (size_t i = 0; i < s->metrics.n; i++) {
        struct metric_tally *t = s->metrics.v[i];
        struct claiming c = {&s->claims, metric_text(t)};
        int code = metric_each(t, claim_value, &c);

        if (code == METRIC_E_NOT_COMPUTABLE) {
            fit_note(s->t.notes, "epoch %u: %s cannot be computed",
                     s->place.epoch, c.text);
        } else if (code < 0) {
            return ERR_TRACE(code);
        }
    }
    return 0;
}

int claims_make(struct standard *s, struct diag *d)
{
    double count = (double)s->epoch.count;
    double loss = s->epoch.loss / count;
    struct fit_claims *c = &s->claims;

    c->n = 0;
    claim(c, "loss", loss);
    if (s->t.rows->kind != ROWS_REGRESSION && !s->metrics.has_accuracy) {
        claim(c, "accuracy", (double)s->epoch.right / count);
    }
    TRY(claim_metrics(s, loss, d));
    for (size_t i = 0; i < c->n; i++) {
        TRY(engine_value_set(s->engine, c->v[i].name, c->v[i].value, d));
    }
    return 0;
}

/* ---- Handlers ---- */

static void hook_note(void *ctx, const char *line)
{
    const struct standard *s = ctx;

    fit_note(s->t.notes, "%s", line);
}

/* The handler notes it; after an epoch, whether there are its weights is the
 * kernel's to say. */
static int hook_checkpoint(void *ctx, uint64_t step, uint64_t instead,
                           struct diag *d)
{
    struct standard *s = ctx;

    (void)step;
    (void)instead;
    (void)d;
    s->place.wants_checkpoint = 1;
    return 0;
}

static int hook_norm(void *ctx, enum handler_norm which, double *out,
                     struct diag *d)
{
    struct standard *s = ctx;

    (void)d;
    if (which == HANDLER_PARAMETERS_NORM) {
        *out = clip_norm_of(s->params, s->n);
        return 0;
    }
    *out = s->grad_norm;
    return 0;
}

static int hook_evaluate(void *ctx, struct engine *e, struct diag *d)
{
    struct standard *s = ctx;

    (void)e;
    return s->epoch.count == 0 ? 0 : claims_make(s, d);
}

static int open_handlers(struct standard *s, struct diag *d)
{
    const Proctor__Recipe *r = s->t.recipe;
    struct handler_world w = {
        .e = s->engine,
        .is_measured = s->t.checked_n > 0,
        .names = s->names,
        .workers = 1, /* all keep the first one's clock */
        .hooks = {s, hook_note, hook_checkpoint, hook_norm, hook_evaluate}};

    if (r->n_handlers == 0) {
        return 0;
    }
    s->names[w.names_n++] = "loss";
    if (s->t.rows->kind != ROWS_REGRESSION && !s->metrics.has_accuracy) {
        s->names[w.names_n++] = "accuracy";
    }
    for (size_t i = 0; i < s->metrics.n; i++) {
        s->names[w.names_n++] = metric_text(s->metrics.v[i]);
    }
    return handlers_open(r->handlers, r->n_handlers, &w, &s->handlers, d);
}

int claims_open(struct standard *s, struct diag *d)
{
    const Proctor__Recipe *r = s->t.recipe;

    for (size_t i = 0; i < r->n_handlers; i++) {
        s->watches_gradients = s->watches_gradients ||
                               strcmp(r->handlers[i]->kind, "gradients") == 0;
    }
    for (size_t i = 0; i < r->n_metrics; i++) {
        if (!is_claimed(r->metrics[i])) {
            TRY(open_metric(s, r->metrics[i], d));
        }
    }
    return open_handlers(s, d);
}

uint64_t claims_memory(const struct standard *s)
{
    return metrics_memory(s);
}

int claims_start(struct standard *s)
{
    return start_metrics(s);
}

void claims_close(struct standard *s)
{
    struct epoch_metrics *m = &s->metrics;

    handlers_close(s->handlers);
    for (size_t i = 0; i < m->n; i++) {
        metric_close(m->v[i]);
    }
    free(m->pred);
    free(m->wide);
    free(m->target);
}

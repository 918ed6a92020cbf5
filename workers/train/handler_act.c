/* What each kind of handler does when its event comes. Worker train. */
#include <math.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"
#include "workers/train/handler_int.h"

#define VANISHED 1e-10 /* norm of a gradient that trains nothing */

static void note(const struct handler *h, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
static void note(const struct handler *h, const char *fmt, ...)
{
    const struct handler_hooks *hooks = &h->all->world.hooks;
    char line[DIAG_TEXT_BYTES];
    int n = snprintf(line, sizeof(line), "%s: ", handler_name(h->kind));
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
    va_end(args);
    hooks->note(hooks->ctx, line);
}

static unsigned long long wide(uint64_t n)
{
    return n;
}

/* Ends the run, and says why. */
static void end(struct handler *h, struct engine *e, const char *why)
{
    (void)snprintf(h->all->ended, sizeof(h->all->ended), "%s: %s",
                   handler_name(h->kind), why);
    note(h, "%s", why);
    engine_terminate(e, 0);
}

/* ---- Keeping ---- */

/* Does a come before b? Older ones come first when they are equal; without a
 * metric the newest do. */
static int is_before(const struct handler *h, const struct handler_mark *a,
                     const struct handler_mark *b)
{
    if (h->metric[0] == 0) {
        return a->step > b->step;
    }
    return h->spec->lower ? a->score < b->score : a->score > b->score;
}

static int keep(struct handler *h, struct engine *e, struct diag *d)
{
    const struct handler_hooks *hooks = &h->all->world.hooks;
    struct handler_mark now = {0, engine_state(e)->iteration};
    size_t most = handler_keeps(h);
    size_t at = h->kept_n;
    uint64_t instead = 0;

    if (h->metric[0] != 0) {
        TRY(engine_value(e, h->metric, &now.score, d));
    }
    if (isnan(now.score)) {
        note(h, "step %llu: %s is NaN, not kept", wide(now.step), h->metric);
        return 0;
    }
    while (at > 0 && is_before(h, &now, &h->kept[at - 1])) {
        at--;
    }
    if (at == most) {
        return 0;
    }
    if (h->kept_n == most) {
        instead = h->kept[--h->kept_n].step;
    }
    memmove(&h->kept[at + 1], &h->kept[at],
            (h->kept_n - at) * sizeof(h->kept[0]));
    h->kept[at] = now;
    h->kept_n++;
    if (h->metric[0] != 0) {
        note(h, "step %llu kept, %s %.4f", wide(now.step), h->metric,
             now.score);
    }
    if (hooks->checkpoint != NULL) {
        TRY(hooks->checkpoint(hooks->ctx, now.step, instead, d));
    }
    return 1;
}

/* ---- Ending ---- */

static int stop_early(struct handler *h, struct engine *e, struct diag *d)
{
    double v, by;
    char why[160];

    TRY(engine_value(e, h->metric, &v, d));
    by = h->spec->lower ? h->best - v : v - h->best;
    if (!isnan(v) && (!h->has_best || by > h->spec->min_delta)) {
        h->best = v;
        h->has_best = 1;
        h->waited = 0;
        return 0;
    }
    if (++h->waited < h->spec->patience) {
        return 0;
    }
    (void)snprintf(why, sizeof(why),
                   "epoch %llu: %s %g, no better than %g for %llu times",
                   wide(engine_state(e)->epoch), h->metric, v,
                   h->has_best ? h->best : (double)NAN, wide(h->waited));
    end(h, e, why);
    return 1;
}

/* Metrics that are not defined are no divergence; the loss is. */
static int is_watched(const struct handler *h, const char *name)
{
    const struct handler_world *w = &h->all->world;

    for (size_t i = 0; i < w->names_n; i++) {
        if (strcmp(w->names[i], name) == 0) {
            return strcmp(name, "loss") == 0;
        }
    }
    return 1;
}

static int look_for_nonfinite(struct handler *h, struct engine *e)
{
    char why[160];

    for (size_t i = 0; i < engine_values_n(e); i++) {
        double v;
        const char *name = engine_value_at(e, i, &v);

        if (isfinite(v) || !is_watched(h, name)) {
            continue;
        }
        (void)snprintf(why, sizeof(why), "%s is %s at iteration %llu", name,
                       isnan(v) ? "NaN"
                       : v > 0  ? "infinite"
                                : "minus infinite",
                       wide(engine_state(e)->iteration));
        end(h, e, why);
        (void)snprintf(h->all->failure, sizeof(h->all->failure), "%s", why);
        return 1;
    }
    return 0;
}

static int look_at_clock(struct handler *h, struct engine *e)
{
    uint64_t now = engine_now_ns(e) - h->started_ns;
    char why[96];

    if ((double)now < h->spec->seconds * 1e9) {
        return 0;
    }
    (void)snprintf(why, sizeof(why), "%g s are over at iteration %llu",
                   h->spec->seconds, wide(engine_state(e)->iteration));
    end(h, e, why);
    return 1;
}

/* ---- Watching ---- */

/* Means of the steps since its last note. */
static int tell_times(struct handler *h, struct engine *e)
{
    const struct engine_state *s = engine_state(e);
    uint64_t steps = s->iteration - h->steps;
    double n = steps != 0 ? (double)steps * 1e6 : 1;

    note(h, "epoch %llu: %.3f s; a step %.3f ms, fetching %.3f ms",
         wide(s->epoch), (double)s->epoch_ns / 1e9,
         (double)(s->process_ns - h->process_ns) / n,
         (double)(s->fetch_ns - h->fetch_ns) / n);
    h->steps = s->iteration;
    h->process_ns = s->process_ns;
    h->fetch_ns = s->fetch_ns;
    return 1;
}

/* "epoch 2/10, step 64: loss=0.345, accuracy=0.9" */
static int tell_progress(struct handler *h, struct engine *e)
{
    const struct engine_state *s = engine_state(e);
    char line[200], of[24] = "";
    struct text t;

    text_init(&t, line, sizeof(line));
    if (s->max_epochs != 0) {
        (void)snprintf(of, sizeof(of), "/%llu", wide(s->max_epochs));
    }
    for (size_t i = 0; i < engine_values_n(e); i++) {
        double v;
        const char *name = engine_value_at(e, i, &v);

        text_putf(&t, "%s%s=%.4g", i == 0 ? ": " : ", ", name, v);
    }
    note(h, "epoch %llu%s, step %llu%s", wide(s->epoch), of, wide(s->iteration),
         line);
    return 1;
}

static int watch(struct handler *h, struct engine *e, struct diag *d)
{
    const struct handler_hooks *hooks = &h->all->world.hooks;
    int gradients = h->kind == HANDLER_GRADIENTS;
    double v;

    TRY(hooks->norm(
        hooks->ctx,
        gradients ? HANDLER_GRADIENTS_NORM : HANDLER_PARAMETERS_NORM, &v, d));
    TRY(engine_value_set(e, gradients ? "gradient_norm" : "parameter_norm", v,
                         d));
    if (gradients && v < VANISHED) {
        note(h, "step %llu: the gradient has vanished, norm %g",
             wide(engine_state(e)->iteration), v);
    } else if (h->event != ENGINE_EPOCH_COMPLETED) {
        note(h, "step %llu: norm %.6g", wide(engine_state(e)->iteration), v);
    }
    return 1;
}

int handler_act(struct handler *h, struct engine *e, struct diag *d)
{
    const struct handler_hooks *hooks = &h->all->world.hooks;

    switch (h->kind) {
    case HANDLER_CHECKPOINT:
        return keep(h, e, d);
    case HANDLER_EARLY_STOPPING:
        return stop_early(h, e, d);
    case HANDLER_NONFINITE:
        return look_for_nonfinite(h, e);
    case HANDLER_TIME_LIMIT:
        return look_at_clock(h, e);
    case HANDLER_TIMER:
        return tell_times(h, e);
    case HANDLER_PROGRESS:
        return tell_progress(h, e);
    case HANDLER_GRADIENTS:
    case HANDLER_PARAMETERS:
        return watch(h, e, d);
    case HANDLER_EVALUATE:
        TRY(hooks->evaluate(hooks->ctx, e, d));
        return 1;
    case HANDLER_KIND_N:
        break;
    }
    return ERR_TRACE(ERR_INTERNAL);
}

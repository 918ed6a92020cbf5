/* Handlers: which there are, what may be said of them, and where they hang. What
 * each does is in handler_act.c. Worker train; the specs come from a user and may
 * be anything. */
#include "workers/train/handler.h"

#include <math.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/handler_int.h"

#define STATE_MAGIC 0x5048414eu /* "PHAN" */
#define STATE_VERSION 1u

enum {
    FIELD_METRIC = 1,
    FIELD_LOWER = 2,
    FIELD_KEEP = 4,
    FIELD_PATIENCE = 8,
    FIELD_MIN_DELTA = 16,
    FIELD_SECONDS = 32
};

static const struct {
    const char *name;
    unsigned event;
    unsigned fields;
} kinds[HANDLER_KIND_N] = {
#define HANDLER(id, name, event, fields) {name, event, fields},
#include "workers/train/handler.def"
#undef HANDLER
};

const char *handler_name(enum handler_kind kind)
{
    return kinds[kind].name;
}

size_t handler_keeps(const struct handler *h)
{
    return h->kind != HANDLER_CHECKPOINT ? 0
           : h->spec->keep != 0          ? h->spec->keep
                                         : 1;
}

/* ---- Checks ---- */

static int bad(const struct handler *h, struct diag *d, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static int bad(const struct handler *h, struct diag *d, const char *fmt, ...)
{
    char what[160];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return diag_set(d, ERR_INPUT, (struct loc){0}, "handlers[%zu] (%s): %s",
                    h->i, handler_name(h->kind), what);
}

static int find_kind(struct handler *h, struct diag *d)
{
    const char *names[HANDLER_KIND_N];
    const char *near;

    for (size_t i = 0; i < HANDLER_KIND_N; i++) {
        names[i] = kinds[i].name;
        if (strcmp(h->spec->kind, names[i]) == 0) {
            h->kind = (enum handler_kind)i;
            return 0;
        }
    }
    (void)diag_set(d, ERR_INPUT, (struct loc){0},
                   "handlers[%zu]: unknown kind \"%.40s\"", h->i,
                   h->spec->kind);
    near = diag_nearest(h->spec->kind, names, HANDLER_KIND_N);
    if (near != NULL) {
        diag_hint(d, "did you mean %s?", near);
    }
    return ERR_INPUT;
}

/* Fields that say something where nobody listens. */
static int check_fields(const struct handler *h, struct diag *d)
{
    const Proctor__HandlerSpec *s = h->spec;
    const struct {
        unsigned field;
        int is_set;
        const char *name;
    } all[] = {{FIELD_METRIC, *s->metric != 0, "metric"},
               {FIELD_LOWER, s->lower, "lower"},
               {FIELD_KEEP, s->keep != 0, "keep"},
               {FIELD_PATIENCE, s->patience != 0, "patience"},
               {FIELD_MIN_DELTA, s->min_delta != 0, "min_delta"},
               {FIELD_SECONDS, s->seconds != 0, "seconds"}};

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        if (all[i].is_set && (kinds[h->kind].fields & all[i].field) == 0) {
            return bad(h, d, "it has no %s", all[i].name);
        }
    }
    return 0;
}

static int check_numbers(const struct handler *h, struct diag *d)
{
    const Proctor__HandlerSpec *s = h->spec;

    if (h->kind == HANDLER_EARLY_STOPPING && s->patience == 0) {
        return bad(h, d, "patience: expected 1 or more, got 0");
    }
    if (!(s->min_delta >= 0 && isfinite(s->min_delta))) {
        return bad(h, d, "min_delta: expected 0 or more, got %g", s->min_delta);
    }
    if (s->keep > HANDLER_KEEP_MAX) {
        return bad(h, d, "keep: expected 1..%u, got %u", HANDLER_KEEP_MAX,
                   s->keep);
    }
    if (h->kind == HANDLER_TIME_LIMIT &&
        !(s->seconds > 0 && s->seconds < 1e9)) {
        return bad(h, d, "seconds: expected above 0, got %g", s->seconds);
    }
    return 0;
}

static int check_world(const struct handler *h, struct diag *d)
{
    const struct handler_world *w = &h->all->world;

    if (h->kind == HANDLER_TIME_LIMIT && w->workers > 1) {
        (void)bad(h, d, "%u workers have as many clocks", w->workers);
        diag_hint(d, "workers: 1, or epochs and steps instead of seconds");
        return ERR_INPUT;
    }
    if (((h->kind == HANDLER_GRADIENTS || h->kind == HANDLER_PARAMETERS) &&
         w->hooks.norm == NULL) ||
        (h->kind == HANDLER_EVALUATE && w->hooks.evaluate == NULL)) {
        return bad(h, d, "this kind of training has nothing for it to see");
    }
    return 0;
}

/* A value that the engine will have. */
static int is_known(const struct handler *h, const char *metric)
{
    const struct handler_world *w = &h->all->world;

    for (size_t i = 0; i < w->names_n; i++) {
        if (strcmp(w->names[i], metric) == 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < h->i; i++) {
        if ((h->all->v[i].kind == HANDLER_GRADIENTS &&
             strcmp(metric, "gradient_norm") == 0) ||
            (h->all->v[i].kind == HANDLER_PARAMETERS &&
             strcmp(metric, "parameter_norm") == 0)) {
            return 1;
        }
    }
    return w->is_measured && strcmp(metric, HANDLER_MEASURED) == 0;
}

/* Which value it looks at; none, for checkpoints: their step. */
static int find_metric(struct handler *h, struct diag *d)
{
    const char *metric = h->spec->metric;

    if ((kinds[h->kind].fields & FIELD_METRIC) == 0) {
        return 0;
    }
    if (*metric == 0) {
        if (!h->all->world.is_measured && h->kind == HANDLER_CHECKPOINT) {
            return h->spec->lower ? bad(h, d, "lower: of no metric") : 0;
        }
        metric = HANDLER_MEASURED;
    }
    if (!is_known(h, metric)) {
        (void)bad(h, d, "metric: there will be no \"%.40s\"", metric);
        diag_hint(d, strcmp(metric, HANDLER_MEASURED) == 0
                         ? "give validation, or a metric such as loss"
                         : "name it under metrics, or take loss");
        return ERR_INPUT;
    }
    (void)snprintf(h->metric, sizeof(h->metric), "%s", metric);
    return 0;
}

/* ---- Hanging ---- */

static int handler_run(struct engine *e, void *ctx, struct diag *d)
{
    struct handler *h = ctx;
    int code = handler_act(h, e, d);

    if (code <= 0 || h->fires == 0) {
        return code < 0 ? code : 0;
    }
    return engine_fire(e, h->fires, d);
}

/* Clocks start with the run, also with one that goes on. */
static int handlers_start(struct engine *e, void *ctx, struct diag *d)
{
    struct handlers *all = ctx;

    (void)d;
    for (size_t i = 0; i < all->n; i++) {
        struct handler *h = &all->v[i];

        h->has_best = 0;
        h->waited = 0;
        h->kept_n = 0;
        h->steps = h->fetch_ns = h->process_ns = 0;
        h->started_ns = engine_now_ns(e);
    }
    all->failure[0] = all->ended[0] = 0;
    return 0;
}

/* d's text behind the place of the handler. */
static int placed(const struct handler *h, int code, struct diag *d)
{
    char what[160];

    (void)snprintf(what, sizeof(what), "%.150s", d->what);
    (void)bad(h, d, "%s", what);
    d->code = code;
    return code;
}

static int hang(struct handler *h, struct diag *d)
{
    const Proctor__HandlerSpec *s = h->spec;
    struct engine *e = h->all->world.e;
    struct engine_when w = {.event = kinds[h->kind].event};
    int code = 0;

    if (*s->event != 0) {
        code = engine_event_find(e, s->event, &w.event, d);
    }
    if (code < 0) {
        return placed(h, code, d);
    }
    w.filter.use = (s->every != 0 ? ENGINE_EVERY : 0u) |
                   (s->n_once != 0 ? ENGINE_ONCE : 0u) |
                   (s->before != 0 ? ENGINE_BEFORE : 0u) |
                   (s->after != 0 ? ENGINE_AFTER : 0u);
    w.filter.every = s->every;
    w.filter.before = s->before;
    w.filter.after = s->after;
    w.filter.once = s->once;
    w.filter.once_n = s->n_once;
    h->event = w.event;
    code = engine_on(e, &w, 1, 0, handler_run, h, NULL, d);
    return code < 0 ? placed(h, code, d) : 0;
}

static int open_one(struct handlers *all, const Proctor__HandlerSpec *spec,
                    size_t i, struct diag *d)
{
    struct handler *h = &all->v[i];

    *h = (struct handler){.all = all, .spec = spec, .i = i};
    TRY(find_kind(h, d));
    TRY(check_fields(h, d));
    TRY(check_numbers(h, d));
    TRY(check_world(h, d));
    TRY(find_metric(h, d));
    if (*spec->fires != 0) {
        int code = engine_register(all->world.e, spec->fires, 0, &h->fires, d);

        return code < 0 ? placed(h, code, d) : 0;
    }
    return 0;
}

static void handlers_closep(struct handlers **h)
{
    handlers_close(*h);
}

int handlers_open(Proctor__HandlerSpec *const *specs, size_t n,
                  const struct handler_world *world, struct handlers **out,
                  struct diag *d)
{
    const struct engine_when started = {.event = ENGINE_STARTED};
    struct handlers *all CLEANUP(handlers_closep) = calloc(1, sizeof(*all));

    if (all == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (n > HANDLERS_MAX) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "handlers: expected at most %u, got %zu", HANDLERS_MAX,
                        n);
    }
    all->world = *world;
    all->n = n;
    for (size_t i = 0; i < n; i++) {
        TRY(open_one(all, specs[i], i, d));
        all->v[i].started_ns = engine_now_ns(world->e);
    }
    TRY(engine_on(world->e, &started, 1, ENGINE_PRIORITY_METRICS + 3,
                  handlers_start, all, NULL, d));
    for (size_t i = 0; i < n; i++) {
        TRY(hang(&all->v[i], d));
    }
    *out = all;
    all = NULL;
    return 0;
}

void handlers_close(struct handlers *h)
{
    free(h);
}

const char *handlers_failure(const struct handlers *h)
{
    return h->failure;
}

const char *handlers_ended(const struct handlers *h)
{
    return h->ended;
}

size_t handlers_kept(const struct handlers *h, size_t i,
                     uint64_t out_steps[static HANDLER_KEEP_MAX])
{
    ASSERT(i < h->n);
    for (size_t k = 0; k < h->v[i].kept_n; k++) {
        out_steps[k] = h->v[i].kept[k].step;
    }
    return h->v[i].kept_n;
}

/* ---- Bytes ---- */

int handlers_save(const struct handlers *all, struct buf *out)
{
    TRY(buf_put_u32(out, STATE_MAGIC));
    TRY(buf_put_u8(out, STATE_VERSION));
    TRY(buf_put_u8(out, (uint8_t)all->n));
    for (size_t i = 0; i < all->n; i++) {
        const struct handler *h = &all->v[i];

        TRY(buf_put_u8(out, (uint8_t)h->kind));
        TRY(buf_put_u8(out, (uint8_t)h->has_best));
        TRY(buf_put_f64(out, h->best));
        TRY(buf_put_u64(out, h->waited));
        TRY(buf_put_u8(out, (uint8_t)h->kept_n));
        for (size_t k = 0; k < h->kept_n; k++) {
            TRY(buf_put_f64(out, h->kept[k].score));
            TRY(buf_put_u64(out, h->kept[k].step));
        }
    }
    return 0;
}

static void take_one(struct handler *h, struct rd *r)
{
    uint8_t n;

    if (rd_u8(r) != h->kind) {
        rd_fail(r);
    }
    h->has_best = rd_u8(r);
    h->best = rd_f64(r);
    h->waited = rd_u64(r);
    n = rd_u8(r);
    if (rd_is_bad(r) || h->has_best > 1 || n > handler_keeps(h)) {
        rd_fail(r);
        return;
    }
    h->kept_n = n;
    for (size_t k = 0; k < n; k++) {
        h->kept[k].score = rd_f64(r);
        h->kept[k].step = rd_u64(r);
    }
}

int handlers_load(struct handlers *all, struct rd *in)
{
    struct handlers *fresh = malloc(sizeof(*fresh));
    int code;

    if (fresh == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *fresh = *all;
    if (rd_u32(in) != STATE_MAGIC || rd_u8(in) != STATE_VERSION ||
        rd_u8(in) != all->n) {
        rd_fail(in);
    }
    for (size_t i = 0; i < all->n && !rd_is_bad(in); i++) {
        take_one(&fresh->v[i], in);
        fresh->v[i].started_ns = engine_now_ns(all->world.e);
    }
    code = rd_is_bad(in) ? ERR_ENCODING : 0;
    if (code == 0) {
        *all = *fresh; /* each points at all, as before */
    }
    free(fresh);
    return code == 0 ? 0 : ERR_TRACE(code);
}

/* Handlers of a training run: what is done at which event. Runs in the confined
 * `config` worker. */
#include "workers/config/spec_recipe.h"

#include <string.h>

#include "proto/limits.h"
#include "workers/config/train_kind.h"

enum handler_kind {
    H_CHECKPOINT,
    H_EARLY_STOPPING,
    H_NONFINITE,
    H_TIME_LIMIT,
    H_TIMER,
    H_PROGRESS,
    H_GRADIENTS,
    H_PARAMETERS,
    H_EVALUATE,
    HANDLERS_N
};

enum {
    K_KIND,
    K_EVENT,
    K_EVERY,
    K_ONCE,
    K_BEFORE,
    K_AFTER,
    K_METRIC,
    K_PATIENCE,
    K_MIN_DELTA,
    K_LOWER,
    K_KEEP,
    K_SECONDS,
    K_FIRES,
    K_N
};

#define ALL_KINDS UINT32_MAX
#define NAME_BYTES_MAX 64u

static const char *const kinds[HANDLERS_N] = {
    "checkpoint", "early_stopping", "terminate_on_nonfinite",
    "time_limit", "timer",          "progress",
    "gradients",  "parameters",     "evaluate"};

static const struct recipe_key keys[K_N] = {
    {"kind", ALL_KINDS},
    {"event", ALL_KINDS},
    {"every", ALL_KINDS},
    {"once", ALL_KINDS},
    {"before", ALL_KINDS},
    {"after", ALL_KINDS},
    {"metric", 1u << H_EARLY_STOPPING | 1u << H_CHECKPOINT},
    {"patience", 1u << H_EARLY_STOPPING},
    {"min_delta", 1u << H_EARLY_STOPPING},
    {"lower", 1u << H_EARLY_STOPPING | 1u << H_CHECKPOINT},
    {"keep", 1u << H_CHECKPOINT},
    {"seconds", 1u << H_TIME_LIMIT},
    {"fires", ALL_KINDS}};

/* What a handler listens to when nothing is said. */
static const char *default_event(size_t kind)
{
    return kind == H_NONFINITE || kind == H_TIME_LIMIT ? "iteration_completed"
                                                       : "epoch_completed";
}

static int read_name(struct config *c, const struct yaml_node *n,
                     const char *key, char **out)
{
    const char *text = NULL;

    if (!n) {
        return 0;
    }
    config_enter(c, key);
    TRY(schema_text(c, n, NAME_BYTES_MAX, &text));
    config_leave(c);
    *out = arena_text(&c->reply, text, n->n);
    return *out ? 0 : ERR_NOMEM;
}

/* once: 5 or [5, 10]. */
static int read_once(struct config *c, const struct yaml_node *n,
                     Proctor__HandlerSpec *h)
{
    if (!n || n->kind == YAML_LIST) {
        return member_u64s(c, n, "once",
                           (struct member_whole){256, 1, INT64_MAX}, &h->once,
                           &h->n_once);
    }
    h->once = arena_array(&c->reply, 1, sizeof(*h->once));
    if (!h->once) {
        return ERR_NOMEM;
    }
    h->n_once = 1;
    return member_uint(c, n, "once", 1, INT64_MAX, &h->once[0]);
}

/* At which of its events it acts. */
static int read_filter(struct config *c, const struct yaml_node *const v[K_N],
                       size_t kind, Proctor__HandlerSpec *h)
{
    h->event = recipe_text(c, default_event(kind));
    if (!h->event) {
        return ERR_NOMEM;
    }
    TRY(read_name(c, v[K_EVENT], "event", &h->event));
    if (v[K_EVERY] && v[K_ONCE]) {
        config_fail(c, v[K_ONCE]->key, "both \"every\" and \"once\" are given");
        config_hint(c, "keep one of them");
        return ERR_INPUT;
    }
    TRY(member_uint(c, v[K_EVERY], "every", 1, INT64_MAX, &h->every));
    TRY(read_once(c, v[K_ONCE], h));
    TRY(member_uint(c, v[K_BEFORE], "before", 1, INT64_MAX, &h->before));
    return member_uint(c, v[K_AFTER], "after", 1, INT64_MAX, &h->after);
}

static int read_handler(struct config *c, const struct yaml_node *n,
                        Proctor__HandlerSpec **out)
{
    const struct yaml_node *v[K_N];
    Proctor__HandlerSpec *h = arena_get(&c->reply, sizeof(*h));
    size_t kind = 0;

    if (!h) {
        return ERR_NOMEM;
    }
    proctor__handler_spec__init(h);
    TRY(recipe_kind(c, n, kinds, HANDLERS_N, &kind));
    TRY(recipe_map(c, n, keys, K_N, kind, kinds[kind], v));
    TRY(read_filter(c, v, kind, h));
    h->patience = kind == H_EARLY_STOPPING ? 5 : 0;
    h->lower = keys[K_LOWER].kinds & 1u << kind ? TRAIN_LOWER_BY_METRIC : 0;
    h->keep = kind == H_CHECKPOINT ? 1 : 0;
    TRY(read_name(c, v[K_METRIC], "metric", &h->metric));
    TRY(member_u32(c, v[K_PATIENCE], "patience", 1, 1000000, &h->patience));
    TRY(member_number(c, v[K_MIN_DELTA], "min_delta",
                      (struct member_range){0, RECIPE_RATE_MAX, 0, 0},
                      &h->min_delta));
    TRY(member_flag(c, v[K_LOWER], "lower", &h->lower));
    TRY(member_u32(c, v[K_KEEP], "keep", 1, 1000, &h->keep));
    TRY(member_number(c, v[K_SECONDS], "seconds",
                      (struct member_range){0, 1e9, 1, 0}, &h->seconds));
    TRY(read_name(c, v[K_FIRES], "fires", &h->fires));
    if (kind == H_TIME_LIMIT && !v[K_SECONDS]) {
        config_fail(c, n, "key \"seconds\" is missing");
        config_hint(c, "for example {kind: time_limit, seconds: 600}");
        return ERR_INPUT;
    }
    h->kind = recipe_text(c, kinds[kind]);
    *out = h;
    return h->kind ? 0 : ERR_NOMEM;
}

int recipe_handlers(struct config *c, const struct yaml_node *n,
                    Proctor__Recipe *r)
{
    size_t i = 0;

    if (!n) {
        return 0;
    }
    config_enter(c, "handlers");
    TRY(schema_list(c, n, RECIPE_HANDLERS_MAX));
    r->handlers = arena_array(&c->reply, (size_t)n->n + 1,
                              sizeof(Proctor__HandlerSpec *));
    if (!r->handlers) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(read_handler(c, e, &r->handlers[i]));
        config_leave(c);
    }
    r->n_handlers = i;
    config_leave(c);
    return 0;
}

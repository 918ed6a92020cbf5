/* Searches: one experiment for each setting of a grid, or for n settings that are
 * drawn. Runs in the confined `config` worker. Draws are SplitMix64 by the search's
 * seed, so that a file always means the same experiments. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workers/config/experiment_int.h"
#include "workers/config/schema.h"

#define KEYS_MAX 16u
#define SETTINGS_MAX 256u

enum {
    S_GRID,
    S_RANDOM,
    S_SEED,
    S_OVER,
    S_N
};

static const struct exp_field search_fields[S_N] = {
    {"grid", X_MAP, 0, 0, 0, 0, 0, NULL, 0},
    {"random", X_UINT, 0, 0, 1, SETTINGS_MAX, 0, NULL, 0},
    {"seed", X_UINT, 0, 0, 0, UINT64_MAX, 0, NULL, 0},
    {"over", X_MAP, 0, 0, 0, 0, 0, NULL, 0}};

/* One dotted key: a list of values, or a range to draw from. */
struct axis {
    const struct yaml_node *n;
    double low, high;
    int is_log, is_whole;
};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* In [0, 1). */
static double draw_share(uint64_t *state)
{
    return (double)(draw(state) >> 11) * 0x1p-53;
}

static int read_range(struct exp_reader *r, const struct yaml_node *n,
                      struct axis *a)
{
    static const struct exp_field fields[] = {
        {"low", X_NUMBER, X_REQUIRED, 0, 0, 0, -1e300, NULL, 0},
        {"high", X_NUMBER, X_REQUIRED, 0, 0, 0, -1e300, NULL, 0},
        {"log", X_BOOL, 0, 0, 0, 0, 0, NULL, 0},
        {"whole", X_BOOL, 0, 0, 0, 0, 0, NULL, 0}};
    struct exp_value v[ARRAY_N(fields)];

    TRY(exp_fields(r, n, fields, ARRAY_N(fields), 0, v));
    a->low = v[0].f;
    a->high = v[1].f;
    a->is_log = v[2].b;
    a->is_whole = v[3].b;
    if (v[0].n && v[1].n && !(a->low < a->high)) {
        return exp_fail(r, n, NULL, "low is less than high", "an empty range");
    }
    if (a->is_log && v[0].n && !(a->low > 0)) {
        return exp_fail(r, n, NULL, "logarithms begin above 0",
                        "log: true from %g", a->low);
    }
    return 0;
}

static int read_axes(struct exp_reader *r, const struct yaml_node *map,
                     int may_draw, struct axis *axes, size_t *out_n)
{
    size_t n = 0;

    if (map->n == 0 || map->n > KEYS_MAX) {
        return exp_fail(r, map, NULL, "training.learning_rate: [0.1, 0.01]",
                        "expected 1 to %u keys, got %u", KEYS_MAX, map->n);
    }
    for (const struct yaml_node *e = map->first; e; e = e->next, n++) {
        config_enter(r->c, e->key->text);
        axes[n] = (struct axis){.n = e};
        if (may_draw && e->kind == YAML_MAP) {
            TRY(read_range(r, e, &axes[n]));
        } else if (e->kind != YAML_LIST || e->n == 0 ||
                   e->n > SETTINGS_MAX) {
            TRY(exp_fail(r, e, NULL, may_draw ? "or {low: A, high: B}" : "",
                         "expected a list of 1 to %u values", SETTINGS_MAX));
        }
        config_leave(r->c);
    }
    *out_n = n;
    return 0;
}

static struct yaml_node *value_at(struct config *c, const struct yaml_node *list,
                                  uint64_t i)
{
    const struct yaml_node *e = list->first;

    for (; i > 0; i--) {
        e = e->next;
    }
    return build_deep_copy(c, e);
}

static struct yaml_node *draw_value(struct config *c, const struct axis *a,
                                    uint64_t *state)
{
    double share = draw_share(state);
    double v;

    if (a->n->kind == YAML_LIST) {
        return value_at(c, a->n, (uint64_t)(share * a->n->n));
    }
    v = a->is_log ? exp(log(a->low) + share * (log(a->high) - log(a->low)))
                  : a->low + share * (a->high - a->low);
    if (a->is_whole && v >= 0) {
        return build_uint(c, (uint64_t)v);
    }
    return build_number(c, v);
}

/* A setting as an experiment of its own: NAME-I, and its values in the name's
 * place of the summary. */
static int read_setting(struct exp_reader *r, const struct yaml_node *n,
                        const struct axis *axes, struct yaml_node *const *values,
                        size_t axes_n, size_t i)
{
    struct config *c = r->c;
    struct yaml_node *one = build_deep_copy(c, n);
    const struct yaml_node *name = build_find(n, "name");
    struct yaml_node *gone;
    size_t path_n = c->path_n;
    char text[256];

    if (!one) {
        return ERR_NOMEM;
    }
    gone = build_find(one, "search");
    *gone = (struct yaml_node){.key = gone->key,
                               .next = gone->next,
                               .kind = YAML_SCALAR,
                               .plain = 1,
                               .text = ""};
    if (name && schema_is_text(name)) {
        (void)snprintf(text, sizeof(text), "%.200s-%03zu", name->text, i + 1);
        if (!build_add(c, one, "name", build_text(c, text))) {
            return ERR_NOMEM;
        }
    }
    for (size_t k = 0; k < axes_n; k++) {
        struct override o = {.key = axes[k].n->key->text, .value = values[k]};

        if (!values[k]) {
            return ERR_NOMEM;
        }
        KEEP(r, override_set(c, &o, one, o.key));
    }
    TRY(exp_read_one(r, one));
    c->path_n = path_n;
    return 0;
}

static int read_grid(struct exp_reader *r, const struct yaml_node *n,
                     const struct axis *axes, size_t axes_n)
{
    uint64_t total = 1;

    for (size_t k = 0; k < axes_n; k++) {
        total *= axes[k].n->n;
        if (total > SETTINGS_MAX) {
            return exp_fail(r, axes[k].n, NULL, "a random search takes some of "
                                                "them",
                            "more than %u settings", SETTINGS_MAX);
        }
    }
    for (uint64_t i = 0; i < total; i++) {
        struct yaml_node *values[KEYS_MAX];
        uint64_t rest = i;

        for (size_t k = axes_n; k > 0; k--) {
            values[k - 1] = value_at(r->c, axes[k - 1].n,
                                     rest % axes[k - 1].n->n);
            rest /= axes[k - 1].n->n;
        }
        TRY(read_setting(r, n, axes, values, axes_n, (size_t)i));
    }
    return 0;
}

static int read_random(struct exp_reader *r, const struct yaml_node *n,
                       const struct axis *axes, size_t axes_n, uint64_t count,
                       uint64_t seed)
{
    for (uint64_t i = 0; i < count; i++) {
        struct yaml_node *values[KEYS_MAX];

        for (size_t k = 0; k < axes_n; k++) {
            values[k] = draw_value(r->c, &axes[k], &seed);
        }
        TRY(read_setting(r, n, axes, values, axes_n, (size_t)i));
    }
    return 0;
}

int exp_read_search(struct exp_reader *r, struct yaml_node *n,
                    const struct yaml_node *search)
{
    struct config *c = r->c;
    struct exp_value v[S_N];
    struct axis axes[KEYS_MAX];
    size_t axes_n = 0;
    size_t before = r->problems_n;
    size_t path_n = c->path_n;
    int is_grid;

    config_enter(c, "search");
    if (search->kind != YAML_MAP) {
        return exp_fail(r, search, NULL, "search: {grid: {KEY: [VALUES]}}",
                        "expected an object");
    }
    TRY(exp_fields(r, search, search_fields, S_N, 0, v));
    is_grid = v[S_GRID].n != NULL;
    if (r->problems_n == before &&
        (is_grid == (v[S_RANDOM].n != NULL) ||
         (v[S_RANDOM].n != NULL) != (v[S_OVER].n != NULL))) {
        TRY(exp_fail(r, search, NULL, "search: {grid: {KEY: [VALUES]}} or "
                                      "{random: 20, over: {KEY: [VALUES]}}",
                     "expected a grid, or random and over"));
    }
    if (r->problems_n > before) {
        return 0;
    }
    config_enter(c, is_grid ? "grid" : "over");
    TRY(read_axes(r, is_grid ? v[S_GRID].n : v[S_OVER].n, !is_grid, axes,
                  &axes_n));
    c->path_n = path_n;
    if (r->problems_n > before) {
        return 0;
    }
    return is_grid ? read_grid(r, n, axes, axes_n)
                   : read_random(r, n, axes, axes_n, v[S_RANDOM].u,
                                 v[S_SEED].n ? v[S_SEED].u : 42);
}

/* Policies. Runs in the confined `config` worker. Nothing is granted that the
 * text does not grant; budgets and limits that it leaves out get the defaults
 * below, which `proctor policy show` prints. */
#include "workers/config/policy.h"

#include <stddef.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/override.h"
#include "workers/config/schema.h"

#define GRANTS_MAX 256u
#define GRANT_WORDS_MAX 256u
#define NAME_BYTES_MAX 200u
#define COUNT_MAX ((uint64_t)1 << 62)
#define DAY_MS ((uint64_t)24 * 3600 * 1000)
#define YEAR_MS (366 * DAY_MS)

enum amount_unit {
    UNIT_COUNT,
    UNIT_BYTES,
    UNIT_MS
};

/* One number of budgets or limits; off: where it goes in its message. */
struct amount {
    struct schema_key key;
    uint64_t lo, hi, fallback;
    size_t off;
    enum amount_unit unit;
    int is_u32;
};

#define BUDGET(name, field, unit, hi, fallback)                                \
    {                                                                          \
        {name, 0, NULL}, 0, hi, fallback, offsetof(Proctor__Budgets, field),   \
            unit, 0                                                            \
    }
#define LIMIT_OF(name, field, unit, lo, hi, fallback, is_u32)                  \
    {                                                                          \
        {name, 0, NULL}, lo, hi, fallback, offsetof(Proctor__Limits, field),   \
            unit, is_u32                                                       \
    }

static const struct amount budgets[] = {
    BUDGET("tasks", tasks, UNIT_COUNT, LIMIT_TASKS, 100),
    BUDGET("traps", traps, UNIT_COUNT, COUNT_MAX, 100000),
    BUDGET("draws", draws, UNIT_COUNT, COUNT_MAX, 10000000),
    BUDGET("tokens", tokens, UNIT_COUNT, COUNT_MAX, 1000000),
    BUDGET("fuel", fuel, UNIT_COUNT, COUNT_MAX, 1000000000000),
    BUDGET("cpu", cpu_ms, UNIT_MS, YEAR_MS, 600000),
    BUDGET("memory", memory_bytes, UNIT_BYTES, COUNT_MAX, (uint64_t)2 << 30),
    BUDGET("bytes", bytes, UNIT_BYTES, COUNT_MAX, (uint64_t)1 << 30),
    BUDGET("wall", wall_ms, UNIT_MS, YEAR_MS, 1800000)};

static const struct amount limits[] = {
    LIMIT_OF("cpu", cpu_ms, UNIT_MS, 10, DAY_MS, 10000, 0),
    LIMIT_OF("memory", memory_bytes, UNIT_BYTES, 1u << 20, COUNT_MAX,
             (uint64_t)512 << 20, 0),
    LIMIT_OF("output", output_bytes, UNIT_BYTES, 4096, (uint64_t)1 << 40,
             (uint64_t)64 << 20, 0),
    LIMIT_OF("processes", processes, UNIT_COUNT, 1, 4096, 16, 1),
    LIMIT_OF("wall", wall_ms, UNIT_MS, 10, YEAR_MS, 60000, 0)};

#define AMOUNTS_MAX ARRAY_N(budgets)

static int read_amount(struct config *c, const struct yaml_node *n,
                       const struct amount *a, uint64_t *out)
{
    switch (a->unit) {
    case UNIT_COUNT:
        return schema_uint(c, n, a->lo, a->hi, out);
    case UNIT_BYTES:
        return schema_size(c, n, a->lo, a->hi, out);
    case UNIT_MS:
        return schema_duration(c, n, a->lo, a->hi, out);
    }
    return ERR_INTERNAL;
}

/* A map of amounts (n may be NULL: all defaults) into a message. */
static int read_amounts(struct config *c, const struct yaml_node *n,
                        const char *name, const struct amount *table,
                        size_t table_n, void *message)
{
    struct schema_key keys[AMOUNTS_MAX];
    const struct yaml_node *v[AMOUNTS_MAX] = {NULL};

    ASSERT(table_n <= AMOUNTS_MAX);
    for (size_t i = 0; i < table_n; i++) {
        keys[i] = table[i].key;
    }
    config_enter(c, name);
    if (n) {
        TRY(schema_map(c, n, keys, table_n, v));
    }
    for (size_t i = 0; i < table_n; i++) {
        unsigned char *to = (unsigned char *)message + table[i].off;
        uint64_t value = table[i].fallback;
        uint32_t small;

        if (v[i]) {
            config_enter(c, keys[i].name);
            TRY(read_amount(c, v[i], &table[i], &value));
            config_leave(c);
        }
        if (table[i].is_u32) {
            small = (uint32_t)value;
            memcpy(to, &small, sizeof(small));
        } else {
            memcpy(to, &value, sizeof(value));
        }
    }
    config_leave(c);
    return 0;
}

static int read_chance(struct config *c, const struct yaml_node *n,
                       const char *key, double *out)
{
    if (!n) {
        return 0;
    }
    config_enter(c, key);
    TRY(schema_double(c, n, out));
    if (!(*out >= 1e-12 && *out <= 0.5)) {
        return schema_expected(c, n, "1e-12..0.5");
    }
    config_leave(c);
    return 0;
}

static int read_exam(struct config *c, const struct yaml_node *n,
                     Proctor__Policy *p)
{
    static const struct schema_key keys[] = {{"p0", 0, NULL},
                                             {"alpha", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];

    p->p0 = 1e-3;
    p->alpha = 1e-6;
    if (!n) {
        return 0;
    }
    config_enter(c, "exam");
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(read_chance(c, v[0], "p0", &p->p0));
    TRY(read_chance(c, v[1], "alpha", &p->alpha));
    config_leave(c);
    return 0;
}

static int read_words(struct config *c, const struct yaml_node *n,
                      const char *key, char ***out, size_t *out_n)
{
    if (!n) {
        return 0;
    }
    config_enter(c, key);
    TRY(schema_texts(c, n, GRANT_WORDS_MAX, LIMIT_PATH_BYTES, out, out_n));
    config_leave(c);
    return 0;
}

static int read_grant(struct config *c, const struct yaml_node *n,
                      Proctor__Grant **out, Proctor__Place **out_place)
{
    static const struct schema_key keys[] = {{"capability", 1, NULL},
                                             {"programs", 0, NULL},
                                             {"files", 0, NULL},
                                             {"refs", 0, NULL},
                                             {"series", 0, NULL}};
    static const char *const capabilities[] = {
        "program.run", "model.run", "exam.hold", "ref.move",
        "data.split",  "data.look", "derive",    "cml.run",
        "cml.enumerate", "cml.assert", "cml.reconcile",
        "model.generate", "model.score", "model.logits", "model.classify",
        "train.run", "data.load"};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__Grant *g = arena_get(&c->reply, sizeof(*g));
    Proctor__Place *place = arena_get(&c->reply, sizeof(*place));
    size_t i = 0;

    if (!g || !place) {
        return ERR_NOMEM;
    }
    proctor__grant__init(g);
    proctor__place__init(place);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    config_enter(c, "capability");
    TRY(schema_word(c, v[0], capabilities, ARRAY_N(capabilities), &i));
    config_leave(c);
    g->capability = arena_text(&c->reply, v[0]->text, v[0]->n);
    if (!g->capability) {
        return ERR_NOMEM;
    }
    TRY(read_words(c, v[1], "programs", &g->programs, &g->n_programs));
    TRY(read_words(c, v[2], "files", &g->files, &g->n_files));
    TRY(read_words(c, v[3], "refs", &g->refs, &g->n_refs));
    TRY(read_words(c, v[4], "series", &g->series, &g->n_series));
    place->line = n->line;
    place->col = n->line > 0 ? n->col : 0;
    *out = g;
    *out_place = place;
    return 0;
}

static int read_grants(struct config *c, const struct yaml_node *n,
                       Proctor__ConfigReply *out)
{
    Proctor__Policy *p = out->policy;
    size_t i = 0;

    if (!n) {
        return 0;
    }
    config_enter(c, "grants");
    TRY(schema_list(c, n, GRANTS_MAX));
    p->grants =
        arena_array(&c->reply, (size_t)n->n + 1, sizeof(Proctor__Grant *));
    out->grant_places =
        arena_array(&c->reply, (size_t)n->n + 1, sizeof(Proctor__Place *));
    if (!p->grants || !out->grant_places) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(read_grant(c, e, &p->grants[i], &out->grant_places[i]));
        config_leave(c);
    }
    p->n_grants = i;
    out->n_grant_places = i;
    config_leave(c);
    return 0;
}

enum {
    Y_VERSION,
    Y_NAME,
    Y_GRANTS,
    Y_BUDGETS,
    Y_LIMITS,
    Y_EXAM,
    Y_CONFINEMENT,
    Y_WORKERS,
    Y_N
};

static int read_head(struct config *c, const struct yaml_node *const *v,
                     Proctor__Policy *p)
{
    static const char *const profiles[] = {"strict"};
    uint64_t number = 0;
    const char *name = "";
    size_t profile;

    config_enter(c, "version");
    if (schema_uint(c, v[Y_VERSION], 1, 1, &number) != 0) {
        schema_expected(c, v[Y_VERSION], "1");
        config_hint(c, "this proctor reads policies of version 1");
        return ERR_INPUT;
    }
    config_leave(c);
    p->version = 1;
    if (v[Y_NAME]) {
        config_enter(c, "name");
        TRY(schema_text(c, v[Y_NAME], NAME_BYTES_MAX, &name));
        config_leave(c);
    }
    p->name = arena_text(&c->reply, name, strlen(name));
    p->confinement = arena_text(&c->reply, profiles[0], strlen(profiles[0]));
    if (!p->name || !p->confinement) {
        return ERR_NOMEM;
    }
    if (v[Y_CONFINEMENT]) {
        config_enter(c, "confinement");
        TRY(schema_word(c, v[Y_CONFINEMENT], profiles, ARRAY_N(profiles),
                        &profile));
        config_leave(c);
    }
    number = 2;
    if (v[Y_WORKERS]) {
        config_enter(c, "workers");
        TRY(schema_uint(c, v[Y_WORKERS], 1, LIMIT_WORKERS, &number));
        config_leave(c);
    }
    p->workers = (uint32_t)number;
    return 0;
}

static int read_policy(struct config *c, const struct yaml_node *root,
                       Proctor__ConfigReply *out)
{
    static const struct schema_key keys[Y_N] = {
        {"version", 1, NULL},     {"name", 0, NULL},   {"grants", 0, NULL},
        {"budgets", 0, NULL},     {"limits", 0, NULL}, {"exam", 0, NULL},
        {"confinement", 0, NULL}, {"workers", 0, NULL}};
    const struct yaml_node *v[Y_N];
    Proctor__Policy *p = out->policy;

    p->budgets = arena_get(&c->reply, sizeof(*p->budgets));
    p->limits = arena_get(&c->reply, sizeof(*p->limits));
    if (!p->budgets || !p->limits) {
        return ERR_NOMEM;
    }
    proctor__budgets__init(p->budgets);
    proctor__limits__init(p->limits);
    TRY(schema_map(c, root, keys, Y_N, v));
    TRY(read_head(c, v, p));
    TRY(read_grants(c, v[Y_GRANTS], out));
    TRY(read_amounts(c, v[Y_BUDGETS], "budgets", budgets, ARRAY_N(budgets),
                     p->budgets));
    TRY(read_amounts(c, v[Y_LIMITS], "limits", limits, ARRAY_N(limits),
                     p->limits));
    return read_exam(c, v[Y_EXAM], p);
}

int policy_read(struct config *c, Proctor__ConfigReply *out)
{
    const Proctor__ConfigTask *t = c->task;
    struct overrides overrides;
    struct yaml_node *root = NULL;

    if (t->text.len > LIMIT_POLICY_FILE_BYTES) {
        return config_limit(c, NULL, "a policy has at most %u bytes, got %zu",
                            LIMIT_POLICY_FILE_BYTES, t->text.len);
    }
    out->policy = arena_get(&c->reply, sizeof(*out->policy));
    if (!out->policy) {
        return ERR_NOMEM;
    }
    proctor__policy__init(out->policy);
    TRY(overrides_open(c, &overrides));
    TRY(yaml_parse(c, (struct ubytes){t->text.data, t->text.len},
                   YAML_SYNTAX_YAML, 0, 0, &root));
    TRY(overrides_apply(c, &overrides, root));
    return read_policy(c, root, out);
}

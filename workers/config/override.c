/* Overrides of the command line. Runs in the confined `config` worker. */
#include "workers/config/override.h"

#include <string.h>

#define POLICY_PREFIX "policy."

/* An override's own problems have no place in the text. */
static int fail(struct config *c, const struct override *o, const char *what,
                const char *hint)
{
    struct yaml_node at = {.col = o->number};

    config_fail(c, &at, "%s", what);
    config_hint(c, "%s", hint);
    return ERR_INPUT;
}

int overrides_open(struct config *c, struct overrides *out)
{
    const Proctor__ConfigTask *t = c->task;
    int for_policy = t->kind == PROCTOR__CONFIG_KIND__CONFIG_POLICY;

    memset(out, 0, sizeof(*out));
    if (t->n_overrides > CONFIG_OVERRIDES_MAX) {
        return config_limit(c, NULL, "at most %u overrides, got %zu",
                            CONFIG_OVERRIDES_MAX, t->n_overrides);
    }
    if (t->n_overrides == 0) {
        return 0;
    }
    out->list = arena_array(&c->scratch, t->n_overrides, sizeof(*out->list));
    if (!out->list) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n_overrides; i++) {
        const char *key = t->overrides[i]->key;
        const char *value = t->overrides[i]->value;
        int is_policy = strncmp(key, POLICY_PREFIX, 7) == 0;
        struct override *o = &out->list[out->n];

        if (is_policy != for_policy) {
            continue;
        }
        o->key = is_policy ? key + strlen(POLICY_PREFIX) : key;
        o->number = (uint32_t)i + 1;
        TRY(yaml_parse(c,
                       (struct ubytes){(const uint8_t *)value, strlen(value)},
                       YAML_SYNTAX_YAML, 0, o->number, &o->value));
        out->n++;
    }
    return 0;
}

static struct yaml_node *find_entry(struct yaml_node *map, const char *key,
                                    size_t key_n)
{
    for (struct yaml_node *e = map->first; e; e = e->next) {
        if (e->key->n == key_n && memcmp(e->key->text, key, key_n) == 0) {
            return e;
        }
    }
    return NULL;
}

/* Appends an entry that comes from override o. */
static int add_entry(struct config *c, const struct override *o,
                     struct yaml_node *map, const char *key, size_t key_n,
                     struct yaml_node *value)
{
    struct yaml_node *k = arena_get(&c->scratch, sizeof(*k));

    if (!k || !(k->text = arena_text(&c->scratch, key, key_n))) {
        return ERR_NOMEM;
    }
    k->plain = 1;
    k->col = o->number;
    k->n = (uint32_t)key_n;
    value->key = k;
    value->next = NULL;
    if (map->last) {
        map->last->next = value;
    } else {
        map->first = value;
    }
    map->last = value;
    map->n++;
    return 0;
}

static void replace(struct yaml_node *entry, const struct yaml_node *value)
{
    struct yaml_node *next = entry->next;
    struct yaml_node *key = entry->key;

    *entry = *value;
    entry->next = next;
    entry->key = key;
}

int override_set(struct config *c, const struct override *o,
                 struct yaml_node *map, const char *path)
{
    for (;;) {
        const char *dot = strchr(path, '.');
        size_t n = dot ? (size_t)(dot - path) : strlen(path);
        struct yaml_node *entry;

        if (map->kind != YAML_MAP || n == 0) {
            return fail(c, o, "names no key",
                        "write ID.with.KEY=VALUE, ID.KEY=VALUE or KEY=VALUE");
        }
        entry = find_entry(map, path, n);
        if (!dot && entry) {
            replace(entry, o->value);
            return 0;
        }
        if (!entry) {
            entry = arena_get(&c->scratch, sizeof(*entry));
            if (!entry) {
                return ERR_NOMEM;
            }
            *entry = dot ? (struct yaml_node){.kind = YAML_MAP,
                                              .col = o->number}
                         : *o->value;
            TRY(add_entry(c, o, map, path, n, entry));
        }
        if (!dot) {
            return 0;
        }
        map = entry;
        path = dot + 1;
    }
}

/* Sets path (a.b.c) beneath map; maps on the way are made. */
static int set(struct config *c, struct override *o, struct yaml_node *map,
               const char *path)
{
    o->hits++;
    if (o->hits > 1) {
        return fail(c, o, "fits more than one task", "rename one of the tasks");
    }
    return override_set(c, o, map, path);
}

int overrides_apply(struct config *c, struct overrides *o,
                    struct yaml_node *root)
{
    for (size_t i = 0; i < o->n; i++) {
        TRY(set(c, &o->list[i], root, o->list[i].key));
    }
    return 0;
}

struct override *overrides_top(struct overrides *o, const char *key)
{
    struct override *last = NULL;

    for (size_t i = 0; i < o->n; i++) {
        if (strcmp(o->list[i].key, key) == 0) {
            o->list[i].hits++;
            last = &o->list[i];
        }
    }
    return last;
}

int overrides_apply_task(struct config *c, struct overrides *o, const char *id,
                         struct yaml_node *task)
{
    size_t id_n = strlen(id);

    for (size_t i = 0; i < o->n; i++) {
        struct override *v = &o->list[i];

        if (strncmp(v->key, id, id_n) != 0 || v->key[id_n] != '.') {
            continue;
        }
        if (strcmp(v->key + id_n + 1, "id") == 0) {
            return fail(c, v, "an id cannot be overridden",
                        "change it in the graph, with all needs that name it");
        }
        TRY(set(c, v, task, v->key + id_n + 1));
    }
    return 0;
}

int overrides_end(struct config *c, const struct overrides *o)
{
    for (size_t i = 0; i < o->n; i++) {
        if (o->list[i].hits == 0) {
            return fail(c, &o->list[i], "there is no such key and no such task",
                        "write ID.with.KEY=VALUE, ID.KEY=VALUE for a task, "
                        "KEY=VALUE for the top level, policy.KEY=VALUE for the "
                        "policy");
        }
    }
    return 0;
}

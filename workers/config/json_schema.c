/* JSON Schema (draft 2020-12, the subset of docs/model/grammars.md) to rules. What
 * is let through is valid; what is not supported is refused by name, with its path
 * and place, and never ignored. Runs in the confined `config` worker. Recursion is
 * bounded by LIMIT_TEXT_DEPTH. */
#include <string.h>

#include "proto/limits.h"
#include "workers/config/json_schema.h"

const struct json_key json_keys[KEYS] = {
    {"type", JSON_TYPES},          {"$ref", JSON_TYPES},
    {"enum", JSON_TYPES},          {"const", JSON_TYPES},
    {"anyOf", JSON_TYPES},         {"oneOf", JSON_TYPES},
    {"minimum", JSON_INTEGER},     {"maximum", JSON_INTEGER},
    {"exclusiveMinimum", JSON_INTEGER},
    {"exclusiveMaximum", JSON_INTEGER},
    {"minLength", JSON_STRING},    {"maxLength", JSON_STRING},
    {"pattern", JSON_STRING},      {"format", JSON_STRING},
    {"items", JSON_ARRAY},         {"prefixItems", JSON_ARRAY},
    {"minItems", JSON_ARRAY},      {"maxItems", JSON_ARRAY},
    {"properties", JSON_OBJECT},   {"required", JSON_OBJECT},
    {"additionalProperties", JSON_OBJECT},
};

static const char *const types[JSON_TYPES] = {
    "null", "boolean", "integer", "number", "string", "array", "object"};

/* Say nothing about what is valid. */
static const char *const notes[] = {
    "title",    "description", "default",   "examples", "$comment", "deprecated",
    "readOnly", "writeOnly",   "$schema",   "$id",      "$defs",    "definitions"};

const struct yaml_node *json_entry(const struct yaml_node *map,
                                     const char *name, size_t n)
{
    for (const struct yaml_node *v = map->first; v != NULL; v = v->next) {
        if (v->key->n == n && memcmp(v->key->text, name, n) == 0) {
            return v;
        }
    }
    return NULL;
}

int json_is_text(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && !n->plain;
}

int json_is_false(const struct yaml_node *n)
{
    return n != NULL && schema_is_bool(n) && strcmp(n->text, "false") == 0;
}

static int refuse_key(struct json_schema *j, const struct yaml_node *key)
{
    const char *names[KEYS];
    const char *near;

    for (size_t i = 0; i < KEYS; i++) {
        names[i] = json_keys[i].name;
    }
    near = diag_nearest(key->text, names, KEYS);
    (void)config_fail(j->c, key, "\"%.60s\" is not supported", key->text);
    if (near != NULL) {
        config_hint(j->c, "did you mean \"%s\"?", near);
    } else {
        config_hint(j->c, "proctor refuses what it cannot hold a text to; the "
                          "page grammars lists what there is");
    }
    return ERR_INPUT;
}

static int read_keys(struct json_schema *j, const struct yaml_node *map,
                     const struct yaml_node *v[KEYS])
{
    memset(v, 0, KEYS * sizeof(*v));
    for (const struct yaml_node *e = map->first; e != NULL; e = e->next) {
        size_t i = 0;
        int is_note = 0;

        while (i < KEYS && strcmp(e->key->text, json_keys[i].name) != 0) {
            i++;
        }
        for (size_t k = 0; k < ARRAY_N(notes); k++) {
            is_note |= strcmp(e->key->text, notes[k]) == 0;
        }
        if (i == KEYS && (!is_note || (strcmp(e->key->text, "$id") == 0 &&
                                       map != j->root))) {
            return refuse_key(j, e->key);
        }
        if (json_entry(map, e->key->text, e->key->n) != e) {
            return config_fail(j->c, e->key, "key \"%.60s\" is given twice",
                               e->key->text);
        }
        if (i < KEYS) {
            v[i] = e;
        }
    }
    return 0;
}

/* Nothing but these may stand beside a key that says all. */
static int stands_alone(struct json_schema *j, const struct yaml_node **v,
                        enum key key, int type_too)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (v[i] != NULL && i != key && !(type_too && i == KEY_TYPE)) {
            (void)config_fail(j->c, v[i]->key,
                              "\"%s\" beside \"%s\" is not supported",
                              json_keys[i].name, json_keys[key].name);
            config_hint(j->c, "put it into what \"%s\" leads to",
                        json_keys[key].name);
            return ERR_INPUT;
        }
    }
    return 0;
}

/* #, or # and a pointer: /$defs/name; ~0 is ~ and ~1 is /. */
static const struct yaml_node *resolve(const struct json_schema *j,
                                       const char *pointer)
{
    const struct yaml_node *n = j->root;

    for (pointer++; n != NULL && *pointer != '\0';) {
        char name[LIMIT_PATH_BYTES];
        size_t at = 0;

        if (*pointer++ != '/' || n->kind != YAML_MAP) {
            return NULL;
        }
        for (; *pointer != '\0' && *pointer != '/'; pointer++) {
            char c = *pointer;

            if (c == '~') {
                pointer++;
                c = *pointer == '0' ? '~' : '/';
                if (*pointer != '0' && *pointer != '1') {
                    return NULL;
                }
            }
            if (c == '%' || at + 1 >= sizeof(name)) {
                return NULL;
            }
            name[at++] = c;
        }
        n = json_entry(n, name, at);
    }
    return n;
}

static int ref_gx(struct json_schema *j, const struct yaml_node *n,
                  struct gx **out)
{
    struct json_target *t;
    uint32_t before = j->g->rules_n;
    const struct yaml_node *to;
    uint32_t rule;

    if (!json_is_text(n) || n->text[0] != '#') {
        (void)config_fail(j->c, n, "only references inside of this schema are "
                                   "supported: \"#/$defs/NAME\"");
        return ERR_INPUT;
    }
    to = resolve(j, n->text);
    if (to == NULL) {
        return config_fail(j->c, n, "\"%.80s\" leads nowhere", n->text);
    }
    TRY(grammar_rule(j->g, (struct ubytes){(const uint8_t *)n->text, n->n},
                     to->line, to->col, &rule));
    *out = gx_rule(j->g, rule);
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    if (rule < before) {
        return 0;
    }
    t = arena_get(&j->c->scratch, sizeof(*t));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    *t = (struct json_target){n->text, to, rule, j->targets};
    j->targets = t;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
static int branches_gx(struct json_schema *j, const struct yaml_node *n,
                       int apart, struct gx **out)
{
    struct gx *alt = gx_new(j->g, GX_ALT);
    size_t i = 0;

    if (alt == NULL) {
        return ERR_NOMEM;
    }
    if (n->kind != YAML_LIST || n->n == 0) {
        return config_fail(j->c, n, "expected a list of schemas");
    }
    for (const struct yaml_node *v = n->first; v != NULL; v = v->next) {
        struct gx *x;

        config_enter_at(j->c, i++);
        TRY(json_schema_gx(j, v, &x));
        config_leave(j->c);
        TRY(gx_add(j->g, alt, x));
    }
    if (apart) {
        struct json_apart *a = arena_get(&j->c->scratch, sizeof(*a));

        if (a == NULL) {
            return ERR_NOMEM;
        }
        *a = (struct json_apart){n, alt, j->aparts};
        j->aparts = a;
    }
    *out = alt;
    return 0;
}

/* Bit set of types; *out_bits = 0: none is written. */
static int read_types(struct json_schema *j, const struct yaml_node *n,
                      unsigned *out_bits)
{
    const struct yaml_node *v = n;

    *out_bits = 0;
    if (n == NULL) {
        return 0;
    }
    if (n->kind == YAML_LIST) {
        v = n->first;
    }
    for (; v != NULL; v = n->kind == YAML_LIST ? v->next : NULL) {
        size_t i;

        if (!json_is_text(v)) {
            return config_fail(j->c, v, "expected the name of a type");
        }
        TRY(schema_word(j->c, v, types, JSON_TYPES, &i));
        *out_bits |= 1u << i;
    }
    return *out_bits != 0 ? 0 : config_fail(j->c, n, "no type at all");
}

/* Is a value of the schema's text of one of these types? */
static int fits(const struct yaml_node *n, unsigned bits)
{
    enum json_type t = json_type_of(n);

    return bits == 0 || (bits >> t & 1) != 0 ||
           (t == JSON_INTEGER && (bits >> JSON_NUMBER & 1) != 0);
}

static int enum_gx(struct json_schema *j, const struct yaml_node *n,
                   unsigned bits, struct gx **out)
{
    struct gx *alt = gx_new(j->g, GX_ALT);

    if (alt == NULL) {
        return ERR_NOMEM;
    }
    if (n->kind != YAML_LIST || n->n == 0) {
        return config_fail(j->c, n, "expected a list of values");
    }
    for (const struct yaml_node *v = n->first; v != NULL; v = v->next) {
        struct gx *x;

        TRY(json_constant(j, v, &x));
        if (fits(v, bits)) {
            TRY(gx_add(j->g, alt, x));
        }
    }
    if (alt->n == 0) {
        return config_fail(j->c, n, "no value of the list is of the type");
    }
    *out = alt;
    return 0;
}

/* The types of a schema: as written, or what its other keys speak of. */
static int find_types(struct json_schema *j, const struct yaml_node **v,
                      unsigned *bits)
{
    unsigned spoken = 0;

    for (size_t i = 0; i < KEYS; i++) {
        spoken |= v[i] != NULL && json_keys[i].of != JSON_TYPES ? 1u << json_keys[i].of
                                                           : 0;
    }
    *bits = *bits != 0 ? *bits : spoken;
    if ((*bits & 1u << JSON_NUMBER) != 0 && (spoken & 1u << JSON_INTEGER) != 0) {
        const struct yaml_node *n = NULL;

        for (size_t i = KEY_BELOW + 1; i-- > KEY_MINIMUM;) {
            n = v[i] != NULL ? v[i] : n;
        }
        (void)config_fail(j->c, n->key, "\"%s\" is supported for integers only",
                          n->key->text);
        config_hint(j->c, "\"type\": \"integer\", or a pattern of a string");
        return ERR_INPUT;
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (v[i] != NULL && json_keys[i].of != JSON_TYPES &&
            (*bits >> json_keys[i].of & 1) == 0) {
            return config_fail(j->c, v[i]->key,
                               "\"%s\" says nothing about this type",
                               json_keys[i].name);
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
static int map_gx(struct json_schema *j, const struct yaml_node *n,
                  struct gx **out)
{
    static const enum key lone[] = {KEY_REF, KEY_ANY_OF, KEY_ONE_OF, KEY_ENUM,
                                    KEY_CONST};
    const struct yaml_node *v[KEYS];
    unsigned bits;

    TRY(read_keys(j, n, v));
    TRY(read_types(j, v[KEY_TYPE], &bits));
    for (size_t i = 0; i < ARRAY_N(lone); i++) {
        enum key k = lone[i];
        int code;

        if (v[k] == NULL) {
            continue;
        }
        TRY(stands_alone(j, v, k, k == KEY_ENUM || k == KEY_CONST));
        config_enter(j->c, json_keys[k].name);
        if (k == KEY_CONST && !fits(v[k], bits)) {
            return config_fail(j->c, v[k], "the value is not of the type");
        }
        code = k == KEY_REF    ? ref_gx(j, v[k], out)
               : k == KEY_ENUM ? enum_gx(j, v[k], bits, out)
               : k == KEY_CONST
                   ? json_constant(j, v[k], out)
                   : branches_gx(j, v[k], k == KEY_ONE_OF, out);
        if (code == 0) {
            config_leave(j->c);
        }
        return code;
    }
    TRY(find_types(j, v, &bits));
    if (bits == 0) {
        *out = json_any(j);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    *out = gx_new(j->g, GX_ALT);
    for (int t = 0; t < JSON_TYPES; t++) {
        struct gx *x;

        if ((bits >> t & 1) != 0) {
            TRY(json_type_gx(j, v, n, (enum json_type)t, &x));
            TRY(*out == NULL ? ERR_NOMEM : 0);
            TRY(gx_add(j->g, *out, x));
        }
    }
    return *out != NULL ? 0 : ERR_NOMEM;
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
int json_schema_gx(struct json_schema *j, const struct yaml_node *n,
                     struct gx **out)
{
    if (json_is_false(n)) {
        return config_fail(j->c, n, "nothing is valid here");
    }
    if (n->kind == YAML_SCALAR && schema_is_bool(n)) {
        *out = json_any(j);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    if (n->kind != YAML_MAP) {
        return config_fail(j->c, n, "expected a schema: an object, true or false");
    }
    return map_gx(j, n, out);
}

/* Every two branches of a oneOf, once all rules are there. */
static int check_apart(struct json_schema *j)
{
    for (const struct json_apart *a = j->aparts; a != NULL; a = a->next) {
        for (uint32_t i = 0; i < a->branches->n; i++) {
            for (uint32_t k = i + 1; k < a->branches->n; k++) {
                int apart = 0;

                TRY(grammar_is_apart(j->g, a->branches->kids[i],
                                     a->branches->kids[k], &apart));
                if (!apart) {
                    (void)config_fail(j->c, a->at,
                                      "oneOf: branches %u and %u may have a "
                                      "value in common",
                                      i, k);
                    config_hint(j->c, "write anyOf, or begin them with a "
                                      "property of different constants");
                    return ERR_INPUT;
                }
            }
        }
    }
    return 0;
}

int json_schema_rules(struct grammar *g, struct ubytes text)
{
    struct json_schema j = {.g = g, .c = g->c};
    struct yaml_node *root = NULL;
    struct gx *x;
    uint32_t rule;

    TRY(yaml_parse(g->c, text, YAML_SYNTAX_JSON, 0, 0, &root));
    j.root = root;
    TRY(grammar_rule(g, (struct ubytes){(const uint8_t *)"#", 1}, root->line,
                     root->col, &rule));
    TRY(json_schema_gx(&j, root, &x));
    g->rules[rule].body = x;
    while (j.targets != NULL) {
        const struct json_target *t = j.targets;

        j.targets = t->next;
        config_enter(g->c, t->pointer);
        TRY(json_schema_gx(&j, t->schema, &x));
        config_leave(g->c);
        g->rules[t->rule].body = x;
    }
    return check_apart(&j);
}

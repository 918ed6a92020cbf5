/* What a JSON Schema says about values of one type, as expressions. Runs in the
 * confined `config` worker. Recursion is bounded by LIMIT_TEXT_DEPTH. */
#include <string.h>

#include "proto/limits.h"
#include "workers/config/json_schema.h"

static const struct {
    const char *name;
    const char *regex;
} formats[] = {
#define TIME                                                                   \
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"            \
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define DAY                                                                    \
    "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"               \
    "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
#define BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    {"date", DAY},
    {"time", TIME},
    {"date-time", DAY "T" TIME},
    {"uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"},
    {"ipv4", BYTE "(?:\\." BYTE "){3}"},
};

static int bound(struct json_schema *j, const struct yaml_node *n, int by,
                 int64_t *v, int *has, int lower)
{
    int64_t now;

    if (n == NULL) {
        return 0;
    }
    TRY(schema_int(j->c, n, INT64_MIN, INT64_MAX, &now));
    if (__builtin_add_overflow(now, by, &now)) {
        return config_fail(j->c, n, "no integer of 64 bits is beyond that");
    }
    if (!*has || (lower ? now > *v : now < *v)) {
        *v = now;
    }
    *has = 1;
    return 0;
}

static int integer_gx(struct json_schema *j, const struct yaml_node **v,
                      const struct yaml_node *at, struct gx **out)
{
    int64_t lo = 0;
    int64_t hi = 0;
    int has_lo = 0;
    int has_hi = 0;

    TRY(bound(j, v[KEY_MINIMUM], 0, &lo, &has_lo, 1));
    TRY(bound(j, v[KEY_ABOVE], 1, &lo, &has_lo, 1));
    TRY(bound(j, v[KEY_MAXIMUM], 0, &hi, &has_hi, 0));
    TRY(bound(j, v[KEY_BELOW], -1, &hi, &has_hi, 0));
    if (has_lo && has_hi && lo > hi) {
        return config_fail(j->c, at, "no integer is between the bounds");
    }
    *out = json_integer(j->g, has_lo ? &lo : NULL, has_hi ? &hi : NULL);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int counts(struct json_schema *j, const struct yaml_node *from,
                  const struct yaml_node *to, uint32_t *min, uint32_t *max)
{
    uint64_t lo = 0;
    uint64_t hi = GRAMMAR_FOREVER;

    if (from != NULL) {
        TRY(schema_uint(j->c, from, 0, GRAMMAR_REPEAT_MAX, &lo));
    }
    if (to != NULL) {
        TRY(schema_uint(j->c, to, 0, GRAMMAR_REPEAT_MAX, &hi));
    }
    if (lo > hi) {
        return config_fail(j->c, to, "the end is below the beginning");
    }
    *min = (uint32_t)lo;
    *max = (uint32_t)hi;
    return 0;
}

static int regex_string(struct json_schema *j, const struct yaml_node *n,
                        const char *regex, size_t regex_n, enum regex_fit fit,
                        struct gx **out)
{
    struct ubytes text = {(const uint8_t *)regex, regex_n};
    struct gx *inner;

    TRY(regex_gx(j->g, text, n->line, n->col, SPELLING_JSON, fit, &inner));
    *out = json_quoted(j->g, inner);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int string_gx(struct json_schema *j, const struct yaml_node **v,
                     struct gx **out)
{
    enum key one = v[KEY_PATTERN] != NULL ? KEY_PATTERN : KEY_FORMAT;
    const struct yaml_node *n = v[one];
    uint32_t min;
    uint32_t max;

    TRY(counts(j, v[KEY_MIN_LENGTH], v[KEY_MAX_LENGTH], &min, &max));
    if (n == NULL) {
        *out = json_string(j->g, min, max);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    if (v[KEY_MIN_LENGTH] != NULL || v[KEY_MAX_LENGTH] != NULL ||
        (v[KEY_PATTERN] != NULL && v[KEY_FORMAT] != NULL)) {
        (void)config_fail(j->c, n->key,
                          "\"%s\" beside another rule about strings is not "
                          "supported",
                          json_keys[one].name);
        config_hint(j->c, "write the length into the pattern: ^[a-z]{3,8}$");
        return ERR_INPUT;
    }
    if (!json_is_text(n)) {
        return config_fail(j->c, n, "expected a text");
    }
    if (one == KEY_PATTERN) {
        return regex_string(j, n, n->text, n->n, REGEX_SEARCH, out);
    }
    for (size_t i = 0; i < ARRAY_N(formats); i++) {
        if (strcmp(n->text, formats[i].name) == 0) {
            return regex_string(j, n, formats[i].regex,
                                strlen(formats[i].regex), REGEX_WHOLE, out);
        }
    }
    (void)config_fail(j->c, n, "format \"%.40s\" is not supported", n->text);
    config_hint(j->c, "date, time, date-time, uuid and ipv4 are there; write a "
                      "pattern");
    return ERR_INPUT;
}

/* What may stand where `key` says nothing: anything if `beside` says nothing
 * either, else nothing (NULL).
 * NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
static int rest_gx(struct json_schema *j, const struct yaml_node **v,
                   enum key key, enum key beside, struct gx **out)
{
    *out = NULL;
    if (json_is_false(v[key]) || (v[key] == NULL && v[beside] != NULL)) {
        return 0;
    }
    if (v[key] == NULL) {
        *out = json_any(j);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    config_enter(j->c, json_keys[key].name);
    TRY(json_schema_gx(j, v[key], out));
    config_leave(j->c);
    return 0;
}

/* , and the next item: those from `i` on, of which at least min - i must be there.
 * NOLINTNEXTLINE(misc-no-recursion): by LIMIT_LISTED items */
static struct gx *items_from(struct json_schema *j, struct gx **items,
                             uint32_t n, uint32_t i, uint32_t min, uint32_t max,
                             struct gx *rest)
{
    struct grammar *g = j->g;
    struct gx *x;

    if (i >= max || (i == n && rest == NULL)) {
        return gx_new(g, GX_SEQ);
    }
    if (i < n) {
        x = gx_pair(g, GX_SEQ, items[i],
                    items_from(j, items, n, i + 1, min, max, rest));
        if (i > 0) {
            x = gx_pair(g, GX_SEQ, json_separator(g, ','), x);
        }
        return i < min ? x : gx_repeat(g, x, 0, 1);
    }
    min = min > i ? min - i : 0;
    max = max == GRAMMAR_FOREVER ? max : max - i;
    x = gx_pair(g, GX_SEQ, json_separator(g, ','), rest);
    if (i > 0) {
        return gx_repeat(g, x, min, max);
    }
    x = gx_pair(g, GX_SEQ, rest,
                gx_repeat(g, x, min > 0 ? min - 1 : 0,
                          max == GRAMMAR_FOREVER ? max : max - 1));
    return min > 0 ? x : gx_repeat(g, x, 0, 1);
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
static int array_gx(struct json_schema *j, const struct yaml_node **v,
                    const struct yaml_node *at, struct gx **out)
{
    const struct yaml_node *prefix = v[KEY_PREFIX];
    struct gx *items[LIMIT_LISTED];
    struct gx *rest;
    uint32_t n = 0;
    uint32_t min;
    uint32_t max;

    TRY(counts(j, v[KEY_MIN_ITEMS], v[KEY_MAX_ITEMS], &min, &max));
    if (prefix != NULL) {
        if (prefix->kind != YAML_LIST || prefix->n > LIMIT_LISTED) {
            return config_fail(j->c, prefix, "expected a list of at most %u "
                                             "schemas",
                               LIMIT_LISTED);
        }
        config_enter(j->c, "prefixItems");
        for (const struct yaml_node *e = prefix->first; e; e = e->next) {
            config_enter_at(j->c, n);
            TRY(json_schema_gx(j, e, &items[n++]));
            config_leave(j->c);
        }
        config_leave(j->c);
    }
    TRY(rest_gx(j, v, KEY_ITEMS, KEY_PREFIX, &rest));
    if (rest == NULL && min > n) {
        return config_fail(j->c, at, "no array has %u items here: %u may stand "
                                     "there",
                           min, n);
    }
    *out = gx_pair(j->g, GX_SEQ, gx_text(j->g, "["),
                   gx_pair(j->g, GX_SEQ,
                           items_from(j, items, n, 0, min, max, rest),
                           gx_text(j->g, "]")));
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int is_required(const struct yaml_node *list, const struct yaml_node *key)
{
    for (const struct yaml_node *e = list ? list->first : NULL; e; e = e->next) {
        if (e->n == key->n && memcmp(e->text, key->text, key->n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int check_required(struct json_schema *j, const struct yaml_node *list,
                          const struct yaml_node *properties)
{
    if (list == NULL) {
        return 0;
    }
    if (list->kind != YAML_LIST) {
        return config_fail(j->c, list, "expected a list of names");
    }
    for (const struct yaml_node *e = list->first; e; e = e->next) {
        if (!json_is_text(e)) {
            return config_fail(j->c, e, "expected a name");
        }
        if (properties == NULL || json_entry(properties, e->text, e->n) == NULL) {
            (void)config_fail(j->c, e, "\"%.60s\" is required, but not among "
                                       "the properties",
                              e->text);
            config_hint(j->c, "properties stand in the order of \"properties\": "
                              "add it there");
            return ERR_INPUT;
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
static int object_gx(struct json_schema *j, const struct yaml_node **v,
                     struct gx **out)
{
    const struct yaml_node *map = v[KEY_PROPERTIES];
    struct grammar *g = j->g;
    struct gx *rest;
    struct gx *list;

    if (map != NULL && map->kind != YAML_MAP) {
        return config_fail(j->c, map, "expected names and their schemas");
    }
    TRY(check_required(j, v[KEY_REQUIRED], map));
    TRY(rest_gx(j, v, KEY_ADDITIONAL, KEY_PROPERTIES, &rest));
    if (rest != NULL) {
        rest = json_member(g, json_other_key(g, map), rest);
        if (rest == NULL) {
            return ERR_NOMEM;
        }
    }
    list = gx_list(g, json_separator(g, ','), rest);
    config_enter(j->c, "properties");
    for (const struct yaml_node *e = map ? map->first : NULL; e; e = e->next) {
        struct ubytes name = {(const uint8_t *)e->key->text, e->key->n};
        struct gx *value;

        if (json_entry(map, e->key->text, e->key->n) != e) {
            return config_fail(j->c, e->key, "property \"%.60s\" is given twice",
                               e->key->text);
        }
        if (json_is_false(e)) {
            return config_fail(j->c, e, "property \"%.60s\" may never be there: "
                                        "leave it out",
                               e->key->text);
        }
        config_enter(j->c, e->key->text);
        TRY(json_schema_gx(j, e, &value));
        config_leave(j->c);
        TRY(list == NULL ? ERR_NOMEM : 0);
        TRY(gx_add_required(g, list,
                            json_member(g, json_word(g, name), value),
                            is_required(v[KEY_REQUIRED], e->key)));
    }
    config_leave(j->c);
    *out = gx_pair(g, GX_SEQ, gx_text(g, "{"),
                   gx_pair(g, GX_SEQ, list, gx_text(g, "}")));
    return *out != NULL ? 0 : ERR_NOMEM;
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
int json_type_gx(struct json_schema *j, const struct yaml_node **v,
                   const struct yaml_node *at, enum json_type type,
                   struct gx **out)
{
    switch (type) {
    case JSON_NULL:
        *out = gx_text(j->g, "null");
        break;
    case JSON_BOOLEAN:
        *out = gx_pair(j->g, GX_ALT, gx_text(j->g, "true"),
                       gx_text(j->g, "false"));
        break;
    case JSON_INTEGER:
        return integer_gx(j, v, at, out);
    case JSON_NUMBER:
        *out = json_number(j->g);
        break;
    case JSON_STRING:
        return string_gx(j, v, out);
    case JSON_ARRAY:
        return array_gx(j, v, at, out);
    case JSON_OBJECT:
    case JSON_TYPES:
        return object_gx(j, v, out);
    }
    return *out != NULL ? 0 : ERR_NOMEM;
}

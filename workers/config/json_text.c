/* JSON texts as expressions: one spelling of each value. One space may stand
 * behind "," and ":", and none elsewhere. Runs in the confined `config` worker.
 * Recursion is bounded by LIMIT_TEXT_DEPTH and the length of keys. */
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"
#include "workers/config/json_schema.h"

#define KEY_POINTS_MAX 100 /* of keys that others must differ from */
#define DIGITS_MAX 24

struct gx *json_separator(struct grammar *g, char sign)
{
    return gx_pair(g, GX_SEQ, gx_bytes(g, &sign, 1),
                   gx_repeat(g, gx_text(g, " "), 0, 1));
}

struct gx *json_quoted(struct grammar *g, struct gx *inner)
{
    return gx_pair(g, GX_SEQ, gx_text(g, "\""),
                   gx_pair(g, GX_SEQ, inner, gx_text(g, "\"")));
}

struct gx *json_number(struct grammar *g)
{
    static const char form[] =
        "-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?";
    struct gx *x = NULL;
    struct ubytes text = {(const uint8_t *)form, sizeof(form) - 1};

    return regex_gx(g, text, 1, 1, SPELLING_UTF8, REGEX_WHOLE, &x) == 0 ? x
                                                                        : NULL;
}

/* Numbers of n digits from lo to hi, both of n digits.
 * NOLINTNEXTLINE(misc-no-recursion): by the digits of an int64_t */
static struct gx *digits(struct grammar *g, const char *lo, const char *hi,
                         uint32_t n)
{
    static const char nines[] = "999999999999999999999999";
    static const char zeros[] = "000000000000000000000000";
    uint8_t a = (uint8_t)lo[0];
    uint8_t b = (uint8_t)hi[0];
    struct gx *alt;

    if (n == 0) {
        return gx_new(g, GX_SEQ);
    }
    if (memcmp(lo, zeros, n) == 0 && memcmp(hi, nines, n) == 0) {
        return gx_repeat(g, gx_range(g, '0', '9'), n, n);
    }
    if (a == b) {
        return gx_pair(g, GX_SEQ, gx_range(g, a, a),
                       digits(g, lo + 1, hi + 1, n - 1));
    }
    alt = gx_pair(g, GX_ALT,
                  gx_pair(g, GX_SEQ, gx_range(g, a, a),
                          digits(g, lo + 1, nines, n - 1)),
                  gx_pair(g, GX_SEQ, gx_range(g, b, b),
                          digits(g, zeros, hi + 1, n - 1)));
    if (alt != NULL && a + 1 < b &&
        gx_add(g, alt,
               gx_pair(g, GX_SEQ,
                       gx_range(g, (uint8_t)(a + 1), (uint8_t)(b - 1)),
                       gx_repeat(g, gx_range(g, '0', '9'), n - 1, n - 1))) <
            0) {
        return NULL;
    }
    return alt;
}

/* Decimals from lo to hi, or without an end. */
static struct gx *decimals(struct grammar *g, uint64_t lo, uint64_t hi,
                           int is_open)
{
    struct gx *alt = gx_new(g, GX_ALT);
    char a[DIGITS_MAX];
    char b[DIGITS_MAX];
    uint32_t from = (uint32_t)snprintf(a, sizeof(a), "%llu",
                                       (unsigned long long)lo);
    uint32_t to = (uint32_t)snprintf(b, sizeof(b), "%llu",
                                     (unsigned long long)hi);

    to = is_open ? from : to;
    for (uint32_t n = from; alt != NULL && n <= to; n++) {
        char first[DIGITS_MAX] = "100000000000000000000";
        char last[DIGITS_MAX] = "999999999999999999999";

        if (n == from) {
            memcpy(first, a, n);
        }
        if (n == to && !is_open) {
            memcpy(last, b, n);
        }
        if (gx_add(g, alt, digits(g, first, last, n)) < 0) {
            return NULL;
        }
    }
    if (alt != NULL && is_open &&
        gx_add(g, alt,
               gx_pair(g, GX_SEQ, gx_range(g, '1', '9'),
                       gx_repeat(g, gx_range(g, '0', '9'), from,
                                 GRAMMAR_FOREVER))) < 0) {
        return NULL;
    }
    return alt;
}

struct gx *json_integer(struct grammar *g, const int64_t *lo, const int64_t *hi)
{
    struct gx *alt = gx_new(g, GX_ALT);
    int code = alt != NULL ? 0 : ERR_NOMEM;

    if (code == 0 && (hi == NULL || *hi >= 0)) {
        code = gx_add(g, alt,
                      decimals(g, lo != NULL && *lo > 0 ? (uint64_t)*lo : 0,
                               hi != NULL ? (uint64_t)*hi : 0, hi == NULL));
    }
    if (code == 0 && (lo == NULL || *lo < 0)) {
        uint64_t near =
            hi != NULL && *hi < 0 ? (uint64_t)0 - (uint64_t)*hi : 1;
        uint64_t far = lo != NULL ? (uint64_t)0 - (uint64_t)*lo : 0;

        code = gx_add(g, alt,
                      gx_pair(g, GX_SEQ, gx_text(g, "-"),
                              decimals(g, near, far, lo == NULL)));
    }
    return code == 0 ? alt : NULL;
}

/* Any character of a string. */
static struct gx *any_char(struct grammar *g)
{
    struct chars s = {0};

    return chars_invert(g, &s) == 0 ? chars_gx(g, &s, SPELLING_JSON) : NULL;
}

struct gx *json_string(struct grammar *g, uint32_t min, uint32_t max)
{
    return json_quoted(g, gx_repeat(g, any_char(g), min, max));
}

/* A text with its quotes. It is valid UTF-8: the reader of the schema saw to it. */
struct gx *json_word(struct grammar *g, struct ubytes utf8)
{
    struct gx *seq = gx_new(g, GX_SEQ);
    size_t at = 0;

    while (seq != NULL && at < utf8.n) {
        struct chars s = {0};
        uint32_t cp = 0;
        size_t n = utf8_next((struct ubytes){utf8.p + at, utf8.n - at}, &cp);

        if (n == 0 || chars_add(g, &s, cp, cp) < 0 ||
            gx_add(g, seq, chars_gx(g, &s, SPELLING_JSON)) < 0) {
            return NULL;
        }
        at += n;
    }
    return json_quoted(g, seq);
}

static struct ubytes text_of(const struct yaml_node *n)
{
    return (struct ubytes){(const uint8_t *)n->text, n->n};
}

/* Any rest of a key that begins with the first n bytes of `with`, as long as the
 * whole is no key of map.
 * NOLINTNEXTLINE(misc-no-recursion): by KEY_POINTS_MAX */
static struct gx *other_rest(struct grammar *g, const struct yaml_node *map,
                             const uint8_t *with, size_t n, unsigned depth)
{
    struct gx *alt = gx_new(g, GX_ALT);
    struct chars next = {0};
    struct chars others;
    int is_key = 0;

    for (const struct yaml_node *v = map->first; v != NULL; v = v->next) {
        struct ubytes key = text_of(v->key);
        uint32_t cp = 0;

        if (key.n < n || memcmp(key.p, with, n) != 0) {
            continue;
        }
        is_key |= key.n == n;
        if (key.n > n &&
            (utf8_next((struct ubytes){key.p + n, key.n - n}, &cp) == 0 ||
             chars_add(g, &next, cp, cp) < 0)) {
            return NULL;
        }
    }
    chars_tidy(&next);
    others = next;
    if (alt == NULL || depth == KEY_POINTS_MAX || chars_invert(g, &others) < 0 ||
        gx_add(g, alt,
               gx_pair(g, GX_SEQ, chars_gx(g, &others, SPELLING_JSON),
                       gx_repeat(g, any_char(g), 0, GRAMMAR_FOREVER))) < 0 ||
        (!is_key && gx_add(g, alt, gx_new(g, GX_SEQ)) < 0)) {
        return NULL;
    }
    for (uint32_t i = 0; i < next.n; i++) {
        for (uint32_t cp = next.v[i].lo; cp <= next.v[i].hi; cp++) {
            uint8_t longer[4 * KEY_POINTS_MAX + 4];
            struct chars one = {0};
            size_t more;

            memcpy(longer, with, n);
            more = utf8_put(cp, longer + n);
            if (chars_add(g, &one, cp, cp) < 0 ||
                gx_add(g, alt,
                       gx_pair(g, GX_SEQ, chars_gx(g, &one, SPELLING_JSON),
                               other_rest(g, map, longer, n + more,
                                          depth + 1))) < 0) {
                return NULL;
            }
        }
    }
    return alt;
}

struct gx *json_other_key(struct grammar *g, const struct yaml_node *map)
{
    if (map == NULL) {
        return json_string(g, 0, GRAMMAR_FOREVER);
    }
    return json_quoted(g, other_rest(g, map, (const uint8_t *)"", 0, 0));
}

struct gx *json_member(struct grammar *g, struct gx *key, struct gx *value)
{
    return gx_pair(g, GX_SEQ, key,
                   gx_pair(g, GX_SEQ, json_separator(g, ':'), value));
}

static struct gx *between(struct grammar *g, const char *open, struct gx *rest,
                          const char *close)
{
    return gx_pair(g, GX_SEQ, gx_text(g, open),
                   gx_pair(g, GX_SEQ,
                           gx_list(g, json_separator(g, ','), rest),
                           gx_text(g, close)));
}

struct gx *json_any(struct json_schema *j)
{
    static const uint8_t name[] = "(any value)";
    struct grammar *g = j->g;
    struct gx *alt = gx_new(g, GX_ALT);
    struct gx *self;
    uint32_t rule;

    if (j->any != NULL) {
        return j->any;
    }
    if (grammar_rule(g, (struct ubytes){name, sizeof(name) - 1}, 1, 1, &rule) <
        0) {
        return NULL;
    }
    self = gx_rule(g, rule);
    if (alt == NULL || self == NULL ||
        gx_add(g, alt, gx_text(g, "null")) < 0 ||
        gx_add(g, alt, gx_text(g, "true")) < 0 ||
        gx_add(g, alt, gx_text(g, "false")) < 0 ||
        gx_add(g, alt, json_number(g)) < 0 ||
        gx_add(g, alt, json_string(g, 0, GRAMMAR_FOREVER)) < 0 ||
        gx_add(g, alt, between(g, "[", self, "]")) < 0 ||
        gx_add(g, alt,
               between(g, "{",
                       json_member(g, json_string(g, 0, GRAMMAR_FOREVER), self),
                       "}")) < 0) {
        return NULL;
    }
    g->rules[rule].body = alt;
    j->any = self;
    return self;
}

static int is_number(const struct yaml_node *n, int *out_is_integer)
{
    const char *s = n->text;

    *out_is_integer = 1;
    s += *s == '-';
    if (*s == '0') {
        s++;
    } else if (*s >= '1' && *s <= '9') {
        s += strspn(s, "0123456789");
    } else {
        return 0;
    }
    if (*s == '.') {
        size_t digits_n = strspn(s + 1, "0123456789");

        *out_is_integer = 0;
        if (digits_n == 0) {
            return 0;
        }
        s += 1 + digits_n;
    }
    if (*s == 'e' || *s == 'E') {
        size_t digits_n;

        *out_is_integer = 0;
        s++;
        s += *s == '+' || *s == '-';
        digits_n = strspn(s, "0123456789");
        if (digits_n == 0) {
            return 0;
        }
        s += digits_n;
    }
    return *s == '\0';
}

enum json_type json_type_of(const struct yaml_node *n)
{
    int is_integer;

    if (n->kind != YAML_SCALAR) {
        return n->kind == YAML_LIST ? JSON_ARRAY : JSON_OBJECT;
    }
    if (!n->plain) {
        return JSON_STRING;
    }
    if (schema_is_bool(n)) {
        return JSON_BOOLEAN;
    }
    if (strcmp(n->text, "null") == 0) {
        return JSON_NULL;
    }
    return !is_number(n, &is_integer) ? JSON_TYPES
           : is_integer               ? JSON_INTEGER
                                      : JSON_NUMBER;
}

/* NOLINTNEXTLINE(misc-no-recursion): by LIMIT_TEXT_DEPTH */
int json_constant(struct json_schema *j, const struct yaml_node *n,
                  struct gx **out)
{
    struct grammar *g = j->g;
    struct gx *list;

    if (json_type_of(n) == JSON_TYPES) {
        return config_fail(j->c, n, "\"%.40s\" is no value of JSON", n->text);
    }
    if (n->kind == YAML_SCALAR) {
        *out = n->plain ? gx_bytes(g, n->text, n->n) : json_word(g, text_of(n));
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    *out = between(g, n->kind == YAML_LIST ? "[" : "{", NULL,
                   n->kind == YAML_LIST ? "]" : "}");
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    list = (*out)->kids[1]->kids[0];
    for (const struct yaml_node *v = n->first; v != NULL; v = v->next) {
        struct gx *value;

        TRY(json_constant(j, v, &value));
        if (n->kind == YAML_MAP) {
            value = json_member(g, json_word(g, text_of(v->key)), value);
        }
        TRY(gx_add_required(g, list, value, 1));
    }
    return 0;
}

/* Making trees and writing them down. Runs in the confined `config` worker. Depth
 * is that of texts, LIMIT_TEXT_DEPTH, and of the few levels that are made around
 * them. */
#include "workers/config/build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/value.h"
#include "workers/config/schema.h"

#define DEPTH_MAX (LIMIT_TEXT_DEPTH + 8)

static struct yaml_node *make(struct config *c, uint8_t kind)
{
    struct yaml_node *n = arena_get(&c->scratch, sizeof(*n));

    if (n) {
        n->kind = kind;
        n->text = "";
    }
    return n;
}

struct yaml_node *build_map(struct config *c)
{
    return make(c, YAML_MAP);
}

struct yaml_node *build_list(struct config *c)
{
    return make(c, YAML_LIST);
}

static struct yaml_node *scalar(struct config *c, const char *s, size_t text_n,
                                int plain)
{
    struct yaml_node *n = make(c, YAML_SCALAR);

    if (!n) {
        return NULL;
    }
    n->text = arena_text(&c->scratch, s, text_n);
    n->n = (uint32_t)text_n;
    n->plain = (uint8_t)plain;
    return n->text ? n : NULL;
}

struct yaml_node *build_text(struct config *c, const char *s)
{
    return scalar(c, s, strlen(s), 0);
}

struct yaml_node *build_uint(struct config *c, uint64_t v)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, v);
    return scalar(c, text, strlen(text), 1);
}

struct yaml_node *build_number(struct config *c, double v)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, 64);
    if (value_put_json_f64(&b, v) != 0) {
        return NULL;
    }
    return scalar(c, (const char *)buf_bytes(&b).p, buf_len(&b), 1);
}

struct yaml_node *build_bool(struct config *c, int v)
{
    return scalar(c, v ? "true" : "false", v ? 4 : 5, 1);
}

struct yaml_node *build_null(struct config *c)
{
    return scalar(c, "null", 4, 1);
}

struct yaml_node *build_copy(struct config *c, const struct yaml_node *n)
{
    struct yaml_node *copy;

    if (!n) {
        return build_null(c);
    }
    copy = arena_get(&c->scratch, sizeof(*copy));
    if (copy) {
        *copy = *n;
        copy->key = NULL;
        copy->next = NULL;
    }
    return copy;
}

/* Bounded by the depth of texts. */
struct yaml_node *build_deep_copy(struct config *c, const struct yaml_node *n)
{
    struct yaml_node *copy = build_copy(c, n);

    if (!copy || !n || n->kind == YAML_SCALAR) {
        return copy;
    }
    copy->first = NULL;
    copy->last = NULL;
    copy->n = 0;
    for (const struct yaml_node *e = n->first; e; e = e->next) {
        struct yaml_node *v = build_deep_copy(c, e);

        if (!v) {
            return NULL;
        }
        v->key = e->key;
        if (copy->last) {
            copy->last->next = v;
        } else {
            copy->first = v;
        }
        copy->last = v;
        copy->n++;
    }
    return copy;
}

struct yaml_node *build_find(const struct yaml_node *map, const char *key)
{
    for (struct yaml_node *e = map ? map->first : NULL; e; e = e->next) {
        if (e->key && strcmp(e->key->text, key) == 0) {
            return e;
        }
    }
    return NULL;
}

struct yaml_node *build_add(struct config *c, struct yaml_node *to,
                            const char *key, struct yaml_node *value)
{
    struct yaml_node *old = key ? build_find(to, key) : NULL;

    if (!to || !value) {
        return NULL;
    }
    if (old) {
        struct yaml_node *k = old->key;
        struct yaml_node *next = old->next;

        *old = *value;
        old->key = k;
        old->next = next;
        return to;
    }
    if (key) {
        value->key = scalar(c, key, strlen(key), 1);
        if (!value->key) {
            return NULL;
        }
    }
    value->next = NULL;
    if (to->last) {
        to->last->next = value;
    } else {
        to->first = value;
    }
    to->last = value;
    to->n++;
    return to;
}

int build_is_null(const struct yaml_node *n)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; n->kind == YAML_SCALAR && n->plain && i < ARRAY_N(words);
         i++) {
        if (strcmp(n->text, words[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Decimal digits alone stay as they are: u64 and i64 have no double. */
static int is_integer(const char *s)
{
    s += *s == '-';
    return *s != '\0' && s[strspn(s, "0123456789")] == '\0' &&
           (s[0] != '0' || s[1] == '\0');
}

static int put_scalar(const struct yaml_node *n, struct buf *out)
{
    struct ubytes text = {(const uint8_t *)n->text, n->n};
    char *end = NULL;
    double v;

    if (build_is_null(n)) {
        return buf_putf(out, "null");
    }
    if (schema_is_text(n)) {
        return value_put_json_string(out, text);
    }
    if (schema_is_bool(n) || is_integer(n->text)) {
        return buf_put(out, n->text, n->n);
    }
    v = strtod(n->text, &end);
    return *end == '\0' ? value_put_json_f64(out, v)
                        : value_put_json_string(out, text);
}

static int put_break(int is_pretty, unsigned depth, struct buf *out)
{
    if (is_pretty) {
        TRY(buf_put_u8(out, '\n'));
        for (unsigned i = 0; i < depth; i++) {
            TRY(buf_put(out, "  ", 2));
        }
    }
    return 0;
}

static int put_node(const struct yaml_node *n, int is_pretty, unsigned depth,
                    struct buf *out)
{
    int is_map = n->kind == YAML_MAP;

    if (n->kind == YAML_SCALAR) {
        return put_scalar(n, out);
    }
    ASSERT(depth < DEPTH_MAX);
    TRY(buf_put_u8(out, is_map ? '{' : '['));
    for (const struct yaml_node *e = n->first; e; e = e->next) {
        if (e != n->first) {
            TRY(buf_put_u8(out, ','));
        }
        TRY(put_break(is_pretty, depth + 1, out));
        if (is_map) {
            TRY(value_put_json_string(
                out, (struct ubytes){(const uint8_t *)e->key->text, e->key->n}));
            TRY(buf_put(out, ": ", is_pretty ? 2 : 1));
        }
        TRY(put_node(e, is_pretty, depth + 1, out));
    }
    if (n->first) {
        TRY(put_break(is_pretty, depth, out));
    }
    return buf_put_u8(out, is_map ? '}' : ']');
}

int build_json(const struct yaml_node *n, int is_pretty, struct buf *out)
{
    return put_node(n, is_pretty, 0, out);
}

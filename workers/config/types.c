/* Text to types and values. Runs in the confined `config` worker. */
#include "workers/config/types.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/config/schema.h"

static const char *const type_names[] = {
    "bool", "u8",  "u16", "u32",    "u64",   "i8",   "i16",  "i32",
    "i64",  "f32", "f64", "string", "bytes", "list", "tuple"};

static int fail_type(struct config *c, const struct yaml_node *n)
{
    const char *nearest = NULL;
    char found[64];

    if (n->kind == YAML_SCALAR) {
        nearest = diag_nearest(n->text, type_names, ARRAY_N(type_names));
    }
    if (nearest && strcmp(nearest, n->text) != 0) {
        config_fail(c, n, "expected a type, got %s; did you mean \"%s\"?",
                    schema_found(n, found), nearest);
    } else {
        schema_expected(c, n, "a type");
    }
    config_hint(c, "types: bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 string "
                   "bytes, {list: T}, {tuple: [T, ...]}");
    return ERR_INPUT;
}

static int fail_type_size(struct config *c, const struct yaml_node *n)
{
    return config_limit(c, n,
                        "the type is too large: at most %d levels, %d entries "
                        "of a tuple",
                        TYPE_DEPTH_MAX, TYPE_TUPLE_MAX);
}

/* Depth is the codec's to judge. */
static int check_size(struct config *c, const struct yaml_node *n,
                      const struct type *t)
{
    struct type same;

    return type_decode((struct ubytes){t->b, t->n}, &same) == 0
               ? 0
               : fail_type_size(c, n);
}

// NOLINTBEGIN(misc-no-recursion): depth <= LIMIT_TEXT_DEPTH, checked by yaml.c

static int read_tuple_type(struct config *c, const struct yaml_node *n,
                           struct type *out)
{
    struct type elems[TYPE_TUPLE_MAX];
    size_t i = 0;

    TRY(schema_list(c, n, TYPE_TUPLE_MAX));
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(types_read(c, e, &elems[i]));
        config_leave(c);
    }
    return type_tuple_of(elems, i, out) == 0 ? 0 : fail_type_size(c, n);
}

int types_read(struct config *c, const struct yaml_node *n, struct type *out)
{
    const struct yaml_node *inner = n->first;
    struct type elem = {0};

    if (n->kind == YAML_SCALAR) {
        return n->n == strlen(n->text) && type_from_name(n->text, out) == 0
                   ? 0
                   : fail_type(c, n);
    }
    if (n->kind != YAML_MAP || n->n != 1) {
        return fail_type(c, n);
    }
    config_enter(c, inner->key->text);
    if (strcmp(inner->key->text, "tuple") == 0) {
        TRY(read_tuple_type(c, inner, out));
    } else if (strcmp(inner->key->text, "list") == 0) {
        TRY(types_read(c, inner, &elem));
        if ((size_t)elem.n + 1 > TYPE_BYTES_MAX) {
            return fail_type_size(c, n);
        }
        *out = type_list_of(&elem);
    } else {
        config_leave(c);
        return fail_type(c, inner->key);
    }
    config_leave(c);
    return check_size(c, n, out);
}

// NOLINTEND(misc-no-recursion)

int types_arguments(struct config *c, const struct yaml_node *n,
                    struct type *out)
{
    TRY(read_tuple_type(c, n, out));
    return check_size(c, n, out);
}

/* buf_*'s own outcomes as ours. */
static int put_done(struct config *c, const struct yaml_node *n, int code)
{
    if (code == ERR_LIMIT) {
        return config_limit(c, n, "the values take more than %u bytes",
                            LIMIT_DATA_FILE_BYTES);
    }
    return code;
}

static int read_int(struct config *c, const struct yaml_node *n,
                    const struct type *t, struct buf *out)
{
    unsigned width = t->b[1] & 0x7fu;
    unsigned shift = 64 - 8 * width;
    uint64_t bits = 0;
    int64_t v = 0;

    if (t->b[1] & TYPE_UNSIGNED) {
        TRY(schema_uint(c, n, 0, UINT64_MAX >> shift, &bits));
    } else {
        TRY(schema_int(c, n, INT64_MIN >> shift, INT64_MAX >> shift, &v));
        bits = (uint64_t)v;
    }
    return put_done(c, n, value_put_int(out, t, bits));
}

static int read_float(struct config *c, const struct yaml_node *n,
                      const struct type *t, struct buf *out)
{
    static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
    const float values[] = {NAN, INFINITY, -INFINITY};
    float f32 = 0;
    double f64 = 0;

    for (size_t i = 0; i < ARRAY_N(names); i++) {
        if (n->kind == YAML_SCALAR && strcmp(n->text, names[i]) == 0) {
            return put_done(c, n,
                            t->b[1] == 4
                                ? value_put_f32(out, values[i])
                                : value_put_f64(out, (double)values[i]));
        }
    }
    if (t->b[1] == 4) {
        TRY(schema_float(c, n, &f32));
        return put_done(c, n, value_put_f32(out, f32));
    }
    TRY(schema_double(c, n, &f64));
    return put_done(c, n, value_put_f64(out, f64));
}

static int put_string(struct config *c, const struct yaml_node *n,
                      struct buf *out)
{
    struct ubytes text = {(const uint8_t *)n->text, n->n};

    if (n->n != strlen(n->text) || !utf8_is_valid(text)) {
        return config_fail(c, n, "a string holds neither NUL nor surrogates");
    }
    if (n->n > LIMIT_VALUE_BYTES) {
        return config_limit(c, n, "at most %u bytes, got %u", LIMIT_VALUE_BYTES,
                            n->n);
    }
    return put_done(c, n, value_put_string(out, text));
}

static int nibble(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

static int put_hex(struct config *c, const struct yaml_node *n, struct buf *out)
{
    size_t bytes = n->n / 2;
    uint8_t *p;

    if (n->n % 2 != 0) {
        return schema_expected(c, n, "hex digits in pairs");
    }
    if (bytes > LIMIT_VALUE_BYTES) {
        return config_limit(c, n, "at most %u bytes, got %zu",
                            LIMIT_VALUE_BYTES, bytes);
    }
    p = arena_get(&c->scratch, bytes + 1);
    if (!p) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < bytes; i++) {
        int high = nibble(n->text[2 * i]);
        int low = nibble(n->text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return schema_expected(c, n, "hex digits in pairs");
        }
        p[i] = (uint8_t)(high * 16 + low);
    }
    return put_done(c, n, value_put_bytes(out, (struct ubytes){p, bytes}));
}

static int put_text(struct config *c, const struct yaml_node *n,
                    const struct type *t, struct buf *out)
{
    return t->b[0] == TYPE_BYTES ? put_hex(c, n, out) : put_string(c, n, out);
}

static int read_text(struct config *c, const struct yaml_node *n,
                     const struct type *t, struct buf *out)
{
    int is_bytes = t->b[0] == TYPE_BYTES;
    char found[64];

    if (!schema_is_text(n)) {
        schema_expected(c, n, is_bytes ? "bytes as hex in quotes" : "a string");
        if (n->kind == YAML_SCALAR && n->n > 0) {
            config_hint(c, "put it in quotes: \"%s\"", schema_found(n, found));
        }
        return ERR_INPUT;
    }
    return put_text(c, n, t, out);
}

// NOLINTBEGIN(misc-no-recursion): depth <= TYPE_DEPTH_MAX

static int read_list(struct config *c, const struct yaml_node *n,
                     const struct type *t, struct buf *out)
{
    struct type elem = type_sub(t, 1);
    size_t i = 0;

    TRY(schema_list(c, n, LIMIT_VALUE_BYTES));
    TRY(put_done(c, n, value_put_list(out, n->n)));
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(types_value(c, e, &elem, out));
        config_leave(c);
    }
    return 0;
}

static int read_tuple(struct config *c, const struct yaml_node *n,
                      const struct type *t, struct buf *out)
{
    size_t off = 2;
    size_t i = 0;

    TRY(schema_list(c, n, LIMIT_VALUE_BYTES));
    if (n->n != t->b[1]) {
        return config_fail(c, n, "expected %u values, got %u", t->b[1], n->n);
    }
    TRY(put_done(c, n, value_put_tuple(out, n->n)));
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        struct type elem = type_sub(t, off);

        config_enter_at(c, i);
        TRY(types_value(c, e, &elem, out));
        config_leave(c);
        off = type_skip(t, off);
    }
    return 0;
}

int types_value(struct config *c, const struct yaml_node *n,
                const struct type *t, struct buf *out)
{
    switch (type_tag_at(t, 0)) {
    case TYPE_BOOL:
        if (!schema_is_bool(n)) {
            return schema_expected(c, n, "true or false");
        }
        return put_done(c, n, value_put_bool(out, n->text[0] == 't'));
    case TYPE_INT:
        return read_int(c, n, t, out);
    case TYPE_FLOAT:
        return read_float(c, n, t, out);
    case TYPE_STRING:
    case TYPE_BYTES:
        return read_text(c, n, t, out);
    case TYPE_LIST:
        return read_list(c, n, t, out);
    case TYPE_TUPLE:
        return read_tuple(c, n, t, out);
    }
    return ERR_INTERNAL;
}

// NOLINTEND(misc-no-recursion)

int types_cell(struct config *c, const struct yaml_node *n,
               const struct type *t, struct buf *out)
{
    enum type_tag tag = type_tag_at(t, 0);
    struct yaml_node *tree = NULL;

    if (tag == TYPE_STRING || tag == TYPE_BYTES) {
        return put_text(c, n, t, out);
    }
    if (tag != TYPE_LIST && tag != TYPE_TUPLE) {
        return types_value(c, n, t, out);
    }
    TRY(yaml_parse(c, (struct ubytes){(const uint8_t *)n->text, n->n},
                   YAML_SYNTAX_JSON, n->line - 1, 0, &tree));
    return types_value(c, tree, t, out);
}

/* `with` of assert and reconcile. Runs in the confined `config` worker. Form only:
 * what a ref may be called, and who may say what of it, is the kernel's to say. */
#include "workers/config/specs.h"

#include <string.h>

#include "proto/cid.h"
#include "proto/limits.h"
#include "workers/config/schema.h"

#define SIGNATURE_BYTES 64

/* Hex digits of exactly n bytes. */
static int read_hex(struct config *c, const struct yaml_node *v,
                    const char *key, size_t n, ProtobufCBinaryData *out)
{
    uint8_t bytes[SIGNATURE_BYTES];

    if (!v) {
        return 0;
    }
    config_enter(c, key);
    if (v->kind != YAML_SCALAR || v->n != 2 * n ||
        hex_parse(v->text, v->n, bytes) != 0) {
        return config_fail(c, v, "expected %zu lower-case hex digits", 2 * n);
    }
    config_leave(c);
    return spec_bytes(c, (struct ubytes){bytes, n}, out);
}

static int read_number(struct config *c, const struct yaml_node *v,
                       const char *key, uint64_t from, uint64_t *out)
{
    if (!v) {
        return 0;
    }
    config_enter(c, key);
    TRY(schema_uint(c, v, from, INT64_MAX, out));
    config_leave(c);
    return 0;
}

/* A scalar as JSON: text in quotes of its own. */
static int read_leaf(struct config *c, const struct yaml_node *v, char **out)
{
    int is_text = schema_is_text(v);
    char *text;
    size_t n = 0;

    config_enter(c, "leaf");
    if (v->kind != YAML_SCALAR || v->n == 0 || v->n > LIMIT_PATH_BYTES) {
        schema_expected(c, v, "a number, a boolean or a text");
        return ERR_INPUT;
    }
    text = arena_array(&c->reply, 6 * (size_t)v->n + 3, 1);
    if (!text) {
        return ERR_NOMEM;
    }
    if (is_text) {
        text[n++] = '"';
    }
    for (size_t i = 0; i < v->n; i++) {
        static const char hex[] = "0123456789abcdef";
        uint8_t b = (uint8_t)v->text[i];

        if (is_text && b < 0x20) {
            memcpy(text + n, "\\u00", 4);
            text[n + 4] = hex[b >> 4];
            text[n + 5] = hex[b & 15];
            n += 6;
            continue;
        }
        if (is_text && (b == '"' || b == '\\')) {
            text[n++] = '\\';
        }
        text[n++] = v->text[i];
    }
    if (is_text) {
        text[n++] = '"';
    }
    text[n] = '\0';
    config_leave(c);
    *out = text;
    return 0;
}

enum {
    A_REF,
    A_OPERATION,
    A_UNIT,
    A_BUNDLE,
    A_LEAF,
    A_TYPE,
    A_CID,
    A_EXPECT,
    A_DID,
    A_NUMBER,
    A_PREV,
    A_SIGNATURE,
    A_N
};

static int read_payload(struct config *c, const struct yaml_node *const v[A_N],
                        Proctor__AssertSpec *s)
{
    struct type t;

    if (v[A_UNIT] && v[A_BUNDLE]) {
        return config_fail(c, v[A_BUNDLE]->key,
                           "both \"unit\" and \"bundle\" are given");
    }
    if (v[A_UNIT]) {
        TRY(spec_named(c, v[A_UNIT], "unit", "rate.cml:rate", &s->file,
                       &s->unit));
    }
    if (v[A_BUNDLE]) {
        TRY(spec_path(c, v[A_BUNDLE], "bundle", &s->file));
    }
    if (v[A_LEAF]) {
        TRY(read_leaf(c, v[A_LEAF], &s->leaf));
    }
    if (v[A_TYPE]) {
        TRY(spec_gives(c, v[A_TYPE], &s->type));
        if (type_decode((struct ubytes){s->type.data, s->type.len}, &t) != 0 ||
            t.n == 0 || type_tag_at(&t, 0) == TYPE_TUPLE ||
            type_tag_at(&t, 0) == TYPE_LIST) {
            return config_fail(c, v[A_TYPE], "a leaf is a scalar");
        }
    }
    return 0;
}

int spec_assert(struct config *c, const struct yaml_node *n,
                Proctor__AssertSpec **out)
{
    static const struct schema_key keys[A_N] = {
        {"ref", 1, NULL},    {"operation", 1, NULL}, {"unit", 0, NULL},
        {"bundle", 0, NULL}, {"leaf", 0, NULL},      {"type", 0, NULL},
        {"cid", 0, NULL},    {"expect", 0, NULL},    {"did", 0, NULL},
        {"number", 0, NULL}, {"prev", 0, NULL},      {"signature", 0, NULL}};
    const struct yaml_node *v[A_N];
    Proctor__AssertSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__assert_spec__init(s);
    TRY(schema_map(c, n, keys, A_N, v));
    TRY(spec_path(c, v[A_REF], "ref", &s->ref));
    TRY(spec_path(c, v[A_OPERATION], "operation", &s->operation));
    TRY(read_payload(c, v, s));
    TRY(read_hex(c, v[A_CID], "cid", CID_BYTES, &s->cid));
    TRY(read_number(c, v[A_EXPECT], "expect", 0, &s->expect));
    s->expect += v[A_EXPECT] != NULL;
    if (v[A_DID]) {
        TRY(spec_path(c, v[A_DID], "did", &s->did));
    }
    TRY(read_number(c, v[A_NUMBER], "number", 1, &s->n));
    TRY(read_hex(c, v[A_PREV], "prev", CID_BYTES, &s->prev));
    TRY(read_hex(c, v[A_SIGNATURE], "signature", SIGNATURE_BYTES,
                 &s->signature));
    *out = s;
    return 0;
}

int spec_reconcile(struct config *c, const struct yaml_node *n,
                   Proctor__ReconcileSpec **out)
{
    static const struct schema_key keys[] = {
        {"desired", 1, NULL}, {"observed", 1, NULL}, {"unit", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__ReconcileSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__reconcile_spec__init(s);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "desired", &s->desired));
    TRY(spec_path(c, v[1], "observed", &s->observed));
    if (v[2]) {
        TRY(spec_named(c, v[2], "unit", "status.cml:status", &s->file,
                       &s->unit));
    }
    *out = s;
    return 0;
}

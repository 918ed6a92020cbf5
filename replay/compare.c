/* Comparing by reflection. Schemas nest no message in itself, so depth is that of
 * the schema. Replayer. */
#include "replay/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/cid.h"
#include "proto/text.h"

struct pair {
    const ProtobufCFieldDescriptor *f;
    const void *member[2]; /* one element of each */
};

static void put_one(struct text *t, const ProtobufCFieldDescriptor *f,
                    const void *member)
{
    ProtobufCBinaryData b;
    uint64_t u64;
    uint32_t u32;
    double f64;
    char *s;

    switch ((int)f->type) {
    case PROTOBUF_C_TYPE_UINT64:
        memcpy(&u64, member, sizeof(u64));
        text_putf(t, "%" PRIu64, u64);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&f64, member, sizeof(f64));
        text_putf(t, "%.17g", f64);
        break;
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&s, member, sizeof(s));
        text_putf(t, "\"%.48s\"", s);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&b, member, sizeof(b));
        for (size_t i = 0; i < b.len && i < 12; i++) {
            text_putf(t, "%02x", b.data[i]);
        }
        text_putf(t, b.len > 12 ? "..." : b.len == 0 ? "none" : "");
        break;
    default: /* the schema has 32-bit numbers and booleans besides */
        memcpy(&u32, member, sizeof(u32));
        text_putf(t, "%" PRIu32, u32);
    }
}

static int is_equal(const struct pair *p)
{
    ProtobufCBinaryData a;
    ProtobufCBinaryData b;
    char *s[2];

    switch ((int)p->f->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE: /* bit for bit */
        return memcmp(p->member[0], p->member[1], 8) == 0;
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&s[0], p->member[0], sizeof(s[0]));
        memcpy(&s[1], p->member[1], sizeof(s[1]));
        return strcmp(s[0], s[1]) == 0;
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&a, p->member[0], sizeof(a));
        memcpy(&b, p->member[1], sizeof(b));
        return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
    default:
        return memcmp(p->member[0], p->member[1], 4) == 0;
    }
}

static int messages(const ProtobufCMessage *const m[2], struct text *t);

/* One element, whose name t ends in. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema */
static int element(const struct pair *p, struct text *t)
{
    const ProtobufCMessage *m[2] = {NULL, NULL};

    if (p->f->type != PROTOBUF_C_TYPE_MESSAGE) {
        if (is_equal(p)) {
            return 0;
        }
        text_putf(t, ": recorded ");
        put_one(t, p->f, p->member[0]);
        text_putf(t, ", replayed ");
        put_one(t, p->f, p->member[1]);
        return 1;
    }
    memcpy(&m[0], p->member[0], sizeof(m[0]));
    memcpy(&m[1], p->member[1], sizeof(m[1]));
    if (m[0] == NULL || m[1] == NULL) {
        if (m[0] != m[1]) {
            text_putf(t, m[0] == NULL ? ": none recorded" : ": none replayed");
        }
        return m[0] != m[1];
    }
    text_putf(t, ".");
    return messages(m, t);
}

/* Element i of a field that occurs n times: in the struct, or behind a pointer.
 * The schema repeats messages, strings and bytes only. */
static const void *member_of(const ProtobufCMessage *m,
                             const ProtobufCFieldDescriptor *f, size_t i,
                             size_t *out_n)
{
    const uint8_t *at = (const uint8_t *)m + f->offset;
    const uint8_t *list;
    size_t width = f->type == PROTOBUF_C_TYPE_BYTES
                       ? sizeof(ProtobufCBinaryData)
                       : sizeof(void *);

    *out_n = 1;
    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        return at;
    }
    memcpy(out_n, (const uint8_t *)m + f->quantifier_offset, sizeof(*out_n));
    memcpy(&list, at, sizeof(list));
    return i < *out_n ? list + i * width : NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema */
static int field(const ProtobufCMessage *const m[2],
                 const ProtobufCFieldDescriptor *f, struct text *t)
{
    struct text start = *t;
    size_t n[2] = {0, 0};

    for (size_t i = 0; i == 0 || (i < n[0] && i < n[1]); i++) {
        struct pair p = {
            f, {member_of(m[0], f, i, &n[0]), member_of(m[1], f, i, &n[1])}};

        *t = start;
        text_putf(t, f->label == PROTOBUF_C_LABEL_REPEATED ? "%s[%zu]" : "%s",
                  f->name, i);
        if (p.member[0] != NULL && p.member[1] != NULL && element(&p, t)) {
            return 1;
        }
    }
    *t = start;
    if (n[0] != n[1]) {
        text_putf(t, "%s: recorded %zu of them, replayed %zu", f->name, n[0],
                  n[1]);
    }
    return n[0] != n[1];
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema */
static int messages(const ProtobufCMessage *const m[2], struct text *t)
{
    const ProtobufCMessageDescriptor *d = m[0]->descriptor;

    for (unsigned i = 0; i < d->n_fields; i++) {
        if (field(m, &d->fields[i], t)) {
            return 1;
        }
    }
    return 0;
}

int compare_messages(const ProtobufCMessage *recorded,
                     const ProtobufCMessage *replayed, char *out, size_t n)
{
    const ProtobufCMessage *m[2] = {recorded, replayed};
    struct text t;

    text_init(&t, out, n);
    return messages(m, &t);
}

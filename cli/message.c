/* Reflection over protobuf-c descriptors. Depth is that of the schema, which
 * holds no recursive message. */
#include "cli/message.h"

#include <inttypes.h>
#include <string.h>

#include "cli/json.h"
#include "cli/term.h"
#include "proto/domain.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "proto/value.h"

#define VALUE_TEXT_BYTES ((size_t)8 << 20)
#define LINE_BYTES 400 /* of one string or value in text output */

/* How a field is meant, beyond its protobuf type. */
enum meaning {
    MEANS_ITSELF,
    MEANS_TYPE,
    MEANS_DOMAIN,
    MEANS_INPUT,
    MEANS_ANSWER,
    MEANS_EXAMPLE,
    MEANS_VERDICT,
    MEANS_LEVEL,
    MEANS_STATE
};

static const struct {
    const char *name;
    enum meaning meaning;
} MEANINGS[] = {
    {"takes", MEANS_TYPE},       {"gives", MEANS_TYPE},
    {"domain", MEANS_DOMAIN},    {"input", MEANS_INPUT},
    {"expected", MEANS_ANSWER},  {"got", MEANS_ANSWER},
    {"examples", MEANS_EXAMPLE}, {"verdict", MEANS_VERDICT},
    {"level", MEANS_LEVEL},      {"state", MEANS_STATE},
};

static enum meaning meaning_of(const ProtobufCFieldDescriptor *f)
{
    int is_bytes = f->type == PROTOBUF_C_TYPE_BYTES;
    int is_number = f->type == PROTOBUF_C_TYPE_UINT32;
    size_t i;

    for (i = 0; i < ARRAY_N(MEANINGS); i++) {
        int wants_number = MEANINGS[i].meaning >= MEANS_VERDICT;

        if (strcmp(f->name, MEANINGS[i].name) == 0 &&
            (wants_number ? is_number : is_bytes)) {
            return MEANINGS[i].meaning;
        }
    }
    return MEANS_ITSELF;
}

void message_types_set(struct message_types *t, struct ubytes takes,
                       struct ubytes gives)
{
    memset(t, 0, sizeof(*t));
    if (type_decode(takes, &t->takes) != 0 ||
        type_decode(gives, &t->gives) != 0) {
        memset(t, 0, sizeof(*t));
    }
}

static int put_hex(struct buf *out, struct ubytes v)
{
    size_t i;

    TRY(buf_put_u8(out, '"'));
    for (i = 0; i < v.n; i++) {
        TRY(buf_putf(out, "%02x", v.p[i]));
    }
    return buf_put_u8(out, '"');
}

int message_value(struct buf *out, struct ubytes v, const struct type *t)
{
    if (t != NULL && t->n > 0 && value_check_exact(v, t) == 0) {
        return value_put_json(out, v, t);
    }
    return put_hex(out, v);
}

/* The type of a value field, or NULL. *pair is room for an example's. */
static const struct type *
type_for(enum meaning m, const struct message_types *t, struct type *pair)
{
    if (t == NULL || t->takes.n == 0) {
        return NULL;
    }
    if (m == MEANS_INPUT) {
        return &t->takes;
    }
    if (m == MEANS_ANSWER) {
        return &t->gives;
    }
    if (m == MEANS_EXAMPLE) {
        struct type both[2] = {t->takes, t->gives};

        return type_tuple_of(both, 2, pair) == 0 ? pair : NULL;
    }
    return NULL;
}

/* One bytes field: out gets JSON when *out_is_json, else plain text. */
static int put_bytes(struct buf *out, struct ubytes v, enum meaning m,
                     const struct message_types *types, int *out_is_json)
{
    char text[512];
    struct type t;

    *out_is_json = 0;
    if (m == MEANS_TYPE && type_decode(v, &t) == 0) {
        type_text(&t, text, sizeof(text));
        return buf_put(out, text, strlen(text));
    }
    if (m == MEANS_DOMAIN && domain_check(v, &t) == 0) {
        domain_text(v, text, sizeof(text));
        return buf_put(out, text, strlen(text));
    }
    *out_is_json = 1;
    if (v.n == 0) {
        return buf_put(out, "null", 4);
    }
    return message_value(out, v, type_for(m, types, &t));
}

static const char *word_of(enum meaning m, uint32_t v)
{
    switch (m) {
    case MEANS_VERDICT:
        return verdict_name(v);
    case MEANS_LEVEL:
        return level_name(v);
    case MEANS_STATE:
        return state_name(v);
    case MEANS_ITSELF:
    case MEANS_TYPE:
    case MEANS_DOMAIN:
    case MEANS_INPUT:
    case MEANS_ANSWER:
    case MEANS_EXAMPLE:
        break;
    }
    return NULL;
}

/* One value of a field; at points into the message or into its array. */
struct item {
    const ProtobufCFieldDescriptor *f;
    const uint8_t *at;
    enum meaning meaning;
};

static uint64_t item_u(const struct item *i)
{
    uint64_t v64;
    uint32_t v32;

    switch (i->f->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        memcpy(&v64, i->at, sizeof(v64));
        return v64;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    memcpy(&v32, i->at, sizeof(v32));
    return v32;
}

static double item_f64(const struct item *i)
{
    double v;

    memcpy(&v, i->at, sizeof(v));
    return v;
}

static const char *item_s(const struct item *i)
{
    const char *s;

    memcpy(&s, i->at, sizeof(s));
    return s != NULL ? s : "";
}

static struct ubytes item_b(const struct item *i)
{
    ProtobufCBinaryData b;

    memcpy(&b, i->at, sizeof(b));
    return (struct ubytes){b.data, b.len};
}

static const ProtobufCMessage *item_m(const struct item *i)
{
    const ProtobufCMessage *m;

    memcpy(&m, i->at, sizeof(m));
    return m;
}

static size_t size_of_item(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return 4;
}

/* How many values field f of m has, and where the first is. */
static size_t items(const ProtobufCMessage *m,
                    const ProtobufCFieldDescriptor *f, const uint8_t **out_at)
{
    const uint8_t *base = (const uint8_t *)m;
    size_t n;

    *out_at = base + f->offset;
    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        return 1;
    }
    memcpy(&n, base + f->quantifier_offset, sizeof(n));
    memcpy(out_at, base + f->offset, sizeof(*out_at));
    return n;
}

static void json_bytes(struct json *j, const char *key, const struct item *i,
                       const struct message_types *types)
{
    struct buf text;
    int is_json = 0;

    buf_init(&text, VALUE_TEXT_BYTES);
    if (put_bytes(&text, item_b(i), i->meaning, types, &is_json) != 0) {
        json_str(j, key, "too long to show");
    } else if (is_json) {
        json_raw(j, key, buf_bytes(&text));
    } else {
        json_text(j, key, buf_bytes(&text));
    }
    buf_release(&text);
}

/* One value of any field type: a flat switch.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as the schema. */
static void json_item(struct json *j, const char *key, const struct item *i,
                      const struct message_types *types)
{
    switch (i->f->type) {
    case PROTOBUF_C_TYPE_STRING:
        json_str(j, key, item_s(i));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        json_bytes(j, key, i, types);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (item_m(i) == NULL) {
            json_null(j, key);
        } else {
            message_json(j, key, item_m(i), types);
        }
        break;
    case PROTOBUF_C_TYPE_BOOL:
        json_bool(j, key, item_u(i) != 0);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_f64(j, key, item_f64(i));
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        json_i64(j, key, (int32_t)item_u(i));
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        json_u64(j, key, item_u(i));
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
        json_str(j, key, "not shown"); /* no schema of ours has one */
        break;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema. */
void message_json(struct json *j, const char *key, const ProtobufCMessage *m,
                  const struct message_types *t)
{
    unsigned k;

    json_object(j, key);
    for (k = 0; k < m->descriptor->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];
        struct item i = {f, NULL, meaning_of(f)};
        size_t n = items(m, f, &i.at);
        size_t at;

        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            char name[64];
            const char *word = word_of(i.meaning, (uint32_t)item_u(&i));

            json_item(j, f->name, &i, t);
            if (word != NULL) {
                (void)snprintf(name, sizeof(name), "%s_name", f->name);
                json_str(j, name, word);
            }
            continue;
        }
        json_array(j, f->name);
        for (at = 0; at < n; at++) {
            json_item(j, NULL, &i, t);
            i.at += size_of_item(f);
        }
        json_close(j);
    }
    json_close(j);
}

/* A message whose fields are all single scalars fits on one line. */
static int is_flat(const ProtobufCMessageDescriptor *d)
{
    unsigned k;

    for (k = 0; k < d->n_fields; k++) {
        if (d->fields[k].label == PROTOBUF_C_LABEL_REPEATED ||
            d->fields[k].type == PROTOBUF_C_TYPE_MESSAGE) {
            return 0;
        }
    }
    return 1;
}

/* A hash is as plain as a word: without the quotes that JSON needs. */
static struct ubytes unquoted(struct ubytes s)
{
    if (s.n == 2 * 32 + 2 && s.p[0] == '"') {
        s.p++;
        s.n -= 2;
    }
    return s;
}

/* One scalar as text. */
static int print_scalar(FILE *to, const struct item *i,
                        const struct message_types *types)
{
    const char *word = word_of(i->meaning, (uint32_t)item_u(i));
    struct buf text;
    int is_json = 0;
    int rc = 0;

    if (word != NULL) {
        fputs(word, to);
    } else if (i->f->type == PROTOBUF_C_TYPE_BYTES) {
        buf_init(&text, VALUE_TEXT_BYTES);
        rc = put_bytes(&text, item_b(i), i->meaning, types, &is_json);
        if (rc == 0 && item_b(i).n == 0) {
            fputs("none", to);
        } else if (rc == 0) {
            term_put_text(to, unquoted(buf_bytes(&text)), LINE_BYTES);
        }
        buf_release(&text);
    } else if (i->f->type == PROTOBUF_C_TYPE_STRING) {
        const char *s = item_s(i);

        term_put_text(to, (struct ubytes){(const uint8_t *)s, strlen(s)},
                      LINE_BYTES);
    } else if (i->f->type == PROTOBUF_C_TYPE_BOOL) {
        fputs(item_u(i) != 0 ? "yes" : "no", to);
    } else if (i->f->type == PROTOBUF_C_TYPE_DOUBLE) {
        fprintf(to, "%.6g", item_f64(i));
    } else if (strcmp(i->f->name, "mode") == 0) {
        fprintf(to, "%04" PRIo64, item_u(i)); /* of a file */
    } else {
        fprintf(to, "%" PRIu64, item_u(i));
    }
    return rc;
}

static int print_flat(FILE *to, const ProtobufCMessage *m,
                      const struct message_types *types)
{
    const char *comma = "";
    unsigned k;

    for (k = 0; k < m->descriptor->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];
        struct item i = {f, (const uint8_t *)m + f->offset, meaning_of(f)};

        if (f->type == PROTOBUF_C_TYPE_STRING && item_s(&i)[0] == '\0') {
            continue;
        }
        fprintf(to, "%s%s ", comma, f->name);
        TRY(print_scalar(to, &i, types));
        comma = ", ";
    }
    fputc('\n', to);
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema. */
static int print_item(FILE *to, const struct item *i,
                      const struct message_types *types, unsigned indent)
{
    const ProtobufCMessage *m;

    fprintf(to, "%*s%s: ", (int)indent, "", i->f->name);
    if (i->f->type != PROTOBUF_C_TYPE_MESSAGE) {
        TRY(print_scalar(to, i, types));
        fputc('\n', to);
        return 0;
    }
    m = item_m(i);
    if (m == NULL) {
        fputs("none\n", to);
        return 0;
    }
    if (is_flat(m->descriptor)) {
        return print_flat(to, m, types);
    }
    fputc('\n', to);
    return message_print(to, m, types, indent + 2);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema. */
int message_print(FILE *to, const ProtobufCMessage *m,
                  const struct message_types *t, unsigned indent)
{
    unsigned k;

    for (k = 0; k < m->descriptor->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];
        struct item i = {f, NULL, meaning_of(f)};
        size_t n = items(m, f, &i.at);
        size_t at;

        for (at = 0; at < n; at++) {
            TRY(print_item(to, &i, t, indent));
            i.at += size_of_item(f);
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the schema. */
int message_each_bytes(const ProtobufCMessage *m,
                       int (*fn)(void *ctx,
                                 const ProtobufCMessageDescriptor *of,
                                 const char *field, struct ubytes v),
                       void *ctx)
{
    unsigned k;
    int rc = 0;

    for (k = 0; k < m->descriptor->n_fields && rc == 0; k++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];
        struct item i = {f, NULL, MEANS_ITSELF};
        size_t n = items(m, f, &i.at);

        for (; n > 0 && rc == 0; n--) {
            if (f->type == PROTOBUF_C_TYPE_BYTES) {
                rc = fn(ctx, m->descriptor, f->name, item_b(&i));
            } else if (f->type == PROTOBUF_C_TYPE_MESSAGE &&
                       item_m(&i) != NULL) {
                rc = message_each_bytes(item_m(&i), fn, ctx);
            }
            i.at += size_of_item(f);
        }
    }
    return rc;
}

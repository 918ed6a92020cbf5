/* Types as canonical bytes. Runs in every process; type_decode and type_read
 * see hostile bytes, the rest only what passed them. Must never recurse: nesting is
 * counted, or kept on a stack of TYPE_DEPTH_MAX. */
#include "proto/type.h"

#include <string.h>

#include "proto/err.h"
#include "proto/text.h"

struct scalar_name {
    const char *name;
    uint8_t n;
    uint8_t b[2];
};

static const struct scalar_name scalars[] = {
    {"bool", 1, {TYPE_BOOL}},
    {"u8", 2, {TYPE_INT, TYPE_UNSIGNED | 1}},
    {"u16", 2, {TYPE_INT, TYPE_UNSIGNED | 2}},
    {"u32", 2, {TYPE_INT, TYPE_UNSIGNED | 4}},
    {"u64", 2, {TYPE_INT, TYPE_UNSIGNED | 8}},
    {"i8", 2, {TYPE_INT, 1}},
    {"i16", 2, {TYPE_INT, 2}},
    {"i32", 2, {TYPE_INT, 4}},
    {"i64", 2, {TYPE_INT, 8}},
    {"f32", 2, {TYPE_FLOAT, 4}},
    {"f64", 2, {TYPE_FLOAT, 8}},
    {"string", 1, {TYPE_STRING}},
    {"bytes", 1, {TYPE_BYTES}},
};

static const struct scalar_name *scalar_at(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < ARRAY_N(scalars); i++) {
        if (scalars[i].n <= n && memcmp(scalars[i].b, p, scalars[i].n) == 0) {
            return &scalars[i];
        }
    }
    return NULL;
}

/* Reads one node; *out_children = how many types follow inside it. */
static void read_node(struct rd *r, unsigned *out_children)
{
    uint8_t b[2] = {rd_u8(r), 0};

    *out_children = 0;
    switch (b[0]) {
    case TYPE_BOOL:
    case TYPE_STRING:
    case TYPE_BYTES:
        return;
    case TYPE_LIST:
        *out_children = 1;
        return;
    case TYPE_TUPLE:
        *out_children = rd_u8(r);
        if (*out_children > TYPE_TUPLE_MAX) {
            rd_fail(r);
        }
        return;
    default:
        b[1] = rd_u8(r);
        if (scalar_at(b, 2) == NULL) {
            rd_fail(r);
        }
    }
}

/* Walks one type; depth and size are bounded, so is the work. */
static void walk(struct rd *r)
{
    unsigned left[TYPE_DEPTH_MAX];
    unsigned depth = 1;
    size_t start = rd_off(r);

    left[0] = 1;
    while (depth > 0 && !rd_is_bad(r)) {
        unsigned children;

        if (left[depth - 1] == 0) {
            depth--;
            continue;
        }
        left[depth - 1]--;
        read_node(r, &children);
        if (rd_off(r) - start > TYPE_BYTES_MAX ||
            (children > 0 && depth == TYPE_DEPTH_MAX)) {
            rd_fail(r);
        } else if (children > 0) {
            left[depth] = children;
            depth++;
        }
    }
}

int type_read(struct rd *r, struct type *out)
{
    size_t start = rd_off(r);
    struct rd again = *r;

    memset(out, 0, sizeof(*out));
    walk(r);
    if (rd_is_bad(r)) {
        return ERR_ENCODING;
    }
    out->n = (uint8_t)(rd_off(r) - start);
    rd_copy(&again, out->b, out->n);
    return 0;
}

int type_decode(struct ubytes in, struct type *out)
{
    struct rd r;
    int code;

    rd_init(&r, in);
    code = type_read(&r, out);
    return code < 0 ? code : rd_end(&r);
}

enum type_tag type_tag_at(const struct type *t, size_t off)
{
    ASSERT(off < t->n);
    return (enum type_tag)t->b[off];
}

size_t type_skip(const struct type *t, size_t off)
{
    size_t pending = 1; /* types still to cross */

    while (pending > 0) {
        enum type_tag tag = type_tag_at(t, off);

        off++;
        if (tag == TYPE_LIST) {
            continue; /* its element takes its place */
        }
        pending--;
        if (tag == TYPE_TUPLE) {
            pending += t->b[off];
        }
        if (tag == TYPE_TUPLE || tag == TYPE_INT || tag == TYPE_FLOAT) {
            off++;
        }
    }
    return off;
}

struct type type_sub(const struct type *t, size_t off)
{
    struct type out = {.n = (uint8_t)(type_skip(t, off) - off)};

    memcpy(out.b, t->b + off, out.n);
    return out;
}

int type_is_equal(const struct type *a, const struct type *b)
{
    return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

int type_from_name(const char *name, struct type *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < ARRAY_N(scalars); i++) {
        if (strcmp(scalars[i].name, name) == 0) {
            out->n = scalars[i].n;
            memcpy(out->b, scalars[i].b, out->n);
            return 0;
        }
    }
    return ERR_INPUT;
}

/* Head bytes, then the elements; checks the whole. */
static int compose(const uint8_t *head, size_t head_n, const struct type *elems,
                   size_t n, struct type *out)
{
    uint8_t bytes[TYPE_BYTES_MAX];
    size_t at = head_n;

    memcpy(bytes, head, head_n);
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < n; i++) {
        if (elems[i].n > sizeof(bytes) - at) {
            return ERR_LIMIT;
        }
        memcpy(bytes + at, elems[i].b, elems[i].n);
        at += elems[i].n;
    }
    if (type_decode((struct ubytes){bytes, at}, out) < 0) {
        memset(out, 0, sizeof(*out));
        return ERR_LIMIT; /* the parts are types: only depth is left */
    }
    return 0;
}

struct type type_list_of(const struct type *elem)
{
    static const uint8_t head[] = {TYPE_LIST};
    struct type out;

    (void)compose(head, sizeof(head), elem, 1, &out);
    return out;
}

int type_tuple_of(const struct type *elems, size_t n, struct type *out)
{
    uint8_t head[] = {TYPE_TUPLE, (uint8_t)n};

    if (n > TYPE_TUPLE_MAX) {
        memset(out, 0, sizeof(*out));
        return ERR_LIMIT;
    }
    return compose(head, sizeof(head), elems, n, out);
}

struct open_node {
    unsigned left;
    char close;
};

/* Closes what is complete after a node was written. */
static void close_nodes(struct text *text, struct open_node *open,
                        unsigned *depth)
{
    while (*depth > 0) {
        struct open_node *top = &open[*depth - 1];

        if (top->left > 0) {
            top->left--;
            if (top->left > 0) {
                text_putf(text, ", ");
                return;
            }
        }
        text_putf(text, "%c", top->close);
        (*depth)--;
    }
}

void type_text(const struct type *t, char *out, size_t n)
{
    struct open_node open[TYPE_DEPTH_MAX];
    struct text text;
    unsigned depth = 0;
    size_t off = 0;

    text_init(&text, out, n);
    while (off < t->n) {
        enum type_tag tag = type_tag_at(t, off);
        const struct scalar_name *scalar = scalar_at(t->b + off, t->n - off);

        if (tag == TYPE_LIST || tag == TYPE_TUPLE) {
            unsigned children = tag == TYPE_LIST ? 1 : t->b[off + 1];

            text_putf(&text, "%c", tag == TYPE_LIST ? '[' : '(');
            off += tag == TYPE_LIST ? 1 : 2;
            if (children == 0) {
                text_putf(&text, ")");
                close_nodes(&text, open, &depth);
                continue;
            }
            ASSERT(depth < TYPE_DEPTH_MAX);
            open[depth] = (struct open_node){
                .left = children, .close = tag == TYPE_LIST ? ']' : ')'};
            depth++;
            continue;
        }
        ASSERT(scalar != NULL);
        text_putf(&text, "%s", scalar->name);
        off += scalar->n;
        close_nodes(&text, open, &depth);
    }
}

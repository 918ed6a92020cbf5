/* Canonical values. Runs in every process, on hostile bytes. Must never accept
 * two forms of one value: the kernel compares answers by memcmp. No recursion:
 * the walk keeps one frame per open list or tuple. */
#include "proto/value.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define F32_NAN UINT32_C(0x7fc00000)
#define F64_NAN UINT64_C(0x7ff8000000000000)

static int f32_is_finite(uint32_t bits)
{
    return (bits & UINT32_C(0x7f800000)) != UINT32_C(0x7f800000);
}

static int f64_is_finite(uint64_t bits)
{
    return (bits & UINT64_C(0x7ff0000000000000)) !=
           UINT64_C(0x7ff0000000000000);
}

static int f32_is_nan(uint32_t bits)
{
    return !f32_is_finite(bits) && (bits & UINT32_C(0x007fffff)) != 0;
}

static int f64_is_nan(uint64_t bits)
{
    return !f64_is_finite(bits) && (bits & UINT64_C(0x000fffffffffffff)) != 0;
}

static void check_float(struct rd *r, unsigned width)
{
    if (width == 4) {
        uint32_t bits = rd_u32(r);

        if (f32_is_nan(bits) && bits != F32_NAN) {
            rd_fail(r);
        }
    } else {
        uint64_t bits = rd_u64(r);

        if (f64_is_nan(bits) && bits != F64_NAN) {
            rd_fail(r);
        }
    }
}

static void check_string(struct rd *r)
{
    struct ubytes s = rd_bytes32(r);

    if (s.n > 0 && (memchr(s.p, 0, s.n) != NULL || !utf8_is_valid(s))) {
        rd_fail(r);
    }
}

/* One node of the type at `at`; *out_n = values that follow inside it. */
static void check_node(struct rd *r, const struct type *t, size_t at,
                       uint32_t *out_n)
{
    enum type_tag type_tag = type_tag_at(t, at);
    uint8_t tag = rd_u8(r);

    *out_n = 0;
    if (type_tag == TYPE_BOOL) {
        if (tag != VALUE_FALSE && tag != VALUE_TRUE) {
            rd_fail(r);
        }
        return;
    }
    if (tag != (uint8_t)type_tag) {
        rd_fail(r);
        return;
    }
    if (type_tag == TYPE_INT || type_tag == TYPE_FLOAT) {
        uint8_t code = rd_u8(r);

        if (code != t->b[at + 1]) {
            rd_fail(r);
        } else if (type_tag == TYPE_FLOAT) {
            check_float(r, code);
        } else {
            (void)rd_take(r, code & ~(unsigned)TYPE_UNSIGNED);
        }
    } else if (type_tag == TYPE_STRING) {
        check_string(r);
    } else if (type_tag == TYPE_BYTES) {
        (void)rd_bytes32(r);
    } else {
        *out_n = rd_u32(r);
        if ((type_tag == TYPE_TUPLE && *out_n != t->b[at + 1]) ||
            *out_n > rd_left(r)) { /* a value has at least one byte */
            rd_fail(r);
        }
    }
}

/* An open list or tuple: the type of its next value and how many are left. */
struct frame_ {
    size_t type_at;
    uint32_t left;
    int is_list;
};

struct walk {
    const struct type *t;
    struct frame_ frames[TYPE_DEPTH_MAX + 1];
    unsigned depth;
};

static void walk_init(struct walk *w, const struct type *t)
{
    ASSERT(t->n > 0);
    w->t = t;
    w->depth = 1;
    w->frames[0] = (struct frame_){.type_at = 0, .left = 1, .is_list = 1};
}

/* Type offset of the next value in the innermost frame, which has one left. */
static size_t walk_next(struct walk *w)
{
    struct frame_ *top = &w->frames[w->depth - 1];
    size_t at = top->type_at;

    top->left--;
    if (!top->is_list) {
        top->type_at = type_skip(w->t, at);
    }
    return at;
}

/* Opens the list or tuple whose type is at `at`. */
static void walk_enter(struct walk *w, size_t at, uint32_t n)
{
    int is_list = type_tag_at(w->t, at) == TYPE_LIST;

    ASSERT(w->depth <= TYPE_DEPTH_MAX);
    w->frames[w->depth] = (struct frame_){
        .type_at = at + (is_list ? 1 : 2), .left = n, .is_list = is_list};
    w->depth++;
}

int value_check(struct ubytes in, const struct type *t, size_t *out_used)
{
    struct walk w;
    struct rd r;

    rd_init(&r, in);
    walk_init(&w, t);
    while (w.depth > 0 && !rd_is_bad(&r)) {
        size_t at;
        uint32_t n;

        if (w.frames[w.depth - 1].left == 0) {
            w.depth--;
            continue;
        }
        at = walk_next(&w);
        check_node(&r, t, at, &n);
        if (n > 0 && !rd_is_bad(&r)) {
            walk_enter(&w, at, n);
        }
    }
    *out_used = rd_off(&r);
    return rd_is_bad(&r) ? ERR_ENCODING : 0;
}

int value_check_exact(struct ubytes in, const struct type *t)
{
    size_t used;
    int code = value_check(in, t, &used);

    return code == 0 && used != in.n ? ERR_ENCODING : code;
}

int value_has_nonfinite(struct ubytes v)
{
    struct rd r;

    rd_init(&r, v);
    /* Tags tell lengths, so a flat pass over the nodes is enough. */
    while (rd_left(&r) > 0) {
        switch (rd_u8(&r)) {
        case TYPE_INT:
            (void)rd_take(&r, rd_u8(&r) & ~(unsigned)TYPE_UNSIGNED);
            break;
        case TYPE_FLOAT:
            if (rd_u8(&r) == 4 ? !f32_is_finite(rd_u32(&r))
                               : !f64_is_finite(rd_u64(&r))) {
                return 1;
            }
            break;
        case TYPE_STRING:
        case TYPE_BYTES:
            (void)rd_bytes32(&r);
            break;
        case TYPE_LIST:
        case TYPE_TUPLE:
            (void)rd_u32(&r);
            break;
        default:
            break; /* bool */
        }
    }
    ASSERT(!rd_is_bad(&r));
    return 0;
}

/* Tag, u32, bytes: all or nothing. */
static int put_sized(struct buf *b, uint8_t tag, uint32_t n,
                     struct ubytes bytes)
{
    uint8_t *at;
    size_t total;
    int code;

    if (__builtin_add_overflow(bytes.n, (size_t)5, &total)) {
        return ERR_LIMIT;
    }
    code = buf_extend(b, total, &at);
    if (code < 0) {
        return code;
    }
    at[0] = tag;
    for (unsigned i = 0; i < 4; i++) {
        at[1 + i] = (uint8_t)(n >> (24 - 8 * i) & 0xffu);
    }
    if (bytes.n > 0) {
        memcpy(at + 5, bytes.p, bytes.n);
    }
    return 0;
}

/* Tag, code, the low n bytes of bits. */
static int put_number(struct buf *b, uint8_t tag, uint8_t code, uint64_t bits,
                      unsigned n)
{
    uint8_t bytes[10] = {tag, code};

    for (unsigned i = 0; i < n; i++) {
        bytes[1 + n - i] = (uint8_t)(bits >> 8 * i & 0xffu);
    }
    return buf_put(b, bytes, 2 + (size_t)n);
}

double value_number(struct ubytes v, const struct type *t)
{
    unsigned width = t->b[1] & ~(unsigned)TYPE_UNSIGNED;
    uint64_t bits = 0;
    uint32_t low;
    double d;
    float f;

    for (size_t i = 2; i < v.n; i++) {
        bits = bits << 8 | v.p[i];
    }
    if (type_tag_at(t, 0) == TYPE_FLOAT && width == 4) {
        low = (uint32_t)bits;
        memcpy(&f, &low, sizeof(f));
        return (double)f;
    }
    if (type_tag_at(t, 0) == TYPE_FLOAT) {
        memcpy(&d, &bits, sizeof(d));
        return d;
    }
    if ((t->b[1] & TYPE_UNSIGNED) != 0) {
        return (double)bits;
    }
    bits <<= 64 - 8 * width; /* the sign bit to the top */
    return (double)((int64_t)bits >> (64 - 8 * width));
}

int value_put_bool(struct buf *b, int v)
{
    return buf_put_u8(b, v ? VALUE_TRUE : VALUE_FALSE);
}

int value_put_int(struct buf *b, const struct type *t, uint64_t bits)
{
    uint8_t code = t->b[1];

    ASSERT(type_tag_at(t, 0) == TYPE_INT);
    return put_number(b, TYPE_INT, code, bits, code & ~(unsigned)TYPE_UNSIGNED);
}

int value_put_f32(struct buf *b, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return put_number(b, TYPE_FLOAT, 4, f32_is_nan(bits) ? F32_NAN : bits, 4);
}

int value_put_f64(struct buf *b, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return put_number(b, TYPE_FLOAT, 8, f64_is_nan(bits) ? F64_NAN : bits, 8);
}

int value_put_string(struct buf *b, struct ubytes utf8)
{
    if (utf8.n > UINT32_MAX) {
        return ERR_LIMIT;
    }
    return put_sized(b, TYPE_STRING, (uint32_t)utf8.n, utf8);
}

int value_put_bytes(struct buf *b, struct ubytes v)
{
    if (v.n > UINT32_MAX) {
        return ERR_LIMIT;
    }
    return put_sized(b, TYPE_BYTES, (uint32_t)v.n, v);
}

int value_put_list(struct buf *b, uint32_t n)
{
    return put_sized(b, TYPE_LIST, n, (struct ubytes){NULL, 0});
}

int value_put_tuple(struct buf *b, uint32_t n)
{
    return put_sized(b, TYPE_TUPLE, n, (struct ubytes){NULL, 0});
}

/* Domains as trees (docs/exam.md sections 5 and 7). Replayer. */
#include "replay/shape.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"

#define TOP (1ull << 63)

unsigned shape_width(const struct shape *s)
{
    unsigned width = 8 * (s->n.code & (unsigned)~TYPE_UNSIGNED);

    ASSERT(width >= 8 && width <= 64); /* domains are checked */
    return width;
}

int shape_is_signed(const struct shape *s)
{
    return s->n.tag == DOMAIN_INT && (s->n.code & TYPE_UNSIGNED) == 0;
}

uint64_t shape_key(const struct shape *s, uint64_t bits)
{
    uint64_t sign = 1ull << (shape_width(s) - 1);

    if (s->n.tag == DOMAIN_INT) {
        return shape_is_signed(s) ? bits ^ TOP : bits;
    }
    return (bits & sign) == 0 ? bits | sign : ~bits & (sign | (sign - 1));
}

uint64_t shape_bits(const struct shape *s, uint64_t key)
{
    uint64_t sign = 1ull << (shape_width(s) - 1);

    if (s->n.tag == DOMAIN_INT) {
        return shape_is_signed(s) ? key ^ TOP : key;
    }
    return (key & sign) != 0 ? key ^ sign : ~key & (sign | (sign - 1));
}

uint32_t shape_symbols_n(const struct shape *s)
{
    return s->n.tag == DOMAIN_BYTES ? 256
           : s->n.n > 0             ? s->n.n
                                    : (uint32_t)DOMAIN_SCALAR_VALUES;
}

/* Without an alphabet: all scalar values but NUL, in order. */
uint32_t shape_symbol(const struct shape *s, uint32_t i)
{
    if (s->n.tag == DOMAIN_BYTES) {
        return i;
    }
    if (s->n.n > 0) {
        const uint8_t *p = s->n.items.p + 4 * (size_t)i;

        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
               (uint32_t)p[2] << 8 | p[3];
    }
    return i + 1 < 0xd800 ? i + 1 : i + 1 + 0x800;
}

uint32_t shape_symbol_index(const struct shape *s, uint32_t cp)
{
    uint32_t low = 0;
    uint32_t high = shape_symbols_n(s);

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (shape_symbol(s, mid) < cp) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < shape_symbols_n(s) && shape_symbol(s, low) == cp ? low
                                                                  : UINT32_MAX;
}

uint32_t shape_values_n(const struct shape *s)
{
    return s->n.tag == DOMAIN_CHOICE ? s->n.n
           : s->corpus != NULL       ? values_n(s->corpus)
                                     : 0;
}

struct ubytes shape_value(const struct shape *s, uint32_t i)
{
    return s->n.tag == DOMAIN_CHOICE ? s->choices[i] : values_at(s->corpus, i);
}

/* --- reading --------------------------------------------------------------- */

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t c;

    return __builtin_mul_overflow(a, b, &c) ? UINT64_MAX : c;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

/* Of sequences of one length. */
static uint64_t power(uint64_t base, uint64_t n)
{
    uint64_t v = 1;

    if (base < 2) {
        return n == 0 ? 1 : base;
    }
    while (n-- > 0 && v != UINT64_MAX) {
        v = times(v, base);
    }
    return v;
}

static uint64_t sequences(const struct shape *s, uint64_t base)
{
    uint64_t v = 0;

    if (base == 1) {
        return plus(s->n.hi - s->n.lo, 1);
    }
    for (uint64_t n = s->n.lo; n <= s->n.hi && v != UINT64_MAX; n++) {
        v = plus(v, power(base, n));
        if (base == 0) {
            break;
        }
    }
    return v;
}

static uint64_t members(const struct shape *s)
{
    uint64_t v = 1;

    switch (s->n.tag) {
    case DOMAIN_BOOL:
        return 2;
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return plus(s->hi - s->lo, 1);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return sequences(s, shape_symbols_n(s));
    case DOMAIN_LIST:
        return sequences(s, s->kids[0].size);
    case DOMAIN_TUPLE: /* an empty member makes it empty, however large others */
        for (unsigned i = 0; i < s->n.children; i++) {
            if (s->kids[i].size == 0) {
                return 0;
            }
            v = times(v, s->kids[i].size);
        }
        return v;
    default:
        return shape_values_n(s);
    }
}

static int read_choices(struct shape *s)
{
    struct rd r;

    s->choices = calloc(s->n.n, sizeof(*s->choices));
    if (s->choices == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    rd_init(&r, s->n.items);
    for (uint32_t i = 0; i < s->n.n; i++) {
        s->choices[i] = rd_bytes32(&r);
    }
    return 0;
}

struct corpora {
    const struct values *v;
    size_t n;
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int read_shape(struct rd *r, const struct corpora *c, struct shape *s)
{
    domain_node_read(r, &s->n);
    if (rd_is_bad(r)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    if (s->n.tag == DOMAIN_INT || s->n.tag == DOMAIN_FLOAT) {
        s->lo = shape_key(s, s->n.lo);
        s->hi = shape_key(s, s->n.hi);
        s->origin = shape_key(s, 0);
        s->origin = s->origin < s->lo   ? s->lo
                    : s->origin > s->hi ? s->hi
                                        : s->origin;
    } else if (s->n.tag == DOMAIN_CHOICE) {
        TRY(read_choices(s));
    } else if (s->n.tag == DOMAIN_CORPUS && s->n.file < c->n) {
        s->corpus = &c->v[s->n.file];
    }
    s->kids = calloc(s->n.children + 1, sizeof(*s->kids));
    if (s->kids == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (unsigned i = 0; i < s->n.children; i++) {
        TRY(read_shape(r, c, &s->kids[i]));
    }
    s->size = members(s);
    return 0;
}

int shape_read(struct ubytes in, const struct values *corpora, size_t corpora_n,
               struct shape *out)
{
    struct corpora c = {corpora, corpora_n};
    struct rd r;

    rd_init(&r, in);
    return read_shape(&r, &c, out);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
void shape_release(struct shape *s)
{
    for (unsigned i = 0; s->kids != NULL && i < s->n.children; i++) {
        shape_release(&s->kids[i]);
    }
    free(s->kids);
    free(s->choices);
    *s = (struct shape){0};
}

/* --- making ----------------------------------------------------------------- */

int shape_put_number(const struct shape *s, uint64_t key, struct buf *out)
{
    uint64_t bits = shape_bits(s, key);

    TRY(buf_put_u8(out, s->n.tag));
    TRY(buf_put_u8(out, s->n.code));
    for (unsigned at = shape_width(s); at > 0; at -= 8) {
        TRY(buf_put_u8(out, (uint8_t)(bits >> (at - 8))));
    }
    return 0;
}

int shape_put_symbol(const struct shape *s, uint32_t i, struct buf *out)
{
    uint8_t utf8[4];

    return s->n.tag == DOMAIN_BYTES
               ? buf_put_u8(out, (uint8_t)i)
               : buf_put(out, utf8, utf8_put(shape_symbol(s, i), utf8));
}

/* Tag and length or count, and what follows: by length, then the first symbol or
 * element fastest. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int member_sequence(const struct shape *s, uint64_t k, struct buf *out)
{
    int is_list = s->n.tag == DOMAIN_LIST;
    uint64_t base = is_list ? s->kids[0].size : shape_symbols_n(s);
    uint64_t n = s->n.lo;
    size_t start;

    if (base == 1) {
        n += k;
        k = 0;
    }
    for (; base > 1 && k >= power(base, n); n++) {
        k -= power(base, n);
    }
    TRY(buf_put_u8(out, s->n.tag));
    start = buf_len(out);
    TRY(buf_put_u32(out, (uint32_t)n));
    for (uint64_t i = 0; i < n; i++, k /= base) {
        ASSERT(base > 0); /* else the one member is empty */
        TRY(is_list ? shape_member(&s->kids[0], k % base, out)
                    : shape_put_symbol(s, (uint32_t)(k % base), out));
    }
    if (!is_list) {
        buf_patch_u32(out, start, (uint32_t)(buf_len(out) - start - 4));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int shape_member(const struct shape *s, uint64_t k, struct buf *out)
{
    switch (s->n.tag) {
    case DOMAIN_BOOL:
        return value_put_bool(out, k == 1);
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return shape_put_number(s, s->lo + k, out);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
    case DOMAIN_LIST:
        return member_sequence(s, k, out);
    case DOMAIN_TUPLE:
        TRY(value_put_tuple(out, s->n.children));
        for (unsigned i = 0; i < s->n.children; i++) {
            TRY(shape_member(&s->kids[i], k % s->kids[i].size, out));
            k /= s->kids[i].size;
        }
        return 0;
    default: {
        struct ubytes v = shape_value(s, (uint32_t)k);

        return buf_put(out, v.p, v.n);
    }
    }
}

/* --- membership -------------------------------------------------------------- */

static int take_number(const struct shape *s, struct rd *r)
{
    uint64_t bits = 0;
    uint64_t key;

    if (rd_u8(r) != s->n.tag || rd_u8(r) != s->n.code) {
        return 0;
    }
    for (unsigned i = 0; i < shape_width(s); i += 8) {
        bits = bits << 8 | rd_u8(r);
    }
    if (shape_is_signed(s) && shape_width(s) < 64 &&
        bits >> (shape_width(s) - 1) != 0) {
        bits |= ~0ull << shape_width(s);
    }
    key = shape_key(s, bits);
    return key >= s->lo && key <= s->hi;
}

static int take_symbols(const struct shape *s, struct rd *r)
{
    struct ubytes v;
    uint64_t n = 0;

    if (rd_u8(r) != s->n.tag) {
        return 0;
    }
    v = rd_bytes32(r);
    if (s->n.tag == DOMAIN_BYTES) {
        return v.n >= s->n.lo && v.n <= s->n.hi;
    }
    for (; v.n > 0; n++) {
        uint32_t cp = 0;
        size_t used = utf8_next(v, &cp);

        if (used == 0 || shape_symbol_index(s, cp) == UINT32_MAX) {
            return 0;
        }
        v.p += used;
        v.n -= used;
    }
    return n >= s->n.lo && n <= s->n.hi;
}

static int take_choice(const struct shape *s, struct rd *r)
{
    struct rd ahead = *r;
    struct ubytes rest = rd_take(&ahead, rd_left(r));

    for (uint32_t i = 0; i < shape_values_n(s); i++) {
        struct ubytes v = shape_value(s, i);

        if (v.n <= rest.n && memcmp(v.p, rest.p, v.n) == 0) {
            (void)rd_take(r, v.n);
            return 1;
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int shape_take(const struct shape *s, struct rd *r)
{
    uint8_t tag;
    uint32_t n;

    switch (s->n.tag) {
    case DOMAIN_BOOL:
        tag = rd_u8(r);
        return tag == VALUE_FALSE || tag == VALUE_TRUE;
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return take_number(s, r);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return take_symbols(s, r);
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        tag = rd_u8(r);
        n = rd_u32(r);
        if (tag != s->n.tag ||
            (tag == DOMAIN_TUPLE ? n != s->n.children
                                 : n < s->n.lo || n > s->n.hi)) {
            return 0;
        }
        for (uint32_t i = 0; i < n; i++) {
            if (!shape_take(&s->kids[tag == DOMAIN_TUPLE ? i : 0], r)) {
                return 0;
            }
        }
        return 1;
    default:
        return take_choice(s, r);
    }
}

int shape_has(const struct shape *s, struct ubytes v)
{
    struct rd r;

    rd_init(&r, v);
    return shape_take(s, &r) && rd_end(&r) == 0;
}

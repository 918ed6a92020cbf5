/* The walk over a value's variants (docs/exam.md section 10). Replayer. */
#include "replay/variants.h"

#include <stdlib.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define NODES_MAX (1u << 18)
#define LISTED_MAX 64u
#define HEAD 5u /* tag and u32 of sequences */

/* One node of the value. */
struct site {
    const struct shape *s;
    size_t at;
    size_t end;    /* 0: its later part was not read */
    uint32_t next; /* the site behind all that is inside */
};

struct walk {
    struct ubytes v;
    struct site *sites; /* owned */
    uint32_t n;
    size_t cap;
    size_t *unit; /* owned; where the units of a sequence begin, and its end */
    size_t unit_cap;
    struct buf out;
    variant_fn fn;
    void *ctx;
};

#define STEP(call)                                                             \
    do {                                                                       \
        int step_ = (call);                                                    \
        if (step_ != 0) {                                                      \
            return step_;                                                      \
        }                                                                      \
    } while (0)

static int grow(void **p, size_t *cap, size_t need, size_t width)
{
    size_t n = *cap == 0 ? 64 : *cap;
    void *grown;

    while (n < need) {
        n *= 2;
    }
    grown = n == *cap ? *p : reallocarray(*p, n, width);
    if (grown == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *p = grown;
    *cap = n;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int read_site(struct walk *w, const struct shape *s, struct rd *r)
{
    uint32_t me = w->n;

    if (w->n == NODES_MAX) {
        return 1;
    }
    TRY(grow((void **)&w->sites, &w->cap, w->n + 1u, sizeof(*w->sites)));
    w->sites[w->n++] = (struct site){.s = s, .at = rd_off(r)};
    if (s->n.tag == DOMAIN_LIST || s->n.tag == DOMAIN_TUPLE) {
        int is_list = s->n.tag == DOMAIN_LIST;
        uint32_t n;

        (void)rd_u8(r);
        n = rd_u32(r);
        for (uint32_t i = 0; i < n; i++) {
            STEP(read_site(w, &s->kids[is_list ? 0 : i], r));
        }
    } else if (!shape_take(s, r)) {
        return ERR_TRACE(ERR_INPUT);
    }
    w->sites[me].end = rd_off(r);
    w->sites[me].next = w->n;
    return 0;
}

/* The units of a string, byte string or list; *out_n of them. */
static int read_units(struct walk *w, uint32_t i, size_t *out_n)
{
    const struct site *t = &w->sites[i];
    size_t at = t->at + HEAD;
    uint32_t child = i + 1;
    size_t n = 0;

    for (;;) {
        uint32_t cp;

        TRY(grow((void **)&w->unit, &w->unit_cap, n + 1, sizeof(*w->unit)));
        w->unit[n] = at;
        if (at == t->end) {
            break;
        }
        if (t->s->n.tag == DOMAIN_LIST) {
            at = w->sites[child].end;
            child = w->sites[child].next;
        } else if (t->s->n.tag == DOMAIN_BYTES) {
            at++;
        } else {
            at += utf8_next((struct ubytes){w->v.p + at, t->end - at}, &cp);
        }
        n++;
    }
    *out_n = n;
    return 0;
}

/* --- making variants ------------------------------------------------------------ */

/* Everything before the node; then the caller puts what it becomes. */
static int begin(struct walk *w, const struct site *t)
{
    buf_reset(&w->out);
    return buf_put(&w->out, w->v.p, t->at);
}

static int finish(struct walk *w, const struct site *t)
{
    TRY(buf_put(&w->out, w->v.p + t->end, w->v.n - t->end));
    return w->fn(w->ctx, buf_bytes(&w->out));
}

static int put_key(struct walk *w, const struct site *t, uint64_t key)
{
    TRY(begin(w, t));
    TRY(shape_put_number(t->s, key, &w->out));
    return finish(w, t);
}

/* Without the units [from, to) of n; nothing when that is too short. */
static int without(struct walk *w, const struct site *t, size_t n, size_t from,
                   size_t to)
{
    size_t left = n - (to - from);
    size_t bytes = t->end - t->at - HEAD - (w->unit[to] - w->unit[from]);

    if (left < t->s->n.lo) {
        return 0;
    }
    TRY(begin(w, t));
    TRY(buf_put_u8(&w->out, t->s->n.tag));
    TRY(buf_put_u32(&w->out,
                    (uint32_t)(t->s->n.tag == DOMAIN_LIST ? left : bytes)));
    TRY(buf_put(&w->out, w->v.p + w->unit[0], w->unit[from] - w->unit[0]));
    TRY(buf_put(&w->out, w->v.p + w->unit[to], t->end - w->unit[to]));
    return finish(w, t);
}

static int is_sequence(const struct site *t)
{
    return t->s->n.tag == DOMAIN_STRING || t->s->n.tag == DOMAIN_BYTES ||
           t->s->n.tag == DOMAIN_LIST;
}

/* Pass 1: its beginnings and its ends. */
static int pass_ends(struct walk *w, uint32_t i)
{
    const struct site *t = &w->sites[i];
    size_t n;

    if (!is_sequence(t)) {
        return 0;
    }
    TRY(read_units(w, i, &n));
    for (unsigned c = 0; c < 13; c++) {
        size_t keep = c < 8     ? t->s->n.lo + c
                      : c == 8  ? n / 8
                      : c == 9  ? n / 4
                      : c == 10 ? n / 2
                      : c == 11 ? n - n / 4
                                : n - (n > 0);

        if (keep < n) {
            STEP(without(w, t, n, keep, n));
            STEP(without(w, t, n, 0, n - keep));
        }
    }
    return 0;
}

static size_t power_below(size_t n)
{
    size_t size = 1;

    while (size <= n / 2) {
        size *= 2;
    }
    return n == 0 ? 0 : size;
}

/* Pass 2: without blocks. */
static int pass_blocks(struct walk *w, uint32_t i)
{
    const struct site *t = &w->sites[i];
    size_t n;

    if (!is_sequence(t)) {
        return 0;
    }
    TRY(read_units(w, i, &n));
    for (size_t size = power_below(n); size > 0; size /= 2) {
        for (size_t at = 0; at + size <= n; at += size) {
            STEP(without(w, t, n, at, at + size));
        }
    }
    return 0;
}

/* Pass 3: blocks of bytes set to 0. */
static int pass_zeroes(struct walk *w, uint32_t i)
{
    const struct site *t = &w->sites[i];
    size_t n = t->end - t->at - HEAD;

    if (t->s->n.tag != DOMAIN_BYTES) {
        return 0;
    }
    for (size_t size = power_below(n); size > 0; size /= 2) {
        for (size_t at = 0; at + size <= n; at += size) {
            uint8_t *p;

            TRY(begin(w, t));
            TRY(buf_put(&w->out, w->v.p + t->at, HEAD + at));
            TRY(buf_extend(&w->out, size, &p));
            for (size_t k = 0; k < size; k++) {
                p[k] = 0;
            }
            TRY(buf_put(&w->out, w->v.p + t->at + HEAD + at + size,
                        n - at - size));
            STEP(finish(w, t));
        }
    }
    return 0;
}

/* --- pass 4 ------------------------------------------------------------------------ */

/* Symbol number i of t becomes another one. */
static int put_symbol(struct walk *w, const struct site *t, size_t i,
                      uint32_t index)
{
    size_t head;

    TRY(begin(w, t));
    TRY(buf_put_u8(&w->out, t->s->n.tag));
    head = buf_len(&w->out);
    TRY(buf_put_u32(&w->out, 0));
    TRY(buf_put(&w->out, w->v.p + w->unit[0], w->unit[i] - w->unit[0]));
    TRY(shape_put_symbol(t->s, index, &w->out));
    TRY(buf_put(&w->out, w->v.p + w->unit[i + 1], t->end - w->unit[i + 1]));
    buf_patch_u32(&w->out, head, (uint32_t)(buf_len(&w->out) - head - 4));
    return finish(w, t);
}

/* Symbol number i, lower. */
static int lower_symbol(struct walk *w, const struct site *t, size_t i)
{
    uint32_t cp = w->v.p[w->unit[i]];
    uint32_t x;

    if (t->s->n.tag == DOMAIN_STRING) {
        struct ubytes rest = {w->v.p + w->unit[i], t->end - w->unit[i]};

        (void)utf8_next(rest, &cp);
    }
    x = shape_symbol_index(t->s, cp);
    if (x == 0) {
        return 0;
    }
    STEP(put_symbol(w, t, i, 0));
    STEP(put_symbol(w, t, i, x / 2));
    for (uint32_t q = 1u << 31; q > 0; q /= 2) {
        if (q <= x) {
            STEP(put_symbol(w, t, i, x - q));
        }
    }
    return 0;
}

static int lower_symbols(struct walk *w, uint32_t site)
{
    size_t n;

    TRY(read_units(w, site, &n));
    for (size_t i = 0; i < n; i++) {
        STEP(lower_symbol(w, &w->sites[site], i));
    }
    return 0;
}

/* Bits of the number at t, sign-extended for an integer. */
static uint64_t read_bits(const struct walk *w, const struct site *t)
{
    unsigned width = shape_width(t->s);
    uint64_t bits = 0;

    for (unsigned i = 0; i < width / 8; i++) {
        bits = bits << 8 | w->v.p[t->at + 2 + i];
    }
    if (shape_is_signed(t->s) && width < 64 && bits >> (width - 1) != 0) {
        bits |= ~0ull << width;
    }
    return bits;
}

static int lower_int(struct walk *w, const struct site *t)
{
    uint64_t bits = read_bits(w, t);
    int is_signed = shape_is_signed(t->s);
    int is_negative = is_signed && bits >> 63 != 0;
    uint64_t size = is_negative ? 0 - bits : bits;
    uint64_t lo = t->s->n.lo;
    uint64_t hi = t->s->n.hi;
    uint64_t least = !is_signed || lo >> 63 == 0 ? lo
                     : hi >> 63 != 0             ? 0 - hi
                                                 : 0;
    uint64_t sign = is_negative ? ~0ull : 1; /* factor: -1 or 1 */

    if (is_negative) {
        STEP(put_key(w, t, shape_key(t->s, size)));
    }
    for (uint64_t way = size - least; way > 0; way /= 2) {
        STEP(put_key(w, t, shape_key(t->s, (size - way) * sign)));
    }
    for (uint64_t q = 1ull << (shape_width(t->s) - 1); q > 0; q /= 2) {
        if (q <= size) {
            STEP(put_key(w, t, shape_key(t->s, (size - q) * sign)));
        }
    }
    return 0;
}

static int put_bits(struct walk *w, const struct site *t, uint64_t bits)
{
    return put_key(w, t, shape_key(t->s, bits));
}

static int lower_float(struct walk *w, const struct site *t)
{
    unsigned width = shape_width(t->s);
    unsigned m = width == 32 ? 23 : 52;
    uint64_t bias = width == 32 ? 127 : 1023;
    uint64_t bits = read_bits(w, t);
    uint64_t sign = bits & 1ull << (width - 1);
    uint64_t e = (bits & ~sign) >> m;
    uint64_t way = e > bias ? e - bias : bias - e;

    STEP(put_bits(w, t, 0));
    STEP(put_bits(w, t, bias << m));
    STEP(put_bits(w, t, bits & ~sign)); /* of a positive one: itself */
    for (unsigned kept = 0; kept < m; kept++) {
        uint64_t cut = bits & ~((1ull << (m - kept)) - 1);

        if (cut != bits) {
            STEP(put_bits(w, t, cut));
        }
    }
    for (; way > 0; way /= 2) {
        uint64_t moved = e > bias ? e - way : e + way;

        STEP(put_bits(w, t,
                      (bits & ~(((1ull << (width - m - 1)) - 1) << m)) |
                          moved << m));
    }
    return 0;
}

static int lower_choice(struct walk *w, const struct site *t)
{
    for (uint32_t i = 0; i < shape_values_n(t->s) && i < LISTED_MAX; i++) {
        struct ubytes v = shape_value(t->s, i);

        TRY(begin(w, t));
        TRY(buf_put(&w->out, v.p, v.n));
        STEP(finish(w, t));
    }
    return 0;
}

/* Pass 4: single nodes, lower. */
static int pass_lower(struct walk *w, uint32_t i)
{
    const struct site *t = &w->sites[i];

    switch (t->s->n.tag) {
    case DOMAIN_BOOL:
        TRY(begin(w, t));
        TRY(value_put_bool(&w->out, 0));
        return finish(w, t);
    case DOMAIN_INT:
        return lower_int(w, t);
    case DOMAIN_FLOAT:
        return lower_float(w, t);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return lower_symbols(w, i);
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        return 0;
    default:
        return lower_choice(w, t);
    }
}

/* One pass over the nodes that were read to their end. */
static int pass(struct walk *w, int (*fn)(struct walk *, uint32_t))
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->sites[i].end > 0) {
            STEP(fn(w, i));
        }
    }
    return 0;
}

static int passes(struct walk *w)
{
    STEP(pass(w, pass_ends));
    STEP(pass(w, pass_blocks));
    STEP(pass(w, pass_zeroes));
    return pass(w, pass_lower);
}

int variants_walk(const struct shape *s, struct ubytes v, variant_fn fn,
                  void *ctx)
{
    struct walk w = {.v = v, .fn = fn, .ctx = ctx};
    struct rd r;
    int code;

    rd_init(&r, v);
    buf_init(&w.out, 2 * (size_t)LIMIT_BATCH_BYTES);
    code = read_site(&w, s, &r);
    if (code >= 0) {
        code = passes(&w);
    }
    buf_release(&w.out);
    free(w.unit);
    free(w.sites);
    return code;
}

/* --- the order ------------------------------------------------------------------------ */

static int key_float(struct rd *r, struct buf *out)
{
    unsigned width = rd_u8(r);
    unsigned m = width == 4 ? 23 : 52;
    int bias = width == 4 ? 127 : 1023;
    uint64_t bits = width == 4 ? rd_u32(r) : rd_u64(r);
    uint64_t mantissa = bits & ((1ull << m) - 1);
    int e = (int)(bits >> m & (width == 4 ? 0xff : 0x7ff));
    unsigned digits =
        mantissa == 0 ? 0 : m - (unsigned)__builtin_ctzll(mantissa);
    int way = e == 0 && mantissa == 0 ? 0 : abs(e - bias) + 1;

    TRY(buf_put_u8(out, (uint8_t)digits));
    TRY(buf_put_u32(out, (uint32_t)way));
    TRY(buf_put_u64(out, mantissa));
    TRY(buf_put_u32(out, (uint32_t)e));
    return buf_put_u8(out, (uint8_t)(bits >> (8 * width - 1)));
}

static int key_int(struct rd *r, struct buf *out)
{
    uint8_t code = rd_u8(r);
    unsigned width = 8 * (code & (unsigned)~TYPE_UNSIGNED);
    uint64_t v = 0;
    int is_negative;

    for (unsigned i = 0; i < width; i += 8) {
        v = v << 8 | rd_u8(r);
    }
    ASSERT(width >= 8 && width <= 64); /* v was checked */
    is_negative = (code & TYPE_UNSIGNED) == 0 && v >> (width - 1) != 0;
    if (is_negative) {
        v = (0 - v) & ~0ull >> (64 - width);
    }
    TRY(buf_put_u64(out, v));
    return buf_put_u8(out, (uint8_t)is_negative);
}

int variants_key(struct ubytes v, struct buf *out)
{
    struct rd r;

    rd_init(&r, v);
    while (rd_left(&r) > 0 && !rd_is_bad(&r)) {
        uint8_t tag = rd_u8(&r);

        switch (tag) {
        case DOMAIN_INT:
            TRY(key_int(&r, out));
            break;
        case DOMAIN_FLOAT:
            TRY(key_float(&r, out));
            break;
        case DOMAIN_STRING:
        case DOMAIN_BYTES:
            TRY(buf_put_bytes32(out, rd_bytes32(&r)));
            break;
        case DOMAIN_LIST:
        case DOMAIN_TUPLE:
            TRY(buf_put_u32(out, rd_u32(&r)));
            break;
        default: /* a bool is its tag */
            TRY(buf_put_u8(out, tag));
        }
    }
    return rd_end(&r);
}

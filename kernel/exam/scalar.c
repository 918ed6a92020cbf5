/* Integers and floats by stratum. All work happens on order-preserving keys
 * (node.h), so that signs, widths and floats share the range arithmetic. Must
 * never leave [lo, hi] of its node. Kernel process. */
#include "kernel/exam/scalar.h"

#include <float.h>
#include <string.h>

#include "proto/err.h"

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

#define TRIES 8

struct range {
    uint64_t lo, hi; /* keys */
    uint64_t origin; /* key of the member nearest to zero */
};

static struct range range_of(const struct node *n)
{
    struct range g = {node_key(n, n->lo), node_key(n, n->hi), node_key(n, 0)};

    ASSERT(g.lo <= g.hi);
    g.origin = g.origin < g.lo ? g.lo : g.origin > g.hi ? g.hi : g.origin;
    return g;
}

static int is_inside(const struct range *g, uint64_t key)
{
    return key >= g->lo && key <= g->hi;
}

/* Moves d(distance) from the origin, on a side with room in proportion to its
 * bit length. */
static uint64_t from_origin(struct stream *r, const struct range *g,
                            uint64_t cap)
{
    uint64_t up = g->hi - g->origin;
    uint64_t down = g->origin - g->lo;
    unsigned up_bits = bit_length(up);
    unsigned all_bits = up_bits + bit_length(down);
    int goes_up = all_bits == 0 || stream_below(r, all_bits) < up_bits;
    uint64_t room = goes_up ? up : down;
    uint64_t d;

    if (cap == 0) {
        d = stream_magnitude(r, room);
    } else {
        d = stream_below(r, (room < cap ? room : cap) + 1);
    }
    return goes_up ? g->origin + d : g->origin - d;
}

static uint64_t ones(unsigned n)
{
    return n == 64 ? ~0ull : (1ull << n) - 1;
}

/* A number of `width` bits with few bits set or clear, a run of ones, or one
 * repeated byte. */
static uint64_t bit_pattern(struct stream *r, unsigned width)
{
    uint64_t kind = stream_below(r, 5);
    uint64_t v = 0;

    if (kind <= 1) {
        for (uint64_t left = 1 + stream_below(r, 4); left > 0; left--) {
            v |= 1ull << stream_below(r, width);
        }
        v = kind == 0 ? v : ~v;
    } else if (kind == 2) {
        unsigned run = 1 + (unsigned)stream_below(r, width);

        v = ones(run) << stream_below(r, width - run + 1);
    } else if (kind == 3) {
        v = 0x0101010101010101ull * (stream_u64(r) & 0xff);
    } else {
        v = stream_u64(r) & stream_u64(r) & stream_u64(r);
    }
    return v & ones(width);
}

static unsigned int_width(const struct node *n)
{
    return 8u * (n->code & (unsigned)~TYPE_UNSIGNED);
}

static uint64_t int_bits(struct stream *r, const struct node *n,
                         const struct range *g)
{
    unsigned width = int_width(n);
    uint64_t v = bit_pattern(r, width);
    uint64_t key;

    if ((n->code & TYPE_UNSIGNED) == 0 && width < 64 && v >> (width - 1) != 0) {
        v |= ~0ull << width;
    }
    key = node_key(n, v);
    if (!is_inside(g, key)) {
        uint64_t span = g->hi - g->lo;
        uint64_t d = v & ones(bit_length(span));

        key = g->lo + (d > span ? d >> 1 : d);
    }
    return key;
}

static uint64_t int_boundary(struct stream *r, const struct node *n,
                             const struct range *g)
{
    unsigned width = int_width(n);

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t kind = stream_below(r, 8);
        uint64_t near = stream_below(r, 3);
        uint64_t power = 1ull << stream_below(r, width);
        uint64_t key;

        if (kind == 0) {
            key = g->lo + near;
        } else if (kind == 1) {
            key = g->hi - near;
        } else if (kind == 2) {
            key = g->origin + near - 1;
        } else if (kind <= 4) {
            key = node_key(n, power);
        } else if (kind == 5) {
            key = node_key(n, power + near - 1);
        } else if (kind == 6) {
            key = node_key(n, 0 - power + near - 1);
        } else {
            key = node_key(n, power + (1ull << stream_below(r, width)));
        }
        if (is_inside(g, key)) {
            return key;
        }
    }
    return stream_below(r, 2) == 0 ? g->lo : g->hi;
}

uint64_t scalar_int(struct stream *r, enum stratum s, const struct node *n)
{
    struct range g = range_of(n);
    uint64_t key = g.lo;

    switch (s) {
    case STRATUM_UNIFORM:
        key = g.lo + stream_below(r, g.hi - g.lo + 1);
        break;
    case STRATUM_MAGNITUDE:
        key = from_origin(r, &g, 0);
        break;
    case STRATUM_BITS:
        key = int_bits(r, n, &g);
        break;
    case STRATUM_BOUNDARY:
        key = int_boundary(r, n, &g);
        break;
    case STRATUM_SMALL:
        key = from_origin(r, &g, stream_below(r, 2) == 0 ? 8 : 100);
        break;
    case STRATUM_LITERALS:
    case STRATA_N:
        break;
    }
    ASSERT(is_inside(&g, key));
    return node_unkey(n, key);
}

double float_value(const struct node *n, uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float narrow;
    double wide;

    if (n->code == 4) {
        memcpy(&narrow, &low, sizeof(narrow));
        return (double)narrow;
    }
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

uint64_t float_bits_of(const struct node *n, double v)
{
    uint64_t bits = 0;

    if (n->code == 4) {
        float narrow = (float)v;
        uint32_t low;

        memcpy(&low, &narrow, sizeof(low));
        bits = low;
    } else {
        memcpy(&bits, &v, sizeof(bits));
    }
    return bits;
}

/* Key of v in the node's width, clamped into the range. */
static uint64_t float_key(const struct node *n, const struct range *g, double v)
{
    uint64_t key = node_key(n, float_bits_of(n, v));

    return key < g->lo ? g->lo : key > g->hi ? g->hi : key;
}

/* u in [0, 1) with 53 bits: lo (1 - u) + hi u, which cannot overflow. */
static uint64_t float_uniform(struct stream *r, const struct node *n,
                              const struct range *g)
{
    double u = (double)(stream_u64(r) >> 11) * 0x1p-53;
    double lo = float_value(n, n->lo) * (1.0 - u);
    double hi = float_value(n, n->hi) * u;

    return float_key(n, g, lo + hi);
}

static unsigned mantissa_bits(const struct node *n)
{
    return n->code == 4 ? 23 : 52;
}

static uint64_t float_bits(struct stream *r, const struct node *n,
                           const struct range *g)
{
    uint64_t key = g->lo + stream_below(r, g->hi - g->lo + 1);
    uint64_t bits = node_unkey(n, key);
    uint64_t mask = (1ull << mantissa_bits(n)) - 1;
    uint64_t sparse;

    sparse = (bits & ~mask) | bit_pattern(r, mantissa_bits(n));
    sparse = node_key(n, sparse);
    return is_inside(g, sparse) ? sparse : key;
}

static uint64_t float_boundary(struct stream *r, const struct node *n,
                               const struct range *g)
{
    unsigned m = mantissa_bits(n);
    uint64_t bias = n->code == 4 ? 127 : 1023;
    uint64_t sign = 1ull << (8u * n->code - 1u);

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t kind = stream_below(r, 8);
        uint64_t near = stream_below(r, 3);
        uint64_t power = (1 + stream_below(r, 2 * bias)) << m;
        uint64_t key = 0;

        if (kind == 0) {
            key = g->lo + near;
        } else if (kind == 1) {
            key = g->hi - near;
        } else if (kind == 2) { /* zeros and the smallest subnormals */
            key = node_key(n, 0) + near - 1;
        } else {
            uint64_t bits = kind == 3   ? bias << m
                            : kind == 4 ? 1ull << m /* smallest normal */
                            : kind == 5 ? (bias + m + 1) << m
                                        : power;

            bits = kind == 6 ? bits : bits + near - 1;
            key = node_key(n, bits | (stream_below(r, 2) == 0 ? 0 : sign));
        }
        if (is_inside(g, key)) {
            return key;
        }
    }
    return stream_below(r, 2) == 0 ? g->lo : g->hi;
}

static uint64_t float_small(struct stream *r, const struct node *n,
                            const struct range *g)
{
    for (unsigned i = 0; i < TRIES; i++) {
        int64_t whole = (int64_t)stream_below(r, 129) - 64;
        double part = (double)(1 << stream_below(r, 4));
        double lo = float_value(n, n->lo);
        double v = (double)whole / part;

        if (v >= lo && v <= float_value(n, n->hi)) {
            return float_key(n, g, v);
        }
    }
    return float_uniform(r, n, g);
}

uint64_t scalar_float(struct stream *r, enum stratum s, const struct node *n)
{
    struct range g = range_of(n);
    uint64_t key = g.lo;

    switch (s) {
    case STRATUM_UNIFORM:
        key = float_uniform(r, n, &g);
        break;
    case STRATUM_MAGNITUDE:
        key = g.lo + stream_below(r, g.hi - g.lo + 1);
        break;
    case STRATUM_BITS:
        key = float_bits(r, n, &g);
        break;
    case STRATUM_BOUNDARY:
        key = float_boundary(r, n, &g);
        break;
    case STRATUM_SMALL:
        key = float_small(r, n, &g);
        break;
    case STRATUM_LITERALS:
    case STRATA_N:
        break;
    }
    ASSERT(is_inside(&g, key));
    return node_unkey(n, key);
}

struct window window_of(struct stream *r, const struct node *n)
{
    struct range g = range_of(n);
    struct window w = {g.lo, stream_magnitude(r, g.hi - g.lo)};

    w.start += stream_below(r, g.hi - g.lo - w.room + 1);
    return w;
}

uint64_t window_bits(struct stream *r, const struct node *n,
                     const struct window *w, uint32_t i, uint32_t count)
{
    uint64_t whole = w->room / count;
    uint64_t part = w->room % count;
    uint64_t from = i * whole + i * part / count;
    uint64_t to = (i + 1) * whole + (i + 1) * part / count;

    ASSERT(i < count && to <= w->room);
    return node_unkey(n, w->start + from + stream_below(r, to - from + 1));
}

int scalar_put(struct buf *out, const struct node *n, uint64_t bits)
{
    struct type t = {2, {TYPE_INT, n->code}};
    double wide;

    if (n->tag == DOMAIN_INT) {
        return value_put_int(out, &t, bits);
    }
    wide = float_value(n, bits);
    return n->code == 4 ? value_put_f32(out, (float)wide)
                        : value_put_f64(out, wide);
}

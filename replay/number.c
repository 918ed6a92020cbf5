/* Integers and floats (docs/exam.md section 5): on keys, so that signs and widths
 * share one arithmetic. Replayer. */
#include <float.h>
#include <string.h>

#include "replay/draw.h"

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

enum {
    TRIES = 8
};

static int is_inside(const struct shape *s, uint64_t key)
{
    return s->lo <= key && key <= s->hi;
}

static uint64_t ones(uint64_t n)
{
    return n == 0 ? 0 : ~0ull >> (64 - n);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Away from the origin, up or down by the room there is. cap 0: log-uniform. */
static uint64_t away(const struct shape *s, struct chance *c, uint64_t cap)
{
    uint64_t up = chance_bits(s->hi - s->origin);
    uint64_t n = up + chance_bits(s->origin - s->lo);
    int goes_up = n == 0 || chance_below(c, n) < up;
    uint64_t room = goes_up ? s->hi - s->origin : s->origin - s->lo;
    uint64_t d = cap == 0 ? chance_magnitude(c, room)
                          : chance_below(c, smaller(room, cap) + 1);

    return goes_up ? s->origin + d : s->origin - d;
}

static uint64_t pattern(struct chance *c, unsigned width)
{
    uint64_t kind = chance_below(c, 5);
    uint64_t v = 0;
    uint64_t n;

    if (kind < 2) {
        n = 1 + chance_below(c, 4);
        while (n-- > 0) {
            v |= 1ull << chance_below(c, width);
        }
        v = kind == 1 ? ~v : v;
    } else if (kind == 2) {
        n = 1 + chance_below(c, width);
        v = ones(n) << chance_below(c, width - n + 1);
    } else if (kind == 3) {
        v = 0x0101010101010101u * (chance_u64(c) % 256);
    } else {
        v = chance_u64(c);
        v &= chance_u64(c);
        v &= chance_u64(c);
    }
    return v & ones(width);
}

static uint64_t int_bits(const struct shape *s, struct chance *c)
{
    unsigned width = shape_width(s);
    uint64_t v = pattern(c, width);
    uint64_t span = s->hi - s->lo;
    uint64_t key;

    ASSERT(width >= 8);
    if (shape_is_signed(s) && width < 64 && v >> (width - 1) != 0) {
        v |= ~0ull << width;
    }
    key = shape_key(s, v);
    if (!is_inside(s, key)) {
        uint64_t d = v & ones(chance_bits(span));

        key = s->lo + (d > span ? d / 2 : d);
    }
    return key;
}

/* What boundaries of integers and floats have in common: kinds 0 to 2. */
static uint64_t edge(const struct shape *s, uint64_t kind, uint64_t near,
                     uint64_t zero)
{
    return kind == 0   ? s->lo + near
           : kind == 1 ? s->hi - near
                       : zero + near - 1;
}

static uint64_t int_boundary(const struct shape *s, struct chance *c)
{
    unsigned width = shape_width(s);

    for (int i = 0; i < TRIES; i++) {
        uint64_t kind = chance_below(c, 8);
        uint64_t near = chance_below(c, 3);
        uint64_t p = 1ull << chance_below(c, width);
        uint64_t key = edge(s, kind, near, s->origin);

        if (kind > 2 && kind < 5) {
            key = shape_key(s, p);
        } else if (kind == 5) {
            key = shape_key(s, p + near - 1);
        } else if (kind == 6) {
            key = shape_key(s, 0 - p + near - 1);
        } else if (kind == 7) {
            key = shape_key(s, p + (1ull << chance_below(c, width)));
        }
        if (is_inside(s, key)) {
            return key;
        }
    }
    return chance_below(c, 2) == 0 ? s->lo : s->hi;
}

static uint64_t draw_int(const struct shape *s, enum layer in, struct chance *c)
{
    switch (in) {
    case MAGNITUDE:
        return away(s, c, 0);
    case BITS:
        return int_bits(s, c);
    case BOUNDARY:
        return int_boundary(s, c);
    case SMALL:
        return away(s, c, chance_below(c, 2) == 0 ? 8 : 100);
    case UNIFORM:
    case STRATA:
        break;
    }
    return s->lo + chance_below(c, s->hi - s->lo + 1);
}

/* --- floats ------------------------------------------------------------------ */

static unsigned mantissa(const struct shape *s)
{
    return shape_width(s) == 32 ? 23 : 52;
}

double draw_double(const struct shape *s, uint64_t key)
{
    uint64_t bits = shape_bits(s, key);
    uint32_t bits32 = (uint32_t)bits;
    double d;
    float f;

    memcpy(&d, &bits, sizeof(d));
    memcpy(&f, &bits32, sizeof(f));
    return shape_width(s) == 32 ? (double)f : d;
}

uint64_t draw_round(const struct shape *s, double v)
{
    float f = (float)v;
    uint32_t bits32;
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    memcpy(&bits32, &f, sizeof(bits32));
    return shape_key(s, shape_width(s) == 32 ? bits32 : bits);
}

static uint64_t nearest(const struct shape *s, double v)
{
    uint64_t key = draw_round(s, v);

    return key < s->lo ? s->lo : key > s->hi ? s->hi : key;
}

static uint64_t float_uniform(const struct shape *s, struct chance *c)
{
    double u = (double)(chance_u64(c) >> 11) * 0x1p-53;
    double a = draw_double(s, s->lo) * (1.0 - u);
    double b = draw_double(s, s->hi) * u;

    return nearest(s, a + b);
}

static uint64_t float_bits(const struct shape *s, struct chance *c)
{
    uint64_t key = s->lo + chance_below(c, s->hi - s->lo + 1);
    uint64_t cut = shape_bits(s, key) & ~ones(mantissa(s));
    uint64_t made = shape_key(s, cut | pattern(c, mantissa(s)));

    return is_inside(s, made) ? made : key;
}

static uint64_t float_boundary(const struct shape *s, struct chance *c)
{
    unsigned m = mantissa(s);
    uint64_t bias = ones(shape_width(s) - m - 2);

    for (int i = 0; i < TRIES; i++) {
        uint64_t kind = chance_below(c, 8);
        uint64_t near = chance_below(c, 3);
        uint64_t p = (1 + chance_below(c, 2 * bias)) << m;
        uint64_t key = edge(s, kind, near, shape_key(s, 0));

        if (kind > 2) {
            uint64_t bits = kind == 3   ? bias << m
                            : kind == 4 ? 1ull << m
                            : kind == 5 ? (bias + m + 1) << m
                                        : p;

            bits += kind == 6 ? 0 : near - 1;
            bits |= chance_below(c, 2) << (shape_width(s) - 1);
            key = shape_key(s, bits);
        }
        if (is_inside(s, key)) {
            return key;
        }
    }
    return chance_below(c, 2) == 0 ? s->lo : s->hi;
}

static uint64_t float_small(const struct shape *s, struct chance *c)
{
    for (int i = 0; i < TRIES; i++) {
        double w = (double)chance_below(c, 129) - 64.0;
        double v = w / (double)(1u << chance_below(c, 4));

        if (draw_double(s, s->lo) <= v && v <= draw_double(s, s->hi)) {
            return nearest(s, v);
        }
    }
    return float_uniform(s, c);
}

static uint64_t draw_float(const struct shape *s, enum layer in,
                           struct chance *c)
{
    switch (in) {
    case MAGNITUDE:
        return s->lo + chance_below(c, s->hi - s->lo + 1);
    case BITS:
        return float_bits(s, c);
    case BOUNDARY:
        return float_boundary(s, c);
    case SMALL:
        return float_small(s, c);
    case UNIFORM:
    case STRATA:
        break;
    }
    return float_uniform(s, c);
}

uint64_t draw_number(const struct shape *s, enum layer in, struct chance *c)
{
    return s->n.tag == DOMAIN_INT ? draw_int(s, in, c) : draw_float(s, in, c);
}

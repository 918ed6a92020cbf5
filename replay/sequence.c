/* Strings and bytes (docs/exam.md section 5): a length, a pattern, what the
 * pattern needs, the symbols. Symbols are indices into the alphabet. Replayer. */
#include <string.h>

#include "proto/err.h"
#include "replay/draw.h"

enum {
    TRIES = 8,
    BASES_MAX = 16,
    ODD_MAX = 3
};

/* Patterns by their letters in docs/exam.md. */
struct plan {
    char pattern;
    uint64_t n; /* symbols */
    uint32_t symbols_n;
    uint32_t base[BASES_MAX];
    uint64_t bases_n;
    uint64_t odd[ODD_MAX];
    uint64_t odds_n;
    uint64_t window, start; /* R, F */
};

uint32_t draw_length(const struct shape *s, enum layer in, struct chance *c)
{
    uint64_t low = s->n.lo;
    uint64_t high = s->n.hi;
    uint64_t room = high - low;
    uint64_t few = room < 256 ? room : 256;

    switch (in) {
    case MAGNITUDE:
        return (uint32_t)(low + chance_magnitude(c, room));
    case BITS:
        room = chance_below(c, 8) == 0 ? room : few;
        return (uint32_t)(low + chance_magnitude(c, room));
    case SMALL:
        return (uint32_t)(low + chance_below(c, (room < 8 ? room : 8) + 1));
    case BOUNDARY:
        break;
    case UNIFORM:
    case STRATA:
        return (uint32_t)(low + chance_below(c, room + 1));
    }
    for (int i = 0; i < TRIES; i++) {
        uint64_t kind = chance_below(c, 16);
        uint64_t near = chance_below(c, 3);
        uint64_t e = chance_below(c, chance_bits(high) + 1);
        uint64_t p = 1ull << chance_below(c, e + 1);
        uint64_t n = kind == 0   ? high - near % 2
                     : kind < 4  ? low + near
                     : kind < 6  ? near
                     : kind < 10 ? p
                                 : p + near - 1;

        if (low <= n && n <= high) {
            return (uint32_t)n;
        }
    }
    return (uint32_t)low;
}

static uint32_t edge(const struct shape *s, struct chance *c)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0x09, 0x0a, 0x0d, 0x20,
                                    0x22, 0x30, 0x41, 0x5c, 0x7e, 0x7f,
                                    0x80, 0x81, 0xbf, 0xc0, 0xfe, 0xff};
    static const uint32_t points[] = {
        0x1,    0x9,    0xa,     0xd,     0x20,    0x22,    0x27,
        0x2c,   0x30,   0x41,    0x5c,    0x61,    0x7f,    0x80,
        0x85,   0xdf,   0xff,    0x130,   0x301,   0x3a3,   0x7ff,
        0x800,  0x200d, 0x2028,  0x202e,  0xd7ff,  0xe000,  0xfeff,
        0xfffd, 0xffff, 0x10000, 0x1f600, 0xfffff, 0x10ffff};
    uint32_t n = shape_symbols_n(s);
    uint32_t q;

    if (s->n.tag == DOMAIN_BYTES) {
        return bytes[chance_below(c, ARRAY_N(bytes))];
    }
    if (s->n.n == 0) {
        return shape_symbol_index(s, points[chance_below(c, ARRAY_N(points))]);
    }
    q = (uint32_t)chance_below(c, 4);
    q = q / 2 >= n ? q % 2 : q;
    return q % 2 == 0 ? q / 2 : n - 1 - q / 2;
}

static uint32_t text(const struct shape *s, struct chance *c)
{
    if (s->n.tag == DOMAIN_STRING && s->n.n > 0) {
        return (uint32_t)chance_below(c, s->n.n);
    }
    return shape_symbol_index(s, 0x20 + (uint32_t)chance_below(c, 95));
}

uint32_t draw_base(const struct shape *s, struct chance *c)
{
    switch (chance_below(c, 4)) {
    case 0:
        return 0;
    case 1:
        return edge(s, c);
    case 2:
        return text(s, c);
    default:
        return (uint32_t)chance_below(c, shape_symbols_n(s));
    }
}

static char choose(enum layer in, struct chance *c)
{
    switch (in) {
    case MAGNITUDE:
        return "UM"[chance_below(c, 2)];
    case BITS:
        return "OOPRFT"[chance_below(c, 6)];
    case BOUNDARY:
        return "EEOU"[chance_below(c, 4)];
    case SMALL:
        return "WT"[chance_below(c, 2)];
    case UNIFORM:
    case STRATA:
        break;
    }
    return 'U';
}

static void prepare(const struct shape *s, struct chance *c, struct plan *p)
{
    if (p->pattern == 'O') {
        p->odds_n = chance_below(c, ODD_MAX + 1);
        p->bases_n = 1;
    } else if (p->pattern == 'P') {
        p->bases_n = 1 + chance_below(c, BASES_MAX);
    } else if (p->pattern == 'W') {
        p->bases_n = 1 + chance_below(c, 4);
    } else if (p->pattern == 'R' || p->pattern == 'F') {
        p->window = 1 + chance_magnitude(c, p->symbols_n - 1);
        p->start = chance_below(c, p->symbols_n - p->window + 1);
    }
    for (uint64_t i = 0; i < p->bases_n; i++) {
        p->base[i] = draw_base(s, c);
    }
    p->odds_n = p->n == 0 ? 0 : p->odds_n;
    for (uint64_t i = 0; i < p->odds_n; i++) {
        p->odd[i] = chance_below(c, p->n);
    }
}

static uint32_t symbol(const struct shape *s, struct chance *c,
                       const struct plan *p, uint64_t i)
{
    uint64_t at;

    switch (p->pattern) {
    case 'M':
        return (uint32_t)chance_magnitude(c, p->symbols_n - 1);
    case 'O':
        for (uint64_t k = 0; k < p->odds_n; k++) {
            if (p->odd[k] == i) {
                return (uint32_t)chance_below(c, p->symbols_n);
            }
        }
        return p->base[0];
    case 'P':
        return p->base[i % p->bases_n];
    case 'W':
        return p->base[chance_below(c, p->bases_n)];
    case 'R':
    case 'F':
        at = p->pattern == 'R' ? i : p->n - 1 - i;
        at = at * p->window + chance_below(c, p->window);
        return (uint32_t)(p->start + at / p->n);
    case 'E':
        return edge(s, c);
    case 'T':
        return text(s, c);
    default:
        return (uint32_t)chance_below(c, p->symbols_n);
    }
}

int draw_uniform(const struct shape *s, uint64_t n, struct chance *c,
                 struct buf *out)
{
    uint8_t *at;

    if (s->n.tag == DOMAIN_BYTES) {
        TRY(buf_extend(out, (size_t)n, &at));
        chance_bytes(c, at, (size_t)n);
        return 0;
    }
    for (; n > 0; n--) {
        uint64_t i = chance_below(c, shape_symbols_n(s));

        TRY(shape_put_symbol(s, (uint32_t)i, out));
    }
    return 0;
}

int draw_sequence(const struct shape *s, enum layer in, struct chance *c,
                  struct buf *out)
{
    struct plan p = {.n = draw_length(s, in, c),
                     .symbols_n = shape_symbols_n(s)};
    size_t start;

    p.pattern = choose(in, c);
    prepare(s, c, &p);
    TRY(buf_put_u8(out, s->n.tag));
    start = buf_len(out);
    TRY(buf_put_u32(out, 0));
    if (p.pattern == 'U') {
        TRY(draw_uniform(s, p.n, c, out));
    }
    for (uint64_t i = 0; i < p.n && p.pattern != 'U'; i++) {
        TRY(shape_put_symbol(s, symbol(s, c, &p, i), out));
    }
    buf_patch_u32(out, start, (uint32_t)(buf_len(out) - start - 4));
    return 0;
}

/* Strings and byte strings by stratum: first a length, then symbols of one
 * pattern. Symbols are indices into the node's alphabet, so bytes and strings
 * share every pattern. Must never leave the alphabet. Kernel process. */
#include "kernel/exam/scalar.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define TRIES 8
#define CYCLE_MAX 16u

enum pattern {
    PATTERN_UNIFORM,
    PATTERN_MAGNITUDE, /* log-uniform symbol index */
    PATTERN_ODD,       /* one symbol, with 0 to 3 odd ones out */
    PATTERN_PERIODIC,
    PATTERN_RISING,
    PATTERN_FALLING,
    PATTERN_EDGE,
    PATTERN_FEW, /* of 1 to 4 kinds, in any order */
    PATTERN_TEXT
};

struct sequence {
    enum pattern pattern;
    uint32_t symbols_n;
    uint32_t length;
    uint32_t cycle[CYCLE_MAX];
    uint32_t cycle_n;
    uint32_t odd_at[3];
    uint32_t start, width; /* window of a sorted sequence */
};

/* Where encoders, parsers and length counters go wrong. */
static const uint32_t edge_points[] = {
    0x01,   0x09,   0x0a,   0x0d,    0x20,    0x22,    0x27,    0x2c,   0x30,
    0x41,   0x5c,   0x61,   0x7f,    0x80,    0x85,    0xdf,    0xff,   0x130,
    0x301,  0x3a3,  0x7ff,  0x800,   0x200d,  0x2028,  0x202e,  0xd7ff, 0xe000,
    0xfeff, 0xfffd, 0xffff, 0x10000, 0x1f600, 0xfffff, 0x10ffff};

static const uint8_t edge_bytes[] = {0x00, 0x01, 0x09, 0x0a, 0x0d, 0x20,
                                     0x22, 0x30, 0x41, 0x5c, 0x7e, 0x7f,
                                     0x80, 0x81, 0xbf, 0xc0, 0xfe, 0xff};

uint32_t sequence_length(struct stream *r, enum stratum s, const struct node *n)
{
    uint64_t room = n->hi - n->lo;
    uint64_t cap = room < 256 ? room : 256;

    switch (s) {
    case STRATUM_UNIFORM:
        return (uint32_t)(n->lo + stream_below(r, room + 1));
    case STRATUM_MAGNITUDE:
        return (uint32_t)(n->lo + stream_magnitude(r, room));
    case STRATUM_BITS:
        cap = stream_below(r, 8) == 0 ? room : cap;
        return (uint32_t)(n->lo + stream_magnitude(r, cap));
    case STRATUM_SMALL:
        return (uint32_t)(n->lo + stream_below(r, (room < 8 ? room : 8) + 1));
    case STRATUM_BOUNDARY:
    case STRATUM_LITERALS:
    case STRATA_N:
        break;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t kind = stream_below(r, 16);
        uint64_t near = stream_below(r, 3);
        uint64_t exponents = stream_below(r, bit_length(n->hi) + 1);
        uint64_t power = 1ull << stream_below(r, exponents + 1); /* short */
        uint64_t length = kind == 0   ? n->hi - near % 2
                          : kind <= 3 ? n->lo + near
                          : kind <= 5 ? near
                          : kind <= 9 ? power
                                      : power + near - 1;

        if (length >= n->lo && length <= n->hi) {
            return (uint32_t)length;
        }
    }
    return (uint32_t)n->lo;
}

static enum pattern pattern_of(struct stream *r, enum stratum s)
{
    static const enum pattern bits[] = {PATTERN_ODD,      PATTERN_ODD,
                                        PATTERN_PERIODIC, PATTERN_RISING,
                                        PATTERN_FALLING,  PATTERN_TEXT};
    static const enum pattern boundary[] = {PATTERN_EDGE, PATTERN_EDGE,
                                            PATTERN_ODD, PATTERN_UNIFORM};

    switch (s) {
    case STRATUM_UNIFORM:
        return PATTERN_UNIFORM;
    case STRATUM_MAGNITUDE:
        return stream_below(r, 2) == 0 ? PATTERN_UNIFORM : PATTERN_MAGNITUDE;
    case STRATUM_BITS:
        return bits[stream_below(r, ARRAY_N(bits))];
    case STRATUM_BOUNDARY:
        return boundary[stream_below(r, ARRAY_N(boundary))];
    case STRATUM_SMALL:
        return stream_below(r, 2) == 0 ? PATTERN_FEW : PATTERN_TEXT;
    case STRATUM_LITERALS:
    case STRATA_N:
        break;
    }
    return PATTERN_UNIFORM;
}

/* Index of a code point when every code point is in the alphabet. */
static uint32_t any_index(uint32_t cp)
{
    return cp < 0xd800 ? cp - 1 : cp - 1 - 0x800;
}

static uint32_t edge_symbol(struct stream *r, const struct node *n,
                            uint32_t symbols_n)
{
    uint32_t pick;

    if (n->tag == DOMAIN_BYTES) {
        return edge_bytes[stream_below(r, ARRAY_N(edge_bytes))];
    }
    if (n->n == 0) {
        return any_index(edge_points[stream_below(r, ARRAY_N(edge_points))]);
    }
    pick = (uint32_t)stream_below(r, 4);
    pick = pick / 2 < symbols_n ? pick : pick % 2; /* alphabets of one */
    return pick % 2 == 0 ? pick / 2 : symbols_n - 1 - pick / 2;
}

static uint32_t text_symbol(struct stream *r, const struct node *n,
                            uint32_t symbols_n)
{
    uint32_t cp;

    if (n->tag == DOMAIN_STRING && n->n != 0) {
        return (uint32_t)stream_below(r, symbols_n);
    }
    cp = 0x20 + (uint32_t)stream_below(r, 95);
    return n->tag == DOMAIN_BYTES ? cp : any_index(cp);
}

uint32_t sequence_symbol(struct stream *r, const struct node *n,
                         uint32_t symbols_n)
{
    switch (stream_below(r, 4)) {
    case 0:
        return 0;
    case 1:
        return edge_symbol(r, n, symbols_n);
    case 2:
        return text_symbol(r, n, symbols_n);
    default:
        return (uint32_t)stream_below(r, symbols_n);
    }
}

static void prepare(struct sequence *q, struct stream *r, const struct node *n)
{
    uint32_t most = q->pattern == PATTERN_PERIODIC ? CYCLE_MAX : 4;

    if (q->pattern == PATTERN_ODD) {
        uint64_t odd_n = stream_below(r, 4);

        q->cycle[0] = sequence_symbol(r, n, q->symbols_n);
        for (uint64_t i = 0; i < ARRAY_N(q->odd_at); i++) {
            q->odd_at[i] = i < odd_n && q->length > 0
                               ? (uint32_t)stream_below(r, q->length)
                               : UINT32_MAX;
        }
    } else if (q->pattern == PATTERN_PERIODIC || q->pattern == PATTERN_FEW) {
        q->cycle_n = 1 + (uint32_t)stream_below(r, most);
        for (uint32_t i = 0; i < q->cycle_n; i++) {
            q->cycle[i] = sequence_symbol(r, n, q->symbols_n);
        }
    } else if (q->pattern == PATTERN_RISING || q->pattern == PATTERN_FALLING) {
        q->width = 1 + (uint32_t)stream_magnitude(r, q->symbols_n - 1);
        q->start = (uint32_t)stream_below(r, q->symbols_n - q->width + 1);
    }
}

/* Sorted without sorting: the i-th of `length` equal slices of the window. */
static uint32_t slice_symbol(const struct sequence *q, struct stream *r,
                             uint32_t i)
{
    uint64_t at;

    ASSERT(q->length > 0 && i < q->length);
    at = (uint64_t)i * q->width + stream_below(r, q->width);

    return q->start + (uint32_t)(at / q->length);
}

static uint32_t symbol(const struct sequence *q, struct stream *r,
                       const struct node *n, uint32_t i)
{
    switch (q->pattern) {
    case PATTERN_UNIFORM:
        break;
    case PATTERN_MAGNITUDE:
        return (uint32_t)stream_magnitude(r, q->symbols_n - 1);
    case PATTERN_ODD:
        if (i != q->odd_at[0] && i != q->odd_at[1] && i != q->odd_at[2]) {
            return q->cycle[0];
        }
        break;
    case PATTERN_PERIODIC:
        ASSERT(q->cycle_n > 0);
        return q->cycle[i % q->cycle_n];
    case PATTERN_RISING:
        return slice_symbol(q, r, i);
    case PATTERN_FALLING:
        return slice_symbol(q, r, q->length - 1 - i);
    case PATTERN_EDGE:
        return edge_symbol(r, n, q->symbols_n);
    case PATTERN_FEW:
        return q->cycle[stream_below(r, q->cycle_n)];
    case PATTERN_TEXT:
        return text_symbol(r, n, q->symbols_n);
    }
    return (uint32_t)stream_below(r, q->symbols_n);
}

static int put_bytes(const struct sequence *q, struct stream *r,
                     const struct node *n, struct buf *out)
{
    uint8_t *p;

    TRY(buf_put_u8(out, TYPE_BYTES));
    TRY(buf_put_u32(out, q->length));
    TRY(buf_extend(out, q->length, &p));
    if (q->pattern == PATTERN_UNIFORM) {
        stream_fill(r, p, q->length);
        return 0;
    }
    for (uint32_t i = 0; i < q->length; i++) {
        p[i] = (uint8_t)symbol(q, r, n, i);
    }
    return 0;
}

int sequence_put(struct stream *r, enum stratum s, struct ubytes domain,
                 const struct node *n, struct buf *out)
{
    return sequence_put_n(r, s, domain, n, sequence_length(r, s, n), out);
}

int sequence_put_n(struct stream *r, enum stratum s, struct ubytes domain,
                   const struct node *n, uint32_t length, struct buf *out)
{
    struct sequence q = {.symbols_n = node_symbols_n(n), .length = length};
    size_t head = buf_len(out);

    q.pattern = pattern_of(r, s);
    if (q.length > LIMIT_VALUE_BYTES) {
        return ERR_TRACE(ERR_LIMIT);
    }
    prepare(&q, r, n);
    if (n->tag == DOMAIN_BYTES) {
        return put_bytes(&q, r, n, out);
    }
    TRY(buf_put_u8(out, TYPE_STRING));
    TRY(buf_put_u32(out, 0));
    for (uint32_t i = 0; i < q.length; i++) {
        uint8_t utf8[4];
        uint32_t cp = node_symbol(domain, n, symbol(&q, r, n, i));

        TRY(buf_put(out, utf8, utf8_put(cp, utf8)));
    }
    buf_patch_u32(out, head + 1, (uint32_t)(buf_len(out) - head - 5));
    return 0;
}

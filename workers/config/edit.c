/* Simpler variants of a value (edit.h). Each variant replaces the bytes of one
 * node, so a value is read once into a flat list of sites and nothing nests.
 * Must never keep a variant: fn copies what it wants. Runs in the confined `config` worker. */
#include "workers/config/edit.h"

#include <stdlib.h>
#include <string.h>

#include "workers/config/site.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define SHORT_LENGTHS 8u

struct editor {
    const struct node_source *src;
    struct ubytes v;
    struct sites sites; /* owned */
    size_t *units;      /* owned; offsets of a sequence's units, and its end */
    size_t units_cap;
    struct buf variant;
    uint64_t skip;
    edit_fn fn;
    void *ctx;
};

static int units_reserve(struct editor *e, size_t n)
{
    size_t *grown;

    if (n <= e->units_cap) {
        return 0;
    }
    grown = realloc(e->units, n * sizeof(*grown));
    if (grown == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    e->units = grown;
    e->units_cap = n;
    return 0;
}

/* Offsets of the units of site i: bytes, code points or elements. */
static int read_units(struct editor *e, uint32_t i, uint32_t *out_n)
{
    const struct site *s = &e->sites.all[i];
    size_t at = s->at + SITE_HEAD_BYTES;
    uint32_t n = 0;

    TRY(units_reserve(e, s->end - s->at + 2));
    if (s->node.tag == DOMAIN_LIST) {
        for (uint32_t k = i + 1; k < e->sites.n && n < s->units_n; k++) {
            if (e->sites.all[k].list == i) {
                e->units[n++] = e->sites.all[k].at;
            }
        }
        ASSERT(n == s->units_n);
    }
    for (; s->node.tag != DOMAIN_LIST && at < s->end; n++) {
        struct ubytes rest = {e->v.p + at, s->end - at};
        uint32_t cp;

        e->units[n] = at;
        at += s->node.tag == DOMAIN_BYTES ? 1 : utf8_next(rest, &cp);
    }
    e->units[n] = s->end;
    *out_n = n;
    return 0;
}

/* The value with [from, to) replaced by put. */
static int emit(struct editor *e, size_t from, size_t to, struct ubytes put)
{
    if (e->skip > 0) {
        e->skip--;
        return 0;
    }
    ASSERT(from <= to && to <= e->v.n);
    buf_reset(&e->variant);
    TRY(buf_put(&e->variant, e->v.p, from));
    TRY(buf_put(&e->variant, put.p, put.n));
    TRY(buf_put(&e->variant, e->v.p + to, e->v.n - to));
    return e->fn(e->ctx, buf_bytes(&e->variant));
}

/* The value without units [i, j) of a sequence of n. */
static int emit_cut(struct editor *e, const struct site *s, uint32_t n,
                    uint32_t i, uint32_t j)
{
    size_t cut = e->units[j] - e->units[i];
    uint32_t count = s->node.tag == DOMAIN_LIST
                         ? n - (j - i)
                         : (uint32_t)(s->end - s->at - SITE_HEAD_BYTES - cut);

    if (n - (j - i) < s->node.lo) {
        return 0;
    }
    if (e->skip > 0) {
        e->skip--;
        return 0;
    }
    buf_reset(&e->variant);
    TRY(buf_put(&e->variant, e->v.p, e->units[i]));
    TRY(buf_put(&e->variant, e->v.p + e->units[j], e->v.n - e->units[j]));
    buf_patch_u32(&e->variant, s->at + 1, count);
    return e->fn(e->ctx, buf_bytes(&e->variant));
}

#define TRY_EDIT(call)                                                         \
    do {                                                                       \
        int edit_code_ = (call);                                               \
        if (edit_code_ != 0) {                                                 \
            return edit_code_;                                                 \
        }                                                                      \
    } while (0)

/* Keeps a short front or back. */
static int cut_ends(struct editor *e, const struct site *s, uint32_t n)
{
    uint64_t keep[SHORT_LENGTHS + 5];
    unsigned keep_n = 0;

    for (uint64_t i = 0; i < SHORT_LENGTHS; i++) {
        keep[keep_n++] = s->node.lo + i;
    }
    keep[keep_n++] = n / 8;
    keep[keep_n++] = n / 4;
    keep[keep_n++] = n / 2;
    keep[keep_n++] = n - n / 4;
    keep[keep_n++] = n > 0 ? n - 1 : 0;
    for (unsigned i = 0; i < keep_n; i++) {
        if (keep[i] < n) {
            TRY_EDIT(emit_cut(e, s, n, (uint32_t)keep[i], n));
            TRY_EDIT(emit_cut(e, s, n, 0, n - (uint32_t)keep[i]));
        }
    }
    return 0;
}

/* Largest power of two that is at most n; 0 for 0. */
static uint32_t power_below(uint32_t n)
{
    return n == 0 ? 0 : 1u << (31 - __builtin_clz(n));
}

static int cut_blocks(struct editor *e, const struct site *s, uint32_t n)
{
    for (uint32_t size = power_below(n); size > 0; size /= 2) {
        for (uint32_t i = 0; i + size <= n; i += size) {
            TRY_EDIT(emit_cut(e, s, n, i, i + size));
        }
    }
    return 0;
}

/* Blocks of bytes set to zero. */
static int zero_blocks(struct editor *e, uint32_t n)
{
    uint32_t size = power_below(n);
    uint8_t *zeros = calloc(1, size + 1u);
    int code = zeros == NULL ? ERR_TRACE(ERR_NOMEM) : 0;

    for (; size > 0 && code == 0; size /= 2) {
        for (uint32_t i = 0; i + size <= n && code == 0; i += size) {
            code = emit(e, e->units[i], e->units[i + size],
                        (struct ubytes){zeros, size});
        }
    }
    free(zeros);
    return code;
}

/* The sequence with unit i made symbol number `symbol` of the alphabet. */
static int emit_symbol(struct editor *e, const struct site *s, uint32_t i,
                       uint32_t symbol)
{
    uint8_t put[SITE_HEAD_BYTES + 4] = {TYPE_STRING};
    uint32_t cp = node_symbol(e->src->domain, &s->node, symbol);
    size_t used;
    size_t body;
    struct ubytes rest;

    if (s->node.tag == DOMAIN_BYTES) {
        put[0] = (uint8_t)cp;
        return emit(e, e->units[i], e->units[i + 1], (struct ubytes){put, 1});
    }
    if (e->skip > 0) {
        e->skip--;
        return 0;
    }
    used = utf8_put(cp, put);
    body = s->end - s->at - SITE_HEAD_BYTES + used -
           (e->units[i + 1] - e->units[i]);
    rest = (struct ubytes){e->v.p + e->units[i + 1], e->v.n - e->units[i + 1]};
    buf_reset(&e->variant);
    TRY(buf_put(&e->variant, e->v.p, e->units[i]));
    TRY(buf_put(&e->variant, put, used));
    TRY(buf_put(&e->variant, rest.p, rest.n));
    buf_patch_u32(&e->variant, s->at + 1, (uint32_t)body);
    return e->fn(e->ctx, buf_bytes(&e->variant));
}

/* Number of a unit's symbol in the alphabet. */
static uint32_t symbol_at(const struct editor *e, const struct site *s,
                          uint32_t i)
{
    struct ubytes rest = {e->v.p + e->units[i], s->end - e->units[i]};
    uint32_t low = 0;
    uint32_t high = node_symbols_n(&s->node) - 1;
    uint32_t cp = rest.p[0];

    if (s->node.tag == DOMAIN_STRING) {
        (void)utf8_next(rest, &cp);
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (node_symbol(e->src->domain, &s->node, middle) < cp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int lower_symbols(struct editor *e, const struct site *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t symbol = symbol_at(e, s, i);

        if (symbol == 0) {
            continue;
        }
        TRY_EDIT(emit_symbol(e, s, i, 0));
        TRY_EDIT(emit_symbol(e, s, i, symbol / 2));
        for (uint32_t less = power_below(symbol); less > 0; less /= 2) {
            TRY_EDIT(emit_symbol(e, s, i, symbol - less));
        }
    }
    return 0;
}

static int emit_bits(struct editor *e, const struct site *s, uint64_t bits)
{
    uint8_t put[10] = {(uint8_t)s->node.tag, s->node.code};
    size_t width = s->node.code & (size_t)~TYPE_UNSIGNED;

    for (size_t i = 0; i < width; i++) {
        put[2 + i] = (uint8_t)(bits >> 8 * (width - 1 - i));
    }
    return emit(e, s->at, s->end, (struct ubytes){put, 2 + width});
}

static uint64_t site_bits(const struct editor *e, const struct site *s)
{
    uint64_t bits = 0;

    for (size_t i = s->at + 2; i < s->end; i++) {
        bits = bits << 8 | e->v.p[i];
    }
    return bits;
}

/* Magnitude of the domain's member nearest to zero. */
static uint64_t smallest(const struct node *n)
{
    if ((n->code & TYPE_UNSIGNED) != 0 || (int64_t)n->lo > 0) {
        return n->lo;
    }
    return (int64_t)n->hi < 0 ? 0 - n->hi : 0;
}

/* Mirrored; towards zero: at once, by halves of the way, and by powers of two,
 * which keep what the bits below do. */
static int lower_int(struct editor *e, const struct site *s)
{
    unsigned width = 8u * (s->node.code & (unsigned)~TYPE_UNSIGNED);
    uint64_t v = site_bits(e, s);
    uint64_t top = 1ull << (width - 1);
    int is_negative = (s->node.code & TYPE_UNSIGNED) == 0 && (v & top) != 0;
    uint64_t size = is_negative ? (0 - v) & (top | (top - 1)) : v;
    uint64_t way = size - smallest(&s->node);

    if (is_negative) {
        TRY_EDIT(emit_bits(e, s, size));
    }
    for (; way > 0; way /= 2) {
        TRY_EDIT(emit_bits(e, s, is_negative ? 0 - size + way : size - way));
    }
    for (uint64_t less = top; less > 0; less /= 2) {
        if (less <= size) {
            TRY_EDIT(
                emit_bits(e, s, is_negative ? 0 - size + less : size - less));
        }
    }
    return 0;
}

/* 0, 1, the positive twin; fewer mantissa bits; exponents on the way to 1.0. */
static int lower_float(struct editor *e, const struct site *s)
{
    unsigned digits = s->node.code == 4 ? 23 : 52;
    uint64_t one = (s->node.code == 4 ? 127ull : 1023ull) << digits;
    uint64_t sign = 1ull << (8u * s->node.code - 1u);
    uint64_t v = site_bits(e, s);
    uint64_t exponent = (v & ~sign) >> digits;
    uint64_t from = one >> digits;

    TRY_EDIT(emit_bits(e, s, 0));
    TRY_EDIT(emit_bits(e, s, one));
    TRY_EDIT(emit_bits(e, s, v & ~sign));
    for (unsigned keep = 0; keep < digits; keep++) {
        uint64_t mask = (1ull << (digits - keep)) - 1;

        if ((v & mask) != 0) {
            TRY_EDIT(emit_bits(e, s, v & ~mask));
        }
    }
    for (uint64_t way = exponent > from ? exponent - from : from - exponent;
         way > 0; way /= 2) {
        uint64_t to = exponent > from ? exponent - way : exponent + way;

        TRY_EDIT(emit_bits(
            e, s, (v & (sign | ((1ull << digits) - 1))) | to << digits));
    }
    return 0;
}

static int try_listed(struct editor *e, const struct site *s)
{
    uint32_t n = node_values_n(e->src, &s->node);

    for (uint32_t i = 0; i < n && i < LIMIT_LISTED; i++) {
        TRY_EDIT(emit(e, s->at, s->end, node_value(e->src, &s->node, i)));
    }
    return 0;
}

/* All that can be done to one node that is no sequence. */
static int lower_leaf(struct editor *e, const struct site *s)
{
    static const uint8_t no[] = {VALUE_FALSE};

    switch (s->node.tag) {
    case DOMAIN_BOOL:
        return emit(e, s->at, s->end, (struct ubytes){no, sizeof(no)});
    case DOMAIN_INT:
        return lower_int(e, s);
    case DOMAIN_FLOAT:
        return lower_float(e, s);
    case DOMAIN_CHOICE:
    case DOMAIN_CORPUS:
        return try_listed(e, s);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        break;
    }
    return 0;
}

enum pass {
    PASS_ENDS,
    PASS_BLOCKS,
    PASS_ZERO,
    PASS_LOWER,
    PASS_N
};

static int edit_site(struct editor *e, uint32_t i, enum pass pass)
{
    const struct site *s = &e->sites.all[i];
    enum domain_tag tag = s->node.tag;
    uint32_t n;

    if (tag != DOMAIN_STRING && tag != DOMAIN_BYTES && tag != DOMAIN_LIST) {
        return pass == PASS_LOWER ? lower_leaf(e, s) : 0;
    }
    TRY(read_units(e, i, &n));
    if (pass == PASS_ENDS) {
        return cut_ends(e, s, n);
    }
    if (pass == PASS_BLOCKS) {
        return cut_blocks(e, s, n);
    }
    if (tag == DOMAIN_LIST) {
        return 0;
    }
    if (pass == PASS_ZERO) {
        return tag == DOMAIN_BYTES ? zero_blocks(e, n) : 0;
    }
    return lower_symbols(e, s, n);
}

static int edit_sites(struct editor *e)
{
    for (unsigned pass = 0; pass < PASS_N; pass++) {
        for (uint32_t i = 0; i < e->sites.n; i++) {
            if (e->sites.all[i].end == 0) {
                continue;
            }
            TRY_EDIT(edit_site(e, i, (enum pass)pass));
        }
    }
    return 0;
}

int edit_all(const struct node_source *src, struct ubytes v, uint64_t skip,
             edit_fn fn, void *ctx)
{
    struct editor e = {.src = src, .v = v, .skip = skip, .fn = fn, .ctx = ctx};
    int code = sites_read(src, v, SITES_MAX, &e.sites);

    buf_init(&e.variant, v.n + LIMIT_VALUE_BYTES);
    if (code == 0) {
        code = edit_sites(&e);
    }
    buf_release(&e.variant);
    free(e.units);
    sites_release(&e.sites);
    return code;
}

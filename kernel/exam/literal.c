/* Inputs out of a candidate's own literals (literal.h). Must never leave the
 * domain: what a literal makes is checked by member.c before it is used. Kernel
 * process. */
#include "kernel/exam/literal.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/exam/scalar.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define VISITS_MIN 64u /* of each literal, at least */
#define FORMS_N 6u     /* 0: as it stands */

/* --- the object ------------------------------------------------------------ */

static struct ubytes read_numbers(struct rd *r, uint32_t *out_n)
{
    *out_n = rd_u32(r);
    if (*out_n > LIMIT_LITERALS) {
        rd_fail(r);
    }
    return rd_take(r, rd_is_bad(r) ? 0 : 8 * (size_t)*out_n);
}

static uint64_t number_at(struct ubytes list, uint64_t i)
{
    struct rd r;

    rd_init(&r, (struct ubytes){list.p + 8 * i, 8});
    return rd_u64(&r);
}

int literals_decode(struct literals *l, struct ubytes in)
{
    struct rd r;

    memset(l, 0, sizeof(*l));
    rd_init(&r, in);
    l->ints = read_numbers(&r, &l->ints_n);
    l->floats = read_numbers(&r, &l->floats_n);
    for (uint32_t i = 0; !rd_is_bad(&r) && i < l->floats_n; i++) {
        if ((number_at(l->floats, i) >> 52 & 0x7ff) == 0x7ff) {
            rd_fail(&r);
        }
    }
    l->texts_n = rd_u32(&r);
    if (rd_is_bad(&r) || l->texts_n > LIMIT_LITERALS) {
        return ERR_TRACE(ERR_ENCODING);
    }
    l->texts = calloc(l->texts_n + 1u, sizeof(*l->texts));
    if (l->texts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < l->texts_n; i++) {
        l->texts[i] = rd_bytes32(&r);
        if (l->texts[i].n > LIMIT_LITERAL_BYTES) {
            rd_fail(&r);
        }
    }
    return rd_end(&r);
}

void literals_release(struct literals *l)
{
    free(l->texts);
    memset(l, 0, sizeof(*l));
}

/* --- how many, and which ---------------------------------------------------- */

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t literal_most(const struct draw_source *src)
{
    const struct literals *l = src->literals;
    size_t off = 0;
    uint32_t most = 0;

    while (l != NULL && off < src->of.domain.n) {
        struct node n = node_at(src->of.domain, off);
        int is_text = n.tag == DOMAIN_STRING || n.tag == DOMAIN_BYTES;
        int nests = n.tag == DOMAIN_LIST || n.tag == DOMAIN_TUPLE;

        if (n.tag == DOMAIN_INT || is_text || n.tag == DOMAIN_LIST) {
            most = greater(most, l->ints_n);
        }
        if (n.tag == DOMAIN_FLOAT) {
            most = greater(most, l->floats_n);
        }
        if (is_text) {
            most = greater(most, l->texts_n);
        }
        off = nests ? n.body : node_skip(src->of.domain, off);
    }
    return most;
}

uint64_t literal_draws(const struct draw_source *src)
{
    uint64_t most = literal_most(src);
    uint32_t arguments = node_at(src->of.domain, 0).n;
    uint64_t each = most * bit_length(arguments > 1 ? arguments - 1 : 0);
    uint64_t n;

    each = each < 5 * (uint64_t)arguments ? 5 * (uint64_t)arguments : each;
    each = each < VISITS_MIN ? VISITS_MIN : each;
    n = 2 * most * each;
    return n < LIMIT_LITERAL_DRAWS ? n : LIMIT_LITERAL_DRAWS;
}

enum stratum literal_argument(uint64_t most, struct stream *r, uint64_t k,
                              uint32_t i, uint32_t n, struct literal_at *out_at)
{
    uint64_t h = k / 2;
    unsigned bits = bit_length(n - 1);
    uint64_t s;

    ASSERT(most > 0 && i < n);
    *out_at = (struct literal_at){h % most, 0};
    if (k % 2 == 0) { /* any two arguments meet in all pairs of literals */
        if ((i >> (h / most / most % (bits > 0 ? bits : 1)) & 1) != 0) {
            out_at->t = h / most % most;
        }
        return STRATUM_LITERALS;
    }
    if (h / (5 * most) % n == i) {
        out_at->form = 1 + (unsigned)(h / most % (FORMS_N - 1));
        return STRATUM_LITERALS;
    }
    s = stream_below(r, STRATA_BASE_N + 1);
    if (s == STRATUM_LITERALS) {
        out_at->t = stream_below(r, most);
    }
    return (enum stratum)s;
}

/* --- values ------------------------------------------------------------------ */

/* Length made of a literal; false if there is none that fits. */
static int length_of(const struct draw_source *src, const struct literal_at *at,
                     const struct node *n, uint32_t *out)
{
    const struct literals *l = src->literals;
    uint64_t v;

    if (l->ints_n == 0) {
        return 0;
    }
    v = number_at(l->ints, at->t % l->ints_n);
    v = at->form == 0   ? v
        : at->form == 1 ? v + 1
        : at->form == 2 ? v - 1
        : at->form == 3 ? 2 * v
        : at->form == 4 ? v / 2
                        : v + 2;
    *out = (uint32_t)v;
    return v >= n->lo && v <= n->hi;
}

uint32_t literal_length(const struct draw_source *src, struct stream *r,
                        const struct literal_at *at, const struct node *n)
{
    struct literal_at plain = {at->t, 0};
    uint32_t length;

    if (stream_below(r, 2) == 0 && length_of(src, &plain, n, &length)) {
        return length;
    }
    return sequence_length(r, STRATUM_SMALL, n);
}

static uint64_t int_of(const struct node *n, uint64_t v, unsigned form)
{
    unsigned width = 8u * (n->code & (unsigned)~TYPE_UNSIGNED);
    unsigned unused = 64 - width;

    v = form == 0   ? v
        : form == 1 ? v + 1
        : form == 2 ? v - 1
        : form == 3 ? 0 - v
        : form == 4 ? ~v
                    : 1 - v;
    v <<= unused;
    if ((n->code & TYPE_UNSIGNED) == 0 && v >> 63 != 0) {
        return ~(~v >> unused);
    }
    return v >> unused;
}

static uint64_t float_of(const struct node *n, uint64_t bits, unsigned form)
{
    double v;
    uint64_t key;

    memcpy(&v, &bits, sizeof(v));
    v = form == 3 ? -v : form == 4 ? v + 1.0 : form == 5 ? v - 1.0 : v;
    key = node_key(n, float_bits_of(n, v));
    return node_unkey(n, form == 1 ? key + 1 : form == 2 ? key - 1 : key);
}

/* Symbols of a text: bytes, or code points; false if it is no string. */
static int count_symbols(const struct node *n, struct ubytes v, uint32_t *out)
{
    uint32_t cp;

    *out = n->tag == DOMAIN_BYTES ? (uint32_t)v.n : 0;
    while (n->tag == DOMAIN_STRING && v.n > 0) {
        size_t used = utf8_next(v, &cp);

        if (used == 0 || cp == 0) {
            return 0;
        }
        v = (struct ubytes){v.p + used, v.n - used};
        ++*out;
    }
    return 1;
}

/* A sequence under way: what still fits. */
struct writing {
    const struct node *n;
    struct ubytes domain;
    uint32_t length;
    struct buf *out;
};

static int put_symbol(struct writing *w, uint32_t cp)
{
    uint8_t utf8[4] = {(uint8_t)cp, 0, 0, 0};
    size_t used = w->n->tag == DOMAIN_BYTES ? 1 : utf8_put(cp, utf8);

    if (w->length == w->n->hi) {
        return 0;
    }
    w->length++;
    return buf_put(w->out, utf8, used);
}

/* Symbols [from, to) of v. */
static int put_text(struct writing *w, struct ubytes v, uint32_t from,
                    uint32_t to)
{
    for (uint32_t i = 0; i < to; i++) {
        uint32_t cp = v.p[0];
        size_t used = w->n->tag == DOMAIN_BYTES ? 1 : utf8_next(v, &cp);

        v = (struct ubytes){v.p + used, v.n - used};
        if (i >= from) {
            TRY(put_symbol(w, cp));
        }
    }
    return 0;
}

/* The text at t and the one behind it in their form, as symbols. */
static int put_form(struct writing *w, const struct draw_source *src,
                    struct stream *r, const struct literal_at *at,
                    uint32_t symbols, uint32_t more)
{
    const struct literals *l = src->literals;
    struct ubytes v = l->texts[at->t % l->texts_n];
    uint32_t from = at->form == 3 && symbols > 0;
    uint32_t to = symbols;

    if (at->form == 1 && symbols > 0) {
        to--;
    } else if (at->form == 4) {
        to = (uint32_t)stream_below(r, (uint64_t)symbols + 1);
    }
    TRY(put_text(w, v, from, to));
    if (at->form == 2) {
        uint32_t i = sequence_symbol(r, w->n, node_symbols_n(w->n));

        TRY(put_symbol(w, node_symbol(w->domain, w->n, i)));
    } else if (at->form == 5) {
        TRY(put_text(w, l->texts[(at->t + 1) % l->texts_n], 0, more));
    }
    while (w->length < w->n->lo) {
        uint32_t i = (uint32_t)stream_below(r, node_symbols_n(w->n));

        TRY(put_symbol(w, node_symbol(w->domain, w->n, i)));
    }
    return 0;
}

static int put_sequence(const struct draw_source *src, struct stream *r,
                        const struct literal_at *at, const struct node *n,
                        struct buf *out)
{
    const struct literals *l = src->literals;
    struct writing w = {n, src->of.domain, 0, out};
    uint64_t kind = stream_below(r, 4);
    size_t head = buf_len(out);
    uint32_t symbols;
    uint32_t more;

    if (kind == 0 || l->texts_n == 0) {
        return length_of(src, at, n, &symbols)
                   ? sequence_put_n(r, STRATUM_UNIFORM, src->of.domain, n,
                                    symbols, out)
                   : 0;
    }
    if (!count_symbols(n, l->texts[at->t % l->texts_n], &symbols) ||
        !count_symbols(n, l->texts[(at->t + 1) % l->texts_n], &more)) {
        return 0;
    }
    TRY(buf_put_u8(out, (uint8_t)n->tag));
    TRY(buf_put_u32(out, 0));
    TRY(put_form(&w, src, r, at, symbols, more));
    buf_patch_u32(out, head + 1, (uint32_t)(buf_len(out) - head - 5));
    return 0;
}

static int put_leaf(const struct draw_source *src, struct stream *r,
                    const struct literal_at *at, const struct node *n,
                    struct buf *out)
{
    const struct literals *l = src->literals;

    if (n->tag == DOMAIN_INT && l->ints_n > 0) {
        uint64_t v = number_at(l->ints, at->t % l->ints_n);

        return scalar_put(out, n, int_of(n, v, at->form));
    }
    if (n->tag == DOMAIN_FLOAT && l->floats_n > 0) {
        uint64_t v = number_at(l->floats, at->t % l->floats_n);

        return scalar_put(out, n, float_of(n, v, at->form));
    }
    if (n->tag == DOMAIN_STRING || n->tag == DOMAIN_BYTES) {
        return put_sequence(src, r, at, n, out);
    }
    return 0;
}

int literal_put(const struct draw_source *src, struct stream *r,
                struct literal_at *at, const struct node *n, struct buf *out,
                int *out_put)
{
    size_t start = buf_len(out);
    struct ubytes v;

    *out_put = 0;
    if (n->tag == DOMAIN_BOOL || n->tag == DOMAIN_CHOICE ||
        n->tag == DOMAIN_CORPUS) {
        return 0;
    }
    TRY(put_leaf(src, r, at, n, out));
    at->t++;
    v = (struct ubytes){buf_bytes(out).p + start, buf_len(out) - start};
    *out_put = v.n > 0 && node_leaf_has(&src->of, n, v);
    if (!*out_put) {
        buf_truncate(out, start);
    }
    return 0;
}

/* Literals (docs/exam.md section 6). Replayer. */
#include "replay/excerpt.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

enum {
    NOT_THIS = 1
}; /* nothing to take, or no member: drawn as uniform */

/* Where an argument stands. */
struct place {
    const struct excerpts *e;
    struct chance *c;
    uint64_t m;
    uint64_t t;
    unsigned form;
};

static uint32_t list_n(struct rd *r, struct ubytes *out, size_t width)
{
    uint32_t n = rd_u32(r);

    if (n > LIMIT_LITERALS) {
        rd_fail(r);
        return 0;
    }
    *out = rd_take(r, n * width);
    return n;
}

int excerpts_read(struct buf *bytes, struct excerpts *out)
{
    struct ubytes none;
    struct rd r;

    out->bytes = *bytes;
    buf_init(bytes, 0);
    rd_init(&r, buf_bytes(&out->bytes));
    out->ints_n = list_n(&r, &out->ints, 8);
    out->floats_n = list_n(&r, &out->floats, 8);
    out->texts_n = list_n(&r, &none, 0);
    out->texts = calloc(out->texts_n + 1u, sizeof(*out->texts));
    if (out->texts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < out->floats_n && !rd_is_bad(&r); i++) {
        const uint8_t *p = out->floats.p + 8 * (size_t)i;
        if ((~p[0] & 0x7f) == 0 && p[1] >= 0xf0) {
            rd_fail(&r); /* not finite */
        }
    }
    for (uint32_t i = 0; i < out->texts_n; i++) {
        out->texts[i] = rd_bytes32(&r);
        if (out->texts[i].n > LIMIT_LITERAL_BYTES) {
            rd_fail(&r);
        }
    }
    return rd_end(&r);
}

void excerpts_release(struct excerpts *e)
{
    buf_release(&e->bytes);
    free(e->texts);
    *e = (struct excerpts){0};
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The longest list that the domain can use. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static uint32_t longest(const struct excerpts *e, const struct shape *s)
{
    uint32_t n = 0;

    switch (s->n.tag) {
    case DOMAIN_INT:
        return e->ints_n;
    case DOMAIN_FLOAT:
        return e->floats_n;
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return greater(e->ints_n, e->texts_n);
    case DOMAIN_LIST:
        n = e->ints_n;
        break;
    default:
        break;
    }
    for (unsigned i = 0; i < s->n.children; i++) {
        n = greater(n, longest(e, &s->kids[i]));
    }
    return n;
}

uint64_t excerpts_draws(const struct excerpts *e, const struct shape *root)
{
    uint64_t m = longest(e, root);
    uint64_t arguments = root->n.children;
    uint64_t g = arguments < 2 ? 0 : chance_bits(arguments - 1);
    uint64_t each = m * g;
    uint64_t n;

    each = each < 5 * arguments ? 5 * arguments : each;
    n = 2 * m * (each < 64 ? 64 : each);
    return n < LIMIT_LITERAL_DRAWS ? n : LIMIT_LITERAL_DRAWS;
}

/* Item t of a list of u64. */
static uint64_t take(struct ubytes list, uint32_t n, uint64_t t)
{
    struct rd r;

    rd_init(&r, (struct ubytes){list.p + 8 * (t % n), 8});
    return rd_u64(&r);
}

static int put_inside(const struct shape *s, uint64_t key, struct buf *out)
{
    return s->lo <= key && key <= s->hi ? shape_put_number(s, key, out)
                                        : NOT_THIS;
}

static int put_int(const struct shape *s, const struct place *p,
                   struct buf *out)
{
    unsigned width = shape_width(s);
    uint64_t v;

    if (p->e->ints_n == 0) {
        return NOT_THIS;
    }
    v = take(p->e->ints, p->e->ints_n, p->t);
    v = p->form == 1   ? v + 1
        : p->form == 2 ? v - 1
        : p->form == 3 ? 0 - v
        : p->form == 4 ? ~v
        : p->form == 5 ? 1 - v
                       : v;
    v &= ~0ull >> (64 - width);
    if (shape_is_signed(s) && v >> (width - 1) != 0) {
        v |= ~(~0ull >> (64 - width));
    }
    return put_inside(s, shape_key(s, v), out);
}

static int put_float(const struct shape *s, const struct place *p,
                     struct buf *out)
{
    uint64_t bits;
    uint64_t key;
    double v;

    if (p->e->floats_n == 0) {
        return NOT_THIS;
    }
    bits = take(p->e->floats, p->e->floats_n, p->t);
    memcpy(&v, &bits, sizeof(v));
    key = draw_round(s, p->form == 3   ? -v
                        : p->form == 4 ? v + 1.0
                        : p->form == 5 ? v - 1.0
                                       : v);
    key += p->form == 1 ? 1 : p->form == 2 ? ~0ull : 0;
    return put_inside(s, key, out);
}

/* --- strings and bytes ------------------------------------------------------- */

/* The next symbol of a text. False at its end. */
static int next_symbol(const struct shape *s, struct ubytes *text,
                       uint32_t *out)
{
    size_t used = 1;
    uint32_t cp;

    if (text->n == 0) {
        return 0;
    }
    cp = text->p[0];
    if (s->n.tag == DOMAIN_STRING) {
        used = utf8_next(*text, &cp);
        ASSERT(used > 0); /* it was checked */
    }
    *out = shape_symbol_index(s, cp);
    text->p += used;
    text->n -= used;
    return 1;
}

static uint64_t symbols_in(const struct shape *s, struct ubytes text)
{
    uint32_t ignored;
    uint64_t n = 0;

    while (next_symbol(s, &text, &ignored)) {
        n++;
    }
    return n;
}

static int is_text(const struct shape *s, struct ubytes v)
{
    return s->n.tag == DOMAIN_BYTES ||
           (utf8_is_valid(v) && (v.n == 0 || memchr(v.p, 0, v.n) == NULL));
}

/* A text being made: what still fits, and whether all of it is in the alphabet.
 * What is not is read to its end all the same. */
struct making {
    const struct shape *s;
    uint64_t left;
    int is_bad;
    struct buf *out;
};

static int put_symbol(struct making *m, uint32_t symbol)
{
    if (m->left == 0) {
        return 0;
    }
    m->left--;
    if (symbol == UINT32_MAX) {
        m->is_bad = 1;
        return 0;
    }
    return shape_put_symbol(m->s, symbol, m->out);
}

/* Symbols [from, to) of a text. */
static int put_symbols(struct making *m, struct ubytes text, uint64_t from,
                       uint64_t to)
{
    uint32_t symbol;

    for (uint64_t i = 0; i < to && next_symbol(m->s, &text, &symbol); i++) {
        if (i >= from) {
            TRY(put_symbol(m, symbol));
        }
    }
    return 0;
}

static int put_text(const struct shape *s, const struct place *p,
                    struct buf *out)
{
    uint64_t i = p->t % p->e->texts_n;
    struct ubytes text = p->e->texts[i];
    struct ubytes after = p->e->texts[(i + 1) % p->e->texts_n];
    struct making m = {.s = s, .left = s->n.hi, .out = out};
    uint64_t n;

    if (!is_text(s, text) || !is_text(s, after)) {
        return NOT_THIS;
    }
    n = symbols_in(s, text);
    TRY(put_symbols(&m, text, p->form == 3,
                    p->form == 1   ? n - (n > 0)
                    : p->form == 4 ? chance_below(p->c, n + 1)
                                   : n));
    if (p->form == 2) {
        TRY(put_symbol(&m, draw_base(s, p->c)));
    } else if (p->form == 5) {
        TRY(put_symbols(&m, after, 0, UINT64_MAX));
    }
    while (s->n.hi - m.left < s->n.lo) {
        TRY(put_symbol(&m, (uint32_t)chance_below(p->c, shape_symbols_n(s))));
    }
    return m.is_bad ? NOT_THIS : 0;
}

static int put_length(const struct shape *s, const struct place *p,
                      struct buf *out)
{
    uint64_t v;

    if (p->e->ints_n == 0) {
        return NOT_THIS;
    }
    v = take(p->e->ints, p->e->ints_n, p->t);
    v = p->form == 1   ? v + 1
        : p->form == 2 ? v - 1
        : p->form == 3 ? 2 * v
        : p->form == 4 ? v / 2
        : p->form == 5 ? v + 2
                       : v;
    return s->n.lo <= v && v <= s->n.hi ? draw_uniform(s, v, p->c, out)
                                        : NOT_THIS;
}

static int put_sequence(const struct shape *s, const struct place *p,
                        struct buf *out)
{
    size_t head = buf_len(out) + 1;
    uint64_t kind = chance_below(p->c, 4);
    int code;

    TRY(buf_put_u8(out, s->n.tag));
    TRY(buf_put_u32(out, 0));
    code = kind == 0 || p->e->texts_n == 0 ? put_length(s, p, out)
                                           : put_text(s, p, out);
    buf_patch_u32(out, head, (uint32_t)(buf_len(out) - head - 4));
    return code;
}

/* --- nodes -------------------------------------------------------------------- */

static int put_leaf(const struct shape *s, struct place *p, struct buf *out)
{
    size_t start = buf_len(out);
    int code = s->n.tag == DOMAIN_INT     ? put_int(s, p, out)
               : s->n.tag == DOMAIN_FLOAT ? put_float(s, p, out)
                                          : put_sequence(s, p, out);

    p->t++;
    if (code != NOT_THIS) {
        return code;
    }
    buf_truncate(out, start);
    return draw_node(s, UNIFORM, p->c, out);
}

static uint64_t list_length(const struct shape *s, struct place *p)
{
    uint64_t kind = chance_below(p->c, 2);

    if (kind == 0 && p->e->ints_n > 0) {
        uint64_t v = take(p->e->ints, p->e->ints_n, p->t);

        if (s->n.lo <= v && v <= s->n.hi) {
            return v;
        }
    }
    return draw_length(s, SMALL, p->c);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int put_node(const struct shape *s, struct place *p, struct buf *out)
{
    uint64_t n;
    int moves;

    switch (s->n.tag) {
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return put_leaf(s, p, out);
    case DOMAIN_LIST:
        n = list_length(s, p);
        moves = chance_below(p->c, 2) == 1;
        TRY(value_put_list(out, (uint32_t)n));
        for (; n > 0; n--) {
            p->t = moves ? chance_below(p->c, p->m) : p->t;
            TRY(put_node(&s->kids[0], p, out));
        }
        return 0;
    case DOMAIN_TUPLE:
        TRY(value_put_tuple(out, s->n.children));
        for (unsigned i = 0; i < s->n.children; i++) {
            TRY(put_node(&s->kids[i], p, out));
        }
        return 0;
    default:
        return draw_node(s, UNIFORM, p->c, out);
    }
}

/* Argument i of instance k. */
static int put_argument(const struct shape *root, struct place *p, uint64_t k,
                        unsigned i, struct buf *out)
{
    uint64_t arguments = root->n.children;
    uint64_t h = k / 2;
    uint64_t m = p->m;

    ASSERT(m > 0 && arguments > 0); /* else there are no instances */
    chance_sub(p->c, i);
    p->form = 0;
    if (k % 2 == 0) {
        uint64_t g = arguments < 2 ? 1 : chance_bits(arguments - 1);
        uint64_t bit = (h / (m * m)) % g;

        p->t = (i >> bit & 1) == 0 ? h % m : (h / m) % m;
    } else if (i == (h / (5 * m)) % arguments) {
        p->form = 1 + (unsigned)((h / m) % 5);
        p->t = h % m;
    } else {
        uint64_t in = chance_below(p->c, 6);

        if (in < STRATA) {
            return draw_node(&root->kids[i], (enum layer)in, p->c, out);
        }
        p->t = chance_below(p->c, m);
    }
    return put_node(&root->kids[i], p, out);
}

int excerpts_instance(const struct excerpts *e, const struct shape *root,
                      const uint8_t seed[static 32], uint64_t k,
                      struct buf *out)
{
    size_t start = buf_len(out);
    struct chance c;
    struct place p = {.e = e, .c = &c, .m = longest(e, root)};

    chance_open(&c, seed, LANE_LITERALS, k);
    TRY(value_put_tuple(out, root->n.children));
    for (unsigned i = 0; i < root->n.children; i++) {
        TRY(put_argument(root, &p, k, i, out));
    }
    return buf_len(out) - start > LIMIT_VALUE_BYTES ? ERR_LIMIT : 0;
}

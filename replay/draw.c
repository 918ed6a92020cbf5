/* Tuples, lists and the rest (docs/exam.md section 5). Replayer. */
#include "replay/draw.h"

#include "proto/err.h"
#include "proto/limits.h"

enum {
    POOL_MAX = 8
};

enum arrangement {
    CYCLE,
    FEW,
    ODD,
    RISING,
    FALLING,
    FREE
};

struct list {
    const struct shape *of;
    enum arrangement how;
    enum layer in;
    uint64_t n;
    uint64_t pool;
    uint64_t window, start;  /* RISING, FALLING */
    size_t at[POOL_MAX + 1]; /* where the first elements stand in out */
};

static void arrange(struct list *l, enum layer in, struct chance *c)
{
    static const enum layer mixed[] = {UNIFORM, MAGNITUDE, BITS, SMALL};
    enum domain_tag tag = l->of->n.tag;

    l->how = FREE;
    if (in == BITS || (in == BOUNDARY && chance_below(c, 4) == 0)) {
        l->how = (enum arrangement)chance_below(c, 5);
    }
    if ((l->how == RISING || l->how == FALLING) && tag != DOMAIN_INT &&
        tag != DOMAIN_FLOAT) {
        l->how = FEW;
    }
    l->in = in == BITS ? mixed[chance_below(c, 4)] : in;
    if (l->how == RISING || l->how == FALLING) {
        uint64_t span = l->of->hi - l->of->lo;

        l->window = chance_magnitude(c, span);
        l->start = l->of->lo + chance_below(c, span - l->window + 1);
    } else if (l->how != FREE) {
        l->pool = l->how == ODD ? 1 : 1 + chance_below(c, POOL_MAX);
    }
}

static uint64_t sorted_key(const struct list *l, uint64_t i, struct chance *c)
{
    uint64_t a = l->how == RISING ? i : l->n - 1 - i;
    uint64_t q = l->window / l->n;
    uint64_t r = l->window % l->n;
    uint64_t from = a * q + a * r / l->n;
    uint64_t to = (a + 1) * q + (a + 1) * r / l->n;

    return l->start + from + chance_below(c, to - from + 1);
}

/* A copy of an element, which stands in out itself. */
static int copy(const struct list *l, uint64_t i, struct buf *out)
{
    size_t n = l->at[i + 1] - l->at[i];
    uint8_t *to;

    TRY(buf_extend(out, n, &to));
    for (size_t k = 0; k < n; k++) {
        to[k] = buf_bytes(out).p[l->at[i] + k];
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int draw_element(struct list *l, uint64_t i, struct chance *c,
                        struct buf *out)
{
    if (l->how == RISING || l->how == FALLING) {
        return shape_put_number(l->of, sorted_key(l, i, c), out);
    }
    if (i < l->pool || l->pool == 0) {
        return draw_node(l->of, l->in, c, out);
    }
    if (l->how == ODD) {
        return chance_below(c, 8) == 0 ? draw_node(l->of, l->in, c, out)
                                       : copy(l, 0, out);
    }
    return copy(l, l->how == CYCLE ? i % l->pool : chance_below(c, l->pool),
                out);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int draw_list(const struct shape *s, enum layer in, struct chance *c,
                     struct buf *out)
{
    struct list l = {.of = &s->kids[0], .n = draw_length(s, in, c)};

    arrange(&l, in, c);
    TRY(value_put_list(out, (uint32_t)l.n));
    for (uint64_t i = 0; i < l.n; i++) {
        if (i < POOL_MAX) {
            l.at[i] = buf_len(out);
        }
        TRY(draw_element(&l, i, c, out));
        if (i < POOL_MAX) {
            l.at[i + 1] = buf_len(out);
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
int draw_node(const struct shape *s, enum layer in, struct chance *c,
              struct buf *out)
{
    struct ubytes v;

    switch (s->n.tag) {
    case DOMAIN_BOOL:
        return value_put_bool(out, chance_u64(c) % 2 == 1);
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        return shape_put_number(s, draw_number(s, in, c), out);
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return draw_sequence(s, in, c, out);
    case DOMAIN_LIST:
        return draw_list(s, in, c, out);
    case DOMAIN_TUPLE:
        TRY(value_put_tuple(out, s->n.children));
        for (unsigned i = 0; i < s->n.children; i++) {
            TRY(draw_node(&s->kids[i], in, c, out));
        }
        return 0;
    default:
        if (shape_values_n(s) == 0) {
            return ERR_TRACE(ERR_INPUT);
        }
        v = shape_value(s, (uint32_t)chance_below(c, shape_values_n(s)));
        return buf_put(out, v.p, v.n);
    }
}

int draw_instance(const struct shape *root, const uint8_t seed[static 32],
                  enum layer s, uint64_t k, struct buf *out)
{
    int is_mixed = s != UNIFORM && k % 4 == 3;
    size_t start = buf_len(out);
    struct chance c;

    chance_open(&c, seed, s, k);
    TRY(value_put_tuple(out, root->n.children));
    for (unsigned i = 0; i < root->n.children; i++) {
        enum layer in = s;

        chance_sub(&c, i);
        if (is_mixed) {
            in = (enum layer)chance_below(&c, STRATA);
        }
        TRY(draw_node(&root->kids[i], in, &c, out));
    }
    return buf_len(out) - start > LIMIT_VALUE_BYTES ? ERR_LIMIT : 0;
}

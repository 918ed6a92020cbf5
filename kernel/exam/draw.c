/* Draws an instance (draw.h): walks the domain with an explicit stack and asks
 * scalar.c and sequence.c for the leaves. Must never leave the domain (member.c
 * is the independent check) and never read anything but seed, stratum, k and the
 * domain. Kernel process. */
#include "kernel/exam/draw.h"

#include <string.h>

#include "kernel/exam/literal.h"
#include "kernel/exam/scalar.h"
#include "proto/err.h"
#include "proto/limits.h"

#define POOL_MAX 8u

enum arrangement {
    ARRANGE_FREE,  /* each element drawn */
    ARRANGE_CYCLE, /* the first pool_n elements again and again */
    ARRANGE_FEW,   /* any of the first pool_n elements */
    ARRANGE_ODD,   /* the first element, one in eight drawn anew */
    ARRANGE_RISING,
    ARRANGE_FALLING
};

/* An open tuple or list. */
struct level {
    struct node node;
    enum stratum s; /* of its elements */
    enum arrangement arrangement;
    uint32_t i, n;
    uint32_t pool_n;
    int is_scattered;     /* literals: each element from anywhere in the list */
    struct window window; /* of a sorted list */
    size_t child;         /* domain of the next element */
    size_t start[POOL_MAX + 1]; /* where the first elements are in out */
};

struct drawing {
    const struct draw_source *src;
    struct stream r;
    enum stratum s; /* of the instance */
    int is_mixed;   /* arguments pick their own strata */
    uint64_t k;
    uint32_t most; /* literals; walking the domain once tells */
    struct literal_at at;
    unsigned depth;
    struct level open[NODE_DEPTH_MAX];
};

const char *stratum_name(enum stratum s)
{
    static const char *const names[STRATA_N] = {
        "uniform", "magnitude", "bits", "boundary", "small", "literals"};

    ASSERT((unsigned)s < STRATA_N);
    return names[s];
}

static enum stratum element_stratum(struct stream *r, enum stratum s)
{
    static const enum stratum choice[] = {STRATUM_UNIFORM, STRATUM_MAGNITUDE,
                                          STRATUM_BITS, STRATUM_SMALL};

    return s == STRATUM_BITS ? choice[stream_below(r, ARRAY_N(choice))] : s;
}

static enum arrangement arrangement_of(struct stream *r, enum stratum s,
                                       int is_sortable)
{
    static const enum arrangement choice[] = {ARRANGE_CYCLE, ARRANGE_FEW,
                                              ARRANGE_ODD, ARRANGE_RISING,
                                              ARRANGE_FALLING};
    enum arrangement a = ARRANGE_FREE;

    if (s == STRATUM_BITS ||
        (s == STRATUM_BOUNDARY && stream_below(r, 4) == 0)) {
        a = choice[stream_below(r, ARRAY_N(choice))];
    }
    return a >= ARRANGE_RISING && !is_sortable ? ARRANGE_FEW : a;
}

static int open_list(struct drawing *d, enum stratum s, struct level *l)
{
    struct node child = node_at(d->src->of.domain, l->node.body);

    if (s == STRATUM_LITERALS) {
        l->n = literal_length(d->src, &d->r, &d->at, &l->node);
        l->is_scattered = (int)stream_below(&d->r, 2);
        return l->n > LIMIT_VALUE_BYTES ? ERR_TRACE(ERR_LIMIT) : 0;
    }
    l->n = sequence_length(&d->r, s, &l->node);
    l->arrangement = arrangement_of(
        &d->r, s, child.tag == DOMAIN_INT || child.tag == DOMAIN_FLOAT);
    l->s = element_stratum(&d->r, s);
    if (l->arrangement >= ARRANGE_RISING) {
        l->window = window_of(&d->r, &child);
    } else if (l->arrangement == ARRANGE_CYCLE ||
               l->arrangement == ARRANGE_FEW) {
        l->pool_n = 1 + (uint32_t)stream_below(&d->r, POOL_MAX);
    } else {
        l->pool_n = l->arrangement == ARRANGE_ODD;
    }
    return l->n > LIMIT_VALUE_BYTES ? ERR_TRACE(ERR_LIMIT) : 0;
}

/* Draws a leaf at off, or opens the list or tuple there. */
static int draw_node(struct drawing *d, size_t off, enum stratum s,
                     struct buf *out)
{
    struct node n = node_at(d->src->of.domain, off);
    uint32_t values;
    struct ubytes v;
    struct level *l;
    int is_put = 0;

    if (s == STRATUM_LITERALS && n.tag != DOMAIN_LIST &&
        n.tag != DOMAIN_TUPLE) {
        TRY(literal_put(d->src, &d->r, &d->at, &n, out, &is_put));
        if (is_put) {
            return 0;
        }
        s = STRATUM_UNIFORM;
    }
    switch (n.tag) {
    case DOMAIN_BOOL:
        return value_put_bool(out, (int)(stream_u64(&d->r) & 1));
    case DOMAIN_INT:
        return scalar_put(out, &n, scalar_int(&d->r, s, &n));
    case DOMAIN_FLOAT:
        return scalar_put(out, &n, scalar_float(&d->r, s, &n));
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
        return sequence_put(&d->r, s, d->src->of.domain, &n, out);
    case DOMAIN_CHOICE:
    case DOMAIN_CORPUS:
        values = node_values_n(&d->src->of, &n);
        if (values == 0) {
            return ERR_TRACE(ERR_INPUT);
        }
        v = node_value(&d->src->of, &n, (uint32_t)stream_below(&d->r, values));
        return buf_put(out, v.p, v.n);
    case DOMAIN_LIST:
    case DOMAIN_TUPLE:
        break;
    }
    ASSERT(d->depth < NODE_DEPTH_MAX);
    l = &d->open[d->depth++];
    *l = (struct level){.node = n, .s = s, .n = n.n, .child = n.body};
    if (n.tag == DOMAIN_TUPLE) {
        return value_put_tuple(out, l->n);
    }
    TRY(open_list(d, s, l));
    return value_put_list(out, l->n);
}

/* Copies element i of the pool to the end. */
static int copy_element(const struct level *l, uint32_t i, struct buf *out)
{
    size_t n = l->start[i + 1] - l->start[i];
    uint8_t *p;

    ASSERT(i < POOL_MAX && l->start[i + 1] <= buf_len(out));
    TRY(buf_extend(out, n, &p));
    memcpy(p, buf_bytes(out).p + l->start[i], n);
    return 0;
}

/* The next element of the innermost list. */
static int list_step(struct drawing *d, struct level *l, struct buf *out)
{
    uint32_t i = l->i++;
    uint32_t pick = 0;

    if (l->arrangement >= ARRANGE_RISING) {
        struct node child = node_at(d->src->of.domain, l->child);
        uint32_t at = l->arrangement == ARRANGE_RISING ? i : l->n - 1 - i;

        return scalar_put(out, &child,
                          window_bits(&d->r, &child, &l->window, at, l->n));
    }
    if (l->is_scattered) {
        d->at.t = stream_below(&d->r, d->most);
    }
    if (i <= l->pool_n) {
        l->start[i] = buf_len(out);
    }
    if (i < l->pool_n || l->pool_n == 0) {
        return draw_node(d, l->child, l->s, out);
    }
    if (l->arrangement == ARRANGE_CYCLE) {
        pick = i % l->pool_n;
    } else if (l->arrangement == ARRANGE_FEW) {
        pick = (uint32_t)stream_below(&d->r, l->pool_n);
    } else if (stream_below(&d->r, 8) == 0) {
        return draw_node(d, l->child, l->s, out);
    }
    return copy_element(l, pick, out);
}

static int tuple_step(struct drawing *d, struct level *l, struct buf *out)
{
    size_t off = l->child;
    enum stratum s = l->s;
    uint32_t i = l->i++;

    if (l->i < l->n) {
        l->child = node_skip(d->src->of.domain, off);
    }
    if (d->depth == 1) {
        stream_sub(&d->r, i);
        if (d->is_mixed) {
            s = (enum stratum)stream_below(&d->r, STRATA_BASE_N);
        } else if (s == STRATUM_LITERALS) {
            s = literal_argument(d->most, &d->r, d->k, i, l->n, &d->at);
        }
    }
    return draw_node(d, off, s, out);
}

int draw(const struct draw_source *src, enum stratum s, uint64_t k,
         struct buf *out)
{
    struct drawing d = {.src = src, .s = s, .k = k};
    size_t start = buf_len(out);

    ASSERT((unsigned)s < STRATA_N);
    stream_init(&d.r, src->seed, (uint32_t)s, k);
    d.most = s == STRATUM_LITERALS ? literal_most(src) : 0;
    d.is_mixed = s != STRATUM_UNIFORM && s < STRATA_BASE_N && k % 4 == 3;
    TRY(draw_node(&d, 0, s, out));
    while (d.depth > 0) {
        struct level *l = &d.open[d.depth - 1];

        if (buf_len(out) - start > LIMIT_VALUE_BYTES) {
            return ERR_TRACE(ERR_LIMIT);
        }
        if (l->i < l->n) {
            TRY(l->node.tag == DOMAIN_LIST ? list_step(&d, l, out)
                                           : tuple_step(&d, l, out));
            continue;
        }
        d.depth--;
    }
    return 0;
}

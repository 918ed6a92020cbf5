/* Two terms that together are what is wanted: for each term, the other is computed
 * from the wanted values and looked up. So a bank of terms of size n finds programs
 * of size 2n + 1. And three, of which two are small ones: what is wanted of the third
 * is computed from both. Runs in the `cml` worker. */
#include <stdlib.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define PARTS_MAX 384u /* terms within, or around, what is wanted */
#define OUTER_MAX 240u  /* of three: terms tried as the first */
#define INNER_MAX 2400u /* and as the second, with each of these */
#define WAYS_MAX 32u

/* goal = op(t, other), or op(other, t) when is_swapped. */
static void other_of(const struct bank *b, const struct rule *r, int is_swapped,
                     const uint64_t *goal, const uint64_t *t, uint64_t *out)
{
    enum synth_op op = r->op;
    uint8_t code = r->code;
    unsigned bits = 8u * (code & 0x7fu);

    for (uint32_t i = 0; i < b->n; i++) {
        uint64_t y = goal[i];
        uint64_t v = op == SYNTH_OP_xor   ? y ^ t[i]
                     : op == SYNTH_OP_add ? y - t[i]
                     : is_swapped         ? y + t[i]
                                          : t[i] - y;

        if (bits < 64) {
            v &= ((uint64_t)1 << bits) - 1;
            if ((code & TYPE_UNSIGNED) == 0 && v >> (bits - 1) != 0) {
                v |= ~(uint64_t)0 << bits;
            }
        }
        out[i] = v;
    }
}

struct best {
    uint32_t rule;
    uint32_t left;
    uint32_t right;
    uint32_t size; /* 0: none */
};

static void take(const struct bank *b, struct best *best, uint32_t rule,
                 uint32_t left, uint32_t right)
{
    uint32_t size = 1u + b->terms[left].size + b->terms[right].size;

    if (best->size == 0 || size < best->size) {
        *best = (struct best){rule, left, right, size};
    }
}

/* By inverse: terms up to `most`, the other any. */
static void by_inverse(const struct bank *b, uint32_t rule, uint32_t most,
                       struct best *best)
{
    const struct rule *r = &b->p->rules[rule];
    uint64_t other[SYNTH_COLUMNS_MAX];
    int ways = r->op == SYNTH_OP_sub ? 2 : 1;

    for (uint32_t i = 0; i < most; i++) {
        if (b->terms[i].sort != 0 ||
            (best->size != 0 && b->terms[i].size + 2u >= best->size)) {
            continue;
        }
        for (int swapped = 0; swapped < ways; swapped++) {
            uint32_t found;

            other_of(b, r, swapped, b->wanted, bank_columns(b, i), other);
            found = bank_find(b, 0, other);
            if (found != UINT32_MAX) {
                take(b, best, rule, swapped ? found : i, swapped ? i : found);
            }
        }
    }
}

/* Is every bit of t one of y's (or: the other way round), and are there any? */
static int is_part(const struct bank *b, const uint64_t *t, int is_or)
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < b->n; i++) {
        uint64_t y = b->wanted[i];

        if (((is_or ? t[i] & ~y : y & ~t[i])) != 0) {
            return 0;
        }
        any |= is_or ? t[i] : ~t[i];
    }
    return any != 0;
}

static int is_joined(const struct bank *b, const uint64_t *l, const uint64_t *r,
                     int is_or)
{
    for (uint32_t i = 0; i < b->n; i++) {
        if ((is_or ? l[i] | r[i] : (l[i] & r[i])) != b->wanted[i]) {
            return 0;
        }
    }
    return 1;
}

static void by_parts(const struct bank *b, uint32_t rule, struct best *best)
{
    int is_or = b->p->rules[rule].op == SYNTH_OP_or;
    uint32_t parts[PARTS_MAX];
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->terms_n && n < PARTS_MAX; i++) {
        if (b->terms[i].sort == 0 && is_part(b, bank_columns(b, i), is_or)) {
            parts[n++] = i;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k <= i; k++) {
            uint32_t size =
                1u + b->terms[parts[i]].size + b->terms[parts[k]].size;

            if ((best->size == 0 || size < best->size) &&
                is_joined(b, bank_columns(b, parts[i]),
                          bank_columns(b, parts[k]), is_or)) {
                take(b, best, rule, parts[k], parts[i]);
            }
        }
    }
}

int pair(struct bank *b, struct arena *a, uint32_t most, struct tree **out)
{
    struct best best = {.size = 0};
    struct tree *kids[SYNTH_ARGS_MAX] = {NULL, NULL, NULL};

    *out = NULL;
    for (uint32_t i = 0; i < b->p->sorts[0].n; i++) {
        uint32_t rule = b->p->sorts[0].first + i;
        const struct rule *r = &b->p->rules[rule];

        if (r->kind != RULE_OPERATOR || r->args_n != 2 || r->args[0] != 0 ||
            r->args[1] != 0) {
            continue;
        }
        if (r->op == SYNTH_OP_xor || r->op == SYNTH_OP_add ||
            r->op == SYNTH_OP_sub) {
            by_inverse(b, rule, most < b->terms_n ? most : b->terms_n, &best);
        } else if (r->op == SYNTH_OP_or || r->op == SYNTH_OP_and) {
            by_parts(b, rule, &best);
        }
    }
    if (best.size == 0) {
        return 0;
    }
    kids[0] = bank_tree(b, a, best.left);
    kids[1] = bank_tree(b, a, best.right);
    *out = kids[0] != NULL && kids[1] != NULL
               ? tree_new(a, &b->p->rules[best.rule], kids)
               : NULL;
    return *out != NULL ? 0 : ERR_NOMEM;
}

/* --- three --- */

/* An operator that can be undone, and on which side the term is that is known. */
struct way {
    const struct rule *rule;
    int is_swapped;
};

struct three {
    struct bank *b;
    uint64_t most; /* evaluations */
    struct way ways[WAYS_MAX];
    uint32_t ways_n;
    uint32_t terms[3];
    struct way outer;
    struct way inner;
    uint32_t size; /* 0: none found */
};

static void add_ways(struct three *x)
{
    const struct problem *p = x->b->p;

    for (uint32_t i = 0; i < p->sorts[0].n && x->ways_n + 2 <= WAYS_MAX; i++) {
        const struct rule *r = &p->rules[p->sorts[0].first + i];

        if (r->kind != RULE_OPERATOR || r->args_n != 2 || r->args[0] != 0 ||
            r->args[1] != 0) {
            continue;
        }
        if (r->op == SYNTH_OP_xor || r->op == SYNTH_OP_add ||
            r->op == SYNTH_OP_sub) {
            x->ways[x->ways_n++] = (struct way){r, 0};
        }
        if (r->op == SYNTH_OP_sub) {
            x->ways[x->ways_n++] = (struct way){r, 1};
        }
    }
}

/* goal = op(u, v), u small, v any. */
static void find_inner(struct three *x, struct way outer, uint32_t first,
                       const uint64_t *goal)
{
    struct bank *b = x->b;
    uint64_t last[SYNTH_COLUMNS_MAX];
    uint32_t tried = 0;

    for (uint32_t u = 0; u < b->terms_n && tried < INNER_MAX &&
                         b->evaluations < x->most;
         u++) {
        uint32_t both = 2u + b->terms[first].size + b->terms[u].size;

        if (b->terms[u].sort != 0) {
            continue;
        }
        tried++;
        for (uint32_t i = 0; i < x->ways_n; i++) {
            uint32_t v;

            if (x->size != 0 && both + 1 >= x->size) {
                return; /* those that follow are no smaller */
            }
            other_of(b, x->ways[i].rule, x->ways[i].is_swapped, goal,
                     bank_columns(b, u), last);
            b->evaluations += b->n;
            v = bank_find(b, 0, last);
            if (v != UINT32_MAX &&
                (x->size == 0 || both + b->terms[v].size < x->size)) {
                x->size = both + b->terms[v].size;
                x->outer = outer;
                x->inner = x->ways[i];
                x->terms[0] = first;
                x->terms[1] = u;
                x->terms[2] = v;
            }
        }
    }
}

static struct tree *way_tree(struct arena *a, struct way w, struct tree *t,
                             struct tree *other)
{
    struct tree *kids[SYNTH_ARGS_MAX] = {w.is_swapped ? other : t,
                                         w.is_swapped ? t : other, NULL};

    return t != NULL && other != NULL ? tree_new(a, w.rule, kids) : NULL;
}

int triple(struct bank *b, struct arena *a, uint64_t most, struct tree **out)
{
    struct three x = {.b = b, .most = b->evaluations + most};
    uint64_t goal[SYNTH_COLUMNS_MAX];
    uint32_t tried = 0;

    *out = NULL;
    add_ways(&x);
    for (uint32_t t = 0; t < b->terms_n && tried < OUTER_MAX; t++) {
        if (b->terms[t].sort != 0) {
            continue;
        }
        tried++;
        for (uint32_t i = 0; i < x.ways_n; i++) {
            other_of(b, x.ways[i].rule, x.ways[i].is_swapped, b->wanted,
                     bank_columns(b, t), goal);
            find_inner(&x, x.ways[i], t, goal);
        }
    }
    if (x.size == 0) {
        return 0;
    }
    *out = way_tree(a, x.outer, bank_tree(b, a, x.terms[0]),
                    way_tree(a, x.inner, bank_tree(b, a, x.terms[1]),
                             bank_tree(b, a, x.terms[2])));
    return *out != NULL ? 0 : ERR_NOMEM;
}

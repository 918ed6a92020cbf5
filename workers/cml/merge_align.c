/* Which element of one list is which of another: the cheapest way from one to the
 * other, and whether it is the only one. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/merge_int.h"

/* What an edit costs: to change an element is dearer than to leave it, and cheaper
 * than to take it away and to add another. */
#define COST_ONE 10     /* added, or taken away */
#define COST_RENAMED 1  /* the same under another name */
#define COST_CHANGED 12
#define COST_NEVER 1000000u

struct grid {
    uint32_t xn;
    uint32_t yn;
    uint32_t *cost;  /* owned; of x's i becoming y's j */
    uint32_t *first; /* owned; cheapest way to (i, j) */
    uint32_t *last;  /* owned; and from there to the end */
};

static uint32_t *at(const struct grid *g, uint32_t *t, uint32_t i, uint32_t j)
{
    return &t[(size_t)i * (g->yn + 1) + j];
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static int names_differ(const struct tree *x, const struct tree *y)
{
    return x->t->name != NULL && y->t->name != NULL &&
           strcmp(x->t->name, y->t->name) != 0;
}

static uint32_t cost_of(struct merger *m, const struct tree *x,
                        const struct tree *y, int binds)
{
    int renamed = binds && m->is_named && names_differ(x, y);

    if (binds && x->t->kind != y->t->kind) {
        return COST_NEVER; /* a binding never becomes the value of its block */
    }
    if (tree_is_same(m, x, y, 1)) {
        return renamed ? COST_RENAMED : 0;
    }
    return renamed ? COST_NEVER : COST_CHANGED;
}

static void fill(const struct grid *g)
{
    for (uint32_t i = 0; i <= g->xn; i++) {
        for (uint32_t j = 0; j <= g->yn; j++) {
            uint32_t best = i == 0 && j == 0 ? 0 : COST_NEVER;

            best = i > 0 ? least(best, *at(g, g->first, i - 1, j) + COST_ONE)
                         : best;
            best = j > 0 ? least(best, *at(g, g->first, i, j - 1) + COST_ONE)
                         : best;
            if (i > 0 && j > 0) {
                best = least(best, *at(g, g->first, i - 1, j - 1) +
                                       *at(g, g->cost, i - 1, j - 1));
            }
            *at(g, g->first, i, j) = best;
        }
    }
    for (uint32_t i = g->xn + 1; i-- > 0;) {
        for (uint32_t j = g->yn + 1; j-- > 0;) {
            uint32_t best = i == g->xn && j == g->yn ? 0 : COST_NEVER;

            best = i < g->xn ? least(best, *at(g, g->last, i + 1, j) + COST_ONE)
                             : best;
            best = j < g->yn ? least(best, *at(g, g->last, i, j + 1) + COST_ONE)
                             : best;
            if (i < g->xn && j < g->yn) {
                best = least(best, *at(g, g->last, i + 1, j + 1) +
                                       *at(g, g->cost, i, j));
            }
            *at(g, g->last, i, j) = best;
        }
    }
}

/* Pairs that are in some cheapest way; one way alone has them all, in order. */
static int read_pairs(const struct grid *g, uint32_t *out)
{
    uint32_t best = *at(g, g->last, 0, 0);
    uint32_t next = 0; /* of y */
    int is_open = 0;

    for (uint32_t i = 0; i < g->xn; i++) {
        out[i] = MERGE_GONE;
        for (uint32_t j = 0; j < g->yn; j++) {
            if (*at(g, g->first, i, j) + *at(g, g->cost, i, j) +
                    *at(g, g->last, i + 1, j + 1) !=
                best) {
                continue;
            }
            if (out[i] != MERGE_GONE || j < next) {
                is_open = 1;
                continue;
            }
            out[i] = j;
            next = j + 1;
        }
    }
    return is_open;
}

static void mark(struct merger *m, struct tree *const *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (x[i]->binder != 0) {
            m->binders[x[i]->binder].list = m->list;
        }
    }
}

/* Too long to look at every pair: one to one, or nothing is known. */
static int by_place(uint32_t xn, uint32_t yn, uint32_t *out)
{
    for (uint32_t i = 0; i < xn; i++) {
        out[i] = i < yn ? i : MERGE_GONE;
    }
    return xn != yn;
}

int merge_align(struct merger *m, struct tree *const *x, uint32_t xn,
                struct tree *const *y, uint32_t yn, int binds, uint32_t *out)
{
    size_t cells = (size_t)(xn + 1) * (yn + 1);
    CLEANUP(mem_freep) uint32_t *cost = NULL;
    CLEANUP(mem_freep) uint32_t *first = NULL;
    CLEANUP(mem_freep) uint32_t *last = NULL;
    struct grid g = {.xn = xn, .yn = yn};

    if (tree_lists_are_same(m, x, xn, y, yn)) {
        return by_place(xn, yn, out);
    }
    if (xn > MERGE_ALIGN_MAX || yn > MERGE_ALIGN_MAX) {
        return by_place(xn, yn, out);
    }
    cost = calloc(cells, sizeof(*cost));
    first = calloc(cells, sizeof(*first));
    last = calloc(cells, sizeof(*last));
    if (cost == NULL || first == NULL || last == NULL) {
        return ERR_NOMEM;
    }
    g.cost = cost;
    g.first = first;
    g.last = last;
    m->list++;
    mark(m, x, xn);
    mark(m, y, yn);
    for (uint32_t i = 0; i < xn; i++) {
        for (uint32_t j = 0; j < yn; j++) {
            *at(&g, cost, i, j) = cost_of(m, x[i], y[j], binds);
        }
    }
    fill(&g);
    return read_pairs(&g, out);
}

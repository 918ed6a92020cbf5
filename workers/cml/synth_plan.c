/* Plans as programs, and other plans that fit as well. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define OTHERS_MAX 255u

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the plan */
struct tree *plan_tree(const struct bank *b, struct arena *a,
                       const struct plan *plan)
{
    const struct choice *c = &b->choices[plan->choice];
    struct tree *kids[SYNTH_ARGS_MAX];

    if (plan->kind == PLAN_TERM) {
        return bank_tree(b, a, plan->term);
    }
    if (plan->kind == PLAN_TREE) {
        return plan->tree;
    }
    kids[c->test] = bank_tree(b, a, plan->term);
    kids[c->then_arg] = plan_tree(b, a, plan->yes);
    kids[c->else_arg] = plan_tree(b, a, plan->no);
    for (unsigned i = 0; i < SYNTH_ARGS_MAX; i++) {
        if (kids[i] == NULL) {
            return NULL;
        }
    }
    return tree_new(a, &b->p->rules[c->rule], kids);
}

struct plan *plan_of_tree(struct bank *b, struct arena *a, struct tree *tree)
{
    struct plan *p = arena_get(a, sizeof(*p));
    uint64_t *columns = arena_array(a, b->w, sizeof(*columns));

    if (p == NULL || columns == NULL ||
        tree_columns(b->p, tree, b->params, b->w, b->w, columns) == ERR_NOMEM) {
        return NULL;
    }
    *p = (struct plan){.kind = PLAN_TREE,
                       .tree = tree,
                       .size = tree->size,
                       .set = b->full,
                       .columns = columns};
    return p;
}

/* One node of the plan has another term. */
struct look {
    const struct bank *b;
    const struct plan *root;
    uint64_t values[SYNTH_COLUMNS_MAX]; /* of the plan itself */
    struct others *out;
};

/* Value of a column, where `at` has the term instead of its own.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as the plan */
static uint64_t value(const struct bank *b, const struct plan *plan,
                      const struct plan *at, uint32_t term, uint32_t column)
{
    uint32_t is = plan == at ? term : plan->term;

    if (plan->kind == PLAN_TERM) {
        return bank_columns(b, is)[column];
    }
    if (plan->kind == PLAN_TREE) {
        return plan->columns[column];
    }
    return value(b,
                 (bank_test(b, plan->choice, bank_columns(b, is)) >> column & 1)
                     ? plan->yes
                     : plan->no,
                 at, term, column);
}

static void look_at(struct look *l, const struct plan *at, uint32_t term)
{
    for (uint32_t i = l->b->n; i < l->b->w; i++) {
        uint64_t v = value(l->b, l->root, at, term, i);

        if (v != l->values[i]) {
            if (l->out->n++ == 0) {
                l->out->probe = i - l->b->n;
                l->out->value = v;
            }
            return;
        }
    }
}

static int fits(const struct bank *b, const struct plan *at, uint32_t term)
{
    const struct choice *c = &b->choices[at->choice];

    if (at->kind == PLAN_TERM) {
        return b->terms[term].sort == 0 &&
               (b->covers[term] & at->set) == at->set;
    }
    return b->terms[term].sort == b->p->rules[c->rule].args[c->test] &&
           (bank_test(b, at->choice, bank_columns(b, term)) & at->set) ==
               at->yes->set;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the plan */
static void each(struct look *l, const struct plan *at)
{
    const struct bank *b = l->b;
    uint32_t most = at->kind == PLAN_TREE ? 0 : b->terms[at->term].size;

    for (uint32_t i = 0; i < b->terms_n && b->terms[i].size <= most &&
                         l->out->n < OTHERS_MAX;
         i++) {
        if (i != at->term && fits(b, at, i)) {
            look_at(l, at, i);
        }
    }
    if (at->kind == PLAN_CHOICE) {
        each(l, at->yes);
        each(l, at->no);
    }
}

void plan_others(const struct bank *b, const struct plan *plan,
                 struct others *out)
{
    struct look l = {.b = b, .root = plan, .out = out};

    *out = (struct others){.n = 0};
    for (uint32_t i = b->n; i < b->w; i++) {
        l.values[i] = value(b, plan, NULL, 0, i);
    }
    each(&l, plan);
}

/* Decision trees over chains of strings: a test is taken when one of its sides is
 * solved at once, and the other again. Runs in the `cml` worker. */
#include <stdlib.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define TESTS_MAX 120u
#define SOLVED_MAX 300u
#define DEPTH 3u

struct splitting {
    struct bank *b;
    struct arena *a;
    struct {
        uint64_t set;
        struct plan *plan; /* NULL: none */
    } solved[SOLVED_MAX];
    uint32_t solved_n;
};

static int solve_new(struct splitting *x, uint64_t set, struct plan **out)
{
    const struct masks *m = &x->b->leaves;
    const struct mask_of *best = NULL;
    struct tree *tree;

    for (uint32_t i = 0; i < m->n; i++) {
        if ((m->v[i].mask & set) == set &&
            (best == NULL || m->v[i].size < best->size)) {
            best = &m->v[i];
        }
    }
    if (best != NULL) {
        *out = arena_get(x->a, sizeof(**out));
        if (*out == NULL) {
            return ERR_NOMEM;
        }
        **out = (struct plan){.kind = PLAN_TERM,
                              .term = best->term,
                              .size = best->size,
                              .set = set};
        return 0;
    }
    TRY(chain(x->b, x->a, set, &tree));
    if (tree != NULL) {
        *out = plan_of_tree(x->b, x->a, tree);
        if (*out == NULL) {
            return ERR_NOMEM;
        }
        (*out)->set = set;
    }
    return 0;
}

/* Without a test. */
static int solve(struct splitting *x, uint64_t set, struct plan **out)
{
    *out = NULL;
    for (uint32_t i = 0; i < x->solved_n; i++) {
        if (x->solved[i].set == set) {
            *out = x->solved[i].plan;
            return 0;
        }
    }
    if (x->solved_n == SOLVED_MAX) {
        return 0;
    }
    TRY(solve_new(x, set, out));
    x->solved[x->solved_n].set = set;
    x->solved[x->solved_n++].plan = *out;
    return 0;
}

static int join(struct splitting *x, const struct mask_of *t, uint64_t set,
                struct plan *in, struct plan *other, struct plan **out)
{
    struct plan *p = arena_get(x->a, sizeof(*p));

    if (p == NULL) {
        return ERR_NOMEM;
    }
    *p = (struct plan){.kind = PLAN_CHOICE,
                       .term = t->term,
                       .choice = t->choice,
                       .is_turned = t->is_turned,
                       .set = set,
                       .size = 1u + t->size + in->size + other->size,
                       .yes = t->is_turned ? other : in,
                       .no = t->is_turned ? in : other};
    if (*out == NULL || p->size < (*out)->size) {
        *out = p;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH deep */
static int split(struct splitting *x, uint64_t set, uint32_t depth,
                 struct plan **out)
{
    const struct masks *m = &x->b->tests;

    TRY(solve(x, set, out));
    for (uint32_t i = 0; *out == NULL && depth > 0 && i < m->n && i < TESTS_MAX;
         i++) {
        uint64_t in = set & m->v[i].mask;
        struct plan *first;
        struct plan *second = NULL;

        if (in == 0 || in == set) {
            continue;
        }
        TRY(solve(x, in, &first));
        TRY(first != NULL ? split(x, set ^ in, depth - 1, &second)
                          : solve(x, set ^ in, &second));
        if (first == NULL && second != NULL) {
            TRY(split(x, in, depth - 1, &first));
        }
        if (first != NULL && second != NULL) {
            TRY(join(x, &m->v[i], set, first, second, out));
        }
    }
    return 0;
}

int unify_texts(struct bank *b, struct arena *a, struct plan **out)
{
    struct splitting *x = calloc(1, sizeof(*x));
    int code;

    *out = NULL;
    if (x == NULL) {
        return ERR_NOMEM;
    }
    x->b = b;
    x->a = a;
    code = split(x, b->full, b->choices_n > 0 ? DEPTH : 0, out);
    free(x);
    return code;
}

/* Decision trees of terms. Up to EXACT examples the smallest tree there is, by
 * dynamic programming over sets of examples; above, the test that separates best,
 * again and again. Runs in the `cml` worker. */
#include <math.h>
#include <stdlib.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define EXACT 12u
#define NONE UINT16_MAX
#define DEPTH_MAX 60u
#define LABELS_MAX 16u

static struct plan *plan_new(struct arena *a, uint64_t set, uint32_t term,
                             uint32_t size)
{
    struct plan *p = arena_get(a, sizeof(*p));

    if (p != NULL) {
        *p = (struct plan){
            .kind = PLAN_TERM, .set = set, .term = term, .size = size};
    }
    return p;
}

static struct plan *plan_choice(struct arena *a, const struct mask_of *t,
                                uint64_t set, struct plan *in, struct plan *out)
{
    struct plan *p = in != NULL && out != NULL
                         ? plan_new(a, set, t->term,
                                    1u + t->size + in->size + out->size)
                         : NULL;

    if (p != NULL) {
        p->kind = PLAN_CHOICE;
        p->choice = t->choice;
        p->is_turned = t->is_turned;
        p->yes = t->is_turned ? out : in;
        p->no = t->is_turned ? in : out;
    }
    return p;
}

/* --- exact --- */

struct exact {
    struct bank *b;
    struct arena *a;
    uint16_t *cost; /* by set */
    uint16_t *leaf; /* of the smallest that covers it: its number in leaves */
    uint16_t *test; /* of the best choice, or NONE */
};

static void cover(struct exact *x, uint32_t sets)
{
    const struct masks *m = &x->b->leaves;

    for (uint32_t i = 0; i < sets; i++) {
        x->leaf[i] = NONE;
        x->test[i] = NONE;
        x->cost[i] = NONE;
    }
    for (uint32_t i = m->n; i-- > 0;) {
        x->leaf[m->v[i].mask] = (uint16_t)i;
        x->cost[m->v[i].mask] = m->v[i].size;
    }
    for (uint32_t bit = 1; bit < sets; bit <<= 1) {
        for (uint32_t i = 0; i < sets; i++) {
            if ((i & bit) == 0 && x->cost[i | bit] < x->cost[i]) {
                x->cost[i] = x->cost[i | bit];
                x->leaf[i] = x->leaf[i | bit];
            }
        }
    }
}

static void choose(struct exact *x, uint32_t sets)
{
    const struct masks *m = &x->b->tests;

    for (uint32_t set = 1; set < sets; set++) {
        uint32_t best = x->cost[set];

        for (uint32_t i = 0; i < m->n; i++) {
            uint32_t in = set & (uint32_t)m->v[i].mask;
            uint32_t cost = 1u + m->v[i].size;

            if (in == 0 || in == set || cost + 2 > best) {
                continue;
            }
            cost += (uint32_t)x->cost[in] + x->cost[set ^ in];
            if (cost < best) {
                best = cost;
                x->test[set] = (uint16_t)i;
            }
        }
        x->cost[set] = (uint16_t)best;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): each set is smaller */
static struct plan *take(struct exact *x, uint32_t set)
{
    const struct mask_of *t;
    uint32_t in;

    if (x->test[set] == NONE) {
        const struct mask_of *l = &x->b->leaves.v[x->leaf[set]];

        return plan_new(x->a, set, l->term, l->size);
    }
    t = &x->b->tests.v[x->test[set]];
    in = set & (uint32_t)t->mask;
    return plan_choice(x->a, t, set, take(x, in), take(x, set ^ in));
}

static int unify_exact(struct bank *b, struct arena *a, struct plan **out)
{
    uint32_t sets = 1u << b->n;
    struct exact x = {.b = b, .a = a};
    uint16_t *memory = calloc((size_t)sets * 3, sizeof(*memory));
    int code = 0;

    if (memory == NULL) {
        return ERR_NOMEM;
    }
    x.cost = memory;
    x.leaf = memory + sets;
    x.test = memory + 2 * (size_t)sets;
    cover(&x, sets);
    choose(&x, sets);
    if (x.cost[sets - 1] != NONE) {
        *out = take(&x, sets - 1);
        code = *out != NULL ? 0 : ERR_NOMEM;
    }
    free(memory);
    return code;
}

/* --- greedy --- */

static const struct mask_of *leaf_for(const struct masks *m, uint64_t set)
{
    const struct mask_of *best = NULL;

    for (uint32_t i = 0; i < m->n; i++) {
        if ((m->v[i].mask & set) == set &&
            (best == NULL || m->v[i].size < best->size)) {
            best = &m->v[i];
        }
    }
    return best;
}

/* Parts set into those that one leaf has right, largest first. */
static uint32_t label(const struct masks *m, uint64_t set,
                      uint64_t out[static LABELS_MAX])
{
    uint32_t n = 0;

    while (set != 0 && n < LABELS_MAX) {
        uint64_t best = 0;
        int most = 0;

        for (uint32_t i = 0; i < m->n; i++) {
            int count = __builtin_popcountll(m->v[i].mask & set);

            if (count > most) {
                most = count;
                best = m->v[i].mask & set;
            }
        }
        if (most == 0) {
            break;
        }
        out[n++] = best;
        set &= ~best;
    }
    return n;
}

static double disorder(const uint64_t *labels, uint32_t n, uint64_t set)
{
    double all = (double)__builtin_popcountll(set);
    double sum = all > 0 ? all * log2(all) : 0;

    for (uint32_t i = 0; i < n; i++) {
        double k = (double)__builtin_popcountll(labels[i] & set);

        sum -= k > 0 ? k * log2(k) : 0;
    }
    return sum;
}

static const struct mask_of *test_for(const struct bank *b, uint64_t set)
{
    const struct masks *m = &b->tests;
    const struct mask_of *best = NULL;
    uint64_t labels[LABELS_MAX];
    uint32_t n = label(&b->leaves, set, labels);
    double least = HUGE_VAL;

    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t in = set & m->v[i].mask;
        double is;

        if (in == 0 || in == set) {
            continue;
        }
        is = disorder(labels, n, in) + disorder(labels, n, set ^ in) +
             0.2 * m->v[i].size;
        if (is < least) {
            least = is;
            best = &m->v[i];
        }
    }
    return best;
}

/* *out NULL: not found.
 * NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep */
static int unify_greedy(struct bank *b, struct arena *a, uint64_t set,
                        uint32_t depth, struct plan **out)
{
    const struct mask_of *l = leaf_for(&b->leaves, set);
    const struct mask_of *t;
    struct plan *in = NULL;
    struct plan *other = NULL;

    if (l != NULL) {
        *out = plan_new(a, set, l->term, l->size);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    t = depth < DEPTH_MAX ? test_for(b, set) : NULL;
    if (t == NULL) {
        return 0;
    }
    TRY(unify_greedy(b, a, set & t->mask, depth + 1, &in));
    if (in != NULL) {
        TRY(unify_greedy(b, a, set & ~t->mask, depth + 1, &other));
    }
    if (other != NULL) {
        *out = plan_choice(a, t, set, in, other);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    return 0;
}

int unify(struct bank *b, struct arena *a, struct plan **out)
{
    *out = NULL;
    if (b->whole != UINT32_MAX) {
        *out = plan_new(a, b->full, b->whole, b->terms[b->whole].size);
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    if (b->p->sorts[0].shape.letter == 's') {
        TRY(unify_texts(b, a, out));
    }
    if (*out == NULL && b->covered == b->full && b->choices_n > 0) {
        return b->n <= EXACT ? unify_exact(b, a, out)
                             : unify_greedy(b, a, b->full, 0, out);
    }
    return 0;
}

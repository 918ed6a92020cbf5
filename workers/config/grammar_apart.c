/* Have two expressions a text in common? A search of all pairs of places. Runs in
 * the confined `config` worker; work is bounded. */
#include "workers/config/grammar_int.h"

#define PAIRS_MAX (1u << 24)

struct pairs {
    const struct nfa *a, *b;
    uint8_t *seen;   /* a bit per pair */
    uint32_t *todo;  /* pairs */
    uint32_t todo_n;
};

static void reach(struct pairs *p, uint32_t x, uint32_t y)
{
    uint32_t i = x * p->b->n + y;

    if ((p->seen[i / 8] >> i % 8 & 1) == 0) {
        p->seen[i / 8] |= (uint8_t)(1u << i % 8);
        p->todo[p->todo_n++] = i;
    }
}

/* Follows empty edges of one side; true if it is at a call. */
static int step_empty(struct pairs *p, const struct nfa *of, uint32_t s,
                      uint32_t other, int is_a)
{
    int has_call = 0;

    for (uint32_t e = of->first[s]; e != 0; e = of->edges[e - 1].next) {
        const struct nfa_edge *x = &of->edges[e - 1];

        has_call |= x->kind == NFA_CALL;
        if (x->kind == NFA_EMPTY) {
            reach(p, is_a ? x->to : other, is_a ? other : x->to);
        }
    }
    return has_call;
}

static int search(struct pairs *p)
{
    reach(p, 0, 0);
    while (p->todo_n > 0) {
        uint32_t i = p->todo[--p->todo_n];
        uint32_t x = i / p->b->n;
        uint32_t y = i % p->b->n;
        int call = step_empty(p, p->a, x, y, 1) | step_empty(p, p->b, y, x, 0);

        if (call || (x == 1 && y == 1)) {
            return 0;
        }
        for (uint32_t e = p->a->first[x]; e != 0; e = p->a->edges[e - 1].next) {
            const struct nfa_edge *v = &p->a->edges[e - 1];

            for (uint32_t f = p->b->first[y]; f != 0;
                 f = p->b->edges[f - 1].next) {
                const struct nfa_edge *w = &p->b->edges[f - 1];

                if (v->kind == NFA_RANGE && w->kind == NFA_RANGE &&
                    v->lo <= w->hi && w->lo <= v->hi) {
                    reach(p, v->to, w->to);
                }
            }
        }
    }
    return 1;
}

static int compare(struct grammar *g, const struct gx *x, const struct gx *y,
                   int *out)
{
    struct rule_facts *f = arena_array(&g->c->scratch, g->rules_n, sizeof(*f));
    struct nfa a;
    struct nfa b;
    struct pairs p = {&a, &b, NULL, NULL, 0};

    *out = 0;
    if (f == NULL) {
        return ERR_NOMEM;
    }
    TRY(rules_check(g, f));
    (void)rules_choose(g, f, UINT32_MAX);
    TRY(nfa_build(g, f, x, &a));
    TRY(nfa_build(g, f, y, &b));
    if ((uint64_t)a.n * b.n > PAIRS_MAX) {
        return 0;
    }
    p.seen = arena_array(&g->c->scratch, (size_t)a.n * b.n / 8 + 1, 1);
    p.todo = arena_array(&g->c->scratch, (size_t)a.n * b.n, sizeof(*p.todo));
    if (p.seen == NULL || p.todo == NULL) {
        return ERR_NOMEM;
    }
    *out = search(&p);
    return 0;
}

int grammar_is_apart(struct grammar *g, const struct gx *x, const struct gx *y,
                     int *out_is_apart)
{
    struct arena_mark mark = arena_mark(&g->c->scratch);
    int code = compare(g, x, y, out_is_apart);

    arena_rewind(&g->c->scratch, mark);
    return code == ERR_LIMIT && g->c->problem.code == 0 ? 0 : code;
}

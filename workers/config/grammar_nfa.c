/* Expressions to states with empty edges. Runs in the confined `config` worker.
 * Recursion is bounded by DEPTH_MAX. */
#include "workers/config/grammar_int.h"

#define DEPTH_MAX (8 * GRAMMAR_DEPTH_MAX)

struct builder {
    struct grammar *g;
    const struct rule_facts *f;
    struct nfa *nfa;
    unsigned depth;
};

static int add_state(struct builder *b, uint32_t *out)
{
    struct nfa *a = b->nfa;
    void *list = a->first;

    if (a->n == NFA_STATES_MAX) {
        return ERR_LIMIT;
    }
    TRY(grammar_grow(b->g, &list, a->n, &a->cap, sizeof(*a->first)));
    a->first = list;
    a->first[a->n] = 0;
    *out = a->n++;
    return 0;
}

static int add_edge(struct builder *b, uint32_t from, struct nfa_edge e)
{
    struct nfa *a = b->nfa;
    void *list = a->edges;

    if (a->edges_n == 2 * NFA_STATES_MAX) {
        return ERR_LIMIT;
    }
    TRY(grammar_grow(b->g, &list, a->edges_n, &a->edges_cap,
                     sizeof(*a->edges)));
    a->edges = list;
    e.next = a->first[from];
    a->edges[a->edges_n++] = e;
    a->first[from] = a->edges_n;
    return 0;
}

static int add_empty(struct builder *b, uint32_t from, uint32_t to)
{
    return add_edge(b, from, (struct nfa_edge){.kind = NFA_EMPTY, .to = to});
}

static int build(struct builder *b, const struct gx *x, uint32_t s, uint32_t t);

/* NOLINTNEXTLINE(misc-no-recursion): build bounds it */
static int build_seq(struct builder *b, const struct gx *x, uint32_t s,
                     uint32_t t)
{
    for (uint32_t i = 0; i < x->n; i++) {
        uint32_t mid = t;

        if (i + 1 < x->n) {
            TRY(add_state(b, &mid));
        }
        TRY(build(b, x->kids[i], s, mid));
        s = mid;
    }
    return x->n == 0 ? add_empty(b, s, t) : 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): build bounds it */
static int build_repeat(struct builder *b, const struct gx *x, uint32_t s,
                        uint32_t t)
{
    uint32_t n = x->max == GRAMMAR_FOREVER ? x->min : x->max;
    uint32_t mid = s;

    for (uint32_t i = 0; i < n; i++) {
        if (i >= x->min) {
            TRY(add_empty(b, s, t));
        }
        TRY(add_state(b, &mid));
        TRY(build(b, x->kids[0], s, mid));
        s = mid;
    }
    if (x->max == GRAMMAR_FOREVER) {
        TRY(add_state(b, &mid));
        TRY(add_empty(b, s, mid));
        TRY(build(b, x->kids[0], mid, mid));
        s = mid;
    }
    return add_empty(b, s, t);
}

/* Two states before each kid: none was there yet (s), or one was (some).
 * NOLINTNEXTLINE(misc-no-recursion): build bounds it */
static int build_list(struct builder *b, const struct gx *x, uint32_t s,
                      uint32_t t)
{
    uint32_t last = x->n + (x->rest != NULL ? 1 : 0);
    uint32_t none = s;
    uint32_t some;

    TRY(add_state(b, &some));
    for (uint32_t i = 0; i < last; i++) {
        int is_rest = i == x->n;
        uint32_t kid;
        uint32_t next = some;

        TRY(add_state(b, &kid));
        if (!is_rest) {
            TRY(add_state(b, &next));
        }
        TRY(add_empty(b, none, kid));
        TRY(build(b, x->between, some, kid));
        TRY(build(b, is_rest ? x->rest : x->kids[i], kid, next));
        if (is_rest) {
            break;
        }
        if (x->required[i]) {
            TRY(add_state(b, &none)); /* nothing leads there */
        } else {
            uint32_t skip;

            TRY(add_state(b, &skip));
            TRY(add_empty(b, none, skip));
            TRY(add_empty(b, some, next));
            none = skip;
        }
        some = next;
    }
    TRY(add_empty(b, none, t));
    return add_empty(b, some, t);
}

/* Adds paths from s to t that spell x; only new states between them.
 * NOLINTNEXTLINE(misc-no-recursion): bounded here */
static int build(struct builder *b, const struct gx *x, uint32_t s, uint32_t t)
{
    int code = 0;

    if (b->depth == DEPTH_MAX) {
        return ERR_LIMIT;
    }
    b->depth++;
    switch (x->kind) {
    case GX_RANGE:
        code = add_edge(b, s,
                        (struct nfa_edge){.kind = NFA_RANGE,
                                          .lo = x->lo,
                                          .hi = x->hi,
                                          .to = t});
        break;
    case GX_RULE:
        if (!b->f[x->rule].has_text) {
            break;
        }
        code = b->f[x->rule].is_called
                   ? add_edge(b, s,
                              (struct nfa_edge){
                                  .kind = NFA_CALL, .rule = x->rule, .to = t})
                   : build(b, b->g->rules[x->rule].body, s, t);
        break;
    case GX_REPEAT:
        code = build_repeat(b, x, s, t);
        break;
    case GX_LIST:
        code = build_list(b, x, s, t);
        break;
    case GX_ALT:
        for (uint32_t i = 0; code == 0 && i < x->n; i++) {
            code = build(b, x->kids[i], s, t);
        }
        break;
    default:
        code = build_seq(b, x, s, t);
    }
    b->depth--;
    return code;
}

int nfa_build(struct grammar *g, const struct rule_facts *f, const struct gx *x,
              struct nfa *out)
{
    struct builder b = {g, f, out, 0};
    uint32_t s;

    *out = (struct nfa){0};
    TRY(add_state(&b, &s));
    TRY(add_state(&b, &s));
    return build(&b, x, 0, 1);
}

/* Strings that are joined of pieces: the shortest way from nothing to what is wanted,
 * by how far each example has come. Pieces are terms, and parts of a parameter from
 * one place to another that fit just there. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define STATES_MAX 1500u
#define PIECES_MAX 1500u
#define PLACES_MAX 2500u /* terms that are tried as a place */
#define COST_MAX 160u
#define NOWHERE UINT32_MAX

struct state {
    uint16_t at[SYNTH_ACTIVE_MAX]; /* bytes that are there, of each example */
    uint32_t before;
    uint32_t next; /* of equal cost */
    uint32_t cost;
    struct tree *piece;
    uint32_t term; /* when piece is NULL */
    int is_done;
};

struct chaining {
    struct bank *b;
    struct arena *a;
    uint32_t of[SYNTH_ACTIVE_MAX]; /* columns of the set */
    uint32_t n;
    struct pool_item wanted[SYNTH_ACTIVE_MAX];
    uint32_t pieces[PIECES_MAX];
    uint32_t pieces_n;
    const struct rule *join;
    const struct rule *part; /* substr, or NULL */
    const struct rule *minus;
    struct state *states;
    uint32_t states_n;
    uint32_t first[COST_MAX + 1];
    int code;
};

static const struct pool_item *text_of(const struct chaining *x, uint32_t term,
                                       uint32_t i)
{
    return pool_at(&x->b->p->pool, bank_columns(x->b, term)[x->of[i]]);
}

static const struct rule *rule_of(const struct problem *p, uint32_t sort,
                                  enum synth_op op)
{
    const struct sort *s = &p->sorts[sort];

    for (uint32_t i = 0; i < s->n; i++) {
        const struct rule *r = &p->rules[s->first + i];

        if (r->kind == RULE_OPERATOR && r->op == op &&
            (op == SYNTH_OP_sub ? r->args[0] == sort && r->args[1] == sort
                                : r->args[0] == 0)) {
            return r;
        }
    }
    return NULL;
}

static int is_piece(const struct chaining *x, uint32_t term)
{
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < x->n; i++) {
        const struct pool_item *s = text_of(x, term, i);
        const struct pool_item *w = &x->wanted[i];

        if (s->n > w->n ||
            (s->n > 0 && memmem(w->p, w->n, s->p, s->n) == NULL)) {
            return 0;
        }
        bytes += s->n;
    }
    return bytes > 0;
}

/* A state, or a cheaper way to it. */
static void reach(struct chaining *x, uint32_t from, const uint16_t *at,
                  uint32_t term, struct tree *piece, uint32_t size)
{
    uint32_t cost = x->states[from].cost + size + 1;
    size_t bytes = x->n * sizeof(*at);
    struct state *s;

    if (cost > COST_MAX) {
        return;
    }
    for (uint32_t i = 0; i < x->states_n; i++) {
        if (memcmp(x->states[i].at, at, bytes) == 0) {
            if (x->states[i].cost <= cost) {
                return;
            }
            x->states[i].is_done = 1; /* the old way: left where it is */
            memset(x->states[i].at, 0xff, bytes);
            break;
        }
    }
    if (x->states_n == STATES_MAX) {
        return;
    }
    s = &x->states[x->states_n];
    memcpy(s->at, at, bytes);
    s->before = from;
    s->cost = cost;
    s->piece = piece;
    s->term = term;
    s->next = x->first[cost];
    x->first[cost] = x->states_n++;
}

static void by_terms(struct chaining *x, uint32_t from)
{
    uint16_t at[SYNTH_ACTIVE_MAX];

    for (uint32_t k = 0; k < x->pieces_n; k++) {
        uint32_t term = x->pieces[k];
        uint32_t i = 0;

        for (; i < x->n; i++) {
            const struct pool_item *s = text_of(x, term, i);
            uint32_t is = x->states[from].at[i];

            if (is + s->n > x->wanted[i].n ||
                memcmp(x->wanted[i].p + is, s->p, s->n) != 0) {
                break;
            }
            at[i] = (uint16_t)(is + s->n);
        }
        if (i == x->n) {
            reach(x, from, at, term, NULL, x->b->terms[term].size);
        }
    }
}

/* --- parts of parameters --- */

/* Where a part can begin and how long it can be. */
struct part {
    uint32_t base;
    uint32_t place;
    uint32_t begin[SYNTH_ACTIVE_MAX];
    uint32_t most[SYNTH_ACTIVE_MAX]; /* bytes that agree */
    uint32_t left[SYNTH_ACTIVE_MAX]; /* bytes of the base from there */
};

static int begins(const struct chaining *x, uint32_t from, struct part *t)
{
    for (uint32_t i = 0; i < x->n; i++) {
        const struct pool_item *s = text_of(x, t->base, i);
        const struct pool_item *w = &x->wanted[i];
        uint64_t begin = bank_columns(x->b, t->place)[x->of[i]];
        uint32_t is = x->states[from].at[i];
        uint32_t n = 0;

        if (begin >= s->n || s->points != s->n) {
            return 0;
        }
        while (begin + n < s->n && is + n < w->n &&
               s->p[begin + n] == w->p[is + n]) {
            n++;
        }
        if (n == 0) {
            return 0;
        }
        t->begin[i] = (uint32_t)begin;
        t->most[i] = n;
        t->left[i] = s->n - (uint32_t)begin;
    }
    return 1;
}

static struct tree *part_tree(struct chaining *x, const struct part *t,
                              uint32_t length, int is_end)
{
    struct tree *kids[SYNTH_ARGS_MAX] = {bank_tree(x->b, x->a, t->base),
                                         bank_tree(x->b, x->a, t->place),
                                         bank_tree(x->b, x->a, length)};

    if (kids[0] == NULL || kids[1] == NULL || kids[2] == NULL) {
        return NULL;
    }
    if (is_end) {
        struct tree *both[SYNTH_ARGS_MAX] = {kids[2], kids[1], NULL};

        kids[2] = tree_new(x->a, x->minus, both);
    }
    return kids[2] != NULL ? tree_new(x->a, x->part, kids) : NULL;
}

/* The part with this length, or up to this end. */
static void ends(struct chaining *x, uint32_t from, const struct part *t,
                 uint32_t term, int is_end)
{
    uint16_t at[SYNTH_ACTIVE_MAX];
    struct tree *tree;

    for (uint32_t i = 0; i < x->n; i++) {
        uint64_t v = bank_columns(x->b, term)[x->of[i]];
        uint64_t n = is_end ? v - t->begin[i] : v;

        if ((int64_t)n <= 0) {
            return;
        }
        n = n > t->left[i] ? t->left[i] : n;
        if (n > t->most[i]) {
            return;
        }
        at[i] = (uint16_t)(x->states[from].at[i] + n);
    }
    tree = part_tree(x, t, term, is_end);
    if (tree == NULL) {
        x->code = ERR_NOMEM;
        return;
    }
    reach(x, from, at, 0, tree, tree->size);
}

static void by_parts(struct chaining *x, uint32_t from)
{
    const struct bank *b = x->b;
    struct part t;

    for (t.base = 0; t.base < b->last[0][1]; t.base++) {
        const struct term_of *base = &b->terms[t.base];
        uint32_t tried = 0;

        if (base->sort != 0 ||
            b->p->rules[base->rule].kind != RULE_PARAMETER) {
            continue;
        }
        for (t.place = 0; t.place < b->terms_n && tried < PLACES_MAX;
             t.place++) {
            uint32_t ends_n = 0;

            if (b->terms[t.place].sort != x->part->args[1]) {
                continue;
            }
            tried++;
            if (!begins(x, from, &t)) {
                continue;
            }
            for (uint32_t e = 0; e < b->terms_n && ends_n < PLACES_MAX; e++) {
                if (b->terms[e].sort == x->part->args[2]) {
                    ends_n++;
                    ends(x, from, &t, e, 0);
                    if (x->minus != NULL) {
                        ends(x, from, &t, e, 1);
                    }
                }
            }
            x->b->evaluations += ends_n;
        }
        x->b->evaluations += tried;
    }
}

/* --- the way --- */

static int is_end(const struct chaining *x, const struct state *s)
{
    for (uint32_t i = 0; i < x->n; i++) {
        if (s->at[i] != x->wanted[i].n) {
            return 0;
        }
    }
    return 1;
}

static int rebuild(struct chaining *x, uint32_t at, struct tree **out)
{
    struct tree *all = NULL;

    for (; at != 0; at = x->states[at].before) {
        const struct state *s = &x->states[at];
        struct tree *kids[SYNTH_ARGS_MAX] = {
            s->piece != NULL ? s->piece : bank_tree(x->b, x->a, s->term), all,
            NULL};

        if (kids[0] == NULL) {
            return ERR_NOMEM;
        }
        all = all == NULL ? kids[0] : tree_new(x->a, x->join, kids);
        if (all == NULL) {
            return ERR_NOMEM;
        }
    }
    *out = all != NULL && all->size <= SYNTH_SIZE_MAX ? all : NULL;
    return 0;
}

static int walk(struct chaining *x, struct tree **out)
{
    for (uint32_t cost = 0; cost <= COST_MAX; cost++) {
        while (x->first[cost] != NOWHERE) {
            uint32_t at = x->first[cost];
            struct state *s = &x->states[at];

            x->first[cost] = s->next;
            if (s->is_done) {
                continue;
            }
            s->is_done = 1;
            if (at != 0 && is_end(x, s)) {
                return rebuild(x, at, out);
            }
            x->b->evaluations += x->pieces_n;
            by_terms(x, at);
            if (x->part != NULL) {
                by_parts(x, at);
            }
            TRY(x->code);
        }
    }
    return 0;
}

static int begin(struct chaining *x, uint64_t set)
{
    struct bank *b = x->b;

    for (uint32_t i = 0; i < b->n; i++) {
        if ((set >> i & 1) != 0) {
            x->wanted[x->n] = *pool_at(&b->p->pool, b->wanted[i]);
            x->of[x->n++] = i;
        }
    }
    for (uint32_t i = 0; i < b->terms_n && x->pieces_n < PIECES_MAX; i++) {
        if (b->terms[i].sort == 0 && is_piece(x, i)) {
            x->pieces[x->pieces_n++] = i;
        }
    }
    x->b->evaluations += b->terms_n;
    for (uint32_t i = 0; i <= COST_MAX; i++) {
        x->first[i] = NOWHERE;
    }
    x->states = calloc(STATES_MAX, sizeof(*x->states));
    if (x->states == NULL) {
        return ERR_NOMEM;
    }
    x->states[0].next = NOWHERE;
    x->first[0] = 0;
    x->states_n = 1;
    return 0;
}

int chain(struct bank *b, struct arena *a, uint64_t set, struct tree **out)
{
    struct chaining *x;
    int code;

    *out = NULL;
    if (b->p->sorts[0].shape.letter != 's') {
        return 0;
    }
    x = calloc(1, sizeof(*x));
    if (x == NULL) {
        return ERR_NOMEM;
    }
    x->b = b;
    x->a = a;
    x->join = rule_of(b->p, 0, SYNTH_OP_concat);
    x->part = rule_of(b->p, 0, SYNTH_OP_substr);
    if (x->part != NULL && x->part->args[1] == x->part->args[2]) {
        x->minus = rule_of(b->p, x->part->args[1], SYNTH_OP_sub);
    }
    code = begin(x, set);
    if (code == 0 && (x->join != NULL || x->part != NULL)) {
        code = walk(x, out);
    }
    free(x->states);
    free(x);
    return code;
}

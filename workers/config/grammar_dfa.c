/* States with empty edges to deterministic ones: bytes and calls are the symbols.
 * Runs in the confined `config` worker; work and memory are bounded. */
#include <string.h>

#include "proto/limits.h"
#include "proto/sort.h"
#include "workers/config/grammar_int.h"

#define NONE UINT32_MAX
#define TABLE (1u << 18) /* four times the states there may be */

/* A set of states that have edges of their own, or are the end: ascending. */
struct set {
    uint32_t *v;
    uint32_t n;
};

struct subset {
    struct grammar *g;
    const struct nfa *nfa;
    struct dfa *d;
    uint32_t base;     /* states of other rules */
    struct set *sets;  /* of each state of this one */
    uint32_t sets_cap;
    uint32_t *seen;    /* of each NFA state: the round that saw it */
    uint32_t round;
    uint32_t *stack;
    uint32_t *now;     /* the set in the making */
    uint32_t now_n;
    uint32_t *targets; /* of one symbol */
    uint32_t targets_n;
};

static int compare_u32(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

/* now = what targets reach by empty edges. */
static int close_targets(struct subset *u)
{
    uint32_t n = 0;

    u->round++;
    u->now_n = 0;
    for (uint32_t i = 0; i < u->targets_n; i++) {
        if (u->seen[u->targets[i]] != u->round) {
            u->seen[u->targets[i]] = u->round;
            u->stack[n++] = u->targets[i];
        }
    }
    while (n > 0) {
        uint32_t s = u->stack[--n];
        int keep = s == 1;

        for (uint32_t e = u->nfa->first[s]; e != 0;) {
            const struct nfa_edge *x = &u->nfa->edges[e - 1];

            u->d->work++;
            e = x->next;
            if (x->kind != NFA_EMPTY) {
                keep = 1;
            } else if (u->seen[x->to] != u->round) {
                u->seen[x->to] = u->round;
                u->stack[n++] = x->to;
            }
        }
        if (keep) {
            u->now[u->now_n++] = s;
        }
    }
    if (u->now_n > 1) {
        sort_items(u->now, u->now_n, sizeof(*u->now), compare_u32);
    }
    return u->d->work > DFA_WORK_MAX ? ERR_LIMIT : 0;
}

static int grow_states(struct subset *u)
{
    struct dfa *d = u->d;
    uint32_t own = d->n - u->base;

    if (d->n == LIMIT_AUTOMATON_STATES) {
        return ERR_LIMIT;
    }
    if (d->n == d->cap) {
        uint32_t cap = d->cap > 0 ? d->cap * 2 : 256;
        struct dfa_state *v = arena_array(&u->g->c->scratch, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_NOMEM;
        }
        if (d->n > 0) {
            memcpy(v, d->v, d->n * sizeof(*v));
        }
        d->v = v;
        d->cap = cap;
    }
    if (own == u->sets_cap) {
        uint32_t cap = own > 0 ? own * 2 : 64;
        struct set *v = arena_array(&u->g->c->scratch, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_NOMEM;
        }
        if (own > 0) {
            memcpy(v, u->sets, own * sizeof(*v));
        }
        u->sets = v;
        u->sets_cap = cap;
    }
    return 0;
}

/* The state whose set is `now`, made if there is none. */
static int state_of_now(struct subset *u, uint32_t *out)
{
    struct dfa *d = u->d;
    uint64_t h = u->now_n;
    struct set set;
    uint32_t at;

    for (uint32_t i = 0; i < u->now_n; i++) {
        h = (h ^ u->now[i]) * 0x100000001b3ull;
    }
    at = (uint32_t)(h ^ h >> 29) % TABLE;
    for (; d->table[at] != 0; at = (at + 1) % TABLE) {
        const struct set *s = u->sets;

        if (d->table[at] <= u->base) {
            continue; /* of another rule */
        }
        s += d->table[at] - 1 - u->base;
        if (s->n == u->now_n &&
            memcmp(s->v, u->now, s->n * sizeof(*s->v)) == 0) {
            *out = d->table[at] - 1;
            return 0;
        }
    }
    TRY(grow_states(u));
    d->members += u->now_n;
    set.n = u->now_n;
    set.v = arena_array(&u->g->c->scratch, u->now_n + 1, sizeof(*set.v));
    if (set.v == NULL) {
        return ERR_NOMEM;
    }
    if (d->members > DFA_MEMBERS_MAX) {
        return ERR_LIMIT;
    }
    memcpy(set.v, u->now, u->now_n * sizeof(*set.v));
    u->sets[d->n - u->base] = set;
    d->v[d->n] = (struct dfa_state){0};
    for (uint32_t i = 0; i < set.n; i++) {
        d->v[d->n].final |= set.v[i] == 1;
    }
    d->table[at] = ++d->n;
    *out = d->n - 1;
    return 0;
}

/* Where the ranges of the set's states begin, and what follows their ends. */
static void mark_cuts(const struct subset *u, const struct set *set,
                      uint8_t cut[257])
{
    for (uint32_t i = 0; i < set->n; i++) {
        for (uint32_t e = u->nfa->first[set->v[i]]; e != 0;) {
            const struct nfa_edge *x = &u->nfa->edges[e - 1];

            if (x->kind == NFA_RANGE) {
                cut[x->lo] = 1;
                cut[x->hi + 1] = 1;
            }
            e = x->next;
        }
    }
}

/* targets = where the symbol leads: a byte, or if rule is not NONE a call. */
static void targets_of(struct subset *u, const struct set *set, unsigned byte,
                       uint32_t rule)
{
    u->targets_n = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        for (uint32_t e = u->nfa->first[set->v[i]]; e != 0;) {
            const struct nfa_edge *x = &u->nfa->edges[e - 1];
            int fits = rule == NONE ? x->kind == NFA_RANGE && x->lo <= byte &&
                                          byte <= x->hi
                                    : x->kind == NFA_CALL && x->rule == rule;

            u->d->work++;
            e = x->next;
            if (fits && u->targets_n < u->nfa->edges_n) {
                u->targets[u->targets_n++] = x->to;
            }
        }
    }
}

static int add_ranges(struct subset *u, uint32_t s)
{
    struct set set = u->sets[s - u->base];
    uint8_t cut[257] = {0};
    struct dfa_range found[256];
    uint32_t n = 0;

    mark_cuts(u, &set, cut);
    for (unsigned lo = 0; lo < 256;) {
        unsigned hi = lo;
        uint32_t to;

        while (hi < 255 && !cut[hi + 1]) {
            hi++;
        }
        targets_of(u, &set, lo, NONE);
        if (u->targets_n > 0) {
            TRY(close_targets(u));
            TRY(state_of_now(u, &to));
            if (n > 0 && found[n - 1].hi + 1u == lo && found[n - 1].to == to) {
                found[n - 1].hi = (uint8_t)hi;
            } else {
                found[n++] = (struct dfa_range){(uint8_t)lo, (uint8_t)hi, to};
            }
        }
        lo = hi + 1;
    }
    u->d->v[s].ranges = arena_array(&u->g->c->scratch, n + 1, sizeof(found[0]));
    if (u->d->v[s].ranges == NULL) {
        return ERR_NOMEM;
    }
    memcpy(u->d->v[s].ranges, found, n * sizeof(found[0]));
    u->d->v[s].ranges_n = n;
    return 0;
}

static int compare_call(const void *a, const void *b)
{
    const struct dfa_call *x = a;
    const struct dfa_call *y = b;

    return (x->rule > y->rule) - (x->rule < y->rule);
}

static int add_calls(struct subset *u, uint32_t s)
{
    struct set set = u->sets[s - u->base];
    struct dfa_call *calls;
    uint32_t all = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < set.n; i++) {
        for (uint32_t e = u->nfa->first[set.v[i]]; e != 0;
             e = u->nfa->edges[e - 1].next) {
            all += u->nfa->edges[e - 1].kind == NFA_CALL;
        }
    }
    calls = arena_array(&u->g->c->scratch, all + 1, sizeof(*calls));
    if (calls == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < set.n; i++) {
        for (uint32_t e = u->nfa->first[set.v[i]]; e != 0;
             e = u->nfa->edges[e - 1].next) {
            if (u->nfa->edges[e - 1].kind == NFA_CALL) {
                calls[n++].rule = u->nfa->edges[e - 1].rule;
            }
        }
    }
    sort_items(calls, n, sizeof(*calls), compare_call);
    all = n;
    n = 0;
    for (uint32_t i = 0; i < all; i++) {
        if (n > 0 && calls[n - 1].rule == calls[i].rule) {
            continue;
        }
        calls[n].rule = calls[i].rule;
        targets_of(u, &set, 0, calls[n].rule);
        TRY(close_targets(u));
        TRY(state_of_now(u, &calls[n].back));
        n++;
    }
    u->d->v[s].calls = calls;
    u->d->v[s].calls_n = n;
    return 0;
}

/* Marks what reaches a final state, by rounds from behind: edges mostly lead to
 * states with higher numbers. */
static void mark_live(struct dfa *d, uint32_t from)
{
    int changed = 1;

    while (changed) {
        changed = 0;
        for (uint32_t i = d->n; i > from; i--) {
            struct dfa_state *s = &d->v[i - 1];
            uint8_t live = s->final;

            for (uint32_t k = 0; !live && k < s->ranges_n; k++) {
                live = d->v[s->ranges[k].to].is_live;
            }
            for (uint32_t k = 0; !live && k < s->calls_n; k++) {
                live = d->v[s->calls[k].back].is_live;
            }
            changed |= live != s->is_live;
            s->is_live = live;
        }
    }
}

static void drop_dead_edges(struct dfa *d, uint32_t from)
{
    for (uint32_t i = from; i < d->n; i++) {
        struct dfa_state *s = &d->v[i];
        uint32_t n = 0;

        for (uint32_t k = 0; k < s->ranges_n; k++) {
            if (d->v[s->ranges[k].to].is_live) {
                s->ranges[n++] = s->ranges[k];
            }
        }
        s->ranges_n = n;
        n = 0;
        for (uint32_t k = 0; k < s->calls_n; k++) {
            if (d->v[s->calls[k].back].is_live) {
                s->calls[n++] = s->calls[k];
            }
        }
        s->calls_n = n;
    }
}

int dfa_add(struct grammar *g, const struct nfa *nfa, uint32_t rule,
            struct dfa *d)
{
    struct arena *a = &g->c->scratch;
    struct subset u = {.g = g, .nfa = nfa, .d = d, .base = d->n};
    uint32_t start = 0;

    if (d->table == NULL) {
        d->table = arena_array(a, TABLE, sizeof(*d->table));
    }
    u.seen = arena_array(a, nfa->n, sizeof(*u.seen));
    u.stack = arena_array(a, nfa->n, sizeof(*u.stack));
    u.now = arena_array(a, nfa->n, sizeof(*u.now));
    u.targets = arena_array(a, nfa->edges_n + 1, sizeof(*u.targets));
    if (!d->table || !u.seen || !u.stack || !u.now || !u.targets) {
        return ERR_NOMEM;
    }
    u.targets[0] = 0;
    u.targets_n = 1;
    TRY(close_targets(&u));
    TRY(state_of_now(&u, &start));
    d->start[rule] = start;
    for (uint32_t s = start; s < d->n; s++) {
        TRY(add_ranges(&u, s));
        TRY(add_calls(&u, s));
    }
    d->v[start].rule_start = rule + 1;
    mark_live(d, u.base);
    drop_dead_edges(d, u.base);
    return 0;
}

/* The search. Each comparison of the unit has goals: true, false, and for integers
 * true by bits; the best input so far and how far it is. Whatever an evaluation
 * brings nearer to any goal is kept. */
#include "workers/cml/probe.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "workers/cml/eval_int.h"
#include "workers/cml/probe_value.h"
#include "workers/cml/walk.h"

#define RANDOM_FIRST 768 /* evaluations before the search */
#define CLIMB_MAX 1536   /* evaluations for one goal at a time */
#define LITERALS_TRIED 48 /* in one place */
#define KEPT_MAX 32768   /* inputs */
#define KEPT_BYTES (16u << 20)
#define SAMPLES_MIN 4
#define SAMPLES_MAX 64 /* inputs of one branch */
#define SPREAD_MAX 512 /* evaluations for more of one branch */
#define DISTANCE_PARTS 65536u /* of two values that are looked at */

enum { GOAL_TRUE, GOAL_FALSE, GOAL_BITS, GOALS };

struct goal {
    uint64_t left; /* 0 = seen; UINT64_MAX = never come near */
    uint32_t input;
    uint8_t tried; /* without success, from this input */
};

struct probe {
    struct probe_values values;
    struct walk *walk;
    struct walk_watch watch;
    struct eval eval;
    uint64_t fuel; /* for all */
    uint32_t evaluations;
    uint64_t bytes; /* of inputs gone over */
    struct goal *goals;    /* owned; GOALS per site */
    uint32_t *samples;     /* owned; wanted per branch: inputs */
    uint32_t *samples_n;   /* owned */
    uint32_t *last;        /* owned; the evaluation that reached a branch last */
    uint32_t branches_n;
    uint32_t goals_n;
    uint32_t wanted;
    struct ubytes *kept; /* owned; the bytes are the arena's */
    uint32_t kept_n;
    struct arena arena;
    int is_used; /* the evaluation under way was good for something */
    struct buf now;
};

/* --- how far apart --- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - 1 - b ? UINT64_MAX - 1 : a + b;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* In the order of values. */
static uint64_t key_of(const struct val *v)
{
    uint64_t top = UINT64_C(1) << 63;
    uint64_t bits = v->u.bits;

    if (v->kind == VAL_FLOAT) {
        if (v->code == 4) {
            bits <<= 32;
        }
        return (bits & top) != 0 ? ~bits : bits | top;
    }
    return v->kind == VAL_INT && val_is_signed(v) ? bits ^ top : bits;
}

/* Of long values their first `left` elements or bytes count.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static uint64_t distance(const struct val *a, const struct val *b,
                         uint32_t *left)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    uint64_t d = (uint64_t)(a->n > b->n ? a->n - b->n : b->n - a->n) << 10;

    switch ((int)a->kind) {
    case VAL_BOOL:
    case VAL_INT:
    case VAL_FLOAT:
        return apart(key_of(a), key_of(b));
    case VAL_STRING:
    case VAL_BYTES:
    case VAL_CID:
        for (uint32_t i = 0; i < n && *left > 0; i++, --*left) {
            d = sum(d, apart(a->u.p[i], b->u.p[i]));
        }
        return d;
    case VAL_ARRAY:
    case VAL_COMPOSITE:
        for (uint32_t i = 0; i < n && *left > 0; i++) {
            --*left;
            d = sum(d, distance(&a->u.items[i], &b->u.items[i], left));
        }
        return d;
    default:
        return 0;
    }
}

static void nearer(struct probe *p, uint32_t goal, uint64_t left)
{
    struct goal *g = &p->goals[goal];

    if (left < g->left) {
        *g = (struct goal){.left = left, .input = p->kept_n};
        p->is_used = 1;
    }
}

static int holds(enum cml_op op, enum val_order o)
{
    return op == CML_OP_EQ   ? o == VAL_SAME
           : op == CML_OP_NE ? o != VAL_SAME
           : op == CML_OP_LT ? o == VAL_LESS
           : op == CML_OP_LE ? o == VAL_LESS || o == VAL_SAME
           : op == CML_OP_GT ? o == VAL_MORE
                             : o == VAL_MORE || o == VAL_SAME;
}

static void on_compare(void *ctx, uint32_t site, enum cml_op op,
                       const struct val *l, const struct val *r)
{
    struct probe *p = ctx;
    int is = holds(op, val_compare(l, r));
    uint32_t left = DISTANCE_PARTS;
    uint64_t d = distance(l, r, &left);
    int by_bits = l->kind == VAL_INT && (op == CML_OP_EQ || op == CML_OP_NE);

    d = d > 0 ? d : 1; /* it is the other way: one step at least */
    nearer(p, site * GOALS + GOAL_TRUE, is ? 0 : d);
    nearer(p, site * GOALS + GOAL_FALSE, is ? d : 0);
    if (by_bits) {
        nearer(p, site * GOALS + GOAL_BITS,
               (uint64_t)__builtin_popcountll(l->u.bits ^ r->u.bits));
    }
}

static void on_branch(void *ctx, uint32_t branch)
{
    struct probe *p = ctx;

    if (p->last[branch] == p->evaluations) {
        return;
    }
    p->last[branch] = p->evaluations;
    if (p->samples_n[branch] < p->wanted) {
        p->samples[branch * p->wanted + p->samples_n[branch]++] = p->kept_n;
        p->is_used = 1;
    }
}

/* --- evaluations --- */

static int spent(const struct probe *p)
{
    return p->evaluations >= PROBE_EVALUATIONS || p->fuel == 0 ||
           p->bytes >= PROBE_BYTES_ALL || p->kept_n == KEPT_MAX;
}

/* What is in p->now. 0, ERR_NOMEM. */
static int evaluate(struct probe *p)
{
    struct ubytes in = buf_bytes(&p->now);
    uint64_t fuel = p->fuel < PROBE_FUEL ? p->fuel : PROBE_FUEL;
    struct val out;
    char *kept;
    int code;

    p->evaluations++;
    p->is_used = 0;
    eval_reset(&p->eval, fuel);
    code = walk_run(p->walk, &p->eval, in, &out);
    p->fuel -= fuel - p->eval.fuel;
    if (code < 0) {
        return code;
    }
    if (p->is_used) {
        kept = arena_text(&p->arena, in.p, in.n);
        if (kept == NULL) { /* enough was kept */
            p->fuel = 0;
            kept = (char *)(uintptr_t)"";
            in.n = 0;
        }
        p->kept[p->kept_n++] = (struct ubytes){(const uint8_t *)kept, in.n};
    }
    return 0;
}

/* A changed value, evaluated. 1; 0 if there is none; ERR_*. */
static int attempt(struct probe *p, struct ubytes from, uint32_t place,
                   enum probe_change how, int64_t by)
{
    int code = spent(p) ? ERR_NOT_FOUND
                        : probe_change(&p->values, from, place, how, by, &p->now);

    p->bytes += from.n;
    if (code == ERR_NOT_FOUND || code == ERR_LIMIT) {
        return 0;
    }
    TRY(code);
    TRY(evaluate(p));
    return 1;
}

/* Does this change bring the goal nearer? 1, 0, ERR_*. */
static int step(struct probe *p, struct goal *g, uint32_t place,
                enum probe_change how, int64_t by)
{
    uint64_t before = g->left;
    int code = attempt(p, p->kept[g->input], place, how, by);

    return code < 0 ? code : g->left < before;
}

/* One place in one direction: steps that double while they help. */
static int slide(struct probe *p, struct goal *g, uint32_t place, int sign)
{
    int helped = 0;
    int64_t by = sign;

    for (;;) {
        int code = g->left > 0 ? step(p, g, place, PROBE_MOVE, by) : 0;

        if (code < 0) {
            return code;
        }
        if (code == 1) {
            helped = 1;
            by = by > INT64_MAX / 4 || by < INT64_MIN / 4 ? by : by * 2;
        } else if (by != sign) {
            by = sign;
        } else {
            return helped;
        }
    }
}

/* Everything that is tried at one place. 1: it helped. */
static int at_place(struct probe *p, struct goal *g, uint32_t place)
{
    const struct literals *l = p->values.literals;
    uint32_t most = l->integers_n > l->floats_n ? l->integers_n : l->floats_n;
    int helped = 0;
    int code = 0;

    most = most > l->texts_n ? most : l->texts_n;
    for (int sign = -1; code >= 0 && sign <= 1; sign += 2) {
        code = slide(p, g, place, sign);
        helped |= code > 0;
    }
    for (int bit = 0; code >= 0 && bit < 64 && g->left > 0; bit++) {
        code = step(p, g, place, PROBE_FLIP, bit);
        helped |= code > 0;
    }
    for (uint32_t i = 0; code >= 0 && i < most && i < LITERALS_TRIED &&
                         g->left > 0;
         i++) {
        code = step(p, g, place, PROBE_LITERAL, i);
        helped |= code > 0;
    }
    for (int i = 0; code >= 0 && i < 8 && g->left > 0; i++) {
        code = step(p, g, place, PROBE_RANDOM, 0);
        helped |= code > 0;
    }
    return code < 0 ? code : helped;
}

static int climb(struct probe *p, struct goal *g)
{
    uint32_t until = p->evaluations + CLIMB_MAX;
    int helped = 1;

    while (helped && g->left > 0 && p->evaluations < until && !spent(p)) {
        uint32_t places = probe_places(&p->values, p->kept[g->input]);

        helped = 0;
        for (uint32_t i = 0; i < places && g->left > 0; i++) {
            int code = at_place(p, g, i);

            if (code < 0) {
                return code;
            }
            helped |= code;
        }
    }
    g->tried = g->left > 0;
    return 0;
}

static int is_open(const struct probe *p, uint32_t i)
{
    const struct goal *g = &p->goals[i];

    /* what equals was seen needs no bits */
    return g->left > 0 && g->left != UINT64_MAX && !g->tried &&
           (i % GOALS != GOAL_BITS ||
            p->goals[i - GOAL_BITS + GOAL_TRUE].left > 0);
}

/* Goals in order, again while one is nearer than when it was given up. */
static int search(struct probe *p)
{
    int again = 1;

    while (again && !spent(p)) {
        again = 0;
        for (uint32_t i = 0; i < p->goals_n && !spent(p); i++) {
            if (is_open(p, i)) {
                again = 1;
                TRY(climb(p, &p->goals[i]));
            }
        }
    }
    return 0;
}

/* Constants, then anything. */
static int begin(struct probe *p)
{
    for (int64_t i = 0; i < RANDOM_FIRST && !spent(p); i++) {
        int code = probe_make(&p->values, i < RANDOM_FIRST / 3 ? i : -1,
                              &p->now);

        p->bytes += buf_len(&p->now);
        if (code == ERR_LIMIT || (code == ERR_NOT_FOUND && i > 0)) {
            continue;
        }
        TRY(code);
        TRY(evaluate(p));
    }
    return 0;
}

/* More inputs for branches that few reach: neighbours of those that do. */
static int spread(struct probe *p)
{
    for (uint32_t b = 0; b < p->branches_n; b++) {
        uint32_t first = p->samples_n[b];

        for (uint32_t i = 0; first > 0 && i < SPREAD_MAX && !spent(p) &&
                             p->samples_n[b] < p->wanted;
             i++) {
            uint32_t pick = probe_below(&p->values, p->samples_n[b]);
            struct ubytes from = p->kept[p->samples[b * p->wanted + pick]];
            uint32_t place =
                probe_below(&p->values, probe_places(&p->values, from));
            int code = attempt(p, from, place,
                               i % 4 == 0 ? PROBE_RANDOM : PROBE_MOVE,
                               (int64_t)probe_below(&p->values, 65) - 32);

            if (code < 0) {
                return code;
            }
        }
    }
    return 0;
}

/* --- the whole --- */

static int probe_open(struct probe *p, struct cml_dag *dag, uint32_t unit,
                      struct ubytes domain, const struct literals *literals)
{
    *p = (struct probe){.fuel = PROBE_FUEL_ALL,
                        .values = {.domain = domain, .literals = literals}};
    arena_init(&p->arena, KEPT_BYTES);
    buf_init(&p->now, LIMIT_VALUE_BYTES);
    TRY(domain_check(domain, &p->values.type));
    TRY(walk_new(dag, unit, &p->walk));
    TRY(eval_init(&p->eval, dag, 0));
    p->branches_n = walk_branches_n(p->walk);
    p->goals_n = walk_sites_n(p->walk) * GOALS;
    p->wanted = LIMIT_PROBE_INPUTS / (p->branches_n + 1);
    p->wanted = p->wanted < SAMPLES_MIN   ? SAMPLES_MIN
                : p->wanted > SAMPLES_MAX ? SAMPLES_MAX
                                          : p->wanted;
    p->goals = calloc(p->goals_n + 1, sizeof(*p->goals));
    p->samples =
        calloc((size_t)p->branches_n * p->wanted + 1, sizeof(*p->samples));
    p->samples_n = calloc(p->branches_n + 1, sizeof(*p->samples_n));
    p->last = calloc(p->branches_n + 1, sizeof(*p->last));
    p->kept = calloc(KEPT_MAX, sizeof(*p->kept));
    if (p->goals == NULL || p->samples == NULL || p->samples_n == NULL ||
        p->last == NULL || p->kept == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < p->goals_n; i++) {
        p->goals[i].left = UINT64_MAX;
    }
    p->watch = (struct walk_watch){on_branch, on_compare, p};
    walk_watch(p->walk, &p->watch);
    return 0;
}

static void probe_close(struct probe *p)
{
    walk_free(p->walk);
    if (p->eval.dag != NULL) {
        eval_release(&p->eval);
    }
    free(p->goals);
    free(p->samples);
    free(p->samples_n);
    free(p->last);
    free(p->kept);
    arena_release(&p->arena);
    buf_release(&p->now);
}

/* One input, once. */
static int give(struct probe *p, struct values_builder *w, uint32_t i)
{
    struct ubytes in = p->kept[i];

    if (in.n == 0 || values_builder_n(w) == LIMIT_PROBE_INPUTS) {
        return 0;
    }
    p->kept[i].n = 0;
    return values_builder_add(w, in);
}

/* Round by round, so that every branch has some before one has many. */
static int give_all(struct probe *p, struct values_builder *w)
{
    for (uint32_t k = 0; k < p->wanted; k++) {
        for (uint32_t b = 0; b < p->branches_n; b++) {
            if (k < p->samples_n[b]) {
                TRY(give(p, w, p->samples[b * p->wanted + k]));
            }
        }
        for (uint32_t i = 0; k == 0 && i < p->goals_n; i++) {
            if (p->goals[i].left == 0) {
                TRY(give(p, w, p->goals[i].input));
            }
        }
    }
    return 0;
}

int probe_inputs(struct cml_dag *dag, uint32_t unit, struct ubytes domain,
                 const struct literals *literals, struct buf *out)
{
    struct probe *p = calloc(1, sizeof(*p));
    struct values_builder w;
    int code = p != NULL ? values_builder_init(&w, LIMIT_PROBE_BYTES) : ERR_NOMEM;

    if (code < 0) {
        free(p);
        return code;
    }
    code = probe_open(p, dag, unit, domain, literals);
    code = code == 0 ? begin(p) : code;
    code = code == 0 ? search(p) : code;
    code = code == 0 ? spread(p) : code;
    if (code == ERR_NOT_FOUND) {
        code = 0; /* the domain cannot be made here: no inputs */
    }
    if (code == 0) {
        code = give_all(p, &w);
        code = code == ERR_LIMIT ? 0 : code; /* as many as there is room for */
    }
    if (code == 0) {
        code = buf_put(out, values_builder_bytes(&w).p,
                       values_builder_bytes(&w).n);
    }
    values_builder_release(&w);
    probe_close(p);
    free(p);
    return code;
}

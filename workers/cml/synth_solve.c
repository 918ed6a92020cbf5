/* The loop: a few examples, a program for them, those that it has wrong, and again;
 * then the program as a unit, examined by the reference interpreter. Runs in the
 * `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_reply.h"
#include "workers/cml/synth_solve.h"

#define FIRST_EXAMPLES 10u   /* that are looked at first */
#define FIRST_REST 1000u     /* candidates before the first look for a tree */
#define FIRST_PAIRS 16000u   /* and before the first for pairs */
#define PAIRS_SHARE 8u       /* one of them is among the first part of the terms */
#define PATIENCE_WORDS 250000u /* candidates in which a smaller one may come */
#define PATIENCE_POOLED 60000u
#define PLAN_BYTES ((size_t)64 << 20)

/* --- contradictions --- */

static int is_contradicted(struct search *s)
{
    const struct problem *p = &s->p;
    uint32_t *order = values_sorted(&p->inputs);
    int found = 0;

    if (order == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 1; !found && i < p->examples_n; i++) {
        uint32_t a = order[i - 1];
        uint32_t b = order[i];

        if (values_compare(values_at(&p->inputs, a), values_at(&p->inputs, b)) ==
                0 &&
            p->wanted[a] != p->wanted[b]) {
            s->first = a < b ? a : b;
            s->second = a < b ? b : a;
            found = 1;
        }
    }
    free(order);
    return found;
}

/* --- one set of examples --- */

static int take_tree(struct search *s, struct tree *tree)
{
    if (tree == NULL || (s->plan != NULL && s->plan->size <= tree->size)) {
        return 0;
    }
    s->plan = plan_of_tree(&s->bank, &s->plans, tree);
    return s->plan != NULL ? 0 : ERR_NOMEM;
}

static int look_for_pairs(struct search *s)
{
    struct tree *tree;

    TRY(pair(&s->bank, &s->plans, s->bank.terms_n / PAIRS_SHARE, &tree));
    return take_tree(s, tree);
}

/* When there are no more terms, and nothing was found. */
static int look_for_three(struct search *s)
{
    uint64_t used = s->evaluations + s->bank.evaluations;
    struct tree *tree;

    if (s->plan != NULL || used >= s->p.budget) {
        return 0;
    }
    TRY(triple(&s->bank, &s->plans, s->p.budget - used, &tree));
    return take_tree(s, tree);
}

static int look(struct search *s)
{
    struct plan *plan;
    int code = unify(&s->bank, &s->plans, &plan);

    if (code < 0) {
        s->code = code;
        return 1;
    }
    if (plan != NULL && (s->plan == NULL || plan->size < s->plan->size)) {
        s->plan = plan;
    }
    if (s->bank.candidates >= FIRST_PAIRS) {
        s->code = look_for_pairs(s);
    }
    return s->code != 0;
}

static int on_rest(void *ctx)
{
    struct search *s = ctx;
    uint64_t used = s->evaluations + s->bank.evaluations;
    uint64_t left = s->p.budget > used ? s->p.budget - used : 0;
    uint64_t more = s->bank.candidates;

    if (left == 0) {
        s->is_spent = 1;
        return 1;
    }
    if (look(s) != 0) {
        return 1;
    }
    if (s->plan != NULL && (s->bank.candidates >= s->patience ||
                            (s->plan->size <= s->bank.level + 1u &&
                             !s->bank.is_thorough))) {
        return 1;
    }
    if (s->plan != NULL && s->bank.candidates + more > s->patience) {
        more = s->patience - s->bank.candidates;
    }
    if (more > left / s->bank.w + 1) {
        more = left / s->bank.w + 1;
    }
    s->bank.next_rest = s->bank.candidates + more;
    return 0;
}

/* A plan for the active examples, in s->plan. ERR_NOMEM. */
static int search_active(struct search *s)
{
    int code;

    s->plan = NULL;
    arena_release(&s->plans);
    arena_init(&s->plans, PLAN_BYTES);
    bank_release(&s->bank);
    TRY(bank_init(&s->bank, &s->p, s->active, s->active_n, s->probes,
                  s->probes_n));
    s->bank.is_thorough = s->p.task->evidence;
    s->bank.rest = on_rest;
    s->bank.ctx = s;
    s->bank.next_rest = FIRST_REST;
    code = bank_fill(&s->bank, s->p.max_size);
    if (code < 0) {
        return code;
    }
    if (code != BANK_STOP) {
        (void)look(s);
        TRY(s->code);
        TRY(look_for_three(s));
    }
    TRY(s->code);
    s->is_all = code == BANK_ALL;
    s->is_full = code == BANK_FULL;
    s->evaluations += s->bank.evaluations;
    s->terms += s->bank.terms_n;
    return 0;
}

/* --- all examples --- */

/* Adds examples that the plan has wrong: none, and s->tree is the answer.
 * ERR_NOMEM. */
static int examine(struct search *s)
{
    struct problem *p = &s->p;
    struct arena_mark mark = arena_mark(&p->arena);
    uint64_t *got = arena_array(&p->arena, p->examples_n, sizeof(*got));
    uint32_t added = 0;
    int code;

    s->tree = plan_tree(&s->bank, &s->plans, s->plan);
    if (got == NULL || s->tree == NULL) {
        return ERR_NOMEM;
    }
    code = tree_columns(p, s->tree, p->params, p->examples_n, p->examples_n,
                        got);
    for (uint32_t i = 0; code == 0 && i < p->examples_n && added < 2; i++) {
        if (got[i] != p->wanted[i] && s->active_n < SYNTH_ACTIVE_MAX) {
            s->active[s->active_n++] = i;
            added++;
        } else if (got[i] != p->wanted[i]) {
            s->tree = NULL; /* more than can be looked at */
            break;
        }
    }
    arena_rewind(&p->arena, mark);
    if (added > 0) {
        s->tree = NULL;
    }
    return code == ERR_LIMIT ? 0 : code;
}

static int search(struct search *s)
{
    uint32_t before;

    s->active_n =
        s->p.examples_n < FIRST_EXAMPLES ? s->p.examples_n : FIRST_EXAMPLES;
    for (uint32_t i = 0; i < s->active_n; i++) {
        s->active[i] = i;
    }
    do {
        before = s->active_n;
        TRY(search_active(s));
        if (s->plan == NULL) {
            return 0;
        }
        TRY(examine(s));
    } while (s->tree == NULL && s->active_n > before);
    return 0;
}

static uint64_t patience_of(const struct problem *p)
{
    for (uint32_t i = 0; i < p->sorts_n; i++) {
        if (p->sorts[i].shape.letter == 's' || p->sorts[i].shape.letter == 'l') {
            return PATIENCE_POOLED;
        }
    }
    return PATIENCE_WORDS;
}

int synth_search(struct search *s, const Proctor__SynthTask *task,
                 struct diag *d)
{
    int code;

    memset(s, 0, sizeof(*s));
    arena_init(&s->plans, PLAN_BYTES);
    TRY(problem_init(&s->p, task, d));
    s->patience = patience_of(&s->p);
    code = is_contradicted(s);
    TRY(code);
    s->is_contradicted = code;
    if (code != 0) {
        return 0;
    }
    TRY(probes_make(s));
    return search(s);
}

void synth_search_release(struct search *s)
{
    bank_release(&s->bank);
    arena_release(&s->plans);
    problem_release(&s->p);
}

int synth_solve(const Proctor__SynthTask *task, struct arena *a,
                Proctor__SynthReply *reply, struct diag *d)
{
    struct search *s = calloc(1, sizeof(*s));
    int code;

    proctor__synth_reply__init(reply);
    if (s == NULL) {
        return ERR_NOMEM;
    }
    code = synth_search(s, task, d);
    code = code != 0 ? code : synth_reply(s, a, reply, d);
    synth_search_release(s);
    free(s);
    return code;
}

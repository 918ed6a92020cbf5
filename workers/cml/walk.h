/* A unit prepared for many evaluations that are watched: which branches are reached,
 * and how far comparisons are from going the other way. Values, errors and fuel are
 * those of the reference interpreter (eval.h), whose operators and core it calls;
 * only the walk is its own. Runs in the `cml` worker. */
#ifndef WORKERS_CML_WALK_H
#define WORKERS_CML_WALK_H

#include "workers/cml/branch.h"
#include "workers/cml/eval.h"

struct walk;
struct walk_node;

/* A comparison of two values, or of one with a pattern's constant, at site `site`. */
struct walk_watch {
    void (*on_branch)(void *ctx, uint32_t branch); /* or NULL */
    void (*on_compare)(void *ctx, uint32_t site, enum cml_op op,
                       const struct val *l, const struct val *r); /* or NULL */
    void *ctx;
};

/* A checked Unit; reads the dag now and when it runs. 0, ERR_NOMEM, ERR_LIMIT (over
 * LIMIT_CML_TERMS). */
int walk_new(struct cml_dag *dag, uint32_t unit, struct walk **out) MUST_USE;
void walk_free(struct walk *w);
/* Branches (branch.h) and sites: pre-order numbers of comparisons and of patterns of
 * constants. */
uint32_t walk_branches_n(const struct walk *w);
uint32_t walk_sites_n(const struct walk *w);
/* Watches all that follows; NULL: nothing. Borrowed. */
void walk_watch(struct walk *w, const struct walk_watch *watch);
/* One evaluation of the tuple `input`, checked, of the unit's takes, with e's memory
 * and fuel; e was reset, of the same dag. 0, EVAL_E_*, ERR_*. */
int walk_run(struct walk *w, struct eval *e, struct ubytes input,
             struct val *out) MUST_USE;

#endif

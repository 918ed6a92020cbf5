/* Branches of a unit: the ways that an evaluation may go or not go. They are the
 * arms of each Match, the body of each Loop, and the right side of each && and ||.
 *
 * Numbers: units in the order of tree.h, in each the terms in pre-order (fields in
 * the order of their kind), at each term its own branches (arms in order) before
 * those of its children. A trap (tree_is_trap) has none, and nor has what is in
 * it. */
#ifndef WORKERS_CML_BRANCH_H
#define WORKERS_CML_BRANCH_H

#include "workers/cml/tree.h"

#define BRANCH_NONE UINT32_MAX

/* Sets mark of every expression: the number of its first branch, or BRANCH_NONE.
 * How many there are. */
uint32_t branch_number(struct tree *t);
/* How many a term has itself. */
uint32_t branch_own(const struct term *t);
/* The Unit with these branches as traps; each was numbered and is below the count
 * (else ERR_INPUT). 0, ERR_NOMEM, ERR_LIMIT. t is spent. */
int branch_trap(struct tree *t, const uint32_t *branches, size_t n,
                uint32_t *out_unit) MUST_USE;

#endif

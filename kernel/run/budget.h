/* What one run may use, by the policy, and what it has used. One accountant for
 * the whole process; tasks have no say in it (DESIGN section 5). Pure. */
#ifndef KERNEL_RUN_BUDGET_H
#define KERNEL_RUN_BUDGET_H

#include "proto/base.h"

#include "graph.pb-c.h"

enum budget_item {
    BUDGET_TASKS,
    BUDGET_TRAPS,  /* workers started */
    BUDGET_DRAWS,
    BUDGET_CPU_MS, /* of workers */
    BUDGET_TOKENS, /* proposed by models */
    BUDGET_BYTES,  /* written to the store */
    BUDGET_MEMORY, /* of live workers: charged at start, given back at the end */
    BUDGET_ITEMS_N
};

struct budget {
    uint64_t limit_[BUDGET_ITEMS_N];
    uint64_t used_[BUDGET_ITEMS_N];
};

/* No limit at all: before a policy is known, and in replay. */
void budget_init(struct budget *b);
/* From a policy. What was used so far stays counted. */
void budget_set(struct budget *b, const Proctor__Budgets *p);

enum { BUDGET_E_SPENT = 1 };
/* Takes n, or nothing at all and BUDGET_E_SPENT. */
int budget_charge(struct budget *b, enum budget_item i, uint64_t n) MUST_USE;
/* Counts what was already used, past the limit if need be. */
void budget_settle(struct budget *b, enum budget_item i, uint64_t n);
/* Gives n back. n was charged before. */
void budget_return(struct budget *b, enum budget_item i, uint64_t n);
uint64_t budget_left(const struct budget *b, enum budget_item i);
uint64_t budget_limit(const struct budget *b, enum budget_item i);
/* "budget.draws": the name that a refusal quotes. */
const char *budget_name(enum budget_item i);

#endif

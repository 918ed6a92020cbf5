/* The accountant of a run's budgets. Adds and compares; asks no clock and
 * believes no worker. Kernel process. */
#include "kernel/run/budget.h"

#include <string.h>

static const char *const names[BUDGET_ITEMS_N] = {
    [BUDGET_TASKS] = "budgets.tasks", [BUDGET_TRAPS] = "budgets.traps",
    [BUDGET_DRAWS] = "budgets.draws", [BUDGET_CPU_MS] = "budgets.cpu",
    [BUDGET_TOKENS] = "budgets.tokens", [BUDGET_BYTES] = "budgets.bytes", [BUDGET_MEMORY] = "budgets.memory",
};

void budget_init(struct budget *b)
{
    memset(b, 0, sizeof(*b));
    for (int i = 0; i < BUDGET_ITEMS_N; i++) {
        b->limit_[i] = UINT64_MAX;
    }
}

void budget_set(struct budget *b, const Proctor__Budgets *p)
{
    b->limit_[BUDGET_TASKS] = p->tasks;
    b->limit_[BUDGET_TRAPS] = p->traps;
    b->limit_[BUDGET_DRAWS] = p->draws;
    b->limit_[BUDGET_CPU_MS] = p->cpu_ms;
    b->limit_[BUDGET_TOKENS] = p->tokens;
    b->limit_[BUDGET_BYTES] = p->bytes;
    b->limit_[BUDGET_MEMORY] = p->memory_bytes;
}

int budget_charge(struct budget *b, enum budget_item i, uint64_t n)
{
    ASSERT(i < BUDGET_ITEMS_N);
    if (n > budget_left(b, i)) {
        return BUDGET_E_SPENT;
    }
    b->used_[i] += n;
    return 0;
}

void budget_settle(struct budget *b, enum budget_item i, uint64_t n)
{
    ASSERT(i < BUDGET_ITEMS_N);
    if (__builtin_add_overflow(b->used_[i], n, &b->used_[i])) {
        b->used_[i] = UINT64_MAX;
    }
}

void budget_return(struct budget *b, enum budget_item i, uint64_t n)
{
    ASSERT(i < BUDGET_ITEMS_N && b->used_[i] >= n);
    b->used_[i] -= n;
}

uint64_t budget_left(const struct budget *b, enum budget_item i)
{
    ASSERT(i < BUDGET_ITEMS_N);
    if (b->used_[i] >= b->limit_[i]) {
        return 0;
    }
    return b->limit_[i] - b->used_[i];
}

uint64_t budget_limit(const struct budget *b, enum budget_item i)
{
    return b->limit_[i];
}

const char *budget_name(enum budget_item i)
{
    return names[i];
}

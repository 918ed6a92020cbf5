/* What data.load and data.permute end with. */
#ifndef KERNEL_RUN_LOAD_H
#define KERNEL_RUN_LOAD_H

#include "kernel/run/sched.h"

/* Puts a data set, names its object in LOADED and waits until that is durable. bytes:
 * of its rows and labels. 0, ERR_*, BUDGET_E_SPENT. */
int load_record(struct live *l, const struct cid *spec,
                const Proctor__Dataset *d, uint64_t bytes,
                struct outcome *o) MUST_USE;

#endif

/* The last step of ops that make a Runnable: it passes once it has answered one of a
 * few small inputs in a well-formed way. */
#ifndef KERNEL_RUN_SMOKE_H
#define KERNEL_RUN_SMOKE_H

#include "kernel/run/core.h"

struct live;
struct smoke;

/* Ends l, with that Runnable as its result and that evidence. */
int smoke_start(struct live *l, const struct cid *runnable,
                uint64_t evidence_ref, struct smoke **out) MUST_USE;
void smoke_free(void *smoke); /* NULL is fine */

#endif

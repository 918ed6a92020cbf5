/* One worker of a class, started and measured as for a task, and what was found
 * told to the client. Records nothing; needs no store. */
#ifndef KERNEL_RUN_DOCTOR_H
#define KERNEL_RUN_DOCTOR_H

#include "kernel/run/core.h"

struct doctor;

/* on_done comes once, after DOCTOR_DONE was sent, perhaps from this call when *out
 * is set already. It, or anybody earlier, calls doctor_free. 0 or ERR_NOMEM. */
int doctor_new(struct core *c, uint32_t worker_class,
               void (*on_done)(void *ctx), void *ctx,
               struct doctor **out) MUST_USE;
void doctor_free(struct doctor *t);

#endif

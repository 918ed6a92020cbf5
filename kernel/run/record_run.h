/* The records that stand for a run as a whole, each at its moment. Durable when
 * these return. */
#ifndef KERNEL_RUN_RECORD_RUN_H
#define KERNEL_RUN_RECORD_RUN_H

#include "kernel/run/run.h"

/* CRASH, when the ledger's last run never ended. */
int record_crash(struct core *c) MUST_USE;
/* RUN, a REFUSE per refusal, END with r->code. */
int record_refused(struct run *r) MUST_USE;
/* RUN and an ADMIT per task; sets r->seq. */
int record_admitted(struct run *r) MUST_USE;
/* ABORT of the run. */
int record_abort(struct run *r, const char *why) MUST_USE;
struct run_counts {
    uint32_t passed, failed, parked, skipped;
};
int record_end(struct run *r, const struct run_counts *n) MUST_USE;

#endif

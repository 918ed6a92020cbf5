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
/* ADMIT or REFUSE of one task; t NULL: the graph as a whole. Not yet committed. */
int record_admit(struct run *r, const Proctor__Task *t,
                 const struct decision *d) MUST_USE;
int record_refuse(struct run *r, const Proctor__Task *t, const char *rule,
                  const char *what) MUST_USE;
/* ABORT of the run. */
int record_abort(struct run *r, const char *why) MUST_USE;
struct run_counts {
    uint32_t passed, failed, parked, skipped;
};
int record_end(struct run *r, const struct run_counts *n) MUST_USE;

#endif

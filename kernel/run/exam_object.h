/* The Exam object of a task: oracles, corpora, domain, p0 and alpha, all by CID.
 * Its own CID is the exam's identity, for which candidates are counted over the
 * store's whole life. */
#ifndef KERNEL_RUN_EXAM_OBJECT_H
#define KERNEL_RUN_EXAM_OBJECT_H

#include "kernel/run/run.h"

/* takes, gives: the candidate's. 0, BUDGET_E_SPENT, or ERR_* with d. */
int exam_object_put(struct run *r, const Proctor__ExamSpec *s,
                    struct ubytes takes, struct ubytes gives, struct cid *out,
                    struct diag *d) MUST_USE;

#endif

/* A run that was stopped, parked or crashed goes on: graph, policy and files come
 * from the store, tasks that passed keep their results, others run again. */
#ifndef KERNEL_RUN_RESUME_H
#define KERNEL_RUN_RESUME_H

#include "kernel/run/run.h"

/* Loads graph and policy of the last run and goes on with intake_check. 0 or
 * ERR_* with d. */
int resume_start(struct run *r, struct diag *d) MUST_USE;
/* Before RUN is recorded: results of the tasks that passed. */
int resume_tasks(struct run *r) MUST_USE;
/* After it: the RESUME record of the task that a person releases. */
int resume_release(struct run *r) MUST_USE;

#endif

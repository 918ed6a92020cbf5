/* RUN_DONE: how many tasks passed, failed, wait or did not run, and the rows that
 * a person should see first. */
#ifndef KERNEL_RUN_REPORT_H
#define KERNEL_RUN_REPORT_H

#include "kernel/run/record_run.h"
#include "kernel/run/run.h"

struct run_counts report_count(const struct run *r);
void report_done(struct run *r);

#endif

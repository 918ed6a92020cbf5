/* Answers that are data: the op, validator and transition tables, and a policy as
 * the kernel understood it. */
#ifndef KERNEL_RUN_TABLES_H
#define KERNEL_RUN_TABLES_H

#include "kernel/run/run.h"

int say_tables(struct core *c) MUST_USE;
void say_policy(struct run *r);

#endif

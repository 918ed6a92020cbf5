/* Changes of one task's state, each through the transition table and each with
 * its record; what they mean for others (dependents, repairs). Used by the
 * scheduler only. */
#ifndef KERNEL_RUN_TASK_H
#define KERNEL_RUN_TASK_H

#include "kernel/admit/transition.h"
#include "kernel/run/sched.h"

/* Asks the table; our own mistake if it refuses. */
void task_move(struct run *r, uint32_t i, enum task_event e);
/* Remembers to tell the client, once what was recorded is durable. */
int task_note(struct run *r, uint32_t i, uint64_t seq_ref) MUST_USE;
void task_say_notes(struct run *r);

/* It may start: into the ready queue, or parked until a person agrees. */
int task_ready(struct run *r, uint32_t i) MUST_USE;
/* It waits for a person, whatever it did before. */
int task_park(struct run *r, uint32_t i, const char *why) MUST_USE;
/* It came to rest; dependents follow. Reasons are copied. */
int task_pass(struct run *r, uint32_t i, const struct outcome *o) MUST_USE;
int task_fail(struct run *r, uint32_t i, const char *reason) MUST_USE;

/* True when the task has a repair that was not yet tried. */
int repair_is_left(const struct run *r, uint32_t i);
/* REPAIR is recorded and its child goes through admission; then it is started,
 * or waits for what it needs, or the task fails for good. */
int repair_try(struct run *r, uint32_t i, const char *reason) MUST_USE;
/* Repairs whose needs have settled meanwhile. */
int repair_wake(struct run *r) MUST_USE;

#endif

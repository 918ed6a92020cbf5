/* One round of the search for a simpler failing input (docs/exam.md section 10):
 * the kernel sends the simplest one so far and what this worker's predecessor
 * remembered, and gets inputs to try. Nothing but the size of a counterexample
 * depends on it: the kernel checks that they are members, and asks about them. */
#ifndef WORKERS_CONFIG_SIMPLER_H
#define WORKERS_CONFIG_SIMPLER_H

#include "workers/config/config.h"

/* Sets out->inputs (no values: nothing is left to try) and out->state. */
int simpler_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

#endif

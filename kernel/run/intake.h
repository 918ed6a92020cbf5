/* From a request's descriptors to an admitted graph: texts through config
 * workers, strict checks, programs resolved, admission; or the same from the
 * store, for a run that goes on. */
#ifndef KERNEL_RUN_INTAKE_H
#define KERNEL_RUN_INTAKE_H

#include "kernel/run/run.h"

/* Opens what the mode needs and starts reading. What goes wrong ends the run. */
void intake_start(struct run *r, struct frame *f);
/* Drops what is still being read. */
void intake_stop(struct run *r);
/* Graph and policy are there: checks, programs, admission, then the next phase.
 * Also where a resumed run joins. */
void intake_check(struct run *r);

#endif

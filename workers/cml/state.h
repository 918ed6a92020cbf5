/* What M4 asks of CML: LINK, PAYLOAD, RECONCILE (worker.proto). */
#ifndef WORKERS_CML_STATE_H
#define WORKERS_CML_STATE_H

#include "workers/cml/command.h"

int state_is(Proctor__CmlCommand command);
/* As command_answer, for these. */
int state_answer(struct command *c, const Proctor__CmlTask *task) MUST_USE;

#endif

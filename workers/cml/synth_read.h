/* A person's file of examples as a task for the enumerator, and an answer looked at
 * again: does it fit, given and held-out examples, by the reference interpreter.
 * Contract: docs/synth-files.md. Runs in the `cml` worker, on foreign bytes. */
#ifndef WORKERS_CML_SYNTH_READ_H
#define WORKERS_CML_SYNTH_READ_H

#include "proto/arena.h"
#include "proto/diag.h"

#include "worker.pb-c.h"

/* task->texts: the file, then perhaps the answer as CML text. Sets synth_problem or
 * synth_check of reply; what they hold is in a. *out_text: which text d is about.
 * 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM; ERR_TASK_FAILED: the examples contradict each
 * other. */
int synth_read(const Proctor__CmlTask *task, struct arena *a,
               Proctor__CmlReply *reply, size_t *out_text,
               struct diag *d) MUST_USE;

#endif

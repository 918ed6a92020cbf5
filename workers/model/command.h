/* What a person asks of a model file: MODEL_INFO to MODEL_QUANTIZE. One request,
 * one MODEL_REPLY. Nothing of it is recorded. Model worker only. */
#ifndef WORKERS_MODEL_COMMAND_H
#define WORKERS_MODEL_COMMAND_H

#include "proto/frame.h"

#include "worker.pb-c.h"

struct diag;
struct weights;

/* f: the MODEL_TASK with its descriptors. 0, or the kernel broke an agreement. */
int command_serve(int channel_fd, const struct frame *f) MUST_USE;

/* Of it, each in a file of its own. *out is the caller's (free_unpacked), also
 * after a failure when it was set. */

/* What the file is, what can be done with it, and what cannot. 0 or ERR_NOMEM:
 * a file of which nothing can be made is no error. */
int command_info(const struct weights *w, Proctor__ModelInfo **out) MUST_USE;
/* Seconds of forward passes over one lane. 0, or ERR_* with ${d} set. */
int command_bench(const struct weights *w, const Proctor__ModelTask *task,
                  Proctor__ModelBench **out, struct diag *d) MUST_USE;

#endif

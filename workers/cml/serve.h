/* The channel of class cml: one CML_TASK, one CML_REPLY, then the end; or for RUN,
 * TASK_READY and answers to batches. */
#ifndef WORKERS_CML_SERVE_H
#define WORKERS_CML_SERVE_H

#include "proto/base.h"

/* Exit status of the worker. */
int cml_serve(int channel_fd, uint8_t *share);

#endif

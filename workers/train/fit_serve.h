/* The conversation of TRAIN_FIT: TASK_READY, then TRAIN_AREA once, then TRAIN_GO
 * after TRAIN_GO, until the kernel closes the channel. Worker train only. */
#ifndef WORKERS_TRAIN_FIT_SERVE_H
#define WORKERS_TRAIN_FIT_SERVE_H

#include "proto/frame.h"

/* ${f}: the TRAIN_TASK. 0, or negative: the worker ends. */
int fit_serve(int channel_fd, const struct frame *f) MUST_USE;

#endif

/* Answers TRAIN_TASK(LOAD). Worker train only. */
#ifndef WORKERS_TRAIN_LOAD_SERVE_H
#define WORKERS_TRAIN_LOAD_SERVE_H

#include "proto/frame.h"

/* f: the task, with its descriptors. Sends TRAIN_REPLY. 0 or ERR_*. */
int load_serve(int channel_fd, const struct frame *f) MUST_USE;

#endif

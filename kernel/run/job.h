/* One TRAIN_TASK that is answered by one TRAIN_REPLY (LOAD, COMBINE, PREDICT), in
 * one single-use `train` worker, which writes what it makes into an area of its
 * own. */
#ifndef KERNEL_RUN_JOB_H
#define KERNEL_RUN_JOB_H

#include "kernel/run/core.h"

#include "worker.pb-c.h"

struct job;

enum { JOB_FDS = LIMIT_FRAME_FDS };

/* All borrowed until the end, the descriptors too. */
struct job_ask {
    Proctor__TrainTask task; /* output_bytes: of the area */
    int fds[JOB_FDS];        /* as TrainTask says, without the area */
    unsigned fds_n;
    const Proctor__Limits *limits;
    const char *label; /* the task's id */
    const char *path;  /* for its diagnosis; NULL: none */
};

/* code 0: reply (borrowed for the call), and area_fd, of output_bytes, which no
 * process but this one has any more: share_seal tells whether it holds so much,
 * store_put_parts takes what reply says lies there. Else ERR_* and d: ERR_INPUT and ERR_LIMIT are the
 * worker's words about what it was given, all others something outside. Last call:
 * then job_free. */
typedef void (*job_fn)(void *ctx, struct job *j, int code,
                       const Proctor__TrainReply *reply, int area_fd,
                       const struct diag *d);

int job_start(struct core *c, const struct job_ask *ask, job_fn fn, void *ctx,
              struct job **out) MUST_USE;
/* Ends it if it still runs. NULL is fine; safe inside fn. */
void job_free(struct job *j);

#endif

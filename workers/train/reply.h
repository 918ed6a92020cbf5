/* What answers LOAD, COMBINE and PREDICT. Worker train only. */
#ifndef WORKERS_TRAIN_REPLY_H
#define WORKERS_TRAIN_REPLY_H

#include "proto/diag.h"

#include "worker.pb-c.h"

/* Sends m, or with code not 0 the problem that ${d} tells. 0 or an error of the
 * channel. */
int reply_send(int channel_fd, Proctor__TrainReply *m, int code,
               const struct diag *d) MUST_USE;
/* The same at a command's end: ERR_NOMEM becomes ERR_LIMIT, "DOING takes more memory
 * than a worker has"; an error without words is handed back. */
int reply_end(int channel_fd, Proctor__TrainReply *m, const char *doing,
              int code, struct diag *d) MUST_USE;

#endif

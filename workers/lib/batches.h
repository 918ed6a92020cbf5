/* A task's conversation, for the classes that answer batches: TASK_READY, then
 * BATCH after BATCH until the kernel closes the channel. What an answer is, the
 * class says. Runs in workers. */
#ifndef WORKERS_LIB_BATCHES_H
#define WORKERS_LIB_BATCHES_H

#include "proto/diag.h"
#include "proto/value.h"

#include "worker.pb-c.h"

/* Sends ${ready}, with a Problem made of ${d} when that holds one. */
int task_ready(int channel_fd, Proctor__TaskReady *ready,
               const struct diag *d) MUST_USE;

struct batches {
    int channel_fd;
    uint8_t *share;           /* SHARE_BYTES */
    const struct type *takes; /* of each input; borrowed */
    /* Answers ${inputs} by batches_reply. 0, or negative: the worker ends. */
    int (*answer)(const struct batches *b, const struct values *inputs,
                  uint32_t id);
    void *ctx;
};

/* Until the kernel closes the channel: 0. ERR_PROTOCOL: another message than a
 * BATCH, or inputs that are not of the type; or what answer returned. */
int batches_serve(const struct batches *b) MUST_USE;
/* Copies the outputs, at most LIMIT_BATCH_BYTES, and sends ${reply}. */
int batches_reply(const struct batches *b, Proctor__BatchReply *reply,
                  struct ubytes outputs) MUST_USE;

#endif

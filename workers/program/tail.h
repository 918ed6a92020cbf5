/* The last LIMIT_WORKER_TEXT bytes of a stream, in constant memory. */
#ifndef WORKERS_PROGRAM_TAIL_H
#define WORKERS_PROGRAM_TAIL_H

#include "proto/base.h"
#include "proto/limits.h"

struct tail {
    uint8_t bytes_[2 * LIMIT_WORKER_TEXT];
    size_t n_;
};

void tail_init(struct tail *t);
void tail_add(struct tail *t, const uint8_t *p, size_t n);
/* The last bytes, at most max, in order; returns how many. */
size_t tail_copy(const struct tail *t, uint8_t *out, size_t max);

#endif

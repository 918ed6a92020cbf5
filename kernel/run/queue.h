/* Ready tasks: higher priority first, then file order. A binary heap of indices;
 * room for all is made at once. Pure. */
#ifndef KERNEL_RUN_QUEUE_H
#define KERNEL_RUN_QUEUE_H

#include "proto/base.h"

struct queue {
    uint64_t *v_; /* owned; smallest first */
    size_t n_;
    size_t cap_;
};

void queue_init(struct queue *q);
int queue_reserve(struct queue *q, size_t cap) MUST_USE;
void queue_release(struct queue *q);
/* priority 0..9. There is room: every task is in the queue at most once. */
void queue_push(struct queue *q, uint32_t task_i, uint32_t priority);
/* False when empty. */
int queue_pop(struct queue *q, uint32_t *out_task_i);
size_t queue_n(const struct queue *q);

#endif

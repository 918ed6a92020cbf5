/* The ready queue. Order is total, so two runs of one graph start their tasks
 * alike. Kernel process. */
#include "kernel/run/queue.h"

#include <stdlib.h>

#include "proto/err.h"

enum { PRIORITY_MAX = 255 };

void queue_init(struct queue *q)
{
    *q = (struct queue){0};
}

int queue_reserve(struct queue *q, size_t cap)
{
    ASSERT(q->v_ == NULL);
    q->v_ = calloc(cap == 0 ? 1 : cap, sizeof(*q->v_));
    if (q->v_ == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    q->cap_ = cap;
    return 0;
}

void queue_release(struct queue *q)
{
    free(q->v_);
    queue_init(q);
}

size_t queue_n(const struct queue *q)
{
    return q->n_;
}

static void swap(struct queue *q, size_t a, size_t b)
{
    uint64_t v = q->v_[a];

    q->v_[a] = q->v_[b];
    q->v_[b] = v;
}

void queue_push(struct queue *q, uint32_t task_i, uint32_t priority)
{
    size_t i = q->n_;

    ASSERT(q->n_ < q->cap_);
    if (priority > PRIORITY_MAX) {
        priority = PRIORITY_MAX;
    }
    q->v_[q->n_++] = (uint64_t)(PRIORITY_MAX - priority) << 32 | task_i;
    while (i > 0 && q->v_[i] < q->v_[(i - 1) / 2]) {
        swap(q, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

int queue_pop(struct queue *q, uint32_t *out_task_i)
{
    size_t i = 0;

    if (q->n_ == 0) {
        return 0;
    }
    *out_task_i = (uint32_t)q->v_[0];
    q->v_[0] = q->v_[--q->n_];
    for (;;) {
        size_t least = i;

        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < q->n_; k++) {
            if (q->v_[k] < q->v_[least]) {
                least = k;
            }
        }
        if (least == i) {
            return 1;
        }
        swap(q, i, least);
        i = least;
    }
}

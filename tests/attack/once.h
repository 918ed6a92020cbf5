/* One worker, from request to end, on an engine of the caller's. For the tests of
 * rows J and K. */
#ifndef TESTS_ATTACK_ONCE_H
#define TESTS_ATTACK_ONCE_H

#include "kernel/engine/engine.h"

struct once {
    struct loop *loop;
    const char *task; /* sent when ready; NULL = none, the worker is finished */
    int ready;        /* it was measured whole */
    int refused;      /* it never was; d says why */
    int answered;
    int next_ready; /* by measure.c: the worker after it was made */
    int leaked;     /* by measure.c: descriptors or processes */
    long answer;
    char what[256]; /* of the refusal */
};

/* memory_bytes: see weaken.h. 0, or negative when the engine itself failed. */
int once_run(struct loop *l, struct engine *e, enum worker_class c,
             uint64_t memory_bytes, const char *task, struct once *out);

/* A worker that stays until the engine is closed. */
int once_hold(struct loop *l, struct engine *e, enum worker_class c);

#endif

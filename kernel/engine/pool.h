/* One worker per class, made and measured ahead of need with the limits that
 * were asked for last. Limits are part of a confinement: only an equal ask, of
 * limits and roots, gets it. It is single use like any other, nobody pays for it
 * nor does its dead-man switch run until it is claimed, and one that dies
 * meanwhile is replaced and nobody is told. */
#ifndef KERNEL_ENGINE_POOL_H
#define KERNEL_ENGINE_POOL_H

#include "proto/zygote.h"

struct engine_class;
struct worker;

struct pool {
    struct worker *warm; /* borrowed from the engine's list; NULL = none */
    struct loop_source *timer;
    struct zygote_request last; /* asked for; magic 0 = nothing was */
    char *last_roots;           /* owned */
    uint64_t last_memory_bytes;
    int hopeful; /* the next ask may well be as the last */
};

/* The class's living worker, measured or on its way, if it is as `asked`
 * (prepared, not yet started) is to be, else NULL. Remembers what was asked for.
 * */
struct worker *pool_claim(struct engine_class *c, const struct worker *asked);
/* A worker of the class was handed out, or its warm one is gone: fills the pool,
 * from the loop. */
void pool_later(struct engine_class *c);
void pool_release(struct pool *p);

#endif

/* Inside of the local engine: local.c (zygotes), start.c (asking for a worker)
 * and worker.c (one worker's life) share these; nobody else includes this. */
#ifndef KERNEL_ENGINE_LOCAL_H
#define KERNEL_ENGINE_LOCAL_H

#include <sys/types.h>

#include "proto/zygote.h"

#include "kernel/confine/cgroup.h"
#include "kernel/confine/filter.h"
#include "kernel/confine/host.h"
#include "kernel/confine/measure.h"
#include "kernel/confine/spawn.h"
#include "kernel/engine/chan.h"
#include "kernel/engine/engine.h"
#include "kernel/engine/image.h"
#include "kernel/engine/loop.h"
#include "kernel/engine/pool.h"

#define ENGINE_MAGIC 0x656e6731u
#define WORKER_MAGIC 0x776f7231u

/* A narrowed worker answers in well under a millisecond. */
#define WORKER_START_MS 10000
/* From the end of its channel to the end of its process. */
#define WORKER_GRACE_MS 2000

struct engine_class {
    struct engine *engine;
    enum worker_class number;
    const struct profile *profile;
    struct image image; /* fd -1: not needed yet */
    struct filter zygote_filter;
    struct filter worker_filter;
    uint8_t filters_sha256[32];    /* of both */
    struct zygote_process process; /* pid 0 = none runs */
    struct measure_held held;      /* of it */
    struct loop_source *watch;
    struct pool pool;
};

struct engine {
    unsigned magic;
    struct loop *loop;      /* borrowed, like images_dir */
    const char *images_dir;
    struct host host;
    struct cgroups *cgroups;
    struct measure_held own;
    uint32_t ordinal;       /* last given out; wraps, skipping live ones */
    size_t live;            /* workers that a caller still holds */
    struct worker *workers; /* all whose process may still exist */
    struct engine_class classes[WORKER_CLASSES_N];
};

struct worker {
    unsigned magic;
    struct engine *engine;
    struct engine_class *class;
    struct worker *next;
    struct zygote_request request;
    char *roots;           /* owned */
    uint64_t memory_bytes; /* of its group */
    struct worker_handler handler;
    void *ctx;

    int channel;         /* the kernel's end, until chan takes it */
    ino_t channel_inode; /* of the worker's end */
    int share;           /* its shared memory; -1 = none */
    struct chan *chan;
    struct loop_source *hello_watch;
    struct loop_source *timer; /* start, wall or grace, whichever is next */
    uint64_t wall_deadline_ms; /* 0 = none */
    int pidfd;
    pid_t pid;

    struct worker_hello hello;
    size_t hello_n;
    struct measured measured;
    struct zygote_event end; /* valid when gone */
    struct diag diag;        /* code != 0: why it fails */
    int own_code;            /* see struct worker_exit */
    const char *cut;         /* the same */
    unsigned asked : 1;      /* the zygote has the request */
    unsigned grouped : 1;    /* has a control group */
    unsigned warm : 1;       /* of the pool: nobody's yet */
    unsigned ready : 1;      /* on_ready was called */
    unsigned chan_over : 1;  /* no message will come any more */
    unsigned kill_wanted : 1;
    unsigned timed_out : 1;
    unsigned abandoned : 1; /* freed by its holder */
    unsigned gone : 1;      /* reaped, or never was */
    unsigned last_call : 1; /* inside on_exit or on_failed */
};

/* First uid of a class's workers: its zygote's. */
static inline uint32_t engine_class_uid(const struct engine_class *c)
{
    return c->engine->host.uid_base + (uint32_t)c->number * UID_CLASS;
}

/* local.c: the zygote of a class runs, or d says why not. */
int engine_zygote_need(struct engine_class *c, struct diag *d) MUST_USE;
struct worker *engine_worker_find(struct engine *e, uint32_t ordinal);
/* The next number that no living worker has. */
uint32_t engine_ordinal(struct engine *e);

/* start.c: a worker without limits, and nothing done for it; NULL: no memory. */
struct worker *worker_new(struct engine_class *c);
/* Puts it into the engine's list and asks its zygote for it. code < 0: why that
 * cannot be; that, and what fails here, is told from the loop. */
void worker_begin(struct worker *w, int code);

/* worker.c: what the engine tells a worker. Each may free it. */
void worker_on_started(struct worker *w, int pidfd); /* takes pidfd */
void worker_on_refused(struct worker *w, const struct zygote_event *ev);
void worker_on_end(struct worker *w, const struct zygote_event *ev);
/* Its zygote died, and so it did; why is borrowed. */
void worker_on_orphaned(struct worker *w, const char *why);
void worker_kill(struct worker *w);
/* Kills, and calls nobody any more. May free it. */
void worker_drop(struct worker *w);
/* The channel's first bytes can be read. ctx: the worker. */
void worker_on_hello(void *ctx, short revents);
/* One timer: the earlier of the dead-man switch and delay_ms from now. */
void worker_timer(struct worker *w, uint64_t delay_ms);
/* Frees memory, sources and group without a call. */
void worker_destroy(struct worker *w);

#endif

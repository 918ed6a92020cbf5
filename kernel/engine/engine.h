/* Engines place workers. The kernel asks for a worker of a class and gets, later,
 * a channel and a measured confinement, or a named refusal; nothing else in the
 * kernel knows where a worker runs. `local` is the first engine.
 *
 * Life of a worker: engine_start -> on_ready (measured; no task byte was sent
 * before) -> worker_send / on_message ... -> worker_free (killed if alive, group
 * and all) or on_exit. A worker that measures short is killed and reported
 * through on_failed with ERR_CONFINE and a diagnosis. */
#ifndef KERNEL_ENGINE_ENGINE_H
#define KERNEL_ENGINE_ENGINE_H

#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/frame.h"

#include "evidence.pb-c.h"

struct engine;
struct loop;
struct worker;

enum worker_class {
    WORKER_CONFIG,
    WORKER_PROGRAM,
    WORKER_MODEL,
    WORKER_CML,
    WORKER_TRAIN,
    WORKER_CLASSES_N
};
const char *worker_class_name(enum worker_class c);

/* Of one worker. Zero = the class's own ceiling. */
struct worker_limits {
    uint64_t cpu_ms;
    uint64_t memory_bytes;
    uint64_t output_bytes; /* RLIMIT_FSIZE and tmpfs size */
    uint64_t wall_ms;      /* dead-man switch */
    uint32_t processes;
    const char *const *roots; /* program: absolute paths visible read-only */
    size_t roots_n;
};

struct worker_exit {
    int killed_signal; /* 0 = it exited */
    int exit_status;
    uint64_t cpu_ms;   /* user and system, with its children */
    uint64_t max_rss_bytes;
    int timed_out;     /* by the dead-man switch */
    const char *cut;   /* killed by us: what it did ("broke the protocol") */
    int own_code;      /* ERR_*: no doing of its program (ERR_NOMEM: ours,
                          ERR_WORKER: its zygote's); else 0 */
};

struct worker_handler {
    /* report: as measured (borrowed for the call), with its digest. */
    void (*on_ready)(void *ctx, struct worker *w,
                     const Proctor__Confinement *report);
    void (*on_message)(void *ctx, struct worker *w, struct frame *f);
    /* The worker is gone; last call for it. on_failed: never became ready. */
    void (*on_exit)(void *ctx, struct worker *w, const struct worker_exit *e);
    void (*on_failed)(void *ctx, struct worker *w, const struct diag *d);
};

/* Directory of the worker images (worker-config, worker-program, ...), borrowed.
 * Each is read into a sealed memfd and hashed when it is first needed. ERR_CONFINE
 * with d when the host lacks a layer. */
int engine_open(struct loop *l, const char *images_dir, struct engine **out,
                struct diag *d) MUST_USE;
void engine_close(struct engine *e); /* kills and reaps everything */
/* Reads the images that were not needed yet: a record will name them all. 0, or
 * ERR_CONFINE, ERR_NOMEM with d. */
int engine_load(struct engine *e, struct diag *d) MUST_USE;
/* CID of a class's image, which has been read. */
struct cid engine_image(const struct engine *e, enum worker_class c);

/* Asynchronous. limits, with its arrays, is copied. */
int engine_start(struct engine *e, enum worker_class c,
                 const struct worker_limits *limits,
                 const struct worker_handler *h, void *ctx,
                 struct worker **out) MUST_USE;
int worker_send(struct worker *w, enum msg msg, const ProtobufCMessage *m,
                const int *fds, unsigned fds_n) MUST_USE;
/* Its shared memory (proto/share.h), borrowed; -1 for classes without batches. */
int worker_share(const struct worker *w);
/* Ends it in good order: closes the channel; on_exit follows. */
void worker_finish(struct worker *w);
/* Kills, no further callbacks, frees. NULL is fine; safe inside a handler. */
void worker_free(struct worker *w);
/* Processor time used so far, for budgets. */
uint64_t worker_cpu_ms(const struct worker *w);

#endif

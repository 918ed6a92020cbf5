/* Every worker goes through here, whatever its class: it waits for a free slot
 * and for memory, pays a trap, and hears its first byte only after its measured
 * confinement is durable in the ledger (DESIGN rule 3 and section 6). Workers
 * that become ready in one turn of the loop share one commit. */
#ifndef KERNEL_RUN_GUARD_H
#define KERNEL_RUN_GUARD_H

#include "kernel/run/core.h"

struct guard;
struct guards;

/* How it ended. code 0: it was ready and is gone, see exit. Else it never became
 * ready: ERR_* with a text. */
struct guard_end {
    int code;
    const char *what;               /* borrowed for the call */
    const struct worker_exit *exit; /* NULL when code != 0 */
};

/* "was stopped by limits.wall", ...; of one with code 0; of out, or for ever. */
const char *guard_exit_text(const struct guard_end *e, char out[static 48]);

struct guard_handler {
    /* May be NULL. Measured, not yet recorded; the report is lent. */
    void (*on_measured)(void *ctx, const Proctor__Confinement *report);
    /* Measured and recorded: now it may be sent its task. */
    void (*on_ready)(void *ctx, struct guard *g);
    void (*on_message)(void *ctx, struct guard *g, struct frame *f);
    /* Last call; then guard_free it. */
    void (*on_end)(void *ctx, struct guard *g, const struct guard_end *e);
};

int guards_new(struct core *c, struct guards **out) MUST_USE;
/* Every guard was freed before. NULL is fine. */
void guards_free(struct guards *s);
/* Workers alive at once, from now on. */
void guards_slots(struct guards *s, unsigned n);
unsigned guards_slots_n(const struct guards *s);
/* Some worker waits for a free slot. */
int guards_wait(const struct guards *s);

/* The worker that is wanted. The arrays of limits, task and handler are
 * borrowed until on_end or guard_free. */
struct guard_ask {
    enum worker_class class;
    const struct worker_limits *limits;
    const char *task;
    const struct guard_handler *handler;
    void *ctx; /* for the handler */
};

/* Queues a worker; callbacks come from the loop, never from this call. */
int guard_start(struct core *c, const struct guard_ask *ask,
                struct guard **out) MUST_USE;
int guard_send(struct guard *g, enum msg msg, const ProtobufCMessage *m,
               const int *fds, unsigned fds_n) MUST_USE;
int guard_share(const struct guard *g); /* worker_share */
/* Three quarters of its processor time are used. */
int guard_is_tired(const struct guard *g);
/* Lets it end in good order; on_end follows. */
void guard_finish(struct guard *g);
/* Kills it if it lives. NULL is fine; safe inside a callback. */
void guard_free(struct guard *g);

#endif

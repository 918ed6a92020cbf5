/* One worker for a person: started and measured as for a task, asked what the
 * request holds or nothing at all (`proctor doctor`), and the answer told to the
 * client. Records nothing; needs no store. What the worker answers decides
 * nothing here. */
#ifndef KERNEL_RUN_ASK_H
#define KERNEL_RUN_ASK_H

#include "kernel/run/core.h"

struct ask;

/* Takes the ASK_REQUEST and its descriptor out of f. on_done comes once, after
 * ASK_DONE was sent, perhaps from this call when *out is set already. It, or
 * anybody earlier, calls ask_free. 0 or ERR_NOMEM. */
int ask_new(struct core *c, struct frame *f, void (*on_done)(void *ctx),
            void *ctx, struct ask **out) MUST_USE;
/* Tells the client that it ends so, ERR_*; then on_done. */
void ask_stop(struct ask *t, int code);
void ask_free(struct ask *t);

#endif

/* Replaying verdicts: the exam is held again with the recorded seed over the
 * store's objects, and must give the same evidence, bit for bit. Writes nothing
 * to the ledger; the workers are confined and measured as always. */
#ifndef KERNEL_RUN_REPLAY_H
#define KERNEL_RUN_REPLAY_H

#include "kernel/run/core.h"

struct replay;

/* on_done comes once, from the loop, after REPLAY_DONE was sent; then
 * replay_free. What cannot begin ends the same way, with a diagnosis. */
int replay_new(struct core *c, uint64_t seq, int all,
               void (*on_done)(void *ctx, struct replay *r), void *ctx,
               struct replay **out) MUST_USE;
/* Ends early; what was replayed is told. code: an ERR_*. */
void replay_stop(struct replay *r, int code);
void replay_free(struct replay *r);

#endif

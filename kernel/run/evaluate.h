/* "Run this Runnable of the store over these inputs", for a client that judges
 * by itself (the replayer): the same confined and measured workers as an exam's,
 * one answer per question, nothing recorded and nothing compared here. */
#ifndef KERNEL_RUN_EVALUATE_H
#define KERNEL_RUN_EVALUATE_H

#include "kernel/run/core.h"

#include "kernel.pb-c.h"

struct evaluates;

/* on_idle comes from the loop whenever the last question was answered. */
int evaluates_new(struct core *c, void (*on_idle)(void *ctx), void *ctx,
                  struct evaluates **out) MUST_USE;
/* Takes in a question; EVALUATE_DONE follows, also for what cannot be run. 0,
 * ERR_PROTOCOL (a number that is under way, or too many at once), ERR_NOMEM. */
int evaluates_ask(struct evaluates *s,
                  const Proctor__EvaluateRequest *q) MUST_USE;
int evaluates_is_idle(const struct evaluates *s);
/* Ends what is under way; each question is answered with code (an ERR_*). */
void evaluates_stop(struct evaluates *s, int code);
void evaluates_free(struct evaluates *s); /* NULL is fine */

#endif

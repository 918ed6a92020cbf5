/* Answers to held-out inputs, and the record of a look at them. What runs is asked
 * in fresh workers, twice, the second time backwards; outputs stay here. Ops score
 * and exam.holdout. Kernel process. */
#ifndef KERNEL_RUN_LOOK_H
#define KERNEL_RUN_LOOK_H

#include "kernel/run/eval.h"
#include "kernel/run/sched.h"
#include "proto/holdout.h"

/* A split's held-out part. */
struct held {
    struct live *live;
    struct cid split_cid;
    Proctor__Split *split; /* owned */
    struct values inputs;
    struct values backwards; /* the same, last first */
    /* Who is asked; by held_ask. */
    struct runnable *runnable; /* owned */
    struct values answers;
    int is_again;
    struct eval *eval;
    struct held_text *text; /* owned; NULL: the rows are values */
    void (*done)(void *ctx);
    void *ctx;
};

/* The split. live stays the caller's. 0, ERR_*. */
int held_open(struct held *h, struct live *live, const struct cid *split) MUST_USE;
void held_release(struct held *h);
/* Asks that Runnable; done is called from the loop when answers holds one answer
 * for each input, and both times the same. Else the task is over by then. 0, 1 (the task is over), ERR_* with d. */
int held_ask(struct held *h, const struct cid *runnable, void (*done)(void *ctx),
             void *ctx, struct diag *d) MUST_USE;

/* The answers as an object, and what they lose on each row. 0, BUDGET_E_SPENT,
 * ERR_INPUT (all training outputs are the same number), ERR_*. */
int held_losses(const struct held *h, unsigned metric, struct cid *answers,
                struct holdout_losses *out) MUST_USE;

/* The look at that candidate by that metric, if there was one: 1, *seq, and
 * outcome and loss in *l. Else *l gets what the next one must beat: 0. ERR_*. */
int look_find(const struct held *h, unsigned metric, const struct cid *candidate,
              struct look *l, uint64_t *seq) MUST_USE;
/* Ends the task when nothing may look any more: then 1. */
int look_worn(const struct held *h, struct live *live);
/* Durable, and counted, when it returns. */
int look_record(const struct held *h, const struct look *l,
                const struct cid *candidate, const struct cid *answers,
                uint64_t *out_seq) MUST_USE;
const char *look_words(enum look_outcome o);

#endif

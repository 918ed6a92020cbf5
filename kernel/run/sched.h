/* The scheduler: ready tasks by priority, then file order; as many at once as
 * the policy has workers; every change of state through the transition table,
 * every one recorded before its effect shows. A failing task fails its
 * dependents by name, never the run. */
#ifndef KERNEL_RUN_SCHED_H
#define KERNEL_RUN_SCHED_H

#include "kernel/run/run.h"

/* How an op ended. */
struct outcome {
    int passed;
    int parked; /* until a person says `proctor resume`; reason: why */
    int code; /* not passed because something outside the task failed: ERR_* */
    enum level level;
    struct cid result;
    uint64_t evidence_ref;
    char reason[256];
};

/* A task that runs: what its op sees. */
struct live {
    struct live *next;
    struct run *run;
    uint32_t task_i;
    const struct op *op;
    void *state;           /* the op's; freed by op->free */
    struct cid turn;       /* zero: waits for no other */
    void (*on_turn)(struct live *l); /* NULL once it was called */
    void (*on_rest)(struct live *l); /* NULL: it cannot come to rest by itself */
    int begun;
    int over;
    struct outcome outcome; /* once over */
};

struct op {
    const char *name;
    /* Begins, after START is durable. Ends by live_over, now or later. An error
     * is a failure outside the task. */
    int (*start)(struct live *l);
    /* Stops whatever still runs and frees; NULL: it leaves no state behind. */
    void (*free)(void *state);
};

extern const struct op op_program;
extern const struct op op_model;
extern const struct op op_cml;
extern const struct op op_enumerate;
extern const struct op op_exam;
extern const struct op op_ref_move;
extern const struct op op_load;
extern const struct op op_permute;
extern const struct op op_split;
extern const struct op op_score;
extern const struct op op_holdout;
extern const struct op op_derive;
extern const struct op op_assert;
extern const struct op op_reconcile;
extern const struct op op_generate;
extern const struct op op_lane_score;
extern const struct op op_logits;
extern const struct op op_classify;
extern const struct op op_train;
extern const struct op op_combine;

/* Within start: on_turn is called after it, when all that began before with an
 * equal key have ended. */
void live_turn(struct live *l, const struct cid *key,
               void (*on_turn)(struct live *l));
/* The op's last word; l stays until the next turn of the loop. */
void live_over(struct live *l, const struct outcome *o);
/* Fails it: printf-like reason. code 0 or ERR_*: the failure was outside. */
void live_fail(struct live *l, int code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Fails it by what a call said: ERR_*, with d (may be NULL) where that knows more,
 * or BUDGET_E_SPENT of budgets.bytes. */
void live_error(struct live *l, int code, const struct diag *d);
const Proctor__Task *live_spec(const struct live *l);
/* The task's name in the graph, which its repair shares. */
const char *live_id(const struct live *l);

/* The candidate that a VERDICT record admits. 0, or ERR_REFUSED: not any more. */
int op_ref_admitted(struct core *c, uint64_t verdict_seq,
                    struct cid *out) MUST_USE;

/* The same of a HOLDOUT record. */
int op_holdout_admitted(struct core *c, uint64_t seq,
                        struct cid *out) MUST_USE;

/* All data is there: RUN and ADMIT are recorded, tasks begin. */
void sched_start(struct run *r);
/* Lets come to rest what can, then stops; why lives for ever. The second time it
 * stops at once. */
void sched_rest(struct run *r, int code, const char *why);
/* Workers killed, ABORT, END; then the run is over with this code. */
void sched_stop(struct run *r, int code, const char *why);
void sched_release(struct run *r);

#endif

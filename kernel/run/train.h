/* A training run under way: its workers, the area that they share, and what is known
 * of it. Workers are told in turns how far they may go; each may be lost or relieved,
 * and all go on from the last state, bit for bit. Nothing that they say counts before
 * training.h found nothing wrong with it; what they claim never counts. */
#ifndef KERNEL_RUN_TRAIN_H
#define KERNEL_RUN_TRAIN_H

#include "kernel/run/core.h"
#include "proto/training_log.h"

struct train;
struct guard;

struct train_ask { /* borrowed until train_free */
    const Proctor__Training *m;
    struct cid training;
    unsigned workers;          /* at least 1 */
    uint32_t checkpoint_every; /* epochs */
    uint64_t checkpoint_steps; /* 0: none */
    size_t keep;               /* weights that the result may be made of */
    uint64_t went_on_ref;      /* TRAINED record to go on from, plus one; 0: none */
    const Proctor__Limits *limits;
    const char *task;
    int is_live;
    void (*on_end)(void *ctx, struct train *t); /* from the loop, once */
    void *ctx;
};

enum train_end {
    TRAIN_RUNS,
    TRAIN_ENDED,
    TRAIN_STOPPED, /* at rest, as train_stop wanted */
    TRAIN_FAILED
};

enum { TRAIN_FDS = 7 /* tokenizer x y checked_x state weights, and one for luck */ };

struct train_worker {
    struct train *t;
    struct guard *guard;
    int is_ready; /* may be spoken to */
    ProtobufCMessage *answer; /* owned; of this turn */
};

enum train_spool { /* bytes that are not yet an object: memfds */
    SPOOL_WEIGHTS,
    SPOOL_PREDICTIONS,
    SPOOL_STATE,
    SPOOLS_N
};

struct train {
    unsigned magic;
    struct core *core;
    struct train_ask ask;
    struct worker_limits limits;
    /* For its holder, at the end. */
    enum train_end end;
    int code;               /* FAILED: 0, or ERR_*: outside */
    struct diag d;          /* FAILED: why */
    struct cid weights;     /* the newest, of ENDED the last */
    uint64_t seq_ref;       /* its last record, plus one */
    uint64_t step;
    Proctor__TaskReady *ready; /* owned: of the first worker; ready->train: its plan */

    Proctor__TrainTask task;
    uint64_t tokenizer_bytes, weight_bytes;
    int fds[TRAIN_FDS]; /* owned, as TrainTask says; state: when they start */
    struct buf labels;  /* of the checked rows: no worker's */
    struct train_worker w[LIMIT_WORKERS];
    unsigned answered;
    unsigned waits_for; /* an enum msg; 0: nothing is under way */
    int area;
    uint64_t since_ms;  /* of these workers */
    unsigned losses;
    struct training_turn turn;
    unsigned idle;      /* turns without a step */
    int wants_stop, wants_save, is_tired;
    uint64_t saved_ms;
    double measured;    /* for the next turn */
    int has_measured;
    double loss, rate;
    /* At rest, in the ledger. */
    struct cid state;
    uint64_t state_step, state_ref;
    int state_waits; /* for state_measured */
    double state_measured;
    struct training_log log; /* since the last record, */
    int spools[SPOOLS_N];    /* owned: and its bytes */
    uint64_t logged_ms, log_cost_ms; /* end of that record, and what it took */
};

/* 0, ERR_STORE_DAMAGED, ERR_*. */
int train_new(struct core *c, const struct train_ask *ask,
              struct train **out) MUST_USE;
void train_free(struct train *t); /* NULL is fine */
/* It comes to rest after its step; on_end follows. */
void train_stop(struct train *t);

/* train_log.c: what is kept of it. Each 0, BUDGET_E_SPENT, ERR_*. */
int train_log_init(struct train *t) MUST_USE;
void train_log_release(struct train *t);
/* Goes on from what a TRAINED record says. ERR_STORE_DAMAGED: it is not of this
 * training. */
int train_log_load(struct train *t, uint64_t seq) MUST_USE;
/* The record that it began, or went on. */
int train_log_begin(struct train *t) MUST_USE;
/* An answer's epochs, notes and parts, out of the area; predictions: those that were
 * measured, or empty. */
int train_log_take(struct train *t, Proctor__TrainDone *d,
                   struct ubytes predictions) MUST_USE;
/* A record is due: its cost is a small part of the time between two. */
int train_log_is_due(const struct train *t);
/* All of it, into the store and the ledger, under that word; nothing, if nothing is
 * new and nothing ended. */
int train_log_flush(struct train *t, const char *why) MUST_USE;

/* Says how far it is; is_recorded: with what the last record tells. */
void train_tell(struct train *t, int is_recorded);

#endif

/* Inside of fit_standard: a learner under an optimizer. What its files share.
 *
 * A step takes `accumulate` batches of rows, in the order that was drawn for the
 * epoch; each batch is cut into micro-batches of about equal size. Gradients of
 * micro-batches are sums over rows; they are added up in a tree (tree.h), divided
 * by the rows (or tokens) of the step, clipped, and given to the optimizer. So a
 * step's bits hang on the recipe's cut alone.
 *
 * Several workers: micro-batch i is worker i mod workers' work; its gradient goes
 * to slot i of the exchange, which holds two sets of slots, used in turns: while a
 * slow worker still adds up one step's, a fast one fills the next one's.
 *
 * Worker train only. */
#ifndef WORKERS_TRAIN_STANDARD_H
#define WORKERS_TRAIN_STANDARD_H

#include "workers/train/engine.h"
#include "workers/train/fit.h"
#include "workers/train/handler.h"
#include "workers/train/learner.h"
#include "workers/train/metric.h"
#include "workers/train/optimizer.h"
#include "workers/train/schedule.h"
#include "workers/train/tree.h"

#define MICRO_MAX 65536u /* micro-batches of a step */
#define SLOT_HEAD_BYTES 64u
#define PIECE 2048u /* floats that several workers' sums are made of at once */

/* How epochs are cut. */
struct cut {
    uint64_t rows;       /* of an epoch */
    uint64_t batch;      /* rows, at most all */
    uint32_t micro;      /* pieces of a batch, at most one a row */
    uint32_t accumulate; /* batches of a step */
    uint64_t steps;      /* of an epoch */
    uint64_t steps_all;
    uint64_t epochs;
    size_t rows_max; /* of a micro-batch */
};

/* One micro-batch: rows [from, from + n) of the epoch's order. */
struct micro {
    uint64_t from;
    size_t n;
};

/* Of the training rows, by what is handed out at an epoch's end. */
struct epoch_metrics {
    struct metric_tally *v[FIT_CLAIMS_MAX];
    size_t n;
    int has_accuracy;
    float *pred; /* owned, of METRIC_ROWS rows; NULL: texts, or no metrics */
    double *wide, *target;
};
#define METRIC_ROWS 256u

/* Is an epoch at its end? */
enum standard_epoch {
    EPOCH_RUNS,
    EPOCH_ENDS, /* and step has still to say so */
    EPOCH_SAID,
    EPOCH_N
};

struct standard {
    struct fit base;
    struct fit_task t;
    struct cut cut;
    const struct learner_ops *ops;
    struct learner *learner;
    size_t n; /* parameters */
    uint64_t weights_bytes;

    float *params; /* owned: these, ema, in one piece */
    float *ema;    /* NULL: off */
    uint8_t *mask;
    uint32_t *order;      /* of the epoch order_epoch */
    uint64_t order_epoch; /* from 1; 0: none yet */
    struct optimizer *optimizer;
    struct engine *engine;
    struct handlers *handlers; /* NULL: the recipe has none */
    struct epoch_metrics metrics;
    const char *names[FIT_CLAIMS_MAX]; /* of claims, for handlers */
    struct plateau plateau;
    struct tree tree; /* one worker: whole gradients; several: pieces */
    float *grad;      /* of the step: the tree's, or owned (several) */
    float *grad_owned;
    uint8_t *exchange; /* borrowed; NULL: one worker */
    struct buf rest;   /* several: the small state when the step began */

    struct loss_sum epoch; /* sums of the epoch so far */
    struct loss_sum step;
    struct fit_claims claims; /* of the epoch that ended */
    int watches_gradients;
    double grad_norm; /* then: of the last step, before it was clipped */
    struct fit_place place;
    uint64_t start_ns; /* the clock's, by start */
    uint64_t clock_ns; /* since then */
    uint64_t
        now_ns; /* the engine's, the same in all workers: the first one's at the
                        step before */
    int begun;  /* the engine */
    int pending; /* gradients wait to be put together */
    enum standard_epoch at_epoch;
    int over; /* the engine */
};

static inline struct standard *standard_of(struct fit *f)
{
    return (struct standard *)(void *)f;
}
static inline const struct standard *standard_of_const(const struct fit *f)
{
    return (const struct standard *)(const void *)f;
}

/* fit_micro.c */
/* 0, or ERR_INPUT or ERR_LIMIT with ${d} set. */
int cut_open(const Proctor__Recipe *r, uint64_t rows, struct cut *out,
             struct diag *d) MUST_USE;
/* Micro-batches of the step-th step of an epoch, from 0; at least one. */
uint32_t cut_micro_n(const struct cut *c, uint64_t step);
struct micro cut_micro(const struct cut *c, uint64_t step, uint32_t i);
/* Of one set of slots; bytes of a slot. */
uint64_t exchange_bytes(const struct standard *s);
/* Gradients of this worker's share of the step, in the tree or the exchange. */
int micro_gradients(struct standard *s) MUST_USE;
/* s->grad and s->step: of all micro-batches, when all are there. 0, or
 * ERR_PROTOCOL: a slot is not of this step. */
int micro_reduce(struct standard *s) MUST_USE;

/* fit_state.c: fit_ops of these names. */
uint64_t standard_state_bytes(const struct standard *s);
int standard_rest(const struct standard *s, struct buf *out) MUST_USE;
int standard_save(struct fit *f, struct buf *out) MUST_USE;
int standard_restore(struct fit *f, struct ubytes state,
                     struct diag *d) MUST_USE;

/* fit_claims.c */
/* Metrics and handlers of the recipe: checked and, but for their buffers, made;
 * the engine is there. As cut_open, or ERR_NOMEM. */
int claims_open(struct standard *s, struct diag *d) MUST_USE;
uint64_t claims_memory(const struct standard *s); /* that claims_start takes */
int claims_start(struct standard *s) MUST_USE;
void claims_close(struct standard *s);
/* s->claims, and the same as values of the engine. 0, ERR_NOMEM, ERR_INPUT with
 * ${d} set. */
int claims_make(struct standard *s, struct diag *d) MUST_USE;

/* The order of the epoch that the engine is in. */
void standard_order(struct standard *s);
struct engine_plan standard_plan(const struct standard *s);

#endif

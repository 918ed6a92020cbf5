/* Metrics of a training run: claims, which the kernel's measurements stand
 * beside. Each reduces counts (i64) and sums (f64 with their rounding errors, so
 * about 106 bits), or keeps its pairs: how rows were cut into batches or shares
 * changes a value by no more than the last bits, and merging two tallies equals
 * one pass.
 *
 * Samples that are not finite: where a class or a place in an order is asked of
 * them, ERR_INPUT names the sample; of losses and numbers the result is NaN. What
 * is not defined for the samples that are there (a ROC of one class, a correlation
 * of constants) is NaN, too. 0/0 is 0 in precision and recall; a class that is
 * neither target nor prediction takes no part in IoU and Dice.
 *
 * Source: simple-tooling C3, C4. Pure; runs in worker-train. */
#ifndef WORKERS_TRAIN_METRIC_H
#define WORKERS_TRAIN_METRIC_H

#include "proto/buf.h"
#include "workers/train/engine.h"

#define METRIC_CLASSES_MAX 65536u   /* of counts by class */
#define METRIC_CONFUSION_MAX 512u   /* classes of a matrix */
#define METRIC_PAIRS_MAX (1u << 26) /* samples that are kept */

struct metric_tally;

/* What predictions look like. */
struct metric_setup {
    uint32_t classes;  /* 0: regression */
    uint32_t width;    /* numbers of a prediction; classes, 1, or of labels */
    int several;       /* each of width labels is 0 or 1, several at once */
    int threshold_set; /* width 1: a prediction of at least threshold is class 1;
                        * not set: it is the class itself */
    double threshold;
};

struct metric_batch {
    uint64_t n;           /* samples */
    const double *pred;   /* (n, width); NULL: only losses are asked for */
    const double *target; /* (n, 1): class or value; several, or numbers of
                            * width columns: (n, width) */
    double loss;          /* mean over loss_n */
    uint64_t loss_n;      /* rows or tokens; 0: n */
};

enum metric_outcome {
    METRIC_E_NOT_COMPUTABLE = 1
};

/* "accuracy", "f1:macro", "top_k:5", "f_beta:2", "cohen_kappa:linear". Averages:
 * binary (of class 1; precision's and recall's default with two classes), macro
 * (the default else), micro, weighted by targets, samples (several labels), none
 * (one value each). 0, ERR_NOMEM, ERR_LIMIT, or ERR_INPUT with the nearest
 * name. */
int metric_open(const char *text, const struct metric_setup *setup,
                struct metric_tally **out, struct diag *d) MUST_USE;
void metric_close(struct metric_tally *t); /* NULL is fine */
const char *metric_text(const struct metric_tally *t);
/* Name and argument, and that it suits the kind of data. 0 or ERR_INPUT. */
enum metric_suits {
    METRIC_REGRESSION = 1,
    METRIC_CLASSIFICATION = 2,
    METRIC_TEXT = 4
};
int metric_check(const char *text, enum metric_suits kind,
                 struct diag *d) MUST_USE;
/* All names, for documents and hints; NULL behind the last. */
const char *metric_at(size_t i, const char **out_text);

void metric_reset(struct metric_tally *t);
/* All or nothing. 0, ERR_NOMEM, ERR_LIMIT, ERR_INPUT: a class that is none. */
int metric_update(struct metric_tally *t, const struct metric_batch *b,
                  struct diag *d) MUST_USE;
/* Adds b's samples to a's. Same text and setup; a running average has no sum.
 * 0, ERR_NOMEM, ERR_LIMIT, ERR_INPUT. */
int metric_merge(struct metric_tally *a, const struct metric_tally *b,
                 struct diag *d) MUST_USE;

/* The value, or the first of several. 0, METRIC_E_NOT_COMPUTABLE (no samples, or
 * none of what it needs), ERR_NOMEM. */
int metric_value(struct metric_tally *t, double *out) MUST_USE;
/* Each value; suffix "", "_0", "_1_0" (of `none`, and of matrices). Ends early
 * with the sink's code. */
typedef int metric_sink(void *ctx, const char *suffix, double v);
int metric_each(struct metric_tally *t, metric_sink *sink, void *ctx) MUST_USE;

/* Bytes of a tally, for a checkpoint in the middle of an epoch: at most so many
 * after `rows` samples. */
uint64_t metric_state_bytes(const struct metric_tally *t, uint64_t rows);
int metric_save(const struct metric_tally *t, struct buf *out) MUST_USE;
/* Of the same text and setup; t is as before when they are not. */
int metric_load(struct metric_tally *t, struct rd *in) MUST_USE;

/* ---- In an engine ---- */

struct metric_usage {
    struct engine_when start; /* reset */
    struct engine_when update;
    struct engine_when complete; /* the value goes into the engine's state */
};
/* Epoch-wise, batch-wise, and over the whole run with a value after each batch. */
extern const struct metric_usage metric_of_epoch, metric_of_batch,
    metric_of_run;

/* From the engine's output to a batch. */
typedef int metric_transform(struct engine *e, void *ctx,
                             struct metric_batch *out, struct diag *d);

/* Under `name` (suffixes behind it), before all handlers of users. transform
 * NULL: the output is a struct metric_batch. Borrows t until the engine goes.
 * A value that cannot be computed is the run's error. */
int metric_attach(struct metric_tally *t, struct engine *e, const char *name,
                  const struct metric_usage *usage, metric_transform *transform,
                  void *ctx, struct diag *d) MUST_USE;

#endif

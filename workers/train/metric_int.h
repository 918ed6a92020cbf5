/* What the files of the metrics share: a tally is counts, sums and pairs; a
 * family says how many, how samples go in and how values come out. */
#ifndef WORKERS_TRAIN_METRIC_INT_H
#define WORKERS_TRAIN_METRIC_INT_H

#include "proto/diag.h"
#include "workers/train/metric.h"

enum metric_id {
#define METRIC(id, name, family, argument, suits, text) METRIC_ID_##id,
#include "workers/train/metric.def"
#undef METRIC
    METRIC_ID_N
};

enum metric_average {
    AVERAGE_NONE,
    AVERAGE_BINARY,
    AVERAGE_MACRO,
    AVERAGE_MICRO,
    AVERAGE_WEIGHTED,
    AVERAGE_SAMPLES
};

/* hi + lo, lo being what hi could not hold. */
struct metric_sum {
    double hi;
    double lo;
};
struct metric_pair {
    double x;
    double y;
};

struct metric_family {
    /* Sizes of a tally whose text and setup are known. 0 or ERR_INPUT. */
    int (*init)(struct metric_tally *t, struct diag *d);
    /* Changes nothing. 0 or ERR_INPUT. */
    int (*check)(const struct metric_tally *t, const struct metric_batch *b,
                 struct diag *d);
    void (*add)(struct metric_tally *t, const struct metric_batch *b);
    /* Samples are there. 0, or the sink's code. Pairs may be sorted. */
    int (*each)(struct metric_tally *t, metric_sink *sink, void *ctx);
    int keeps_pairs; /* one a sample */
};

struct metric_tally {
    const struct metric_family *family;
    enum metric_id id;
    char text[ENGINE_NAME_BYTES];
    struct metric_setup setup;
    enum metric_average average;
    double arg; /* beta, k, decay, range, exponent of weights */

    uint64_t n;   /* samples; losses: rows or tokens */
    uint64_t bad; /* of those, not finite: in no sum */
    double least; /* of targets (numbers) */
    double most;  /* of targets, or of errors */
    int64_t *counts;
    size_t counts_n;
    struct metric_sum *sums;
    size_t sums_n;
    struct metric_pair *pairs;
    size_t pairs_n;
    size_t pairs_cap;

    /* metric_attach */
    char name[ENGINE_NAME_BYTES];
    metric_transform *transform;
    void *transform_ctx;
};

extern const struct metric_family metric_family_LOSS, metric_family_CLASSES,
    metric_family_CONFUSION, metric_family_RANKS, metric_family_SCORES,
    metric_family_PAIRS, metric_family_NUMBERS, metric_family_AVERAGES;

void metric_sum_add(struct metric_sum *s, double x);
void metric_sum_add_product(struct metric_sum *s, double x, double y);
void metric_sum_merge(struct metric_sum *a, const struct metric_sum *b);
double metric_sum_value(const struct metric_sum *s);
/* a b - c d of whole sums, as exactly as sums are. */
double metric_sum_cross(const struct metric_sum *a, const struct metric_sum *b,
                        const struct metric_sum *c, const struct metric_sum *d);

/* "sample I: WHAT, got V" */
int metric_bad_sample(const struct metric_tally *t, uint64_t i,
                      const char *what, double v, struct diag *d);
int metric_bad_setup(const struct metric_tally *t, const char *what,
                     struct diag *d);
/* Class of sample i by its prediction; 0, or ERR_INPUT: none. */
int metric_class(const struct metric_tally *t, const struct metric_batch *b,
                 uint64_t i, uint32_t *out, struct diag *d);
/* Class of sample i by its target, below `classes`. */
int metric_target(const struct metric_tally *t, const struct metric_batch *b,
                  uint64_t i, uint32_t classes, uint32_t *out, struct diag *d);
/* Those of a batch that metric_family.check let pass. */
uint32_t metric_class_of(const struct metric_tally *t,
                         const struct metric_batch *b, uint64_t i);

/* Sums over pairs that are already reserved. */
void metric_pair_add(struct metric_tally *t, double x, double y);

#endif

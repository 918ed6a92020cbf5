/* compat: harness: training as the numpy harness does it, in double, by its rules
 * (docs/experiments.md): its draws, its order of rows, its losses and gradients,
 * and what its documents do not say: a closed form that is solved again for every
 * batch and keeps the last one's answer (trap T3), a single output whose class is
 * always 0 (T4). The learning rate is the recipe's: 0.001 in what the harness's
 * configuration files become (T1).
 *
 * Inside fit_harness.c, fit_harness_take.c, fit_harness_net.c and
 * fit_harness_linear.c. Worker train only. */
#ifndef WORKERS_TRAIN_HARNESS_H
#define WORKERS_TRAIN_HARNESS_H

#include "workers/nn/mlp_file.h"
#include "workers/train/f64.h"
#include "workers/train/fit.h"

#define HARNESS_BOUND 10.0 /* of weights, gradients, arguments of exp */
#define HARNESS_TILE 256u  /* rows that are predicted together */
#define HARNESS_CLOSED_WIDTH_MAX 511u

enum harness_kind {
    HARNESS_NET,
    HARNESS_DESCENT,
    HARNESS_CLOSED
};

struct harness {
    struct fit base;
    struct fit_task t;
    enum harness_kind kind;
    struct mlp_shape shape; /* linear: inputs and one output */
    int hidden_is_relu; /* also when there is no hidden layer: of the draws */
    double rate;
    double l2;
    uint32_t seed;     /* of the first weights */
    uint32_t order_of; /* seed of the order of rows */

    size_t n;        /* parameters: weights (in, out) and bias of each layer */
    size_t rows;     /* of a batch, at most */
    size_t cap;      /* rows of a buffer: batch or tile */
    uint64_t steps;  /* of an epoch */
    double *params;  /* all owned by `all` */
    double *grad;    /* of the largest layer */
    double *turned;  /* the largest layer's weights, transposed */
    double *panel;   /* of f64_product */
    double *sums;    /* of the widest layer; linear: of columns */
    double *targets; /* (cap, outputs) */
    double *a[MLP_LAYERS_MAX + 1]; /* (cap, size): inputs, then activations */
    double *d[2];                  /* (cap, widest): gradients of activations */
    double *gram;                  /* CLOSED: matrices */
    double *all;
    uint32_t *order;
    uint64_t order_epoch; /* that it is of; 0: none */

    struct fit_place place;
    uint64_t at;      /* batches of this epoch that are done */
    double loss;      /* their sum */
    double claims[2]; /* of the epoch that ended: loss, accuracy */
    int has_ended;    /* FIT_EPOCH is due */
};

/* Fills all that follows from h->t, up to n. ERR_INPUT or ERR_LIMIT: not what the
 * harness has; d says what. */
int harness_take_task(struct harness *h, struct diag *d) MUST_USE;
/* Doubles of all buffers; sets their places when all is not NULL. */
uint64_t harness_buffers(struct harness *h, double *all);
size_t harness_layer(const struct harness *h, uint32_t layer); /* offset */
/* Columns of targets that losses are compared with. */
uint32_t harness_outputs(const struct harness *h);

/* The first weights. */
void harness_net_first(struct harness *h);
void harness_linear_first(struct harness *h);
/* n rows, of these numbers, into a[0] and targets; n <= cap. */
void harness_take(struct harness *h, const uint32_t *order, size_t n);
/* One batch of n rows, which harness_take took: changes params, gives its loss. */
double harness_net_step(struct harness *h, size_t n);
double harness_descent_step(struct harness *h, size_t n);
/* The same, but takes them itself, a tile at a time. */
double harness_closed_step(struct harness *h, const uint32_t *order, size_t n);
uint64_t harness_closed_doubles(uint32_t width);
/* Outputs of n rows in a[0]: (n, outputs), borrowed until the next call. */
const double *harness_forward(struct harness *h, size_t n);

#endif

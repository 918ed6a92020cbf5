/* Perceptrons as learners: shapes, memory, and what the kinds mlp and linear
 * share. A linear model is a net without hidden layers.
 *
 * params, one after the other: with `standardize` mean (in) and 1 / deviation
 * (in) of the inputs, which no gradient moves (a constant column's is 1); then
 * per layer weights (in, out), in over rows, and bias (out). Weights lie so that
 * the forward product and the gradient need no packing (workers/nn/product.h);
 * files hold them (out, in).
 *
 * First weights: bias 0, weights uniform of deviation sqrt(2 / in) before relu
 * and gelu, else sqrt(1 / in); linear: 0.01.
 * Dropout: hidden outputs are 0 with its probability, else divided by the
 * complement; unit j of row i of layer l (from 0) is number i * width + j of
 * stream DROPOUT (step; micro << 16 | l), dropped when its upper 53 bits are
 * below p * 2^53.
 *
 * Worker train only. */
#ifndef WORKERS_TRAIN_NET_H
#define WORKERS_TRAIN_NET_H

#include "workers/nn/mlp_file.h"
#include "workers/train/learner.h"
#include "workers/train/loss.h"

#define NET_PARAMETERS_MAX (1ull << 31)

struct net_shape {
    uint32_t layers_n; /* of weights, 1 to MLP_LAYERS_MAX */
    uint32_t sizes[MLP_LAYERS_MAX + 1];
    enum activation hidden; /* identity to gelu */
    double dropout;         /* in [0, 1) */
    int standardize;
    double l2;     /* the loss of each row has l2 / rows * |weights|^2 more */
    double spread; /* of first weights, if not 0 */
    uint64_t weights_seed, seed;
};

struct net_layer {
    uint32_t in, out;
    size_t weights, bias; /* places in params */
    float *a;             /* (rows, out): its outputs; borrows the arena */
    float *slope;         /* (rows, out), or NULL: relu without dropout */
    float *turned;        /* (out, in); NULL: the first layer */
};

struct net {
    struct learner base;
    struct net_shape shape;
    struct loss loss;
    struct net_layer layers[MLP_LAYERS_MAX];
    size_t parameters_n;
    size_t rows_max;
    float *x;             /* (rows, in) */
    float *spare[2];      /* (rows, widest layer) */
    float *arena;         /* owned: all of it */
    const float *params;  /* of the last set */
};

/* Checks the shape against data, takes the loss of r. As learner_ops.open. */
int net_open(const struct learner_ops *ops, const struct net_shape *shape,
             const Proctor__Recipe *r, const struct rows *data,
             struct learner **out, struct diag *d) MUST_USE;

/* learner_ops, but open. */
void net_close(struct learner *l);
size_t net_parameters_n(const struct learner *l);
size_t net_outputs_n(const struct learner *l);
uint64_t net_memory(const struct learner *l, size_t rows_max);
int net_start(struct learner *l, size_t rows_max) MUST_USE;
int net_first(struct learner *l, const struct rows *data,
              float *params) MUST_USE;
void net_decays(const struct learner *l, uint8_t *mask);
int net_set(struct learner *l, const float *params) MUST_USE;
/* net_pass.c */
int net_gradient(struct learner *l, const struct rows *data,
                 const uint32_t *order, size_t n, uint64_t step, uint32_t micro,
                 float *grad, struct loss_sum *s) MUST_USE;
int net_predict(struct learner *l, const struct rows *data, uint64_t from,
                size_t n, float *out) MUST_USE;
/* net_file.c */
int net_load(struct learner *l, const struct gguf *g, float *params,
             struct diag *d) MUST_USE;
int net_write(struct learner *l, const float *params, uint64_t max_bytes,
              gguf_sink *sink, void *ctx, uint64_t *out_bytes) MUST_USE;

static inline struct net *net_of(struct learner *l)
{
    return (struct net *)(void *)l;
}
static inline const struct net *net_of_const(const struct learner *l)
{
    return (const struct net *)(const void *)l;
}

#endif

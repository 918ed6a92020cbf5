/* A learner: a function of f32 parameters, its loss over rows, and the gradient.
 * It owns no parameters: `params` and `grad` are flat arrays of parameters_n
 * floats of the caller, who updates the first by the second.
 *
 * The rule of all: what gradient and predict give is a function of params, the
 * rows named and (dropout) step and micro. Never of rows_max, of what was asked
 * before, of the kernels or the machine. Products are contract 1 of
 * workers/nn/panel.h, forward and backward.
 *
 * Lives in worker train; no file, no thread, no memory after `start`. */
#ifndef WORKERS_TRAIN_LEARNER_H
#define WORKERS_TRAIN_LEARNER_H

#include "proto/diag.h"
#include "workers/nn/gguf_write.h"

#include "train.pb-c.h"

struct gguf;
struct rows;

/* Over rows, or the predicted tokens of texts. */
struct loss_sum {
    double loss;
    uint64_t count;
    uint64_t right; /* the highest output, or the side of 0.5, is the label's;
                     * regression: 0 */
};

struct learner {
    const struct learner_ops *ops;
    /* what the kind needs follows in its own struct */
};

struct learner_ops {
    const char *kind; /* Learner.kind: "mlp", "linear", "transformer" */

    /* Checks all that recipe and shapes allow to check; nothing large is
     * allocated. data: x and y may be NULL. tokenizer_gguf: TEXT, else NULL.
     * Both and r are borrowed until close. 0, ERR_NOMEM, or ERR_INPUT or
     * ERR_LIMIT with ${d} set. */
    int (*open)(const Proctor__Recipe *r, const struct rows *data,
                const struct ubytes *tokenizer_gguf, struct learner **out,
                struct diag *d) MUST_USE;
    void (*close)(struct learner *l); /* NULL is fine */

    size_t (*parameters_n)(const struct learner *l);
    size_t (*outputs_n)(const struct learner *l); /* of predict, of one row */
    /* Bytes that `start` will allocate for micro-batches of so many rows. */
    uint64_t (*memory)(const struct learner *l, size_t rows_max);
    /* Allocates all that is ever needed. rows_max >= 1. 0 or ERR_NOMEM. */
    int (*start)(struct learner *l, size_t rows_max) MUST_USE;

    /* First weights from the seed, all of params; data, the training rows: for
     * what is taken from them (standardization), kept in params too. */
    int (*first)(struct learner *l, const struct rows *data,
                 float *params) MUST_USE;
    /* mask[i] = 1 where weight decay applies to params[i], else 0. */
    void (*decays)(const struct learner *l, uint8_t *mask);

    /* After start and after every change of params: packs them. They stay the
     * caller's and unchanged until the next set. 0, or ERR_INPUT: a number that
     * is not finite (only some learners look). */
    int (*set)(struct learner *l, const float *params) MUST_USE;
    /* grad = d(sum over rows order[0..n) of the loss) / d params, overwritten;
     * s is added to. n <= rows_max; data has labels. The caller divides by the
     * count, once all micro-batches are added up. */
    int (*gradient)(struct learner *l, const struct rows *data,
                    const uint32_t *order, size_t n, uint64_t step,
                    uint32_t micro, float *grad, struct loss_sum *s) MUST_USE;
    /* Rows [from, from + n) of data, n any number: out (n, outputs_n), the bits
     * that the exported file gives (standardization: the same up to
     * rounding). */
    int (*predict)(struct learner *l, const struct rows *data, uint64_t from,
                   size_t n, float *out) MUST_USE;

    /* params = what a file of the same shape holds; params already are what
     * `first` made them. 0, ERR_NOMEM, or ERR_INPUT with ${d} set. */
    int (*load)(struct learner *l, const struct gguf *g, float *params,
                struct diag *d) MUST_USE;
    /* The weights as a GGUF file, through sink. 0, ERR_NOMEM, ERR_LIMIT (more
     * than max_bytes), or the sink's error. */
    int (*write)(struct learner *l, const float *params, uint64_t max_bytes,
                 gguf_sink *sink, void *ctx, uint64_t *out_bytes) MUST_USE;
};

extern const struct learner_ops learner_mlp;
extern const struct learner_ops learner_linear;      /* learner_mlp.c */
extern const struct learner_ops learner_transformer; /* by its own file */

/* By Learner.kind; NULL: none. */
const struct learner_ops *learner_find(const char *kind);

#endif

/* Losses of rows, over the sums z that enter the last activation, with their
 * gradients. Per row, C outputs, a = activation(z), t the target (regression: t
 * of its one output; classification: 1 at the class, else 0; one output: 1 for
 * class 1):
 *
 *   squared        mean over outputs of (a - t)^2
 *   absolute       mean of |a - t|                    (slope 0 at 0)
 *   huber          mean of e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2)
 *   cross_entropy  softmax: -sum q_c log a_c, q = t (1 - s) + s / C
 *                  sigmoid: -sum q_c log a_c + (1 - q_c) log(1 - a_c),
 *                  q = t (1 - s) + s / 2; s the smoothing
 * Sums in double over ascending outputs and rows; gradients in f32. Pure; worker
 * train only. */
#ifndef WORKERS_TRAIN_LOSS_H
#define WORKERS_TRAIN_LOSS_H

#include "proto/diag.h"
#include "workers/nn/activation.h"

#include "train.pb-c.h"

struct loss_sum;
struct rows;

enum loss_kind {
    LOSS_SQUARED,
    LOSS_ABSOLUTE,
    LOSS_HUBER,
    LOSS_CROSS_ENTROPY
};

struct loss {
    enum loss_kind kind;
    enum activation output; /* identity, sigmoid or softmax */
    size_t outputs;
    double delta, smoothing;
};

/* Recipe.loss and Learner.output, either of which may be absent or "": squared
 * and identity of a regression, cross_entropy and softmax (one output: sigmoid)
 * of a classification; cross_entropy makes an absent output softmax or sigmoid.
 * outputs >= 1 fits data, whose shape alone is looked at. 0, or ERR_INPUT with
 * ${d} set. */
int loss_open(const Proctor__LossSpec *spec, const char *output,
              const struct rows *data, size_t outputs, struct loss *out,
              struct diag *d) MUST_USE;

/* z (n, outputs) of rows order[0..n) becomes d(sum of losses) / dz; s is added
 * to. */
void loss_rows(const struct loss *l, const struct rows *data,
               const uint32_t *order, size_t n, float *z, struct loss_sum *s);

#endif

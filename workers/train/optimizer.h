/* Optimizers over flat parameters, and what stands beside them: clipping and a
 * moving average of weights. Elementwise in f32, each operation rounded, so that
 * bits hang on nothing but the numbers; factors of a step are computed in double
 * and rounded once. w the parameter, g its gradient, r the rate, d the decay:
 *
 *   sgd      g += d w; v = momentum v + g; w -= r v, with nesterov
 *            r (g + momentum v)
 *   adam     g += d w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g g;
 *            w -= r m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)
 *   adamw    w -= r d w, then adam with g alone
 *   rmsprop  g += d w; v = b2 v + (1 - b2) g g; u = g / (sqrt(v) + epsilon);
 *            with momentum m = momentum m + u and u = m; w -= r u
 * d counts only where the mask is 1. Numbers that are 0 stand for beta1 0.9,
 * beta2 0.999 (rmsprop 0.99), epsilon 1e-8. Worker train only. */
#ifndef WORKERS_TRAIN_OPTIMIZER_H
#define WORKERS_TRAIN_OPTIMIZER_H

#include "proto/buf.h"
#include "proto/diag.h"

#include "train.pb-c.h"

struct optimizer;

/* For n parameters: allocates its moments, zero. 0, ERR_NOMEM, or ERR_INPUT with
 * ${d} set. */
int optimizer_new(const Proctor__OptimizerSpec *spec, size_t n,
                  struct optimizer **out, struct diag *d) MUST_USE;
void optimizer_free(struct optimizer *o); /* NULL is fine */
/* Only the checks; d set as by optimizer_new. */
int optimizer_check(const Proctor__OptimizerSpec *spec,
                    struct diag *d) MUST_USE;
/* Bytes of its moments, and at most so many of its state. */
uint64_t optimizer_memory(const Proctor__OptimizerSpec *spec, uint64_t n);
uint64_t optimizer_state_bytes(const Proctor__OptimizerSpec *spec, uint64_t n);

/* One step: params change; grad is a mean over rows and stays. mask (n), by
 * learner_ops.decays. */
void optimizer_step(struct optimizer *o, float *params, const float *grad,
                    const uint8_t *mask, double rate);
/* State: steps made, powers of the betas, moments. optimizer_load: of an
 * optimizer of the same spec and n; 0 or ERR_INPUT, and o is as it was. */
int optimizer_save(const struct optimizer *o, struct buf *out) MUST_USE;
int optimizer_load(struct optimizer *o, struct ubytes state) MUST_USE;

/* The root of the sum of squares: in double, lane i mod 16 over ascending i, then
 * lane l += lane l + 8, + 4, + 2, + 1. */
double clip_norm_of(const float *v, size_t n);
/* v *= limit / norm when norm > limit; returns whether it did. */
int clip_norm(float *v, size_t n, double norm, double limit);
/* Each into [-limit, limit]; NaN stays. */
void clip_value(float *v, size_t n, double limit);
/* v *= a. */
void clip_scale(float *v, size_t n, double a);

/* average = c average + (1 - c) params, c = min(decay, (1 + t) / (10 + t)) at the
 * t-th update, from 1: early weights are soon forgotten. It starts as a copy. */
void ema_update(float *average, const float *params, size_t n, double decay,
                uint64_t t);

#endif

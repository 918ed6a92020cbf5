/* What panel.c, operand.c, rope.c and attend.c take from math.c. */
#ifndef WORKERS_NN_MATH_IMPL_H
#define WORKERS_NN_MATH_IMPL_H

#include "workers/nn/panel.h"

/* For which instructions the functions of math.h run: PANEL_SCALAR, _AVX2,
 * _AVX512, if this processor has them. */
void math_choose(enum panel_route route);
int math_has(enum panel_route route); /* this processor */

/* y (m, n) of rows of ldy: -0 becomes +0, NaN 0x7fc00000. */
void math_canonical(float *y, size_t ldy, size_t m, size_t n);

/* One row: operand.h's rule. k a multiple of 32. */
void math_quantise(const float *x, size_t k, int8_t *q, float *d,
                   int32_t *bias);

/* Scores of one row of attention: s (n), n a multiple of 16, index 0 at a
 * position that is a multiple of 16. Entries of [from, to) become e^(scale *
 * s - max), all others 0; max over [from, to) and *sink unless NULL. Returns
 * the sum (sixteen lanes by index mod 16, the tree of nn_rmsnorm) plus
 * e^(*sink - max). from < to. */
float math_scores(float *s, size_t n, size_t from, size_t to, float scale,
                  const float *sink);

/* From what math_scores left, ds = the gradients of the weights: ds = (e factor)
 * (ds - dot), the gradients of the scores. */
void math_scores_back(const float *e, size_t n, float factor, float dot,
                      float *ds);

/* In double, for tables: error below 2^-50 relative (exp, log) or absolute
 * (sine, cosine; |x| < 2^25). */
double math_exp(double x);
double math_log(double x); /* x > 0, normal */
void math_sin_cos(double x, double *out_sin, double *out_cos);

#endif

/* Elementwise functions, norms and softmax with fixed bits, forward and backward: additions,
 * multiplications, divisions, square roots and fused multiply-adds of IEEE
 * 754 in an order fixed in the source, and nothing of libm, whose last bits
 * differ between versions and processors. The same source is compiled for
 * several instruction sets; the bits are those of the plain form.
 *
 * Errors are against the true value, over all floats (tests/unit/nn/test_math.c
 * with PROCTOR_FULL): see docs/model/numerics.md. Workers only. */
#ifndef WORKERS_NN_MATH_H
#define WORKERS_NN_MATH_H

#include "proto/base.h"

/* e^x; +inf above 88.72, 0 below -103.97, subnormal between. NaN stays. */
float nn_exp(float x);
/* Natural logarithm; log 0 = -inf, of a negative number NaN. */
float nn_log(float x);
/* With e = e^-|x|: (x >= 0 ? 1 : e) / (1 + e). */
float nn_sigmoid(float x);
/* x * sigmoid's numerator, divided once by its denominator; -0 becomes +0. */
float nn_silu(float x);
/* The one with tanh: x sigmoid(1.5957691 (x + 0.044715 x^3)). */
float nn_gelu(float x);

/* The same for n floats; x and y may be equal. */
void nn_exps(const float *x, size_t n, float *y);
void nn_sigmoids(const float *x, size_t n, float *y);
void nn_silus(const float *x, size_t n, float *y);
void nn_gelus(const float *x, size_t n, float *y);
/* y = silu(gate) * up; gelu(gate) * up. y may be one of them. */
void nn_swiglu(const float *gate, const float *up, size_t n, float *y);
void nn_geglu(const float *gate, const float *up, size_t n, float *y);
/* Of nn_swiglu, from dy (n): writes dgate and dup, each of which may be any of
 * what is read. */
void nn_swiglu_back(const float *gate, const float *up, const float *dy,
                    size_t n, float *dgate, float *dup);
/* gpt-oss: g = min(gate, limit), u = clamp(up, -limit, limit);
 * y = (g / (1 + e^(-alpha g))) * (u + 1). */
void nn_swiglu_clamped(const float *gate, const float *up, size_t n,
                       float alpha, float limit, float *y);
/* y = y + x. */
void nn_add(const float *x, size_t n, float *y);
/* y = fma(a, x, y). */
void nn_add_scaled(float a, const float *x, size_t n, float *y);
/* y = a * x; may be equal. */
void nn_scale(float a, const float *x, size_t n, float *y);
/* Neither NaN nor infinite, all of them. */
int nn_is_finite(const float *x, size_t n);

/* y = (x * s) * weight, s = 1 / sqrt(sum / n + eps): sixteen lanes (index mod
 * 16) of lane = fma(x, x, lane) over ascending index, then lane l += lane l + 8
 * for l < 8, + 4 for l < 4, + 2, + 1. weight NULL: none. x and y may be equal.
 */
void nn_rmsnorm(const float *x, const float *weight, float eps, size_t n,
                float *y);
/* From dy (n): writes dx, which may be dy; adds to dweight unless NULL. Sums as
 * nn_dot's, of (dy * weight) and x. */
void nn_rmsnorm_back(const float *x, const float *weight, float eps, size_t n,
                     const float *dy, float *dx, float *dweight);
/* The sum of x y: lanes of fma(x, y, lane) and the tree of nn_rmsnorm. */
float nn_dot(const float *x, const float *y, size_t n);

/* x = e^(x - max) / sum, in place; n >= 1. Sums in sixteen lanes of the index
 * mod 16 and the tree of nn_rmsnorm; each is multiplied by 1 / sum. An entry of
 * -inf becomes 0. Returns max + log(sum), the logarithm of what the e^x sum to:
 * x - that is a log-probability. All -inf, or any NaN: NaN. */
float nn_softmax(float *x, size_t n);
/* What nn_softmax would return; x stays. */
float nn_log_sum(const float *x, size_t n);

#endif

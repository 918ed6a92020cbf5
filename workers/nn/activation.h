/* What a unit does with its sum, and its slope. Each is computed in double from
 * IEEE additions, multiplications and divisions only, in a fixed order, and
 * rounded once to f32: no libm, whose last bits differ between versions and
 * processors. Worker only.
 *
 *   identity  z
 *   relu      z if z > 0, else 0 (NaN stays NaN)
 *   sigmoid   1 / (1 + e^-z)
 *   tanh      (1 - t) / (1 + t), t = e^-2|z|, sign of z; below 0.02 the series
 *             z - z^3/3 + 2z^5/15 - 17z^7/315
 *   gelu      z/2 (1 + tanh(0.7978845608028654 (z + 0.044715 z^3)))
 *   softmax   of a row: nn_softmax (math.h), in f32; last layers only
 * e^x: x = k ln 2 + r with |r| <= ln 2 / 2, the Taylor polynomial of degree 13
 * in r, times 2^k; x is clamped to +-700. Error below 2^-50 relative. */
#ifndef WORKERS_NN_ACTIVATION_H
#define WORKERS_NN_ACTIVATION_H

#include "proto/base.h"

enum activation {
    ACTIVATION_IDENTITY,
    ACTIVATION_RELU,
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_GELU,
    ACTIVATION_SOFTMAX
};

/* By its name in a file; 0, or -1 when there is none. */
int activation_find(struct ubytes name, enum activation *out) MUST_USE;
const char *activation_name(enum activation a);
/* Not softmax. */
float activation_of(enum activation a, float z);

/* Rows of a layer behind its product, in place: z (rows, n), rows of ldz. y =
 * a((z + 0) + bias) + 0, where +0 leaves no negative zero. slope, unless NULL:
 * dy/dz, (rows, n) without gaps, in f32: relu z > 0, tanh 1 - y y, sigmoid
 * y (1 - y), gelu in double from z; not softmax's. */
void activation_rows(enum activation a, const float *bias, size_t rows,
                     size_t n, float *z, size_t ldz, float *slope);

#endif

/* What a unit does with its sum. Each is computed in double from IEEE
 * additions, multiplications and divisions only, in a fixed order, and rounded
 * once to f32: no libm, whose last bits differ between versions and processors.
 * Worker only.
 *
 *   identity  z
 *   relu      z if z > 0, else 0 (NaN stays NaN)
 *   sigmoid   1 / (1 + e^-z)
 *   tanh      (1 - t) / (1 + t), t = e^-2|z|, sign of z; below 0.02 the series
 *             z - z^3/3 + 2z^5/15 - 17z^7/315
 *   gelu      z/2 (1 + tanh(0.7978845608028654 (z + 0.044715 z^3)))
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
    ACTIVATION_GELU
};

/* By its name in a file; 0, or -1 when there is none. */
int activation_find(struct ubytes name, enum activation *out) MUST_USE;
float activation_of(enum activation a, float z);

#endif

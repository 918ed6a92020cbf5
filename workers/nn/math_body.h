/* What elementwise functions are written with beside wide.h: inline parts. Only
 * the sources of math.h, and of others who add functions of the same kind, include
 * it. Workers only. */
#ifndef WORKERS_NN_MATH_BODY_H
#define WORKERS_NN_MATH_BODY_H

#include "workers/nn/float_bits.h"
#include "workers/nn/math_impl.h"
#include "workers/nn/wide.h"

#define LANES_N 16u

/* Adding it rounds to an integer, which its last bits then hold. */
#define ROUNDER 0x1.8p23f
#define ROUNDER_BITS 0x4b400000u

/* x = k ln 2 + r, |r| <= ln 2 / 2 and a little; Taylor of degree 7; times 2^k
 * in two halves, so that only the second one rounds. */
INLINE float exp_body(float x)
{
    float c = x < -104.0f ? -104.0f : x;
    float t, k, r, p;
    uint32_t i, half;

    c = c > 89.0f ? 89.0f : c;
    t = __builtin_fmaf(c, 0x1.715476p+0f, ROUNDER);
    k = t - ROUNDER;
    r = __builtin_fmaf(k, -0x1.62e400p-1f, c);
    r = __builtin_fmaf(k, -0x1.7f7d1cp-20f, r);
    p = __builtin_fmaf(r, 0x1.a01a02p-13f, 0x1.6c16c2p-10f);
    p = __builtin_fmaf(p, r, 0x1.111112p-7f);
    p = __builtin_fmaf(p, r, 0x1.555556p-5f);
    p = __builtin_fmaf(p, r, 0x1.555556p-3f);
    p = __builtin_fmaf(p, r, 0.5f);
    p = __builtin_fmaf(p, r, 1.0f);
    p = __builtin_fmaf(p, r, 1.0f);
    i = bits_of(t) - ROUNDER_BITS;
    half = (uint32_t)((int32_t)i >> 1);
    return p * float_of((half + 127) << 23) * float_of((i - half + 127) << 23);
}

INLINE float sigmoid_body(float x)
{
    float e = exp_body(x < 0 ? x : -x);

    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

INLINE float silu_body(float x)
{
    float e = exp_body(x < 0 ? x : -x);

    return x * (x < 0 ? e : 1.0f) / (1.0f + e) + 0.0f;
}

INLINE float gelu_body(float x)
{
    float z = 1.5957691216057308f * (x + 0.044715f * (x * x * x));
    float e = exp_body(z < 0 ? z : -z);

    return x * (z < 0 ? e : 1.0f) / (1.0f + e) + 0.0f;
}

/* The one order in which lanes are added. */
INLINE float tree(float *lane)
{
    for (size_t half = LANES_N / 2; half > 0; half /= 2) {
        for (size_t l = 0; l < half; l++) {
            lane[l] += lane[l + half];
        }
    }
    return lane[0];
}

#endif

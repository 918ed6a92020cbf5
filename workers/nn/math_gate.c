/* Gated activations, forward and backward. Runs in workers. Must never call libm.
 */
#include "workers/nn/math.h"

#include "workers/nn/math_body.h"

INLINE void nn_swiglu_body(const float *gate, const float *up, size_t n,
                           float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = silu_body(gate[i]) * up[i];
    }
}
VARIANTS(void, , nn_swiglu,
         (const float *gate, const float *up, size_t n, float *y),
         (gate, up, n, y))

INLINE void nn_swiglu_back_body(const float *gate, const float *up,
                                const float *dy, size_t n, float *dgate,
                                float *dup)
{
    for (size_t i = 0; i < n; i++) {
        float g = gate[i], u = up[i], d = dy[i];
        float s = sigmoid_body(g);

        dgate[i] = d * u * s * __builtin_fmaf(g, 1.0f - s, 1.0f);
        dup[i] = d * (g * s);
    }
}
VARIANTS(void, , nn_swiglu_back,
         (const float *gate, const float *up, const float *dy, size_t n,
          float *dgate, float *dup),
         (gate, up, dy, n, dgate, dup))

INLINE void nn_geglu_body(const float *gate, const float *up, size_t n,
                          float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = gelu_body(gate[i]) * up[i];
    }
}
VARIANTS(void, , nn_geglu,
         (const float *gate, const float *up, size_t n, float *y),
         (gate, up, n, y))

INLINE void nn_swiglu_clamped_body(const float *gate, const float *up, size_t n,
                                   float alpha, float limit, float *y)
{
    for (size_t i = 0; i < n; i++) {
        float g = gate[i] > limit ? limit : gate[i];
        float u = up[i] > limit ? limit : up[i];

        u = u < -limit ? -limit : u;
        y[i] = g / (1.0f + exp_body(-(alpha * g))) * (u + 1.0f);
    }
}
VARIANTS(void, , nn_swiglu_clamped,
         (const float *gate, const float *up, size_t n, float alpha,
          float limit, float *y),
         (gate, up, n, alpha, limit, y))

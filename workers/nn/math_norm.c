/* The root-mean-square norm, forward and backward. Runs in workers. Must never call
 * libm for more than sqrtf, which is exact, or let the compiler choose the order
 * of a sum. */
#include "workers/nn/math.h"

#include <math.h>

#include "workers/nn/math_body.h"

INLINE float squares_body(const float *x, size_t n)
{
    float lane[LANES_N] = {0};
    size_t i = 0;

    for (; i + LANES_N <= n; i += LANES_N) {
        for (size_t l = 0; l < LANES_N; l++) {
            lane[l] = __builtin_fmaf(x[i + l], x[i + l], lane[l]);
        }
    }
    for (size_t l = 0; i + l < n; l++) {
        lane[l] = __builtin_fmaf(x[i + l], x[i + l], lane[l]);
    }
    return tree(lane);
}

INLINE void nn_rmsnorm_body(const float *x, const float *weight, float eps,
                            size_t n, float *y)
{
    float s = 1.0f / sqrtf(squares_body(x, n) / (float)n + eps);

    if (weight == NULL) {
        for (size_t i = 0; i < n; i++) {
            y[i] = x[i] * s;
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] * s * weight[i];
    }
}
VARIANTS(void, , nn_rmsnorm,
         (const float *x, const float *weight, float eps, size_t n, float *y),
         (x, weight, eps, n, y))

/* The sum of x y z over one order of lanes. */
INLINE float dot3_body(const float *x, const float *y, const float *z, size_t n)
{
    float lane[LANES_N] = {0};
    size_t i = 0;

    for (; i + LANES_N <= n; i += LANES_N) {
        for (size_t l = 0; l < LANES_N; l++) {
            float w = z == NULL ? 1.0f : z[i + l];

            lane[l] = __builtin_fmaf(x[i + l] * w, y[i + l], lane[l]);
        }
    }
    for (size_t l = 0; i + l < n; l++) {
        float w = z == NULL ? 1.0f : z[i + l];

        lane[l] = __builtin_fmaf(x[i + l] * w, y[i + l], lane[l]);
    }
    return tree(lane);
}

INLINE float nn_dot_body(const float *x, const float *y, size_t n)
{
    return dot3_body(x, y, NULL, n);
}
VARIANTS(float, return, nn_dot, (const float *x, const float *y, size_t n),
         (x, y, n))

INLINE void nn_rmsnorm_back_body(const float *x, const float *weight, float eps,
                                 size_t n, const float *dy, float *dx,
                                 float *dweight)
{
    float s = 1.0f / sqrtf(squares_body(x, n) / (float)n + eps);
    float back = dot3_body(dy, x, weight, n) * (s * s * s) / (float)n;

    for (size_t i = 0; dweight != NULL && i < n; i++) {
        dweight[i] = __builtin_fmaf(dy[i], x[i] * s, dweight[i]);
    }
    if (weight == NULL) {
        for (size_t i = 0; i < n; i++) {
            dx[i] = dy[i] * s - x[i] * back;
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        dx[i] = dy[i] * weight[i] * s - x[i] * back;
    }
}
VARIANTS(void, , nn_rmsnorm_back,
         (const float *x, const float *weight, float eps, size_t n,
          const float *dy, float *dx, float *dweight),
         (x, weight, eps, n, dy, dx, dweight))

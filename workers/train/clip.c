/* Clipping of gradients, the moving average of weights. Runs in worker train. */
#include <math.h>

#include "workers/nn/wide.h"
#include "workers/train/optimizer.h"

#define LANES 16u

INLINE double squares_body(const float *v, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            double x = (double)v[i + l];

            lane[l] += x * x;
        }
    }
    for (size_t l = 0; i + l < n; l++) {
        double x = (double)v[i + l];

        lane[l] += x * x;
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t l = 0; l < half; l++) {
            lane[l] += lane[l + half];
        }
    }
    return lane[0];
}
VARIANTS_STATIC(double, return, squares, (const float *v, size_t n), (v, n))

double clip_norm_of(const float *v, size_t n)
{
    return sqrt(squares(v, n));
}

INLINE void scale_body(float *v, size_t n, float a)
{
    for (size_t i = 0; i < n; i++) {
        v[i] *= a;
    }
}
VARIANTS_STATIC(void, , scale, (float *v, size_t n, float a), (v, n, a))

void clip_scale(float *v, size_t n, double a)
{
    scale(v, n, (float)a);
}

int clip_norm(float *v, size_t n, double norm, double limit)
{
    if (!(norm > limit)) {
        return 0;
    }
    clip_scale(v, n, limit / norm);
    return 1;
}

INLINE void limit_body(float *v, size_t n, float most)
{
    for (size_t i = 0; i < n; i++) {
        float x = v[i] > most ? most : v[i];

        v[i] = x < -most ? -most : x;
    }
}
VARIANTS_STATIC(void, , limit, (float *v, size_t n, float most), (v, n, most))

void clip_value(float *v, size_t n, double most)
{
    limit(v, n, (float)most);
}

INLINE void average_body(float *average, const float *params, size_t n,
                         float keep, float rest)
{
    for (size_t i = 0; i < n; i++) {
        average[i] = keep * average[i] + rest * params[i];
    }
}
VARIANTS_STATIC(void, , average,
                (float *average, const float *params, size_t n, float keep,
                 float rest),
                (average, params, n, keep, rest))

void ema_update(float *v, const float *params, size_t n, double decay,
                uint64_t t)
{
    double early = (1.0 + (double)t) / (10.0 + (double)t);
    double keep = early < decay ? early : decay;

    average(v, params, n, (float)keep, (float)(1.0 - keep));
}

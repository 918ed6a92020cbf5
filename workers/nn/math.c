/* Elementwise functions, norms and softmax. Runs in workers. Must never call
 * libm for more than fmaf and sqrtf, which are exact, or let the compiler
 * choose the order of a sum. */
#include "workers/nn/math.h"

#include <math.h>
#include <string.h>

#include "workers/nn/math_body.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static enum panel_route level = PANEL_SCALAR;

#if defined(__x86_64__)
/* The best that the processor has. CPUID leaves a virtual machine, so it is
 * asked once; f16c is unknown to one compiler's __builtin_cpu_supports. */
static enum panel_route best(void)
{
    static enum panel_route known = PANEL_ROUTES_N;
    unsigned a, b, features, d;

    if (known != PANEL_ROUTES_N) {
        return known;
    }
    known = PANEL_SCALAR;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __get_cpuid(1, &a, &b, &features, &d) != 0 &&
        (features & bit_F16C) != 0) {
        known = __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl")
                    ? PANEL_AVX512
                    : PANEL_AVX2;
    }
    return known;
}
#else
static enum panel_route best(void)
{
    return PANEL_SCALAR;
}
#endif

int math_has(enum panel_route route)
{
    return route <= best();
}

void math_choose(enum panel_route route)
{
    ASSERT(math_has(route));
    level = route;
}

enum panel_route math_level(void)
{
    return level;
}

float nn_exp(float x)
{
    return exp_body(x);
}

float nn_sigmoid(float x)
{
    return sigmoid_body(x);
}

float nn_silu(float x)
{
    return silu_body(x);
}

float nn_gelu(float x)
{
    return gelu_body(x);
}

/* The same for n floats. */
#define EACH(name, one)                                                        \
    INLINE void name##_body(const float *x, size_t n, float *y)                \
    {                                                                          \
        for (size_t i = 0; i < n; i++) {                                       \
            y[i] = one(x[i]);                                                  \
        }                                                                      \
    }                                                                          \
    VARIANTS(void, , name, (const float *x, size_t n, float *y), (x, n, y))

EACH(nn_exps, exp_body)
EACH(nn_sigmoids, sigmoid_body)
EACH(nn_silus, silu_body)
EACH(nn_gelus, gelu_body)

INLINE void nn_add_body(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = y[i] + x[i];
    }
}
VARIANTS(void, , nn_add, (const float *x, size_t n, float *y), (x, n, y))

INLINE void nn_add_scaled_body(float a, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = __builtin_fmaf(a, x[i], y[i]);
    }
}
VARIANTS(void, , nn_add_scaled, (float a, const float *x, size_t n, float *y),
         (a, x, n, y))

INLINE void nn_scale_body(float a, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = a * x[i];
    }
}
VARIANTS(void, , nn_scale, (float a, const float *x, size_t n, float *y),
         (a, x, n, y))

INLINE int nn_is_finite_body(const float *x, size_t n)
{
    uint32_t bad = 0;

    for (size_t i = 0; i < n; i++) {
        bad |= (bits_of(x[i]) & 0x7f800000) == 0x7f800000;
    }
    return bad == 0;
}
VARIANTS(int, return, nn_is_finite, (const float *x, size_t n), (x, n))

/* The largest; NaN if any is. */
INLINE float largest_body(const float *x, size_t n)
{
    float lane[LANES_N];
    uint32_t nans = 0;
    size_t i = 0;

    for (size_t l = 0; l < LANES_N; l++) {
        lane[l] = -INFINITY;
    }
    for (; i + LANES_N <= n; i += LANES_N) {
        for (size_t l = 0; l < LANES_N; l++) {
            lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
            nans |= x[i + l] != x[i + l];
        }
    }
    for (size_t l = 0; i + l < n; l++) {
        lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
        nans |= x[i + l] != x[i + l];
    }
    for (size_t l = 1; l < LANES_N; l++) {
        lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
    }
    return nans ? NAN : lane[0];
}

/* y (may be x; NULL: nowhere) = e^(x - max); their sum. */
INLINE float exponentials_body(const float *x, size_t n, float max, float *y)
{
    float lane[LANES_N] = {0};

    for (size_t i = 0; i < n; i += LANES_N) {
        float e[LANES_N] = {0};
        size_t part = n - i < LANES_N ? n - i : LANES_N;

        if (part == LANES_N) {
            for (size_t l = 0; l < LANES_N; l++) {
                e[l] = exp_body(x[i + l] - max);
            }
        } else {
            for (size_t l = 0; l < part; l++) {
                e[l] = exp_body(x[i + l] - max);
            }
        }
        for (size_t l = 0; l < LANES_N; l++) {
            lane[l] += e[l];
        }
        if (y != NULL) {
            memcpy(y + i, e, part * sizeof(*y));
        }
    }
    return tree(lane);
}

INLINE float softmax_body(const float *x, size_t n, float *y)
{
    float max = largest_body(x, n);
    float sum = exponentials_body(x, n, max, y);
    float inverse = 1.0f / sum;

    for (size_t i = 0; y != NULL && i < n; i++) {
        y[i] *= inverse;
    }
    return max + nn_log(sum);
}

INLINE float nn_softmax_body(float *x, size_t n)
{
    return softmax_body(x, n, x);
}
VARIANTS(float, return, nn_softmax, (float *x, size_t n), (x, n))

INLINE float nn_log_sum_body(const float *x, size_t n)
{
    return softmax_body(x, n, NULL);
}
VARIANTS(float, return, nn_log_sum, (const float *x, size_t n), (x, n))

INLINE float math_scores_body(float *s, size_t n, size_t from, size_t to,
                              float scale, const float *sink)
{
    /* Whole groups of lanes around what counts; their edges are -inf. */
    size_t first = from / LANES_N * LANES_N;
    size_t last = (to + LANES_N - 1) / LANES_N * LANES_N;
    float max, sum;

    for (size_t i = first; i < last; i++) {
        s[i] = i < from || i >= to ? -INFINITY : s[i] * scale;
    }
    max = largest_body(s + first, last - first);
    if (sink != NULL && *sink > max) {
        max = *sink;
    }
    sum = exponentials_body(s + first, last - first, max, s + first);
    memset(s, 0, first * sizeof(*s));
    memset(s + last, 0, (n - last) * sizeof(*s));
    return sink == NULL ? sum : sum + nn_exp(*sink - max);
}
VARIANTS(float, return, math_scores,
         (float *s, size_t n, size_t from, size_t to, float scale,
          const float *sink),
         (s, n, from, to, scale, sink))

INLINE void math_scores_back_body(const float *e, size_t n, float factor,
                                  float dot, float *ds)
{
    for (size_t i = 0; i < n; i++) {
        ds[i] = e[i] * factor * (ds[i] - dot);
    }
}
VARIANTS(void, , math_scores_back,
         (const float *e, size_t n, float factor, float dot, float *ds),
         (e, n, factor, dot, ds))

INLINE void math_canonical_body(float *y, size_t ldy, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, y += ldy) {
        for (size_t j = 0; j < n; j++) {
            float v = y[j] + 0.0f;

            y[j] = v == v ? v : float_of(0x7fc00000);
        }
    }
}
VARIANTS(void, , math_canonical, (float *y, size_t ldy, size_t m, size_t n),
         (y, ldy, m, n))

/* One block of 32. */
INLINE void quantise_block(const float *x, int8_t *q, float *d, int32_t *bias)
{
    uint32_t most = 0; /* magnitudes compare as their bits do */
    int32_t sum = 0;
    float a, inverse;

    for (size_t i = 0; i < PANEL_BLOCK; i++) {
        uint32_t size = bits_of(x[i]) & 0x7fffffff;

        most = size > most ? size : most;
    }
    a = float_of(most);
    if (!(a >= 0x1p-100f && most < 0x7f800000)) {
        memset(q, 0, PANEL_BLOCK);
        *d = most >= 0x7f800000 ? NAN : 0.0f;
        *bias = 0;
        return;
    }
    inverse = 127.0f / a;
    for (size_t i = 0; i < PANEL_BLOCK; i++) {
        float rounded = x[i] * inverse + ROUNDER;
        int32_t v = (int32_t)(bits_of(rounded) - ROUNDER_BITS);

        q[i] = (int8_t)v;
        sum += v;
    }
    *d = a / 127.0f;
    *bias = -128 * sum;
}

INLINE void math_quantise_body(const float *x, size_t k, int8_t *q, float *d,
                               int32_t *bias)
{
    for (size_t b = 0; b < k / PANEL_BLOCK; b++) {
        quantise_block(x + b * PANEL_BLOCK, q + b * PANEL_BLOCK, d + b,
                       bias + b);
    }
}
VARIANTS(void, , math_quantise,
         (const float *x, size_t k, int8_t *q, float *d, int32_t *bias),
         (x, k, q, d, bias))

float nn_log(float x)
{
    if (!(x > 0) || x > 3.4028235e38f) {
        return x == 0 ? -INFINITY : x > 0 ? x : NAN;
    }
    return (float)math_log((double)x);
}

/* 2^k for -1022 <= k <= 1023. */
static double power_of_two(int64_t k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

double math_exp(double x)
{
    double sum = 1.0, r;
    int64_t k;

    x = x > 700.0 ? 700.0 : x < -700.0 ? -700.0 : x;
    k = (int64_t)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    r = x - (double)k * 0x1.62e42fefa3800p-1;
    r = r - (double)k * 0x1.ef35793c76730p-45;
    for (int i = 14; i > 0; i--) {
        sum = 1.0 + sum * (r / (double)i);
    }
    return sum * power_of_two(k);
}

/* x = 2^k m, m within a factor sqrt 2 of 1; log m = 2 artanh((m - 1) / (m +
 * 1)), the series to its 23rd power. */
double math_log(double x)
{
    uint64_t bits;
    double m, s, square, sum = 0;
    int64_t k;

    memcpy(&bits, &x, sizeof(bits));
    k = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffff) | UINT64_C(1023) << 52;
    memcpy(&m, &bits, sizeof(m));
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    s = (m - 1.0) / (m + 1.0);
    square = s * s;
    for (int i = 23; i > 1; i -= 2) {
        sum = (sum + 1.0 / (double)i) * square;
    }
    sum = 2.0 * s + 2.0 * s * sum;
    return (double)k * 0x1.62e42fefa3800p-1 +
           (sum + (double)k * 0x1.ef35793c76730p-45);
}

/* x = k pi/2 + r: pi/2 in two parts, the first of 33 bits, so that k times it
 * is exact; then Taylor. */
void math_sin_cos(double x, double *out_sin, double *out_cos)
{
    int64_t k = (int64_t)(x * 0.6366197723675814 + (x < 0 ? -0.5 : 0.5));
    double r = x - (double)k * 0x1.921fb54400000p+0;
    double s = 1.0, c = 1.0, square;

    r = r - (double)k * 0x1.0b4611a626331p-34;
    square = r * r;
    for (int i = 9; i > 0; i--) {
        s = 1.0 - s * (square / (double)(2 * i * (2 * i + 1)));
        c = 1.0 - c * (square / (double)(2 * i * (2 * i - 1)));
    }
    s = s * r;
    *out_sin = (k & 1) == 0 ? s : c;
    *out_cos = (k & 1) == 0 ? c : s;
    if ((k & 2) != 0) {
        *out_sin = -*out_sin;
    }
    if (((k + 1) & 2) != 0) {
        *out_cos = -*out_cos;
    }
}

/* Activations with fixed bits. Runs in workers. Must never call libm's
 * transcendental functions. */
#include "workers/nn/activation.h"

#include <string.h>

#include "workers/nn/float_bits.h"
#include "workers/nn/math.h"
#include "workers/nn/wide.h"

static const char *const names[] = {
    [ACTIVATION_IDENTITY] = "identity", [ACTIVATION_RELU] = "relu",
    [ACTIVATION_TANH] = "tanh",         [ACTIVATION_SIGMOID] = "sigmoid",
    [ACTIVATION_GELU] = "gelu",         [ACTIVATION_SOFTMAX] = "softmax"};

int activation_find(struct ubytes name, enum activation *out)
{
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        if (strlen(names[i]) == name.n &&
            memcmp(names[i], name.p, name.n) == 0) {
            *out = (enum activation)i;
            return 0;
        }
    }
    return -1;
}

const char *activation_name(enum activation a)
{
    return names[a];
}

/* first ? a : b, both of which are computed: a branch around either would keep the
 * loops from becoming vectors. */
INLINE float choose(int first, float a, float b)
{
    uint32_t mask = 0u - (uint32_t)first;

    return float_of((bits_of(a) & mask) | (bits_of(b) & ~mask));
}

INLINE double choose_double(int first, double a, double b)
{
    uint64_t mask = UINT64_C(0) - (uint64_t)first;

    return double_of((bits_of_double(a) & mask) | (bits_of_double(b) & ~mask));
}

/* 2^k for -1022 <= k <= 1023. */
INLINE double power_of_two(int64_t k)
{
    return double_of((uint64_t)(k + 1023) << 52);
}

/* Of NaN: any number. */
INLINE double exponential(double x)
{
    static const double ln2_high = 0x1.62e42fefa3800p-1;
    static const double ln2_low = 0x1.ef35793c76730p-45;
    double r, sum = 1.0;
    int64_t k;

    x = choose_double(x > 700.0, 700.0, x);
    x = choose_double(x >= -700.0, x, -700.0);
    k = (int64_t)(x * 1.4426950408889634 + choose_double(x < 0, -0.5, 0.5));
    r = x - (double)k * ln2_high;
    r = r - (double)k * ln2_low;
    sum = 1.0 + sum * (r / 13.0); /* no loop: vectors are made of loops' rounds */
    sum = 1.0 + sum * (r / 12.0);
    sum = 1.0 + sum * (r / 11.0);
    sum = 1.0 + sum * (r / 10.0);
    sum = 1.0 + sum * (r / 9.0);
    sum = 1.0 + sum * (r / 8.0);
    sum = 1.0 + sum * (r / 7.0);
    sum = 1.0 + sum * (r / 6.0);
    sum = 1.0 + sum * (r / 5.0);
    sum = 1.0 + sum * (r / 4.0);
    sum = 1.0 + sum * (r / 3.0);
    sum = 1.0 + sum * (r / 2.0);
    sum = 1.0 + sum * r;
    return sum * power_of_two(k);
}

INLINE double hyperbolic_tangent(double x)
{
    double size = __builtin_fabs(x);
    double s = x * x;
    double t = exponential(-2.0 * size);
    double y = (1.0 - t) / (1.0 + t);
    double series =
        x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0))));

    y = choose_double(x < 0, -y, y);
    return choose_double(size < 0.02, series, y);
}

INLINE float relu_one(float z)
{
    return z > 0 || z != z ? z : 0.0f;
}

INLINE float tanh_one(float z)
{
    float y = (float)hyperbolic_tangent((double)z);

    return choose(z != z, z, y);
}

INLINE float sigmoid_one(float z)
{
    float y = (float)(1.0 / (1.0 + exponential(-(double)z)));

    return choose(z != z, z, y);
}

/* Of gelu: inner, and the tanh of it. */
INLINE double gelu_tanh(double x)
{
    return hyperbolic_tangent(0.7978845608028654 *
                              (x + 0.044715 * (x * x * x)));
}

INLINE float gelu_one(float z)
{
    double x = (double)z;
    float y = (float)(0.5 * x * (1.0 + gelu_tanh(x)));

    return choose(z != z, z, y);
}

INLINE float gelu_slope(float z)
{
    double x = (double)z;
    double t = gelu_tanh(x);
    double inner = 0.7978845608028654 * (1.0 + 3 * 0.044715 * (x * x));
    /* Far out the tail is 0, whatever inner grows to. */
    double tail = 0.5 * x * ((1.0 - t * t) * inner);

    return (float)(0.5 * (1.0 + t) + choose_double(t * t < 1.0, tail, 0.0));
}

float activation_of(enum activation a, float z)
{
    switch (a) {
    case ACTIVATION_RELU:
        return relu_one(z);
    case ACTIVATION_TANH:
        return tanh_one(z);
    case ACTIVATION_SIGMOID:
        return sigmoid_one(z);
    case ACTIVATION_GELU:
        return gelu_one(z);
    case ACTIVATION_IDENTITY:
    case ACTIVATION_SOFTMAX:
    default:
        return z;
    }
}

/* name_rows and name_slopes of one row: y = one(z + 0 + bias) + 0, and the
 * slope by an expression of z and y. */
#define ROW(name, one, slope_of)                                               \
    INLINE void name##_row_body(const float *bias, size_t n, float *v)         \
    {                                                                          \
        for (size_t j = 0; j < n; j++) {                                       \
            v[j] = one((v[j] + 0.0f) + bias[j]) + 0.0f;                        \
        }                                                                      \
    }                                                                          \
    VARIANTS_STATIC(void, , name##_row,                                        \
             (const float *bias, size_t n, float *v), (bias, n, v))            \
    INLINE void name##_sloped_body(const float *bias, size_t n, float *v,      \
                                   float *slope)                               \
    {                                                                          \
        for (size_t j = 0; j < n; j++) {                                       \
            const float z = (v[j] + 0.0f) + bias[j];                           \
            const float y = one(z) + 0.0f;                                     \
                                                                               \
            v[j] = y;                                                          \
            slope[j] = slope_of;                                               \
        }                                                                      \
    }                                                                          \
    VARIANTS_STATIC(void, , name##_sloped,                                     \
             (const float *bias, size_t n, float *v, float *slope),            \
             (bias, n, v, slope))

#define IDENTITY(z) (z)
ROW(identity, IDENTITY, 1.0f)
ROW(relu, relu_one, z > 0 ? 1.0f : 0.0f)
ROW(tanh, tanh_one, 1.0f - y *y)
ROW(sigmoid, sigmoid_one, y *(1.0f - y))
ROW(gelu, gelu_one, gelu_slope(z))

static const struct row_functions {
    void (*row)(const float *bias, size_t n, float *v);
    void (*sloped)(const float *bias, size_t n, float *v, float *slope);
} functions[] = {[ACTIVATION_IDENTITY] = {identity_row, identity_sloped},
                 [ACTIVATION_RELU] = {relu_row, relu_sloped},
                 [ACTIVATION_TANH] = {tanh_row, tanh_sloped},
                 [ACTIVATION_SIGMOID] = {sigmoid_row, sigmoid_sloped},
                 [ACTIVATION_GELU] = {gelu_row, gelu_sloped},
                 [ACTIVATION_SOFTMAX] = {identity_row, identity_sloped}};

void activation_rows(enum activation a, const float *bias, size_t rows,
                     size_t n, float *z, size_t ldz, float *slope)
{
    const struct row_functions *f = &functions[a];

    for (size_t i = 0; i < rows; i++, z += ldz) {
        if (slope != NULL) {
            f->sloped(bias, n, z, slope + i * n);
        } else {
            f->row(bias, n, z);
        }
        if (a == ACTIVATION_SOFTMAX) {
            (void)nn_softmax(z, n);
        }
    }
}

/* Activations with fixed bits. Runs in workers. Must never call libm's
 * transcendental functions. */
#include "workers/nn/activation.h"

#include <string.h>

int activation_find(struct ubytes name, enum activation *out)
{
    static const char *const names[] = {[ACTIVATION_IDENTITY] = "identity",
                                        [ACTIVATION_RELU] = "relu",
                                        [ACTIVATION_TANH] = "tanh",
                                        [ACTIVATION_SIGMOID] = "sigmoid",
                                        [ACTIVATION_GELU] = "gelu"};

    for (size_t i = 0; i < ARRAY_N(names); i++) {
        if (strlen(names[i]) == name.n &&
            memcmp(names[i], name.p, name.n) == 0) {
            *out = (enum activation)i;
            return 0;
        }
    }
    return -1;
}

/* 2^k for -1022 <= k <= 1023. */
static double power_of_two(int64_t k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* x is no NaN. */
static double exponential(double x)
{
    static const double ln2_high = 0x1.62e42fefa3800p-1;
    static const double ln2_low = 0x1.ef35793c76730p-45;
    double r, sum = 1.0;
    int64_t k;

    x = x > 700.0 ? 700.0 : x < -700.0 ? -700.0 : x;
    k = (int64_t)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    r = x - (double)k * ln2_high;
    r = r - (double)k * ln2_low;
    for (int i = 13; i > 0; i--) {
        sum = 1.0 + sum * (r / (double)i);
    }
    return sum * power_of_two(k);
}

static double hyperbolic_tangent(double x)
{
    double size = x < 0 ? -x : x;
    double t, y;

    if (size < 0.02) {
        double s = x * x;

        return x * (1.0 +
                    s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0))));
    }
    t = exponential(-2.0 * size);
    y = (1.0 - t) / (1.0 + t);
    return x < 0 ? -y : y;
}

static double gelu(double x)
{
    double inner = 0.7978845608028654 * (x + 0.044715 * (x * x * x));

    return 0.5 * x * (1.0 + hyperbolic_tangent(inner));
}

float activation_of(enum activation a, float z)
{
    if (z != z) {
        return z;
    }
    switch (a) {
    case ACTIVATION_RELU:
        return z > 0 ? z : 0.0f;
    case ACTIVATION_TANH:
        return (float)hyperbolic_tangent((double)z);
    case ACTIVATION_SIGMOID:
        return (float)(1.0 / (1.0 + exponential(-(double)z)));
    case ACTIVATION_GELU:
        return (float)gelu((double)z);
    case ACTIVATION_IDENTITY:
    default:
        return z;
    }
}

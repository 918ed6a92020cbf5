/* Logarithms without libm, whose last bits differ between hosts: whoever computes a
 * verdict again has to meet these numbers bit for bit. Pure.
 *
 * ln(x): x = m 2^e with m in [2/3, 4/3), ln m = 2 atanh((m - 1) / (m + 1)) by
 * its series; expm1: y halved until |y| < 1/8, Taylor, then doubled back with
 * expm1(2y) = e (e + 2). */
#include "proto/ln.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

#define LN_2 0x1.62e42fefa39efp-1

/* 2 atanh(s) for |s| <= 1/5: s^2k / (2k + 1) falls below 2^-60 by k = 13. */
static double twice_atanh(double s)
{
    double square = s * s;
    double sum = 0.0;

    for (unsigned k = 14; k > 0; k--) {
        sum = (sum + 1.0 / (2.0 * k + 1.0)) * square;
    }
    return 2.0 * s * (1.0 + sum);
}

double ln_of(double x)
{
    uint64_t bits;
    int exponent;

    memcpy(&bits, &x, sizeof(bits));
    exponent = (int)(bits >> 52) - 1023;
    bits = (bits & ((1ull << 52) - 1)) | 1023ull << 52;
    memcpy(&x, &bits, sizeof(x));
    if (x > 4.0 / 3.0) {
        x *= 0.5;
        exponent++;
    }
    return (double)exponent * LN_2 + twice_atanh((x - 1.0) / (x + 1.0));
}

double ln_1m(double p)
{
    return p > 0.25 ? ln_of(1.0 - p) : twice_atanh(-p / (2.0 - p));
}

double ln_expm1(double y)
{
    unsigned halvings = 0;
    double sum = 0.0;

    if (y < -700.0) {
        return -1.0;
    }
    while (y < -0.125) {
        y *= 0.5;
        halvings++;
    }
    for (unsigned k = 14; k > 0; k--) {
        sum = (sum + 1.0) * y / k;
    }
    for (; halvings > 0; halvings--) {
        sum = sum * (sum + 2.0);
    }
    return sum;
}

/* Alpha spending, sample sizes, bounds, power (exam.h). Must never call libm:
 * its last bits differ between hosts, and a replay has to meet these numbers bit
 * for bit. Kernel process.
 *
 * ln(x): x = m 2^e with m in [2/3, 4/3), ln m = 2 atanh((m - 1) / (m + 1)) by
 * its series; expm1: y halved until |y| < 1/8, Taylor, then doubled back with
 * expm1(2y) = e (e + 2). Relative error below 1e-14, tested against libm. */
#include "kernel/exam/exam.h"

#include <float.h>
#include <string.h>

#include "proto/limits.h"

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

#define LN_2 0x1.62e42fefa39efp-1
#define PI 0x1.921fb54442d18p+1
#define LARGEST 0x1p53

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

/* x > 0, normal. */
static double ln(double x)
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

/* ln(1 - p) for 0 <= p <= 1/2, exact for small p where 1 - p would round. */
static double ln_1m(double p)
{
    return p > 0.25 ? ln(1.0 - p) : twice_atanh(-p / (2.0 - p));
}

/* e^y - 1 for y <= 0. */
static double expm1_of(double y)
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

double exam_alpha(double alpha, uint64_t j)
{
    ASSERT(j >= 1);
    return alpha * 6.0 / (PI * PI) / (double)j / (double)j;
}

uint64_t exam_draws_needed(double p0, double alpha_j)
{
    double n;
    uint64_t whole;

    if (!(p0 > DBL_MIN) || !(alpha_j > DBL_MIN)) {
        return UINT64_MAX;
    }
    n = ln(alpha_j) / ln_1m(p0);
    if (!(n < LARGEST)) {
        return UINT64_MAX;
    }
    whole = (uint64_t)n;
    return (double)whole < n ? whole + 1 : whole;
}

uint64_t exam_draws(double p0, double alpha_j, unsigned strata_n)
{
    uint64_t n = exam_draws_needed(p0, alpha_j);
    uint64_t each;

    ASSERT(strata_n >= 1);
    if (n == UINT64_MAX) {
        return n;
    }
    n = n < LIMIT_EXAM_DRAWS_MIN ? LIMIT_EXAM_DRAWS_MIN : n;
    each = (n + strata_n - 1) / strata_n;
    each = each < LIMIT_STRATUM_DRAWS_MIN ? LIMIT_STRATUM_DRAWS_MIN : each;
    return each * strata_n;
}

double exam_bound(double alpha, uint64_t n)
{
    return n == 0 || !(alpha > DBL_MIN) ? 1.0
                                        : -expm1_of(ln(alpha) / (double)n);
}

double exam_power(double eps, uint64_t n)
{
    return -expm1_of((double)n * ln_1m(eps));
}

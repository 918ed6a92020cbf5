/* Alpha spending, sample sizes, bounds (docs/exam.md section 7). Replayer. */
#include "replay/odds.h"

#include <float.h>

#include "proto/limits.h"

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

#define LN2 0x1.62e42fefa39efp-1
#define PI 0x1.921fb54442d18p+1

static double series(double s)
{
    double q = s * s;
    double a = 0.0;

    for (int k = 14; k > 0; k--) {
        a = (a + 1.0 / (2.0 * k + 1.0)) * q;
    }
    return 2.0 * s * (1.0 + a);
}

/* x > 0 and normal. */
static double ln(double x)
{
    double m = x;
    int e = 0;

    for (; m < 1.0; e--) {
        m *= 2.0;
    }
    for (; m >= 2.0; e++) {
        m *= 0.5;
    }
    if (m > 4.0 / 3.0) {
        m *= 0.5;
        e++;
    }
    return e * LN2 + series((m - 1.0) / (m + 1.0));
}

static double ln1m(double p)
{
    return p > 0.25 ? ln(1.0 - p) : series(-p / (2.0 - p));
}

static double expm1_of(double y)
{
    double a = 0.0;
    int h = 0;

    if (y < -700.0) {
        return -1.0;
    }
    for (; y < -0.125; h++) {
        y *= 0.5;
    }
    for (int k = 14; k > 0; k--) {
        a = (a + 1.0) * y / k;
    }
    for (; h > 0; h--) {
        a = a * (a + 2.0);
    }
    return a;
}

double odds_alpha(double alpha, uint64_t j)
{
    return alpha * 6.0 / (PI * PI) / (double)j / (double)j;
}

/* Rounded up. */
static uint64_t whole(double n)
{
    if (!(n < 0x1p53)) {
        return UINT64_MAX;
    }
    return (uint64_t)n + ((double)(uint64_t)n < n);
}

uint64_t odds_need(double p0, double alpha_j)
{
    return p0 > DBL_MIN && alpha_j > DBL_MIN ? whole(ln(alpha_j) / ln1m(p0))
                                             : UINT64_MAX;
}

uint64_t odds_each(uint64_t need, uint64_t strata)
{
    uint64_t draws = need < LIMIT_EXAM_DRAWS_MIN ? LIMIT_EXAM_DRAWS_MIN : need;
    uint64_t each = draws / strata + (draws % strata != 0);

    return each < LIMIT_STRATUM_DRAWS_MIN ? LIMIT_STRATUM_DRAWS_MIN : each;
}

/* The logarithm of the chance of at most f failures in n at rate p. */
static double log_tail(double p, uint64_t n, uint64_t f)
{
    double term = 1.0;
    double sum = 1.0;
    double c = 0.0;

    for (uint64_t i = 1; i <= f; i++) {
        c = c + (ln((double)(n - f + i)) - ln((double)i));
    }
    for (uint64_t i = f; i > 0 && !(term < sum * 0x1p-60) && sum <= 0x1p1000;
         i--) {
        term = term * ((double)i / (double)(n - i + 1)) * ((1.0 - p) / p);
        sum = sum + term;
    }
    return c + (double)f * ln(p) + (double)(n - f) * ln1m(p) + ln(sum);
}

double odds_bound(double alpha, uint64_t n, uint64_t failures)
{
    double low = 0.0;
    double high = 1.0;

    if (n == 0 || failures >= n || !(alpha > DBL_MIN)) {
        return 1.0;
    }
    if (failures == 0) {
        return -expm1_of(ln(alpha) / (double)n);
    }
    for (int i = 0; i < 60; i++) {
        double mid = (low + high) * 0.5;

        if (log_tail(mid, n, failures) <= ln(alpha)) {
            high = mid;
        } else {
            low = mid;
        }
    }
    return high;
}

double odds_power(double rate, uint64_t n)
{
    return -expm1_of((double)n * ln1m(rate));
}

struct odds_bet odds_bet(double rate, double alpha_j)
{
    struct odds_bet b = {.up = ln1m(rate / 10.0) - ln1m(rate),
                         .down = ln(0.1),
                         .need = UINT64_MAX};

    if (rate > DBL_MIN && alpha_j > DBL_MIN) {
        b.goal = 0.0 - ln(alpha_j);
        b.need = whole(b.goal / b.up);
    }
    return b;
}

double odds_score(const struct odds_bet *b, uint64_t n, uint64_t failures)
{
    return (double)(n - failures) * b->up + (double)failures * b->down;
}

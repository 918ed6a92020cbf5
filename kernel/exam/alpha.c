/* Alpha spending, sample sizes, bounds, power (exam.h). Must never call libm:
 * its last bits differ between hosts, and a replay has to meet these numbers bit
 * for bit (proto/ln.h). Kernel process. */
#include "kernel/exam/exam.h"

#include <float.h>

#include "proto/limits.h"
#include "proto/ln.h"

#define PI 0x1.921fb54442d18p+1
#define LARGEST 0x1p53
#define LARGEST_N (1ull << 53)

double exam_alpha(double alpha, uint64_t j)
{
    ASSERT(j >= 1);
    return alpha * 6.0 / (PI * PI) / (double)j / (double)j;
}

/* n rounded up; UINT64_MAX when it is no number below 2^53. */
static uint64_t whole(double n)
{
    uint64_t floor_n;

    if (!(n < LARGEST)) {
        return UINT64_MAX;
    }
    floor_n = (uint64_t)n;
    return (double)floor_n < n ? floor_n + 1 : floor_n;
}

uint64_t exam_draws_needed(double p0, double alpha_j)
{
    if (!(p0 > DBL_MIN) || !(alpha_j > DBL_MIN)) {
        return UINT64_MAX;
    }
    return whole(ln_of(alpha_j) / ln_1m(p0));
}

uint64_t exam_draws(uint64_t needed, unsigned strata_n)
{
    uint64_t n = needed;
    uint64_t each;

    ASSERT(strata_n >= 1);
    if (n > LARGEST_N) {
        return UINT64_MAX;
    }
    n = n < LIMIT_EXAM_DRAWS_MIN ? LIMIT_EXAM_DRAWS_MIN : n;
    each = (n + strata_n - 1) / strata_n;
    each = each < LIMIT_STRATUM_DRAWS_MIN ? LIMIT_STRATUM_DRAWS_MIN : each;
    return each * strata_n;
}

struct exam_bet exam_bet(double rate, double alpha_j)
{
    struct exam_bet b = {0};

    ASSERT(rate > 0 && rate <= 0.5 && alpha_j > DBL_MIN);
    b.up = ln_1m(rate / 10.0) - ln_1m(rate);
    b.down = ln_of(0.1);
    b.goal = 0.0 - ln_of(alpha_j);
    b.needed = whole(b.goal / b.up);
    return b;
}

double exam_score(const struct exam_bet *b, uint64_t n, uint64_t failures)
{
    ASSERT(failures <= n);
    return (double)(n - failures) * b->up + (double)failures * b->down;
}

/* ln P(X <= failures) for X binomial(n, p), 0 < failures < n: the terms are
 * summed from the last, by their ratios, so that nothing underflows. */
static double ln_tail(double p, uint64_t n, uint64_t failures)
{
    double choose = 0.0;
    double sum = 1.0;
    double term = 1.0;

    for (uint64_t i = 1; i <= failures; i++) {
        choose = choose + (ln_of((double)(n - failures + i)) - ln_of((double)i));
    }
    for (uint64_t i = failures; i > 0; i--) {
        term = term * ((double)i / (double)(n - i + 1)) * ((1.0 - p) / p);
        sum = sum + term;
        if (term < sum * 0x1p-60 || sum > 0x1p1000) {
            break;
        }
    }
    return choose + (double)failures * ln_of(p) +
           (double)(n - failures) * ln_1m(p) + ln_of(sum);
}

double exam_bound(double alpha, uint64_t n, uint64_t failures)
{
    double low = 0.0;
    double high = 1.0;

    if (n == failures || !(alpha > DBL_MIN)) {
        return 1.0;
    }
    if (failures == 0) {
        return -ln_expm1(ln_of(alpha) / (double)n);
    }
    for (unsigned i = 0; i < 60; i++) {
        double middle = (low + high) * 0.5;

        if (ln_tail(middle, n, failures) <= ln_of(alpha)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

double exam_power(double eps, uint64_t n)
{
    return -ln_expm1((double)n * ln_1m(eps));
}

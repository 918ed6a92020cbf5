/* Sums of two doubles: each addition keeps what the first could not hold, so
 * that the order of samples changes nothing a result shows. Needs IEEE 754
 * arithmetic as written: never compiled with -ffast-math. Worker train.
 * Source: Dekker 1971; Knuth, TAOCP 2, 4.2.2 (exact sum of two numbers). */
#include <math.h>

#include "workers/train/metric_int.h"

static struct metric_sum two_sum(double a, double b)
{
    double s = a + b;
    double v = s - a;

    return (struct metric_sum){s, (a - (s - v)) + (b - v)};
}

static struct metric_sum two_product(double a, double b)
{
    double p = a * b;

    return (struct metric_sum){p, fma(a, b, -p)};
}

static struct metric_sum plus(struct metric_sum a, struct metric_sum b)
{
    struct metric_sum s = two_sum(a.hi, b.hi);
    struct metric_sum t = two_sum(a.lo, b.lo);

    s = two_sum(s.hi, s.lo + t.hi);
    return two_sum(s.hi, s.lo + t.lo);
}

static struct metric_sum times(struct metric_sum a, struct metric_sum b)
{
    struct metric_sum p = two_product(a.hi, b.hi);

    return two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

void metric_sum_add(struct metric_sum *s, double x)
{
    *s = plus(*s, (struct metric_sum){x, 0});
}

void metric_sum_add_product(struct metric_sum *s, double x, double y)
{
    *s = plus(*s, two_product(x, y));
}

void metric_sum_merge(struct metric_sum *a, const struct metric_sum *b)
{
    *a = plus(*a, *b);
}

double metric_sum_value(const struct metric_sum *s)
{
    return s->hi + s->lo;
}

double metric_sum_cross(const struct metric_sum *a, const struct metric_sum *b,
                        const struct metric_sum *c, const struct metric_sum *d)
{
    struct metric_sum r = times(*c, *d);

    r = plus(times(*a, *b), (struct metric_sum){-r.hi, -r.lo});
    return metric_sum_value(&r);
}

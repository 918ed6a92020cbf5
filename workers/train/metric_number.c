/* Metrics of regression: errors, variances, correlations, from sums of values,
 * squares and products. Worker train; pure. */
#include <math.h>

#include "proto/err.h"
#include "workers/train/metric_int.h"

enum {
    SUM_SQUARES,
    SUM_ABSOLUTE,
    SUM_RELATIVE,
    SUM_Y,
    SUM_YY,
    SUM_P,
    SUM_PP,
    SUM_PY,
    SUMS_N
};

static int numbers_init(struct metric_tally *t, struct diag *d)
{
    if (t->setup.width == 0 || t->setup.several) {
        return metric_bad_setup(t, "it needs numbers", d);
    }
    if ((t->id == METRIC_ID_R2 || t->id == METRIC_ID_PEARSON) &&
        t->setup.width != 1) {
        return metric_bad_setup(t, "expected one column", d);
    }
    t->sums_n = SUMS_N;
    return 0;
}

static void add_one(struct metric_tally *t, double p, double y)
{
    double away = fabs(p - y);

    if (!isfinite(p) || !isfinite(y) || !isfinite(away * away)) {
        t->bad++;
        return;
    }
    t->least = fmin(t->least, y);
    t->most = fmax(t->most, t->id == METRIC_ID_MAX_ERROR ? away : y);
    switch ((unsigned)t->id) {
    case METRIC_ID_MEAN_ABSOLUTE_PERCENTAGE_ERROR:
        metric_sum_add(&t->sums[SUM_RELATIVE], away / fabs(y));
        break;
    case METRIC_ID_CANBERRA:
        if (away != 0) {
            metric_sum_add(&t->sums[SUM_RELATIVE], away / (fabs(p) + fabs(y)));
        }
        break;
    case METRIC_ID_MEAN_ABSOLUTE_ERROR:
        metric_sum_add(&t->sums[SUM_ABSOLUTE], away);
        break;
    case METRIC_ID_PEARSON:
        metric_sum_add(&t->sums[SUM_P], p);
        metric_sum_add_product(&t->sums[SUM_PP], p, p);
        metric_sum_add_product(&t->sums[SUM_PY], p, y);
        metric_sum_add(&t->sums[SUM_Y], y);
        metric_sum_add_product(&t->sums[SUM_YY], y, y);
        break;
    default:
        metric_sum_add_product(&t->sums[SUM_SQUARES], away, away);
        metric_sum_add(&t->sums[SUM_Y], y);
        metric_sum_add_product(&t->sums[SUM_YY], y, y);
    }
}

static int numbers_check(const struct metric_tally *t,
                         const struct metric_batch *b, struct diag *d)
{
    for (uint64_t i = 0; t->id == METRIC_ID_MEAN_ABSOLUTE_PERCENTAGE_ERROR &&
                         i < b->n * t->setup.width;
         i++) {
        if (b->target[i] == 0) {
            return metric_bad_sample(t, i / t->setup.width,
                                     "a target other than 0", 0, d);
        }
    }
    return 0;
}

static void numbers_add(struct metric_tally *t, const struct metric_batch *b)
{
    uint64_t n = b->n * t->setup.width;

    for (uint64_t i = 0; i < n; i++) {
        add_one(t, b->pred[i], b->target[i]);
    }
    t->n += n;
}

/* n times a variance or a covariance: n sum ab - sum a sum b. */
static double spread(const struct metric_tally *t, int ab, int a, int b)
{
    struct metric_sum n = {(double)t->n, 0};

    return metric_sum_cross(&t->sums[ab], &n, &t->sums[a], &t->sums[b]);
}

static double r2(const struct metric_tally *t)
{
    double wrong = metric_sum_value(&t->sums[SUM_SQUARES]);

    if (t->least == t->most) {
        return wrong == 0 ? 1 : 0;
    }
    return 1 - wrong * (double)t->n / spread(t, SUM_YY, SUM_Y, SUM_Y);
}

/* Of constants nothing is left but what rounding left. */
static int varies(const struct metric_tally *t, double spread_n, int squares)
{
    return spread_n >
           1e-28 * (double)t->n * metric_sum_value(&t->sums[squares]);
}

static double pearson(const struct metric_tally *t)
{
    double y = spread(t, SUM_YY, SUM_Y, SUM_Y);
    double p = spread(t, SUM_PP, SUM_P, SUM_P);

    return varies(t, y, SUM_YY) && varies(t, p, SUM_PP)
               ? spread(t, SUM_PY, SUM_P, SUM_Y) / (sqrt(y) * sqrt(p))
               : (double)NAN;
}

static double value(const struct metric_tally *t)
{
    double squares = metric_sum_value(&t->sums[SUM_SQUARES]) / (double)t->n;

    switch ((unsigned)t->id) {
    case METRIC_ID_ROOT_MEAN_SQUARED_ERROR:
        return sqrt(squares);
    case METRIC_ID_MEAN_ABSOLUTE_ERROR:
        return metric_sum_value(&t->sums[SUM_ABSOLUTE]) / (double)t->n;
    case METRIC_ID_MAX_ERROR:
        return t->most;
    case METRIC_ID_MEAN_ABSOLUTE_PERCENTAGE_ERROR:
        return metric_sum_value(&t->sums[SUM_RELATIVE]) / (double)t->n;
    case METRIC_ID_CANBERRA:
        return metric_sum_value(&t->sums[SUM_RELATIVE]);
    case METRIC_ID_R2:
        return r2(t);
    case METRIC_ID_PEARSON:
        return pearson(t);
    case METRIC_ID_PSNR:
        return 10 * log10(t->arg * t->arg / squares);
    default:
        return squares;
    }
}

static int numbers_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    return sink(ctx, "", t->bad != 0 ? (double)NAN : value(t));
}

const struct metric_family metric_family_NUMBERS = {
    numbers_init, numbers_check, numbers_add, numbers_each, 0};

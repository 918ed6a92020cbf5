/* Metrics of scores and losses: places of the target among the scores, logarithms
 * of probabilities, means of losses. Worker train; pure. */
#include <math.h>

#include "proto/err.h"
#include "workers/train/metric_int.h"

#define LEAST_PROBABILITY 1e-15
#define ROUNDING 1e-6 /* of probabilities that were f32 */

/* ---- Ranks: scores of all classes, the target's place among them ---- */

static int ranks_init(struct metric_tally *t, struct diag *d)
{
    if (t->setup.width < 2 || t->setup.several ||
        t->setup.width > METRIC_CLASSES_MAX) {
        return metric_bad_setup(t, "it needs a score of each class", d);
    }
    if (t->id != METRIC_ID_MEAN_RECIPROCAL_RANK && t->arg > t->setup.width) {
        return metric_bad_setup(t, "there are fewer classes", d);
    }
    t->sums_n = 1;
    return 0;
}

static int ranks_check(const struct metric_tally *t,
                       const struct metric_batch *b, struct diag *d)
{
    uint32_t unused;

    for (uint64_t i = 0; i < b->n; i++) {
        TRY(metric_class(t, b, i, &unused, d));
        TRY(metric_target(t, b, i, t->setup.width, &unused, d));
    }
    return 0;
}

/* From 1: better scores and, of equal ones, lower classes come first. */
static uint32_t rank_of(const double *p, uint32_t width, uint32_t y)
{
    uint32_t rank = 1;

    for (uint32_t c = 0; c < width; c++) {
        rank += p[c] > p[y] || (p[c] == p[y] && c < y);
    }
    return rank;
}

static void ranks_add(struct metric_tally *t, const struct metric_batch *b)
{
    for (uint64_t i = 0; i < b->n; i++) {
        uint32_t rank = rank_of(b->pred + i * t->setup.width, t->setup.width,
                                (uint32_t)b->target[i]);
        double v = t->id == METRIC_ID_MEAN_RECIPROCAL_RANK ? 1.0 / rank
                   : rank > t->arg                         ? 0
                   : t->id == METRIC_ID_TOP_K              ? 1
                                              : 1 / log2(1.0 + rank);

        metric_sum_add(&t->sums[0], v);
    }
    t->n += b->n;
}

static int mean_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    return sink(ctx, "",
                t->bad != 0 ? (double)NAN
                            : metric_sum_value(&t->sums[0]) / (double)t->n);
}

const struct metric_family metric_family_RANKS = {ranks_init, ranks_check,
                                                  ranks_add, mean_each, 0};

/* ---- Probabilities ---- */

static int scores_init(struct metric_tally *t, struct diag *d)
{
    if (t->setup.several || t->setup.width > METRIC_CLASSES_MAX ||
        t->setup.width == 0 || (t->setup.width == 1 && t->setup.classes != 2)) {
        return metric_bad_setup(t, "it needs probabilities of classes", d);
    }
    t->sums_n = 1;
    return 0;
}

static int scores_check(const struct metric_tally *t,
                        const struct metric_batch *b, struct diag *d)
{
    uint32_t width = t->setup.width, unused;

    for (uint64_t i = 0; i < b->n * width; i++) {
        if (!(b->pred[i] >= 0 && b->pred[i] <= 1 + ROUNDING)) {
            return metric_bad_sample(t, i / width, "a probability", b->pred[i],
                                     d);
        }
    }
    for (uint64_t i = 0; t->id == METRIC_ID_LOG_LOSS && i < b->n; i++) {
        TRY(metric_target(t, b, i, width == 1 ? 2 : width, &unused, d));
    }
    return 0;
}

static double entropy_term(double p)
{
    return p > 0 && p < 1 ? -p * log(p) : 0;
}

static double score_of(const struct metric_tally *t, const double *p,
                       const double *y)
{
    uint32_t width = t->setup.width;
    double v = 0;

    if (t->id == METRIC_ID_LOG_LOSS) {
        v = width > 1 ? p[(uint32_t)*y] : *y == 1 ? p[0] : 1 - p[0];
        return -log(fmin(fmax(v, LEAST_PROBABILITY), 1));
    }
    if (width == 1) {
        return entropy_term(p[0]) + entropy_term(1 - p[0]);
    }
    for (uint32_t c = 0; c < width; c++) {
        v += entropy_term(p[c]);
    }
    return v;
}

static void scores_add(struct metric_tally *t, const struct metric_batch *b)
{
    for (uint64_t i = 0; i < b->n; i++) {
        metric_sum_add(&t->sums[0],
                       score_of(t, b->pred + i * t->setup.width,
                                b->target != NULL ? b->target + i : NULL));
    }
    t->n += b->n;
}

const struct metric_family metric_family_SCORES = {scores_init, scores_check,
                                                   scores_add, mean_each, 0};

/* ---- Losses ---- */

static int loss_init(struct metric_tally *t, struct diag *d)
{
    (void)d;
    t->sums_n = 1;
    return 0;
}

static void loss_add(struct metric_tally *t, const struct metric_batch *b)
{
    uint64_t n = b->loss_n != 0 ? b->loss_n : b->n;

    if (isfinite(b->loss)) {
        metric_sum_add_product(&t->sums[0], b->loss, (double)n);
    } else {
        t->bad += n;
    }
    t->n += n;
}

static int loss_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    double mean = metric_sum_value(&t->sums[0]) / (double)t->n;

    return sink(ctx, "",
                t->bad != 0                     ? (double)NAN
                : t->id == METRIC_ID_PERPLEXITY ? exp(mean)
                                                : mean);
}

const struct metric_family metric_family_LOSS = {loss_init, NULL, loss_add,
                                                 loss_each, 0};

/* ---- Averages ---- */

static int averages_init(struct metric_tally *t, struct diag *d)
{
    if (t->setup.width == 0) {
        return metric_bad_setup(t, "it needs predictions", d);
    }
    t->sums_n = 1;
    return 0;
}

/* Of losses: a old + (1 - a) new, the first as it is; not finite ones stay. */
static void add_running(struct metric_tally *t, double loss)
{
    double old = t->sums[0].hi;

    t->sums[0].hi = t->n == 0 ? loss : t->arg * old + (1 - t->arg) * loss;
    t->n++;
}

static void averages_add(struct metric_tally *t, const struct metric_batch *b)
{
    if (t->id == METRIC_ID_RUNNING_AVERAGE) {
        add_running(t, b->loss);
        return;
    }
    for (uint64_t i = 0; i < b->n * t->setup.width; i++) {
        if (isfinite(b->pred[i])) {
            metric_sum_add(&t->sums[0], b->pred[i]);
        } else {
            t->bad++;
        }
    }
    t->n += b->n * t->setup.width;
}

static int averages_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    return t->id == METRIC_ID_RUNNING_AVERAGE ? sink(ctx, "", t->sums[0].hi)
                                              : mean_each(t, sink, ctx);
}

const struct metric_family metric_family_AVERAGES = {
    averages_init, NULL, averages_add, averages_each, 0};

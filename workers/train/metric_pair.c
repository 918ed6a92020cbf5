/* Metrics that need all samples at once: they keep a pair of each. Values hang on
 * which pairs there are, never on their order. Worker train; pure. */
#include <math.h>
#include <stdlib.h>

#include "proto/err.h"
#include "proto/sort.h"
#include "workers/train/metric_int.h"

static int is_ranking(const struct metric_tally *t)
{
    return t->id == METRIC_ID_ROC_AUC || t->id == METRIC_ID_AVERAGE_PRECISION;
}

static int pairs_init(struct metric_tally *t, struct diag *d)
{
    const struct metric_setup *s = &t->setup;

    if (is_ranking(t) &&
        (s->several || s->classes != 2 || s->width < 1 || s->width > 2)) {
        return metric_bad_setup(t, "it is for two classes", d);
    }
    if (!is_ranking(t) && s->width != 1) {
        return metric_bad_setup(t, "expected one column", d);
    }
    return 0;
}

static int pairs_check(const struct metric_tally *t,
                       const struct metric_batch *b, struct diag *d)
{
    uint32_t unused;

    for (uint64_t i = 0; is_ranking(t) && i < b->n; i++) {
        double p = b->pred[(i + 1) * t->setup.width - 1];

        if (isnan(p)) {
            return metric_bad_sample(t, i, "a score", p, d);
        }
        TRY(metric_target(t, b, i, 2, &unused, d));
    }
    return 0;
}

static void pairs_add(struct metric_tally *t, const struct metric_batch *b)
{
    uint32_t width = t->setup.width;

    for (uint64_t i = 0; i < b->n; i++) {
        double p = b->pred[(i + 1) * width - 1], y = b->target[i];

        if (!is_ranking(t) && (!isfinite(p) || !isfinite(y))) {
            t->bad++;
        } else if (t->id == METRIC_ID_MEDIAN_ABSOLUTE_ERROR) {
            metric_pair_add(t, fabs(p - y), 0);
        } else {
            metric_pair_add(t, p, y);
        }
    }
    t->n += b->n;
}

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_x(const void *a, const void *b)
{
    const struct metric_pair *p = a, *q = b;
    int c = compare(p->x, q->x);

    return c != 0 ? c : compare(p->y, q->y);
}

static int by_y(const void *a, const void *b)
{
    const struct metric_pair *p = a, *q = b;
    int c = compare(p->y, q->y);

    return c != 0 ? c : compare(p->x, q->x);
}

static void sort(struct metric_tally *t,
                 int (*order)(const void *a, const void *b))
{
    sort_items(t->pairs, t->pairs_n, sizeof(*t->pairs), order);
}

/* ---- Two classes ---- */

/* Pairs that end a group of equal scores: [from, return). */
static size_t group(const struct metric_tally *t, size_t from)
{
    size_t to = from;

    while (to < t->pairs_n && t->pairs[to].x == t->pairs[from].x) {
        to++;
    }
    return to;
}

/* Sorted by x. Pairs (positive, negative) in order count 1, ties a half; in exact
 * integers, doubled. */
static double roc_auc(const struct metric_tally *t)
{
    uint64_t negative = 0, positive = 0, twice = 0;

    for (size_t from = 0, to; from < t->pairs_n; from = to) {
        uint64_t yes = 0;

        to = group(t, from);
        for (size_t i = from; i < to; i++) {
            yes += t->pairs[i].y == 1;
        }
        twice += yes * (2 * negative + (to - from - yes));
        negative += to - from - yes;
        positive += yes;
    }
    return negative == 0 || positive == 0
               ? (double)NAN
               : (double)twice / 2 / (double)positive / (double)negative;
}

/* Sorted by x; thresholds from the greatest score down. */
static double average_precision(const struct metric_tally *t)
{
    struct metric_sum sum = {0};
    uint64_t right = 0, taken = 0;

    for (size_t to = t->pairs_n, from; to > 0; to = from) {
        uint64_t yes = 0;

        from = to - 1;
        while (from > 0 && t->pairs[from - 1].x == t->pairs[from].x) {
            from--;
        }
        for (size_t i = from; i < to; i++) {
            yes += t->pairs[i].y == 1;
        }
        right += yes;
        taken += to - from;
        metric_sum_add(&sum, (double)yes * (double)right / (double)taken);
    }
    return right == 0 ? (double)NAN : metric_sum_value(&sum) / (double)right;
}

/* ---- Ranks of numbers ---- */

/* Midranks of x in place of x; sorted by x. */
static void rank_x(struct metric_tally *t)
{
    for (size_t from = 0, to; from < t->pairs_n; from = to) {
        double rank;

        to = group(t, from);
        rank = ((double)from + (double)to + 1) / 2;
        for (size_t i = from; i < to; i++) {
            t->pairs[i].x = rank;
        }
    }
}

static void swap_xy(struct metric_tally *t)
{
    for (size_t i = 0; i < t->pairs_n; i++) {
        struct metric_pair p = t->pairs[i];

        t->pairs[i] = (struct metric_pair){p.y, p.x};
    }
}

/* The sum of both ranks is known, so the rest are sums of half integers. */
static double spearman(struct metric_tally *t)
{
    struct metric_sum xx = {0}, yy = {0}, xy = {0};
    struct metric_sum n = {(double)t->pairs_n, 0};
    struct metric_sum all = {0};
    double x, y;

    sort(t, by_x);
    rank_x(t);
    swap_xy(t);
    sort(t, by_x);
    rank_x(t);
    for (size_t i = 0; i < t->pairs_n; i++) {
        const struct metric_pair *p = &t->pairs[i];

        metric_sum_add(&all, p->x);
        metric_sum_add_product(&xx, p->x, p->x);
        metric_sum_add_product(&yy, p->y, p->y);
        metric_sum_add_product(&xy, p->x, p->y);
    }
    x = metric_sum_cross(&xx, &n, &all, &all);
    y = metric_sum_cross(&yy, &n, &all, &all);
    return x > 0 && y > 0
               ? metric_sum_cross(&xy, &n, &all, &all) / (sqrt(x) * sqrt(y))
               : (double)NAN;
}

static uint64_t pairs_of(uint64_t n)
{
    return n * (n - 1) / 2;
}

/* Pairs equal in x (and, with `both`, in y); sorted by x, then y. */
static uint64_t ties(const struct metric_tally *t, int both)
{
    uint64_t n = 0, run = 1;

    for (size_t i = 1; i <= t->pairs_n; i++) {
        if (i < t->pairs_n && t->pairs[i].x == t->pairs[i - 1].x &&
            (!both || t->pairs[i].y == t->pairs[i - 1].y)) {
            run++;
        } else {
            n += pairs_of(run);
            run = 1;
        }
    }
    return n;
}

/* One merge of [from, mid) and [mid, to) by y; pairs that stood the wrong way
 * round. */
static uint64_t merge(const struct metric_pair *in, size_t from, size_t mid,
                      size_t to, struct metric_pair *out)
{
    uint64_t swaps = 0;
    size_t a = from, b = mid;

    for (size_t i = from; i < to; i++) {
        if (b == to || (a < mid && in[a].y <= in[b].y)) {
            out[i] = in[a++];
        } else {
            swaps += mid - a;
            out[i] = in[b++];
        }
    }
    return swaps;
}

/* Sorted by x, then y: how many pairs the order by y turns round. */
static uint64_t turned(struct metric_tally *t, struct metric_pair *spare)
{
    struct metric_pair *in = t->pairs, *out = spare;
    uint64_t swaps = 0;

    for (size_t width = 1; width < t->pairs_n; width *= 2) {
        for (size_t from = 0; from < t->pairs_n; from += 2 * width) {
            size_t mid = from + width < t->pairs_n ? from + width : t->pairs_n;
            size_t to = mid + width < t->pairs_n ? mid + width : t->pairs_n;

            swaps += merge(in, from, mid, to, out);
        }
        in = out;
        out = in == spare ? t->pairs : spare;
    }
    return swaps;
}

/* tau-b. Source: Knight 1966. */
static int kendall(struct metric_tally *t, double *out)
{
    struct metric_pair *spare = calloc(t->pairs_n, sizeof(*spare));
    uint64_t all = pairs_of(t->pairs_n), x, y, both;
    double root;

    if (spare == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    sort(t, by_y);
    swap_xy(t);
    y = ties(t, 0);
    swap_xy(t);
    sort(t, by_x);
    x = ties(t, 0);
    both = ties(t, 1);
    root = sqrt((double)(all - x)) * sqrt((double)(all - y));
    *out = ((double)(all + both) - (double)x - (double)y -
            2 * (double)turned(t, spare)) /
           root;
    *out = root == 0 ? (double)NAN : *out;
    free(spare);
    return 0;
}

static double median(const struct metric_tally *t)
{
    size_t n = t->pairs_n;

    return n % 2 == 1 ? t->pairs[n / 2].x
                      : t->pairs[n / 2 - 1].x / 2 + t->pairs[n / 2].x / 2;
}

/* Work on pairs that may be sorted but must stay: a copy. */
static int on_copy(struct metric_tally *t, double *out)
{
    struct metric_tally copy = *t;
    int code = 0;

    copy.pairs = calloc(t->pairs_n, sizeof(*copy.pairs));
    if (copy.pairs == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < t->pairs_n; i++) {
        copy.pairs[i] = t->pairs[i];
    }
    if (t->id == METRIC_ID_SPEARMAN) {
        *out = spearman(&copy);
    } else {
        code = kendall(&copy, out);
    }
    free(copy.pairs);
    return code;
}

static int pairs_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    double v = (double)NAN;

    if (t->bad != 0 || t->pairs_n == 0) {
        return sink(ctx, "", v);
    }
    if (t->id == METRIC_ID_SPEARMAN || t->id == METRIC_ID_KENDALL) {
        TRY(on_copy(t, &v));
        return sink(ctx, "", v);
    }
    sort(t, by_x);
    v = t->id == METRIC_ID_ROC_AUC             ? roc_auc(t)
        : t->id == METRIC_ID_AVERAGE_PRECISION ? average_precision(t)
                                               : median(t);
    return sink(ctx, "", v);
}

const struct metric_family metric_family_PAIRS = {pairs_init, pairs_check,
                                                  pairs_add, pairs_each, 1};

/* Metrics that count by classes: accuracy, precision, recall and F from true and
 * false positives of each class; the confusion matrix and what follows from it.
 * Worker train; pure. */
#include <math.h>
#include <stdio.h>

#include "proto/err.h"
#include "workers/train/metric_int.h"

/* ---- Which class ---- */

int metric_class(const struct metric_tally *t, const struct metric_batch *b,
                 uint64_t i, uint32_t *out, struct diag *d)
{
    uint32_t width = t->setup.width;
    const double *p = b->pred + i * width;

    for (uint32_t c = 0; c < width; c++) {
        if (isnan(p[c])) {
            return metric_bad_sample(t, i, "a number", p[c], d);
        }
    }
    if (width == 1 && !t->setup.threshold_set && t->setup.classes != 0 &&
        !(p[0] >= 0 && p[0] < t->setup.classes && p[0] == floor(p[0]))) {
        return metric_bad_sample(
            t, i,
            t->setup.classes == 2 ? "0 or 1 (set a threshold)" : "a class",
            p[0], d);
    }
    *out = metric_class_of(t, b, i);
    return 0;
}

uint32_t metric_class_of(const struct metric_tally *t,
                         const struct metric_batch *b, uint64_t i)
{
    uint32_t width = t->setup.width;
    const double *p = b->pred + i * width;
    uint32_t best = 0;

    if (width == 1) {
        return t->setup.threshold_set ? p[0] >= t->setup.threshold
                                      : (uint32_t)p[0];
    }
    for (uint32_t c = 1; c < width; c++) {
        best = p[c] > p[best] ? c : best;
    }
    return best;
}

int metric_target(const struct metric_tally *t, const struct metric_batch *b,
                  uint64_t i, uint32_t classes, uint32_t *out, struct diag *d)
{
    double y = b->target[i];

    if (!(y >= 0 && y < classes && y == floor(y))) {
        return metric_bad_sample(t, i, "a class as its target", y, d);
    }
    *out = (uint32_t)y;
    return 0;
}

/* ---- By class: counts are right, then TP, FP, FN of each class ---- */

static uint32_t classes_of(const struct metric_tally *t)
{
    return t->setup.several ? t->setup.width : t->setup.classes;
}

static int64_t *of_class(const struct metric_tally *t, uint32_t c)
{
    return t->counts + 1 + 3 * (size_t)c;
}

static int classes_init(struct metric_tally *t, struct diag *d)
{
    const struct metric_setup *s = &t->setup;

    if (s->width == 0 || classes_of(t) > METRIC_CLASSES_MAX) {
        return metric_bad_setup(t, "expected 1..65536 classes", d);
    }
    if (s->several && (s->threshold_set || s->width < 2)) {
        return metric_bad_setup(t, "several labels are 0 or 1, two or more", d);
    }
    if (s->threshold_set && (s->width != 1 || s->classes != 2)) {
        return metric_bad_setup(t, "a threshold parts one score in two", d);
    }
    if (!s->several && s->width > 1 && s->width < s->classes) {
        return metric_bad_setup(t, "there are more classes than scores", d);
    }
    if (t->id != METRIC_ID_ACCURACY && classes_of(t) == 0) {
        return metric_bad_setup(t, "it needs classes", d);
    }
    if (t->average == AVERAGE_BINARY && (s->several || s->classes != 2)) {
        return metric_bad_setup(t, "binary is for two classes", d);
    }
    if (t->average == AVERAGE_SAMPLES && !s->several) {
        return metric_bad_setup(t, "samples is for several labels", d);
    }
    /* A class may be said that is no target: scores are more than classes. */
    if (!s->several && s->width > s->classes && s->classes != 0) {
        t->setup.classes = s->width;
    }
    t->counts_n = 1 + 3 * (size_t)classes_of(t);
    t->sums_n = t->average == AVERAGE_SAMPLES;
    return 0;
}

static int labels_check(const struct metric_tally *t,
                        const struct metric_batch *b, struct diag *d)
{
    for (uint64_t i = 0; i < b->n * t->setup.width; i++) {
        double p = b->pred[i], y = b->target[i];

        if ((p != 0 && p != 1) || (y != 0 && y != 1)) {
            return metric_bad_sample(t, i / t->setup.width, "labels 0 or 1",
                                     p != 0 && p != 1 ? p : y, d);
        }
    }
    return 0;
}

static int classes_check(const struct metric_tally *t,
                         const struct metric_batch *b, struct diag *d)
{
    uint32_t unused;

    if (t->setup.several) {
        return labels_check(t, b, d);
    }
    for (uint64_t i = 0; i < b->n; i++) {
        if (t->setup.classes == 0) {
            double p = b->pred[i], y = b->target[i];

            if (isnan(p) || isnan(y)) {
                return metric_bad_sample(t, i, "a number", p + y, d);
            }
            continue;
        }
        TRY(metric_class(t, b, i, &unused, d));
        TRY(metric_target(t, b, i, t->setup.classes, &unused, d));
    }
    return 0;
}

static double ratio(double a, double b)
{
    return b == 0 ? 0 : a / b;
}

/* Precision, recall or F of these counts. */
static double score(const struct metric_tally *t, double tp, double fp,
                    double fn)
{
    double b2 = t->arg * t->arg;

    if (t->id == METRIC_ID_PRECISION) {
        return ratio(tp, tp + fp);
    }
    if (t->id == METRIC_ID_RECALL) {
        return ratio(tp, tp + fn);
    }
    return ratio((1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp);
}

static void add_labels(struct metric_tally *t, const struct metric_batch *b,
                       uint64_t i)
{
    uint32_t width = t->setup.width;
    int64_t now[3] = {0};

    for (uint32_t c = 0; c < width; c++) {
        int p = b->pred[i * width + c] == 1;
        int y = b->target[i * width + c] == 1;
        int which = p && y ? 0 : p ? 1 : 2;

        if (p || y) {
            of_class(t, c)[which]++;
            now[which]++;
        }
    }
    t->counts[0] += now[1] + now[2] == 0;
    if (t->sums_n != 0) {
        metric_sum_add(&t->sums[0], score(t, (double)now[0], (double)now[1],
                                          (double)now[2]));
    }
}

static void classes_add(struct metric_tally *t, const struct metric_batch *b)
{
    for (uint64_t i = 0; i < b->n; i++) {
        uint32_t p, y;

        if (t->setup.several) {
            add_labels(t, b, i);
            continue;
        }
        if (t->setup.classes == 0) {
            t->counts[0] += b->pred[i] == b->target[i];
            continue;
        }
        p = metric_class_of(t, b, i);
        y = (uint32_t)b->target[i];
        if (p == y) {
            t->counts[0]++;
            of_class(t, p)[0]++;
        } else {
            of_class(t, p)[1]++;
            of_class(t, y)[2]++;
        }
    }
    t->n += b->n;
}

static double score_of(const struct metric_tally *t, uint32_t c)
{
    const int64_t *v = of_class(t, c);

    return score(t, (double)v[0], (double)v[1], (double)v[2]);
}

static double averaged(const struct metric_tally *t)
{
    struct metric_sum sum = {0};
    int64_t all[3] = {0}, support = 0;
    uint32_t n = classes_of(t);

    if (t->average == AVERAGE_BINARY) {
        return score_of(t, 1);
    }
    if (t->average == AVERAGE_SAMPLES) {
        return metric_sum_value(&t->sums[0]) / (double)t->n;
    }
    for (uint32_t c = 0; c < n; c++) {
        const int64_t *v = of_class(t, c);
        int64_t targets = v[0] + v[2];

        all[0] += v[0];
        all[1] += v[1];
        all[2] += v[2];
        support += targets;
        metric_sum_add_product(&sum, score_of(t, c),
                               t->average == AVERAGE_WEIGHTED ? (double)targets
                                                              : 1);
    }
    return t->average == AVERAGE_MICRO
               ? score(t, (double)all[0], (double)all[1], (double)all[2])
           : t->average == AVERAGE_WEIGHTED
               ? ratio(metric_sum_value(&sum), (double)support)
               : metric_sum_value(&sum) / n;
}

static int classes_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    char suffix[16];
    int code = 0;

    if (t->id == METRIC_ID_ACCURACY) {
        return sink(ctx, "", (double)t->counts[0] / (double)t->n);
    }
    if (t->average != AVERAGE_NONE) {
        return sink(ctx, "", averaged(t));
    }
    for (uint32_t c = 0; c < classes_of(t) && code == 0; c++) {
        (void)snprintf(suffix, sizeof(suffix), "_%u", c);
        code = sink(ctx, suffix, score_of(t, c));
    }
    return code;
}

const struct metric_family metric_family_CLASSES = {
    classes_init, classes_check, classes_add, classes_each, 0};

/* ---- The matrix: rows are targets ---- */

static int confusion_init(struct metric_tally *t, struct diag *d)
{
    if (t->setup.several || t->setup.classes == 0) {
        return metric_bad_setup(t, "it needs one class a sample", d);
    }
    TRY(classes_init(t, d));
    if (t->setup.classes > METRIC_CONFUSION_MAX) {
        return metric_bad_setup(t, "expected 1..512 classes", d);
    }
    t->counts_n = (size_t)t->setup.classes * t->setup.classes;
    return 0;
}

static void confusion_add(struct metric_tally *t, const struct metric_batch *b)
{
    for (uint64_t i = 0; i < b->n; i++) {
        t->counts[(size_t)b->target[i] * t->setup.classes +
                  metric_class_of(t, b, i)]++;
    }
    t->n += b->n;
}

static int64_t cell(const struct metric_tally *t, uint32_t y, uint32_t p)
{
    return t->counts[(size_t)y * t->setup.classes + p];
}

static int64_t row(const struct metric_tally *t, uint32_t y)
{
    int64_t n = 0;

    for (uint32_t p = 0; p < t->setup.classes; p++) {
        n += cell(t, y, p);
    }
    return n;
}

static int64_t column(const struct metric_tally *t, uint32_t p)
{
    int64_t n = 0;

    for (uint32_t y = 0; y < t->setup.classes; y++) {
        n += cell(t, y, p);
    }
    return n;
}

/* Mean over the classes that are there of k TP / (k TP + FP + FN). */
static double overlap(const struct metric_tally *t, double k)
{
    struct metric_sum sum = {0};
    uint32_t n = 0;

    for (uint32_t c = 0; c < t->setup.classes; c++) {
        double tp = (double)cell(t, c, c);
        double wrong = (double)row(t, c) + (double)column(t, c) - 2 * tp;

        if (tp + wrong > 0) {
            metric_sum_add(&sum, k * tp / (k * tp + wrong));
            n++;
        }
    }
    return metric_sum_value(&sum) / n;
}

static double kappa(const struct metric_tally *t)
{
    struct metric_sum seen = {0}, chance = {0};

    for (uint32_t y = 0; y < t->setup.classes; y++) {
        double of_y = (double)row(t, y);

        for (uint32_t p = 0; p < t->setup.classes && of_y > 0; p++) {
            double away = y > p ? y - p : p - y;
            double w = t->arg == 0   ? away != 0
                       : t->arg == 1 ? away
                                     : away * away;

            metric_sum_add_product(&seen, w, (double)cell(t, y, p));
            metric_sum_add_product(&chance, w * of_y, (double)column(t, p));
        }
    }
    return 1 -
           metric_sum_value(&seen) * (double)t->n / metric_sum_value(&chance);
}

static double mcc(const struct metric_tally *t)
{
    struct metric_sum s = {(double)t->n, 0}, right = {0}, both = {0}, pp = {0},
                      tt = {0}, one = {1, 0};
    double root;

    for (uint32_t c = 0; c < t->setup.classes; c++) {
        double y = (double)row(t, c), p = (double)column(t, c);

        metric_sum_add(&right, (double)cell(t, c, c));
        metric_sum_add_product(&both, p, y);
        metric_sum_add_product(&pp, p, p);
        metric_sum_add_product(&tt, y, y);
    }
    root = sqrt(metric_sum_cross(&s, &s, &pp, &one)) *
           sqrt(metric_sum_cross(&s, &s, &tt, &one));
    return ratio(metric_sum_cross(&right, &s, &both, &one), root);
}

static int confusion_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    char suffix[24];
    int code = 0;

    if (t->id == METRIC_ID_IOU || t->id == METRIC_ID_DICE) {
        return sink(ctx, "", overlap(t, t->id == METRIC_ID_IOU ? 1 : 2));
    }
    if (t->id != METRIC_ID_CONFUSION) {
        return sink(ctx, "",
                    t->id == METRIC_ID_COHEN_KAPPA ? kappa(t) : mcc(t));
    }
    for (uint32_t y = 0; y < t->setup.classes && code == 0; y++) {
        for (uint32_t p = 0; p < t->setup.classes && code == 0; p++) {
            (void)snprintf(suffix, sizeof(suffix), "_%u_%u", y, p);
            code = sink(ctx, suffix, (double)cell(t, y, p));
        }
    }
    return code;
}

const struct metric_family metric_family_CONFUSION = {
    confusion_init, classes_check, confusion_add, confusion_each, 0};

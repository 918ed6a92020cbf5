/* Tallies of small arrays, for the tests of the metrics. Included once by each. */
#ifndef TESTS_UNIT_TRAIN_METRIC_PLAY_H
#define TESTS_UNIT_TRAIN_METRIC_PLAY_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/diag.h"
#include "proto/err.h"
#include "workers/train/metric.h"

#define BINARY                                                                 \
    {                                                                          \
        .classes = 2, .width = 1                                               \
    }
#define NUMBERS                                                                \
    {                                                                          \
        .width = 1                                                             \
    }

/* Samples of a case: pred (n, width), target. */
struct samples {
    struct metric_setup setup;
    uint64_t n;
    const double *pred;
    const double *target;
};

UNUSED static struct metric_tally *opened(const char *text,
                                          const struct metric_setup *setup)
{
    struct metric_tally *t = NULL;
    struct diag d;

    diag_init(&d);
    if (metric_open(text, setup, &t, &d) != 0) {
        fail_msg("%s: %s", text, d.what);
    }
    return t;
}

UNUSED static uint32_t target_width(const struct metric_setup *s)
{
    return s->several || s->classes == 0 ? s->width : 1;
}

/* Samples [from, to). */
UNUSED static void feed(struct metric_tally *t, const struct samples *s,
                        uint64_t from, uint64_t to)
{
    struct metric_batch b = {.n = to - from,
                             .pred = s->pred + from * s->setup.width,
                             .target =
                                 s->target + from * target_width(&s->setup)};
    struct diag d;

    diag_init(&d);
    if (metric_update(t, &b, &d) != 0) {
        fail_msg("%s: %s", metric_text(t), d.what);
    }
}

UNUSED static double value_of(struct metric_tally *t)
{
    double v = 0;

    assert_int_equal(metric_value(t, &v), 0);
    return v;
}

UNUSED static void near_to(const char *text, double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fmax(1, fabs(want)))) {
        fail_msg("%s: got %.17g, want %.17g", text, got, want);
    }
}

UNUSED static void check(const char *text, const struct samples *s, double want)
{
    struct metric_tally *t = opened(text, &s->setup);
    double v = 0;

    assert_int_equal(metric_value(t, &v), METRIC_E_NOT_COMPUTABLE);
    feed(t, s, 0, s->n);
    near_to(text, value_of(t), want);
    metric_reset(t);
    assert_int_equal(metric_value(t, &v), METRIC_E_NOT_COMPUTABLE);
    metric_close(t);
}

UNUSED static void check_nan(const char *text, const struct samples *s)
{
    struct metric_tally *t = opened(text, &s->setup);

    feed(t, s, 0, s->n);
    assert_true(isnan(value_of(t)));
    metric_close(t);
}

/* The sample is refused by number, and nothing of the batch was taken. */
UNUSED static void check_bad(const char *text, const struct samples *s,
                             uint64_t sample)
{
    struct metric_tally *t = opened(text, &s->setup);
    struct metric_batch b = {.n = s->n, .pred = s->pred, .target = s->target};
    char want[32];
    struct diag d;
    double v;

    diag_init(&d);
    (void)snprintf(want, sizeof(want),
                   "sample %llu:", (unsigned long long)sample);
    assert_int_equal(metric_update(t, &b, &d), ERR_INPUT);
    if (strstr(d.what, want) == NULL) {
        fail_msg("%s", d.what);
    }
    assert_int_equal(metric_value(t, &v), METRIC_E_NOT_COMPUTABLE);
    metric_close(t);
}

UNUSED static void refuse(const char *text, struct metric_setup setup,
                          const char *what)
{
    struct metric_tally *t = NULL;
    struct diag d;

    diag_init(&d);
    assert_int_equal(metric_open(text, &setup, &t, &d), ERR_INPUT);
    if (strstr(d.what, what) == NULL && strstr(d.hint, what) == NULL) {
        fail_msg("%s: %s", text, d.what);
    }
}

#endif

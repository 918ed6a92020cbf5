/* What a spec and a worker's words of training must look like, what is measured, how
 * labels are shuffled, which weights are kept (training.h, training_log.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/record.h"
#include "proto/training_log.h"

static struct ubytes of(const void *p, size_t n)
{
    return (struct ubytes){p, n};
}

static void measures(void **state)
{
    const float two[] = {0.1f, 0.9f, 0.8f, 0.2f, 0.5f, 0.5f};
    const float one[] = {0.5f, 0.49f};
    const uint32_t labels[] = {1, 1, 0};
    const uint32_t halves[] = {1, 0};
    const float guess[] = {1, 3};
    const double truth[] = {2, 1};
    const float broken[] = {1, NAN};
    double v = -1;

    (void)state;
    assert_int_equal(training_measure(METRIC_ACCURACY, of(two, 24),
                                      of(labels, 12), 3, &v), 0);
    assert_true(v == 2.0 / 3); /* of equals the first counts */
    assert_int_equal(training_measure(METRIC_ACCURACY, of(one, 8),
                                      of(halves, 8), 2, &v), 0);
    assert_true(v == 1);
    assert_int_equal(training_measure(METRIC_SQUARED_ERROR, of(guess, 8),
                                      of(truth, 16), 2, &v), 0);
    assert_true(v == 2.5);
    assert_int_equal(training_measure(METRIC_ABSOLUTE_ERROR, of(guess, 8),
                                      of(truth, 16), 2, &v), 0);
    assert_true(v == 1.5);
    assert_int_equal(training_measure(METRIC_SQUARED_ERROR, of(broken, 8),
                                      of(truth, 16), 2, &v), ERR_INPUT);
    assert_int_equal(training_measure(METRIC_ACCURACY, of(two, 20),
                                      of(labels, 12), 3, &v), ERR_INPUT);
    assert_int_equal(training_measure(METRIC_ACCURACY, of(two, 24),
                                      of(labels, 8), 3, &v), ERR_INPUT);
    assert_int_equal(training_measure(METRIC_ACCURACY, of(two, 0),
                                      of(labels, 0), 0, &v), ERR_INPUT);
    assert_true(training_is_better(METRIC_ACCURACY, 0.9, 0.8));
    assert_true(training_is_better(METRIC_SQUARED_ERROR, 0.8, 0.9));
    assert_false(training_is_better(METRIC_ACCURACY, NAN, 0.8));
    assert_false(training_is_better(METRIC_SQUARED_ERROR, 0.8, 0.8));
}

static void shuffles(void **state)
{
    uint8_t seed[32] = {7};
    uint32_t a[1000], b[1000];
    unsigned moved = 0;
    uint64_t sum = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        a[i] = b[i] = i;
    }
    training_shuffle((uint8_t *)a, 1000, 4, seed);
    training_shuffle((uint8_t *)b, 1000, 4, seed);
    assert_memory_equal(a, b, sizeof(a));
    for (uint32_t i = 0; i < 1000; i++) {
        moved += a[i] != i;
        sum += a[i];
    }
    assert_true(moved > 980 && sum == 499500);
    seed[0]++;
    for (uint32_t i = 0; i < 1000; i++) {
        b[i] = i;
    }
    training_shuffle((uint8_t *)b, 1000, 4, seed);
    assert_memory_not_equal(a, b, sizeof(a));
    training_shuffle((uint8_t *)b, 0, 8, seed);
}

static void folds(void **state)
{
    Proctor__TrainSpec x = PROCTOR__TRAIN_SPEC__INIT;
    uint64_t from, rows, seen = 0;

    (void)state;
    x.folds = 7;
    for (x.fold = 1; x.fold <= 7; x.fold++) {
        training_checked(&x, 100, &from, &rows);
        assert_int_equal(from, seen);
        assert_true(rows == 14 || rows == 15);
        seen += rows;
    }
    assert_int_equal(seen, 100);
    x.folds = x.fold = 0;
    x.validation = 0.25;
    training_checked(&x, 10, &from, &rows);
    assert_int_equal(from, 7);
    assert_int_equal(rows, 3);
}

static void keep(struct training_kept *v, size_t *n, uint32_t epoch, double m,
                 unsigned metric)
{
    struct training_kept k = {.epoch = epoch, .measured = m};

    training_keep(v, n, 3, metric, &k);
}

static void keeps(void **state)
{
    struct training_kept v[LIMIT_COMBINED + 1];
    size_t n = 0;

    (void)state;
    keep(v, &n, 1, 0.5, METRIC_ACCURACY);
    keep(v, &n, 2, 0.7, METRIC_ACCURACY);
    keep(v, &n, 3, 0.7, METRIC_ACCURACY); /* of equals the older is first */
    keep(v, &n, 4, 0.6, METRIC_ACCURACY);
    keep(v, &n, 4, 0.9, METRIC_ACCURACY); /* again, after a restart: as it was */
    keep(v, &n, 5, 0.1, METRIC_ACCURACY);
    assert_int_equal(n, 3);
    assert_int_equal(v[0].epoch, 2);
    assert_int_equal(v[1].epoch, 3);
    assert_int_equal(v[2].epoch, 4);
    n = 0;
    for (uint32_t e = 1; e < 6; e++) {
        keep(v, &n, e, 0, METRIC_NONE);
    }
    assert_int_equal(n, 3);
    assert_int_equal(v[0].epoch, 5);
    assert_int_equal(v[2].epoch, 3);
}

static void specs(void **state)
{
    Proctor__TrainSpec x = PROCTOR__TRAIN_SPEC__INIT;
    Proctor__Recipe r = PROCTOR__RECIPE__INIT;
    Proctor__Learner l = PROCTOR__LEARNER__INIT;
    unsigned classes = PROCTOR__DATA_KIND__DATA_CLASSIFICATION;

    (void)state;
    x.recipe = &r;
    assert_non_null(training_spec_problem(&x, 1, classes));
    r.version = r.epochs = 1;
    r.learner = &l;
    assert_null(training_spec_problem(&x, 0, classes));
    x.validation = 0.91;
    assert_non_null(training_spec_problem(&x, 1, classes));
    x.validation = 0.1;
    assert_null(training_spec_problem(&x, 1, classes));
    assert_non_null(training_spec_problem(&x, 0, classes));
    assert_non_null(
        training_spec_problem(&x, 1, PROCTOR__DATA_KIND__DATA_TEXT));
    x.metric = METRIC_SQUARED_ERROR;
    assert_non_null(training_spec_problem(&x, 1, classes));
    assert_null(
        training_spec_problem(&x, 1, PROCTOR__DATA_KIND__DATA_REGRESSION));
    x.metric = METRIC_LOG_LOSS;
    assert_non_null(training_spec_problem(&x, 1, classes));
    x.metric = METRIC_ACCURACY;
    x.folds = x.fold = 2;
    assert_non_null(training_spec_problem(&x, 1, classes));
    x.validation = 0;
    assert_null(training_spec_problem(&x, 1, classes));
    x.fold = 3;
    assert_non_null(training_spec_problem(&x, 1, classes));
    x.folds = x.fold = 0;
    x.result = PROCTOR__TRAIN_RESULT__RESULT_BEST;
    assert_non_null(training_spec_problem(&x, 1, classes));
    x.result = PROCTOR__TRAIN_RESULT__RESULT_AVERAGE;
    assert_non_null(training_spec_problem(&x, 1, classes));
    x.keep = 2;
    assert_null(training_spec_problem(&x, 1, classes));
    x.keep = LIMIT_COMBINED + 1;
    assert_non_null(training_spec_problem(&x, 1, classes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures), cmocka_unit_test(shuffles),
        cmocka_unit_test(folds), cmocka_unit_test(keeps),
        cmocka_unit_test(specs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

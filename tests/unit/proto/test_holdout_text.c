/* Losses of held-out text: by hand on small rows, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/err.h"
#include "proto/holdout.h"

#define VOCAB 4u
#define WIDTH 3u

static struct ubytes bytes(const void *p, size_t n)
{
    return (struct ubytes){p, n};
}

static int row(const float *p, const uint32_t *r, const uint32_t *other,
               double out[static 2])
{
    return holdout_text_row(bytes(p, (WIDTH - 1) * VOCAB * 4),
                            bytes(r, WIDTH * 4), bytes(other, WIDTH * 4), VOCAB,
                            out);
}

/* Shares of what was said, whatever it sums to. */
static void test_row(void **state)
{
    const float p[] = {1, 2, 3, 4, 0.5f, 0.25f, 0.25f, 0};
    float twice[8];
    const uint32_t r[] = {0, 3, 1};
    const uint32_t other[] = {2, 0, 3};
    double a[2];
    double b[2];

    (void)state;
    assert_int_equal(row(p, r, other, a), 0);
    assert_true(fabs(a[0] - (-log(0.4) - log(0.25)) / 2) < 1e-12);
    /* What was given no chance counts as the smallest there is. */
    assert_true(fabs(a[1] - (-log(0.1) + 40 * log(2)) / 2) < 1e-12);
    for (int i = 0; i < 8; i++) {
        twice[i] = 2 * p[i];
    }
    assert_int_equal(row(twice, r, other, b), 0);
    assert_memory_equal(a, b, sizeof(a));
}

static void test_no_shares(void **state)
{
    const uint32_t r[] = {0, 3, 1};
    const float bad[] = {NAN, INFINITY, -1, -0.001f};
    float p[] = {1, 2, 3, 4, 1, 1, 1, 1};
    double out[2];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        p[6] = bad[i];
        assert_int_equal(row(p, r, r, out), ERR_INPUT);
    }
    memset(p + 4, 0, 4 * sizeof(float)); /* nothing may follow */
    assert_int_equal(row(p, r, r, out), ERR_INPUT);
    for (int i = 0; i < 8; i++) {
        p[i] = 3e38f; /* their sum is no float */
    }
    assert_int_equal(row(p, r, r, out), 0);
    assert_true(fabs(out[0] - log(4)) < 1e-12);
}

/* The placebo says each token's share of the training rows. */
static void test_losses(void **state)
{
    const uint32_t train[] = {0, 0, 1, 0, 0, 1};
    const uint32_t held[] = {3, 0, 0, 3, 2, 9}; /* 9: over the vocabulary */
    const double answers[] = {0.5, 3, 100, 0.25};
    const struct holdout_text t = {bytes(train, sizeof(train)),
                                   bytes(held, sizeof(held)), WIDTH, VOCAB};
    struct holdout_losses x = {0};
    struct look l = {.metric = METRIC_LOG_LOSS, .distinct = 2, .best = UINT32_MAX};
    double scale = -log(0.5) - log(0.3); /* counts 5 3 1 1 of 10; twice the mean */

    (void)state;
    assert_int_equal(holdout_text_losses(&t, bytes(answers, sizeof(answers)), &x),
                     0);
    assert_int_equal(x.n, 2);
    assert_true(fabs(x.scale - scale) < 1e-12);
    assert_true(fabs(x.placebo[0] - log(2) / scale) < 1e-12);
    assert_true(fabs(x.placebo[1] - 1) < 1e-12); /* 2.3 nats are over 1.9 */
    assert_true(fabs(x.mine[0] - 0.5 / scale) < 1e-12);
    assert_true(x.mine[1] == 1);
    assert_true(x.shifted[0] == 1);
    assert_true(fabs(x.shifted[1] - 0.25 / scale) < 1e-12);
    holdout_judge_losses(&x, &l);
    assert_int_equal(l.grid, 1);
    holdout_losses_release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_row),
                                       cmocka_unit_test(test_no_shares),
                                       cmocka_unit_test(test_losses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

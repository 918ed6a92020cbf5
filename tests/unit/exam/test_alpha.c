/* The numbers of an exam: alpha spending, draws, bounds, power. Expected values
 * are those of the published table and of libm. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "kernel/exam/exam.h"
#include "proto/limits.h"

static void test_draws_table(void **state)
{
    static const struct {
        uint64_t j, n;
    } table[] = {{1, 14307},   {2, 15692},    {10, 18909},
                 {100, 23512}, {1000, 28115}, {1000000, 41924}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(table); i++) {
        double alpha = exam_alpha(1e-6, table[i].j);

        assert_int_equal(exam_draws_needed(1e-3, alpha), table[i].n);
        assert_true(pow(1 - 1e-3, (double)table[i].n) <= alpha);
        assert_true(pow(1 - 1e-3, (double)table[i].n - 1) > alpha);
    }
}

static void test_draws_rounding(void **state)
{
    (void)state;
    /* 16,384 at least, the same number in each of five strata. */
    assert_int_equal(exam_draws(exam_draws_needed(1e-3, exam_alpha(1e-6, 1)), 5), 16385);
    assert_int_equal(exam_draws(exam_draws_needed(1e-3, exam_alpha(1e-6, 1000)), 5),
                     28115);
    assert_int_equal(exam_draws(100, 1), 16384);
    assert_int_equal(exam_draws(exam_draws_needed(0.5, 0.5), 20), 20 * LIMIT_STRATUM_DRAWS_MIN);
    assert_int_equal(exam_draws(exam_draws_needed(0.0, 1e-6), 5), UINT64_MAX);
    assert_int_equal(exam_draws(exam_draws_needed(1e-300, 1e-6), 5), UINT64_MAX);
}

static void test_alpha_sums_to_alpha(void **state)
{
    double sum = 0;

    (void)state;
    for (uint64_t j = 1; j <= 100000; j++) {
        sum += exam_alpha(1e-6, j);
    }
    assert_true(sum < 1e-6);
    assert_true(sum > 0.9999e-6);
}

static void assert_near(double got, double expected)
{
    assert_true(fabs(got - expected) <= 1e-12 * fabs(expected));
}

static void test_bounds_against_libm(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 1u << 23; n = n * 3 / 2 + 1) {
        for (double alpha = 0.5; alpha > 1e-18; alpha /= 7) {
            assert_near(exam_bound(alpha, n, 0), -expm1(log(alpha) / (double)n));
        }
        for (double eps = 0.5; eps > 1e-9; eps /= 3) {
            assert_near(exam_power(eps, n), -expm1((double)n * log1p(-eps)));
        }
    }
    assert_true(exam_bound(0.05, 0, 0) >= 1.0);
}

/* gate.md: n = 16,384: 1.8e-4 at 95 %, 8.4e-4 at 1e-6; power at 1e-4 81 %. */
static void test_quoted_numbers(void **state)
{
    (void)state;
    assert_true(fabs(exam_bound(0.05, 16384, 0) - 1.8e-4) < 0.05e-4);
    assert_true(fabs(exam_bound(1e-6, 16384, 0) - 8.4e-4) < 0.05e-4);
    assert_true(fabs(exam_power(1e-4, 16384) - 0.81) < 0.005);
    assert_true(fabs(exam_power(3e-4, 16384) - 0.993) < 0.0005);
    assert_true(fabs(exam_power(1e-3, 4096) - 0.983) < 0.0005);
}

/* The bits themselves: a host or compiler that computes otherwise would break
 * replay. */
static void test_known_bits(void **state)
{
    double got[4] = {exam_alpha(1e-6, 7), exam_bound(1e-6, 16385, 0),
                     exam_bound(0.05, 3277, 0), exam_power(1e-4, 16385)};
    uint64_t bits[4];

    (void)state;
    memcpy(bits, got, sizeof(bits));
    assert_int_equal(bits[0], 0x3e4aa4a45b002275);
    assert_int_equal(bits[1], 0x3f4b9e20eab909c8);
    assert_int_equal(bits[2], 0x3f4df11a38f8fe0d);
    assert_int_equal(bits[3], 0x3fe9c8a914157142);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws_table),
        cmocka_unit_test(test_draws_rounding),
        cmocka_unit_test(test_alpha_sums_to_alpha),
        cmocka_unit_test(test_bounds_against_libm),
        cmocka_unit_test(test_quoted_numbers),
        cmocka_unit_test(test_known_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

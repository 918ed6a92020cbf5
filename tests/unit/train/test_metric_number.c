/* metric_number.c, metric_pair.c: by hand. */
#include "tests/unit/train/metric_play.h"

static const double pred[] = {2.5, 0, 2, 8}, target[] = {3, -.5, 2, 7};
static const struct samples four = {NUMBERS, 4, pred, target};

static void test_errors(void **s)
{
    static const double p[] = {1, 2, 3, 4}, y[] = {1, 0, 3, 8};
    const struct samples columns = {{.width = 2}, 2, p, y};

    (void)s;
    check("mean_squared_error", &four, 1.5 / 4);
    check("root_mean_squared_error", &four, sqrt(1.5 / 4));
    check("mean_absolute_error", &four, 2 / 4.0);
    check("max_error", &four, 1);
    check("median_absolute_error", &four, .5);
    check("mean_absolute_percentage_error", &four,
          (.5 / 3 + 1 + 0 + 1 / 7.0) / 4);
    check("canberra", &four, .5 / 5.5 + 1 + 0 + 1 / 15.0);
    check("psnr:10", &four, 10 * log10(100 / (1.5 / 4)));
    check("average", &four, 12.5 / 4);
    check("mean_squared_error", &columns, (4 + 16) / 4.0);
    check("mean_absolute_error", &columns, (2 + 4) / 4.0);
}

static void test_r2(void **s)
{
    /* Mean 2.875; SST = .015625 + 11.390625 + .765625 + 17.015625 */
    static const double far[] = {1e9 + 1, 1e9 + 2, 1e9 + 3},
                        guess[] = {1e9 + 1, 1e9 + 2, 1e9 + 2};
    const struct samples stable = {NUMBERS, 3, guess, far};
    static const double same[] = {.1, .1, .1}, off[] = {.1, .1, .2};
    const struct samples constant = {NUMBERS, 3, same, same};
    const struct samples missed = {NUMBERS, 3, off, same};
    const struct samples one = {NUMBERS, 1, off, same};

    (void)s;
    check("r2", &four, 1 - 1.5 / 29.1875);
    check("r2", &stable, 1 - 1 / 2.0);
    check("r2", &constant, 1);
    check("r2", &missed, 0);
    check("r2", &one, 1);
    check_nan("pearson", &missed);
    check_nan("spearman", &constant);
    check_nan("kendall", &constant);
}

static void test_correlations(void **s)
{
    static const double x[] = {1, 2, 3, 4, 5}, y[] = {2, 1, 4, 3, 5};
    const struct samples plain = {NUMBERS, 5, x, y};
    static const double a[] = {1, 1, 2, 3}, b[] = {1, 2, 2, 3};
    const struct samples ties = {NUMBERS, 4, a, b};
    static const double up[] = {1, 2, 3}, down[] = {9, 4, 1};
    const struct samples turned = {NUMBERS, 3, up, down};

    (void)s;
    check("pearson", &plain, 8 / 10.0);
    check("spearman", &plain, 1 - 6 * 4 / 120.0);
    check("kendall", &plain, (8 - 2) / 10.0);
    /* Ranks 1.5 1.5 3 4 and 1 2.5 2.5 4: sxy = 3.75, sxx = syy = 4.5. */
    check("spearman", &ties, 3.75 / 4.5);
    /* 6 pairs: 4 in order, 1 tied in x, 1 in y. */
    check("kendall", &ties, 4 / 5.0);
    check("spearman", &turned, -1);
    check("kendall", &turned, -1);
}

/* Against the definition, over random pairs with ties. */
static void test_kendall_by_pairs(void **s)
{
    enum {
        N = 61
    };
    static double x[N], y[N];
    uint64_t seed = 5;

    (void)s;
    for (int round = 0; round < 20; round++) {
        double c = 0, tx = 0, ty = 0;

        for (size_t i = 0; i < N; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            x[i] = (double)(seed >> 33 & 15);
            y[i] = (double)(seed >> 43 & 7) + x[i] / 4;
        }
        for (size_t i = 0; i < N; i++) {
            for (size_t j = i + 1; j < N; j++) {
                double k = (x[i] - x[j]) * (y[i] - y[j]);

                c += k > 0 ? 1 : k < 0 ? -1 : 0;
                tx += x[i] != x[j];
                ty += y[i] != y[j];
            }
        }
        check("kendall", &(struct samples){NUMBERS, N, x, y},
              c / sqrt(tx * ty));
    }
}

static void test_not_finite(void **s)
{
    static const double p[] = {1, (double)NAN, 3, (double)INFINITY},
                        y[] = {1, 2, 3, 4}, z[] = {1, 2, 0, 4};
    const struct samples bad = {NUMBERS, 4, p, y};
    const struct samples zero = {NUMBERS, 3, y, z};
    static const char *const all[] = {"mean_squared_error",
                                      "mean_absolute_error",
                                      "max_error",
                                      "r2",
                                      "pearson",
                                      "canberra",
                                      "psnr",
                                      "spearman",
                                      "kendall",
                                      "median_absolute_error",
                                      "average",
                                      "mean_absolute_percentage_error"};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(all); i++) {
        check_nan(all[i], &bad);
    }
    check_bad("mean_absolute_percentage_error", &zero, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_r2),
        cmocka_unit_test(test_correlations),
        cmocka_unit_test(test_kendall_by_pairs),
        cmocka_unit_test(test_not_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

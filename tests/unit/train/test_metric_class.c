/* metric_class.c, metric_score.c: by hand. */
#include "tests/unit/train/metric_play.h"

/* Targets 0 0 0 1 1 2, predictions 0 0 1 1 2 2:
 *   class 0: TP 2 FP 0 FN 1; 1: TP 1 FP 1 FN 1; 2: TP 1 FP 1 FN 0 */
static const double pred3[] = {0, 0, 1, 1, 2, 2},
                    target3[] = {0, 0, 0, 1, 1, 2};
static const struct samples three = {
    {.classes = 3, .width = 1}, 6, pred3, target3};
/* TP 2 FP 1 FN 1 TN 1 */
static const double pred2[] = {1, 1, 1, 0, 0}, target2[] = {1, 1, 0, 1, 0};
static const struct samples two = {BINARY, 5, pred2, target2};

static void test_accuracy(void **s)
{
    static const double scores[] = {.1, .9, .5, .5, .7, .2, .3, .3};
    static const double classes[] = {1, 0, 1, 0};
    const struct samples argmax = {
        {.classes = 2, .width = 2}, 4, scores, classes};
    static const double p[] = {.5, .49, 1, 0}, y[] = {1, 0, 0, 1};
    const struct samples threshold = {
        {.classes = 2, .width = 1, .threshold_set = 1, .threshold = .5},
        4,
        p,
        y};
    static const double a[] = {1.5, 2, -3}, b[] = {1.5, 2.5, -3};
    const struct samples plain = {NUMBERS, 3, a, b};
    static const double l[] = {1, 0, 1, 1, 0, 0}, m[] = {1, 0, 1, 0, 0, 0};
    const struct samples several = {{.width = 2, .several = 1}, 3, l, m};

    (void)s;
    check("accuracy", &three, 4 / 6.0);
    check("accuracy", &argmax, 3 / 4.0); /* ties: the first maximum */
    check("accuracy", &threshold, 2 / 4.0);
    check("accuracy", &plain, 2 / 3.0);
    check("accuracy", &several, 2 / 3.0);
}

static void test_averages(void **s)
{
    (void)s;
    check("precision", &three, (1 + 1 / 2.0 + 1 / 2.0) / 3);
    check("precision:macro", &three, (1 + 1 / 2.0 + 1 / 2.0) / 3);
    check("precision:micro", &three, 4 / 6.0);
    check("precision:weighted", &three, (3 * 1 + 2 * .5 + 1 * .5) / 6);
    check("precision:none", &three, 1);
    check("recall", &three, (2 / 3.0 + 1 / 2.0 + 1) / 3);
    check("recall:weighted", &three, 4 / 6.0);
    /* F1 of classes: 4/5, 1/2, 2/3; the mean is not F1 of the means. */
    check("f1", &three, (4 / 5.0 + 1 / 2.0 + 2 / 3.0) / 3);
    assert_true(fabs((4 / 5.0 + 1 / 2.0 + 2 / 3.0) / 3 -
                     2 * (2 / 3.0) * (13 / 18.0) / (2 / 3.0 + 13 / 18.0)) >
                1e-3);
    check("f1:micro", &three, 4 / 6.0);
    /* (1 + 4) TP / (5 TP + 4 FN + FP): 10/14, 5/10, 5/6. */
    check("f_beta:2", &three, (10 / 14.0 + 5 / 10.0 + 5 / 6.0) / 3);
    check("precision", &two, 2 / 3.0);
    check("recall", &two, 2 / 3.0);
    check("f1:binary", &two, 2 / 3.0);
    check("f1", &two, (2 / 3.0 + 2 / 4.0) / 2);
}

static void test_several(void **s)
{
    /* Rows: TP 1 FP 1 FN 0 | TP 0 FP 0 FN 1 | nothing at all. */
    static const double p[] = {1, 1, 0, 0, 0, 0}, y[] = {1, 0, 1, 0, 0, 0};
    const struct samples rows = {{.width = 2, .several = 1}, 3, p, y};
    static const double bad[] = {1, 1, 0, .5, 0, 0};
    const struct samples half = {{.width = 2, .several = 1}, 3, bad, y};

    (void)s;
    check("precision:samples", &rows, (1 / 2.0 + 0 + 0) / 3);
    check("recall:samples", &rows, (1 + 0 + 0) / 3.0);
    check("f1:samples", &rows, 2 / 3.0 / 3);
    check("precision:micro", &rows, 1 / 2.0);
    check("recall:macro", &rows, (1 / 2.0 + 0) / 2);
    check_bad("accuracy", &half, 2);
}

static void test_one_class(void **s)
{
    static const double ones[] = {1, 1}, zeros[] = {0, 0}, one[] = {1};
    const struct samples all = {BINARY, 2, ones, ones};
    const struct samples never = {BINARY, 2, zeros, zeros};
    const struct samples single = {BINARY, 1, one, one};

    (void)s;
    check("precision", &all, 1);
    check("f1", &all, 0.5); /* of class 0, which is not there: 0/0 = 0 */
    check("precision", &never, 0);
    check("recall", &never, 0);
    check("iou", &all, 1); /* a class that is nowhere takes no part */
    check("dice", &never, 1);
    check("mcc", &all, 0);
    check_nan("cohen_kappa", &all);
    check_nan("roc_auc", &all);
    check_nan("average_precision", &never);
    check("average_precision", &all, 1);
    check("accuracy", &single, 1);
    check("f1:micro", &single, 1);
    check("log_loss", &single, 0);
}

static double collected[16];
static char suffixes[256];
static size_t collected_n;

static int collect(void *ctx, const char *suffix, double v)
{
    (void)ctx;
    collected[collected_n++] = v;
    strcat(suffixes, suffix);
    return 0;
}

static void test_matrix(void **s)
{
    struct metric_tally *t = opened("confusion", &three.setup);
    static const double want[] = {2, 1, 0, 0, 1, 1, 0, 0, 1};

    (void)s;
    feed(t, &three, 0, 6);
    assert_int_equal(metric_each(t, collect, NULL), 0);
    assert_int_equal(collected_n, 9);
    assert_memory_equal(collected, want, sizeof(want));
    assert_string_equal(suffixes, "_0_0_0_1_0_2_1_0_1_1_1_2_2_0_2_1_2_2");
    metric_close(t);
    check("iou", &three, (2 / 3.0 + 1 / 3.0 + 1 / 2.0) / 3);
    check("dice", &three, (4 / 5.0 + 2 / 4.0 + 2 / 3.0) / 3);
    /* Po = 4/6; Pe = (3*2 + 2*2 + 1*2) / 36. */
    check("cohen_kappa", &three, 1 - (2 / 6.0) / (1 - 12 / 36.0));
    /* sum w O = 2; sum w E = (3*2*1 + 3*2*2 + 2*2*1 + 2*2*1 + 1*2*2 + 1*2*1)/6 */
    check("cohen_kappa:linear", &three, 1 - 2 / (32 / 6.0));
    check("cohen_kappa:quadratic", &three,
          1 - 2 / ((6 + 24 + 4 + 4 + 8 + 2) / 6.0));
    /* (c s - sum p t) / sqrt((s^2 - sum p^2) (s^2 - sum t^2)) */
    check("mcc", &three, (4 * 6 - 12) / sqrt((36 - 12) * (36 - 14.0)));
    check("mcc", &two, (2 * 1 - 1 * 1) / sqrt(3 * 3 * 2 * 2.0));
}

static void test_ranks(void **s)
{
    static const double p[] = {.1, .5, .4, .3, .3, .4, .2, .2, .6};
    static const double y[] = {2, 1, 0};
    const struct samples scores = {{.classes = 3, .width = 3}, 3, p, y};

    (void)s; /* places 2, 3 (ties by index), 2 */
    check("top_k:1", &scores, 0);
    check("top_k:2", &scores, 2 / 3.0);
    check("top_k:3", &scores, 1);
    check("mean_reciprocal_rank", &scores, (1 / 2.0 + 1 / 3.0 + 1 / 2.0) / 3);
    check("ndcg:2", &scores, 2 / log2(3) / 3);
    check("accuracy", &scores, 0);
}

static void test_probabilities(void **s)
{
    static const double p[] = {.25, .75, 1, 0}, y[] = {1, 0};
    const struct samples both = {{.classes = 2, .width = 2}, 2, p, y};
    static const double q[] = {.75, 0, 0}, z[] = {1, 0, 1};
    const struct samples one = {BINARY, 2, q, z}, sure = {BINARY, 3, q, z};
    static const double over[] = {.5, 1.1}, nan_[] = {.5, (double)NAN};
    const struct samples above = {BINARY, 2, over, z},
                         not = {BINARY, 2, nan_, z};

    (void)s;
    check("log_loss", &both, -log(.75) / 2);
    check("log_loss", &one, -log(.75) / 2);
    check("log_loss", &sure, (-log(.75) - log(1e-15)) / 3);
    check("entropy", &both, -(.25 * log(.25) + .75 * log(.75)) / 2);
    check("entropy", &one, -(.25 * log(.25) + .75 * log(.75)) / 2);
    check_bad("log_loss", &above, 2);
    check_bad("entropy", &not, 2);
}

static void test_curves(void **s)
{
    static const double p[] = {.1, .4, .35, .8}, y[] = {0, 0, 1, 1};
    const struct samples known = {BINARY, 4, p, y};
    static const double t[] = {.5, .5, .5, .9}, u[] = {0, 1, 1, 0};
    const struct samples ties = {BINARY, 4, t, u};
    static const double w[] = {.9, .1, .6, .4, .65, .35, .2, .8};
    const struct samples wide = {{.classes = 2, .width = 2}, 4, w, y};

    (void)s;
    check("roc_auc", &known, .75);
    check("average_precision", &known, .5 * 1 + .5 * (2 / 3.0));
    check("roc_auc", &wide, .75); /* the score of class 1 */
    check("roc_auc", &ties, (2 * .5) / 4);
    check("average_precision", &ties, 2 / 4.0);
}

static void test_bad_samples(void **s)
{
    static const double p[] = {0, 1, 2}, nan_[] = {0, (double)NAN, 1},
                        y[] = {0, 1, 1}, z[] = {0, 1, 2}, h[] = {0, .5, 1};
    const struct samples two_at_3 = {BINARY, 3, p, y};
    const struct samples not = {BINARY, 3, nan_, y};
    const struct samples target = {BINARY, 3, y, z};
    const struct samples half = {BINARY, 3, h, y};
    static const double w[] = {.5, .5, (double)NAN, .5};
    const struct samples score = {{.classes = 2, .width = 2}, 2, w, y};

    (void)s;
    check_bad("accuracy", &two_at_3, 3);
    check_bad("accuracy", &half, 2); /* no threshold: 0 or 1 */
    check_bad("f1", &not, 2);
    check_bad("confusion", &target, 3);
    check_bad("roc_auc", &not, 2);
    check_bad("roc_auc", &target, 3);
    check_bad("accuracy", &score, 2);
    check_bad("top_k:1", &score, 2);
}

static void test_losses(void **s)
{
    const struct metric_setup setup = NUMBERS;
    struct metric_tally *t = opened("loss", &setup);
    struct metric_tally *p = opened("perplexity", &setup);
    struct metric_tally *r = opened("running_average", &setup);
    const struct metric_batch a = {.n = 3, .loss = 2},
                              b = {.n = 9, .loss = 5, .loss_n = 1},
                              c = {.n = 1, .loss = (double)INFINITY};
    struct diag d;

    (void)s;
    diag_init(&d);
    assert_int_equal(metric_update(t, &a, &d), 0);
    assert_int_equal(metric_update(t, &b, &d), 0);
    near_to("loss", value_of(t), (3 * 2 + 5) / 4.0);
    assert_int_equal(metric_update(p, &a, &d), 0);
    assert_int_equal(metric_update(p, &b, &d), 0);
    near_to("perplexity", value_of(p), exp(11 / 4.0));
    assert_int_equal(metric_update(t, &c, &d), 0);
    assert_true(isnan(value_of(t)));
    assert_int_equal(metric_update(r, &a, &d), 0);
    near_to("running_average", value_of(r), 2);
    assert_int_equal(metric_update(r, &b, &d), 0);
    near_to("running_average", value_of(r), .98 * 2 + .02 * 5);
    metric_close(t);
    metric_close(p);
    metric_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),      cmocka_unit_test(test_averages),
        cmocka_unit_test(test_several),       cmocka_unit_test(test_one_class),
        cmocka_unit_test(test_matrix),        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_probabilities), cmocka_unit_test(test_curves),
        cmocka_unit_test(test_bad_samples),   cmocka_unit_test(test_losses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

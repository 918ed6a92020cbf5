/* load_synthetic.c: the harness's golden numbers, and shapes of the plane sets. */
#include <math.h>

#include "tests/unit/train/load_world.h"

static void give(struct world *w, const char *format, uint64_t rows,
                 uint32_t features, uint32_t informative, uint32_t classes)
{
    world_init(w, format, PROCTOR__DATA_KIND__DATA_NONE);
    w->synthetic.rows = rows;
    w->synthetic.features = features;
    w->synthetic.informative = informative;
    w->synthetic.classes = classes;
    w->synthetic.separation = 1;
    w->synthetic.seed = 42;
    w->spec.synthetic = &w->synthetic;
}

/* Of the specification; X and weights are exact, a sum's order is not fixed. */
static void test_regression(void **state)
{
    static const double y[] = {0.2122326575025368, 0.7602880368733926,
                               -1.1874908982596497, 1.049351710549534};
    static const double x[] = {0x1.fca2a28a9307cp-2, -0x1.1b2a505de052ap-3,
                               0x1.4b9dd50245e68p-1};
    struct world w;

    (void)state;
    give(&w, "regression", 4, 3, 2, 0);
    w.synthetic.noise = 0.1;
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.kind, PROCTOR__DATA_KIND__DATA_REGRESSION);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(world_target(&w, i) - y[i]) <= 1e-15);
    }
    for (size_t k = 0; k < 3; k++) {
        assert_true(world_x(&w, 0, k) == x[k]);
    }
    world_release(&w);
}

static void test_classification(void **state)
{
    static const uint32_t labels[] = {0, 1, 0, 0, 1};
    struct world w;

    (void)state;
    give(&w, "classification", 5, 2, 2, 2);
    assert_int_equal(world_run(&w), 0);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(world_class(&w, i), labels[i]);
    }
    assert_true(world_x(&w, 0, 0) == 2.0759269685186243);
    assert_true(world_x(&w, 0, 1) == 0.6291704279817241);
    world_release(&w);
}

static void test_moons(void **state)
{
    struct world w;
    size_t ones = 0;

    (void)state;
    give(&w, "moons", 101, 0, 0, 2);
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.classes, 2);
    for (size_t i = 0; i < 101; i++) {
        uint32_t c = world_class(&w, i);
        double dx = world_x(&w, i, 0) - (c == 0 ? 0 : 1);
        double dy = world_x(&w, i, 1) - (c == 0 ? 0 : 0.5);

        ones += c;
        assert_true(fabs(sqrt(dx * dx + dy * dy) - 1) < 1e-12);
    }
    assert_int_equal(ones, 50);
    world_release(&w);
}

static void test_spirals(void **state)
{
    struct world w;
    double previous = 0;

    (void)state;
    give(&w, "spirals", 90, 0, 0, 3);
    w.synthetic.noise = 0.01;
    assert_int_equal(world_run(&w), 0);
    assert_int_equal(w.l.data.classes, 3);
    for (size_t i = 0; i < 90; i++) {
        assert_true(fabs(world_x(&w, i, 0)) < 1.1);
        previous += world_x(&w, i, 1);
    }
    w.synthetic.seed = 43;
    assert_int_equal(world_run(&w), 0);
    for (size_t i = 0; i < 90; i++) {
        previous -= world_x(&w, i, 1);
    }
    assert_true(previous != 0);
    world_release(&w);
}

static void test_bad(void **state)
{
    struct world w;

    (void)state;
    give(&w, "regression", 0, 3, 2, 0);
    world_refuses(&w, ERR_INPUT, 0, 0, "expected rows");
    w.synthetic.rows = 9;
    w.synthetic.noise = NAN;
    world_refuses(&w, ERR_INPUT, 0, 0, "noise");
    w.synthetic.noise = 1e308;
    world_refuses(&w, ERR_INPUT, 0, 0, "finite");
    w.synthetic.noise = 0;
    w.synthetic.informative = 4;
    world_refuses(&w, ERR_INPUT, 0, 0, "informative: expected 1 to 3");
    world_release(&w);
    give(&w, "classification", 3, 3, 2, 4);
    world_refuses(&w, ERR_INPUT, 0, 0, "no more than the 3 rows");
    w.synthetic.classes = 1;
    world_refuses(&w, ERR_INPUT, 0, 0, "classes: expected 2");
    w.synthetic.classes = 2;
    w.synthetic.separation = 0;
    world_refuses(&w, ERR_INPUT, 0, 0, "separation");
    w.synthetic.separation = 1;
    w.synthetic.rows = 1u << 24;
    w.synthetic.features = w.synthetic.informative = 1u << 20;
    world_refuses(&w, ERR_LIMIT, 0, 0, "16777216 rows of 1048576 numbers would");
    world_release(&w);
    give(&w, "monos", 3, 3, 2, 4);
    world_refuses(&w, ERR_INPUT, 0, 0, "no format \"monos\"");
    assert_non_null(strstr(w.l.d.hint, "moons"));
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_classification), cmocka_unit_test(test_moons),
        cmocka_unit_test(test_spirals), cmocka_unit_test(test_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

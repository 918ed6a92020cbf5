/* fit_harness*.c, f64.c: the numbers of the numpy harness (its generator, order of
 * rows, losses within 1e-9), state, and what is refused. The expected numbers were
 * written down from runs of that program; those marked so, from numpy by its
 * rules. */
#include "tests/unit/train/harness_world.h"

static struct world w;

/* First and last loss; and the metric over all rows of the model that is left. */
static void epochs(uint32_t n, double first, double last)
{
    struct fit_claims c;

    w.recipe.epochs = n;
    world_data(&w);
    world_fit(&w);
    for (uint32_t i = 1; i <= n; i++) {
        assert_true(world_epoch(&w, &c));
        if (i == 1) {
            near_to(c.v[0].value, first);
        }
    }
    near_to(c.v[0].value, last);
    assert_false(world_epoch(&w, &c));
}

/* Mean squared error and r2 over all rows, to six places. */
static void measured(double mse, double r2)
{
    double sum = 0, square = 0, wrong = 0, n = (double)w.rows.n;

    for (uint64_t i = 0; i < w.rows.n; i++) {
        double y = rows_target(&w.rows, i);
        float p;

        assert_int_equal(fit_harness.predict(w.fit, &w.rows, i, 1, &p), 0);
        wrong += ((double)p - y) * ((double)p - y);
        sum += y;
        square += y * y;
    }
    assert_true(fabs(wrong / n - mse) < 1e-6);
    assert_true(fabs(1 - wrong / (square - sum * sum / n) - r2) < 1e-6);
}

static void test_linear(void **s)
{
    (void)s;
    world_init(&w, "regression", 1000, 10, 8);
    w.learner.l2 = 0.01;
    epochs(50, 4.668918369364614, 0.18334198012472874);
    measured(0.176016, 0.963902);
    world_close(&w);
}

static void test_example(void **s)
{
    (void)s;
    world_init(&w, "regression", 1000, 20, 15);
    w.made.noise = 0.2;
    w.learner.l2 = 0.01;
    epochs(50, 17.181576832274047, 0.8040643062276898);
    measured(0.786276, 0.956055);
    world_close(&w);
}

static void test_two_epochs(void **s)
{
    (void)s;
    world_init(&w, "regression", 100, 5, 5);
    epochs(2, 6.154011210254753, 5.362950377358347);
    measured(5.590918, -0.003359);
    world_close(&w);
}

static void test_classification(void **s)
{
    static const uint32_t layers[] = {20, 10, 5, 2};
    struct fit_claims c;

    (void)s;
    world_init(&w, "classification", 1000, 20, 20);
    w.made.separation = 2;
    world_net(&w, "relu", "softmax", 4, layers);
    w.recipe.epochs = 100;
    world_data(&w);
    world_fit(&w);
    for (uint32_t i = 1; world_epoch(&w, &c); i++) {
        assert_int_equal(c.n, 2);
        assert_string_equal(c.v[1].name, "accuracy");
        if (i == 1) {
            near_to(c.v[0].value, 0.19579284949187373);
            near_to(c.v[1].value, 0.767);
        } else if (i == 20) {
            near_to(c.v[1].value, 0.989);
        }
    }
    near_to(c.v[0].value, 0.0017416344559557457);
    near_to(c.v[1].value, 1);
    world_close(&w);
}

/* One step: sizes 2 2 2, rate 0.1, X = 1 2, -1 .5, y = 0 1. */
static void test_one_step(void **s)
{
    static const double x[] = {1, 2, -1, .5};
    static const uint32_t y[] = {0, 1}, layers[] = {2, 2, 2};
    static const double want[] = {-0.23293552521160032,  -0.2353548064609162,
                                  1.5678649463741732,    0.7787825982861272,
                                  -0.014128415191583855, 0.014128415191583855};
    struct fit_claims c;
    double params[12];

    (void)s;
    world_init(&w, "classification", 2, 2, 2);
    world_net(&w, "relu", "softmax", 3, layers);
    w.optimizer.rate = 0.1;
    w.rows = (struct rows){ROWS_F64,           ROWS_CLASSIFICATION, 2, 2, 2,
                           (const uint8_t *)x, (const uint8_t *)y};
    w.recipe.epochs = 1;
    world_fit(&w);
    assert_true(world_epoch(&w, &c));
    near_to(c.v[0].value, 0.23146195279611836);
    world_params(&w, params, 12);
    for (size_t i = 0; i < ARRAY_N(want); i++) {
        near_to(params[6 + i], want[i]);
    }
    fit_harness.close(w.fit);
}

/* A wide net: every path of the products. */
static void test_big(void **s)
{
    static const uint32_t layers[] = {64, 256, 128, 10};
    struct fit_claims c;

    (void)s;
    world_init(&w, "classification", 20000, 64, 64);
    w.made.classes = 10;
    world_net(&w, "relu", "softmax", 4, layers);
    w.recipe.batch = 128;
    world_data(&w);
    world_fit(&w);
    assert_true(world_epoch(&w, &c));
    near_to(c.v[0].value, 0.12598778256135199);
    near_to(c.v[1].value, 0.13455);
    if (getenv("PROCTOR_FULL") != NULL) {
        while (world_epoch(&w, &c)) {
            continue;
        }
        near_to(c.v[0].value, 0.06281899485915816);
        near_to(c.v[1].value, 0.53675);
    }
    world_close(&w);
}

/* ---- The closed form ---- */

static void test_closed(void **s)
{
    struct fit_claims c;

    (void)s;
    world_init(&w, "regression", 2000, 100, 100);
    w.learner.closed_form = 1;
    w.recipe.batch = 2000;
    w.recipe.epochs = 1;
    world_data(&w);
    world_fit(&w);
    assert_true(world_epoch(&w, &c));
    near_to(c.v[0].value, 0.009613663887312923); /* numpy */
    assert_int_equal(w.notes.n, 0);
    world_close(&w);
}

/* Solved again for each batch: what is left is the fit of the last four rows. */
static void test_closed_by_batches(void **s)
{
    struct fit_claims c;
    float p = 0;
    double wrong = 0;

    (void)s;
    world_init(&w, "regression", 100, 5, 5);
    w.learner.closed_form = 1;
    w.recipe.epochs = 1;
    world_data(&w);
    world_fit(&w);
    assert_true(world_epoch(&w, &c));
    assert_true(c.v[0].value > 0.004 && c.v[0].value < 0.0055);
    assert_true(w.notes.n >= 1);
    assert_non_null(strstr(w.notes.v[0], "condition"));
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(fit_harness.predict(w.fit, &w.rows, i, 1, &p), 0);
        wrong += pow((double)p - rows_target(&w.rows, i), 2);
    }
    assert_true(wrong / 100 > 1); /* of all rows: far worse */
    world_close(&w);
}

/* Two equal columns: an exact fit all the same. */
static void test_closed_singular(void **s)
{
    static const double x[] = {1, 1, 2, 2, 3, 3}, y[] = {3, 5, 7};
    struct fit_claims c;
    double params[3];

    (void)s;
    world_init(&w, "regression", 3, 2, 2);
    w.learner.closed_form = 1;
    w.rows = (struct rows){ROWS_F64,           ROWS_REGRESSION,   3, 2, 0,
                           (const uint8_t *)x, (const uint8_t *)y};
    w.recipe.epochs = 1;
    w.recipe.batch = 3;
    world_fit(&w);
    assert_true(world_epoch(&w, &c));
    assert_true(c.v[0].value < 1e-10);
    assert_int_equal(w.notes.n, 2);
    assert_non_null(strstr(w.notes.v[1], "pseudo-inverse"));
    world_params(&w, params, 3);
    assert_true(fabs(params[0] - 1) < 1e-6 && fabs(params[1] - 1) < 1e-6 &&
                fabs(params[2] - 1) < 1e-6);
    fit_harness.close(w.fit);
}

/* ---- Traps, outputs ---- */

/* One sigmoid output: the class is always 0 there (trap T4). */
static void test_one_output(void **s)
{
    static const uint32_t layers[] = {5, 4, 1};
    struct fit_claims c;

    (void)s;
    world_init(&w, "classification", 100, 5, 5);
    w.made.separation = 3;
    world_net(&w, "tanh", "sigmoid", 3, layers);
    world_data(&w);
    world_fit(&w);
    while (world_epoch(&w, &c)) {
        near_to(c.v[1].value, 0.5);
    }
    near_to(c.v[0].value, 0.4044966620229986); /* numpy */
    world_close(&w);
    world_init(&w, "regression", 100, 5, 5);
    world_net(&w, "sigmoid", "identity", 3, layers);
    world_data(&w);
    world_fit(&w);
    while (world_epoch(&w, &c)) {
        assert_int_equal(c.n, 1);
    }
    near_to(c.v[0].value, 6.039772383147184); /* numpy */
    world_close(&w);
}

/* ---- Life ---- */

/* Stopped after every step and gone on with by another: the same bits. */
static void test_goes_on(void **s)
{
    static const uint32_t layers[] = {5, 7, 3};
    static struct world straight, next;
    struct buf state, last;
    enum fit_at at = FIT_STEP, same;
    struct fit_plan plan;

    (void)s;
    buf_init(&state, 1u << 20);
    buf_init(&last, 1u << 20);
    world_init(&straight, "classification", 50, 5, 5);
    straight.made.classes = 3;
    world_net(&straight, "relu", "softmax", 3, layers);
    straight.recipe.batch = 16;
    straight.recipe.epochs = 3;
    world_data(&straight);
    world_fit(&straight);
    while (at != FIT_END) {
        assert_int_equal(fit_harness.save(straight.fit, &state), 0);
        next = straight;
        next.recipe.learner = &next.learner;
        next.recipe.optimizer = &next.optimizer;
        next.learner.layers = next.layers;
        world_fit(&next);
        assert_int_equal(
            fit_harness.restore(next.fit, buf_bytes(&state), &next.d), 0);
        assert_int_equal(fit_harness.step(straight.fit, &at, &straight.d), 0);
        assert_int_equal(fit_harness.step(next.fit, &same, &next.d), 0);
        assert_int_equal(at, same);
        buf_reset(&state);
        buf_reset(&last);
        assert_int_equal(fit_harness.save(straight.fit, &state), 0);
        assert_int_equal(fit_harness.save(next.fit, &last), 0);
        assert_int_equal(buf_len(&state), buf_len(&last));
        assert_memory_equal(buf_bytes(&state).p, buf_bytes(&last).p,
                            buf_len(&last));
        fit_harness.plan(next.fit, &plan);
        assert_true(buf_len(&last) <= plan.state_bytes);
        buf_reset(&state);
        fit_harness.close(next.fit);
    }
    for (size_t n = 0; n < buf_len(&last); n += 3) {
        assert_int_equal(
            fit_harness.restore(straight.fit,
                                (struct ubytes){buf_bytes(&last).p, n},
                                &straight.d),
            ERR_INPUT);
    }
    buf_release(&state);
    buf_release(&last);
    world_close(&straight);
}

static int collect(void *ctx, struct ubytes b)
{
    return buf_put(ctx, b.p, b.n);
}

/* The exported predictor is the model, in f32. */
static void test_weights(void **s)
{
    static const uint32_t layers[] = {5, 7, 3};
    struct buf file;
    struct fit_claims c;
    struct fit_plan plan;
    uint64_t bytes = 0;

    (void)s;
    buf_init(&file, 1u << 20);
    world_init(&w, "classification", 50, 5, 5);
    w.made.classes = 3;
    world_net(&w, "relu", "softmax", 3, layers);
    world_data(&w);
    world_fit(&w);
    assert_true(world_epoch(&w, &c));
    fit_harness.plan(w.fit, &plan);
    assert_int_equal(plan.parameters, 5 * 7 + 7 + 7 * 3 + 3);
    assert_int_equal(fit_harness.weights(w.fit, 10, collect, &file, &bytes),
                     ERR_LIMIT);
    assert_int_equal(
        fit_harness.weights(w.fit, plan.weights_bytes, collect, &file, &bytes),
        0);
    assert_int_equal(bytes, buf_len(&file));
    buf_release(&file);
    world_close(&w);
}

/* ---- Refused ---- */

static void refused(const char *what)
{
    if (world_try(&w) == 0) {
        fail_msg("taken: %s", what);
    }
    if (strstr(w.d.what, what) == NULL) {
        fail_msg("%s", w.d.what);
    }
}

static void fresh(void)
{
    static const uint32_t layers[] = {5, 7, 3};

    world_init(&w, "classification", 50, 5, 5);
    world_net(&w, "relu", "softmax", 3, layers);
    w.rows = (struct rows){ROWS_F64, ROWS_CLASSIFICATION, 50, 5, 3, NULL, NULL};
}

static void test_refused(void **s)
{
    (void)s;
    fresh();
    w.recipe.ema = .5;
    refused("no such thing as ema");
    fresh();
    w.recipe.micro_batches = 2;
    refused("micro_batches");
    fresh();
    w.optimizer.kind = pb_str("adam");
    refused("sgd alone");
    fresh();
    w.optimizer.rate = 0;
    refused("above 0");
    fresh();
    w.recipe.seed = UINT64_C(1) << 32;
    refused("0..4294967295");
    fresh();
    w.layers[2] = 2;
    refused("3 classes for 2 outputs");
    fresh();
    w.layers[0] = 4;
    refused("4 inputs for data of 5");
    fresh();
    w.learner.output = pb_str("identity");
    refused("one column");
    fresh();
    w.learner.activation = pb_str("gelu");
    refused("no activation \"gelu\"");
    fresh();
    w.learner.n_layers = 1;
    refused("2 to 65");
    fresh();
    w.learner.kind = pb_str("transformer");
    refused("linear and mlp");
    fresh();
    w.rows.kind = ROWS_REGRESSION;
    refused("softmax");
    fresh();
    w.rows.width = 600;
    w.learner.kind = pb_str("linear");
    w.learner.closed_form = 1;
    refused("600 features");
}

static void test_diverges(void **s)
{
    enum fit_at at;
    int code = 0;

    (void)s;
    world_init(&w, "regression", 100, 5, 5);
    w.optimizer.rate = 1e30;
    w.recipe.epochs = 1000;
    world_data(&w);
    world_fit(&w);
    while (code == 0) {
        code = fit_harness.step(w.fit, &at, &w.d);
        assert_true(code != 0 || at != FIT_END);
    }
    assert_int_equal(code, ERR_INPUT);
    assert_non_null(strstr(w.d.what, "diverged at step"));
    world_close(&w);
}

static int prove(void **s)
{
    (void)s;
    return nn_prove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_two_epochs),
        cmocka_unit_test(test_classification),
        cmocka_unit_test(test_one_step),
        cmocka_unit_test(test_big),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_closed_by_batches),
        cmocka_unit_test(test_closed_singular),
        cmocka_unit_test(test_one_output),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_diverges),
    };

    return cmocka_run_group_tests(tests, prove, NULL);
}

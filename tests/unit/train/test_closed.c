/* closed.c, closed_gram.c, fit_closed.c: against numpy and against what makes a
 * least-squares solution one; singular systems; the fit that it is. */
#include <math.h>

#include "proto/err.h"
#include "tests/unit/nn/numbers.h"
#include "tests/unit/train/words.h"
#include "workers/nn/panel.h"
#include "workers/train/closed.h"
#include "workers/train/fit.h"

#include "tests/unit/train/reference.inc"

#define CLOSED_ROWS (ARRAY_N(closed_y))

static struct rows rows_of(const double *x, const double *y, uint64_t n,
                           uint32_t width)
{
    return (struct rows){ROWS_F64,
                         ROWS_REGRESSION,
                         n,
                         width,
                         0,
                         (const uint8_t *)x,
                         (const uint8_t *)y};
}

static void check_numpy(uint32_t width, double l2, const double *want)
{
    double x[CLOSED_ROWS * 5] = {0}, w[6];
    struct rows r = rows_of(x, closed_y, CLOSED_ROWS, width);
    struct closed_result out;
    struct diag d;

    for (size_t i = 0; i < CLOSED_ROWS; i++) {
        memcpy(x + i * width, closed_x + i * 5, width * sizeof(double));
    }
    assert_int_equal(closed_solve(&r, l2, w, &out, &d), 0);
    for (size_t i = 0; i <= width; i++) {
        if (fabs(w[i] - want[i]) > 1e-9 * (1 + fabs(want[i]))) {
            fail_msg("width %u, l2 %g: weight %zu is %.12g, not %.12g", width,
                     l2, i, w[i], want[i]);
        }
    }
    assert_int_equal(out.is_pseudo, width == 5 && l2 == 0);
    assert_int_equal(out.rank, out.is_pseudo ? 3 : 0);
    assert_int_equal(out.constant, width == 5);
    assert_true(out.is_pseudo ? isinf(out.condition)
                              : out.condition >= 1 && out.condition < 1e3);
    assert_true(out.mean_squared > 0.001 && out.mean_squared < 0.03);
    assert_true((out.penalty > 0) == (l2 > 0));
}

static void test_numpy(void **state)
{
    (void)state;
    check_numpy(3, 0, closed_plain_3);
    check_numpy(5, 0, closed_plain_5);
    check_numpy(3, 2.5, closed_ridge_3);
    check_numpy(5, 2.5, closed_ridge_5);
}

/* More rows than a chunk, any width: what is left is orthogonal to every column,
 * and the bits hang on no kernel. */
static void test_orthogonal(void **state)
{
    static const uint32_t widths[] = {1, 2, 15, 16, 17, 40};
    static const enum panel_route routes[] = {PANEL_SCALAR, PANEL_AVX2,
                                              PANEL_AVX512};

    (void)state;
    for (size_t k = 0; k < ARRAY_N(widths); k++) {
        uint32_t width = widths[k];
        uint64_t n = 600 + width;
        double *x = calloc(n * width, sizeof(*x)), *y = calloc(n, sizeof(*y));
        double w[41], first[41], length = 0;
        struct rows r = rows_of(x, y, n, width);
        struct closed_result out;
        struct diag d;

        assert_true(x != NULL && y != NULL);
        for (size_t i = 0; i < n * width; i++) {
            x[i] = (double)below(1000) / 100.0 - 3.0;
        }
        for (size_t i = 0; i < n; i++) {
            y[i] = (double)below(1000) / 100.0;
            length += y[i] * y[i];
        }
        for (size_t i = 0; i < ARRAY_N(routes); i++) {
            if (panels_force(WEIGHT_F32, routes[i]) == 0) {
                assert_int_equal(closed_solve(&r, 0, w, &out, &d), 0);
                memcpy(first, i == 0 ? w : first, sizeof(first));
                assert_memory_equal(first, w, (width + 1) * sizeof(*w));
            }
        }
        for (uint32_t j = 0; j <= width; j++) {
            double sum = 0;

            for (size_t i = 0; i < n; i++) {
                double e = y[i] - w[width];

                for (uint32_t c = 0; c < width; c++) {
                    e -= x[i * width + c] * w[c];
                }
                sum += e * (j == width ? 1.0 : x[i * width + j]);
            }
            assert_true(fabs(sum) < 1e-9 * length);
        }
        free(x);
        free(y);
    }
}

/* Columns that almost agree: solved, but the number says so. */
static void test_condition(void **state)
{
    double x[3 * 50] = {0}, y[50] = {0}, w[4];
    struct rows r = rows_of(x, y, 50, 3);
    struct closed_result out;
    struct diag d;

    (void)state;
    for (size_t i = 0; i < 50; i++) {
        x[3 * i] = (double)below(1000);
        x[3 * i + 1] = (double)below(1000);
        x[3 * i + 2] = x[3 * i] + x[3 * i + 1] + 1e-3 * (double)below(1000);
        y[i] = x[3 * i + 2];
    }
    assert_int_equal(closed_solve(&r, 0, w, &out, &d), 0);
    assert_false(out.is_pseudo);
    assert_true(out.condition > 1e5 && out.condition < 1e8);
    assert_true(fabs(w[2] - 1) < 1e-4);
}

static void test_eigen(void **state)
{
    enum {
        N = 23
    };
    double a[N * N], kept[N * N], values[N], v[N * N];

    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = i; j < N; j++) {
            a[i * N + j] = a[j * N + i] = (double)below(1000) / 100.0 - 5.0;
        }
    }
    memcpy(kept, a, sizeof(kept));
    closed_eigen(a, N, values, v);
    for (size_t k = 0; k < N; k++) {
        double length = 0;

        for (size_t i = 0; i < N; i++) {
            double sum = 0;

            for (size_t j = 0; j < N; j++) {
                sum += kept[i * N + j] * v[k * N + j];
            }
            assert_true(fabs(sum - values[k] * v[k * N + i]) < 1e-11);
            length += v[k * N + i] * v[k * N + i];
        }
        assert_true(fabs(length - 1) < 1e-12);
    }
}

static int into_buf(void *ctx, struct ubytes bytes)
{
    return buf_put(ctx, bytes.p, bytes.n);
}

struct world {
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__LossSpec loss;
    struct rows rows;
    struct fit_notes notes;
    struct fit_task task;
};

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    proctor__recipe__init(&w->recipe);
    proctor__learner__init(&w->learner);
    proctor__loss_spec__init(&w->loss);
    w->recipe.version = 1;
    w->recipe.learner = &w->learner;
    w->recipe.loss = &w->loss;
    w->learner.kind = text("linear");
    w->learner.closed_form = 1;
    w->learner.standardize = 1;
    w->rows = rows_of(closed_x, closed_y, CLOSED_ROWS, 5);
    w->task = (struct fit_task){.recipe = &w->recipe,
                                .rows = &w->rows,
                                .workers = 2,
                                .checked_n = 3,
                                .notes = &w->notes};
}

static struct fit *open_fit(struct world *w, struct fit_plan *plan)
{
    const struct fit_ops *ops;
    struct fit *f;
    struct diag d;

    assert_int_equal(fit_find(&w->recipe, &ops, &d), 0);
    assert_string_equal(ops->name, "closed");
    assert_int_equal(ops->open(&w->task, &f, &d), 0);
    ops->plan(f, plan);
    assert_int_equal(plan->exchange_bytes, 0);
    assert_int_equal(plan->steps_all, 1);
    assert_int_equal(plan->parameters, 6);
    assert_int_equal(ops->start(f, NULL, &d), 0);
    return f;
}

static void test_fit(void **state)
{
    struct fit_place place;
    struct fit_claims claims;
    struct fit_plan plan;
    struct buf saved, file, again;
    float y[CLOSED_ROWS], resumed[CLOSED_ROWS];
    uint64_t bytes = 0;
    double squares = 0;
    enum fit_at at;
    static struct world w;
    struct fit *f;
    struct diag d;

    (void)state;
    buf_init(&saved, 1 << 20);
    buf_init(&file, 1 << 20);
    buf_init(&again, 1 << 20);
    world_init(&w);
    f = open_fit(&w, &plan);
    assert_int_equal(f->ops->step(f, &at, &d), 0);
    assert_int_equal(at, FIT_EPOCH);
    f->ops->place(f, &place);
    assert_true(place.step == 1 && place.epoch == 1);
    assert_int_equal(f->ops->claims(f, &claims), 0);
    assert_string_equal(claims.v[0].name, "loss");
    assert_int_equal(w.notes.n, 2); /* a constant column, a singular system */
    assert_non_null(strstr(w.notes.v[0], "1 of 5 inputs never change"));
    assert_non_null(strstr(w.notes.v[1], "rank 3 of 4"));
    assert_int_equal(f->ops->predict(f, &w.rows, 0, CLOSED_ROWS, y), 0);
    for (size_t i = 0; i < CLOSED_ROWS; i++) {
        squares += ((double)y[i] - closed_y[i]) * ((double)y[i] - closed_y[i]);
    }
    assert_true(fabs(squares / CLOSED_ROWS - claims.v[0].value) < 1e-5);
    assert_int_equal(f->ops->save(f, &saved), 0);
    assert_int_equal(buf_len(&saved), plan.state_bytes);
    assert_int_equal(f->ops->weights(f, plan.weights_bytes, into_buf, &file,
                                     &bytes),
                     0);
    assert_int_equal(bytes, plan.weights_bytes);
    assert_int_equal(f->ops->step(f, &at, &d), 0);
    assert_int_equal(at, FIT_END);
    f->ops->close(f);

    f = open_fit(&w, &plan);
    assert_int_equal(f->ops->restore(f, (struct ubytes){buf_bytes(&saved).p, 7},
                                     &d),
                     ERR_INPUT);
    assert_int_equal(f->ops->restore(f, buf_bytes(&saved), &d), 0);
    assert_int_equal(f->ops->step(f, &at, &d), 0);
    assert_int_equal(at, FIT_END);
    assert_int_equal(f->ops->predict(f, &w.rows, 0, CLOSED_ROWS, resumed), 0);
    assert_memory_equal(resumed, y, sizeof(y));
    assert_int_equal(f->ops->weights(f, plan.weights_bytes, into_buf, &again,
                                     &bytes),
                     0);
    assert_int_equal(buf_len(&again), buf_len(&file));
    assert_memory_equal(buf_bytes(&again).p, buf_bytes(&file).p,
                        buf_len(&file));
    f->ops->close(f);
    buf_release(&saved);
    buf_release(&file);
    buf_release(&again);
}

static void check_refused(struct world *w, const char *part)
{
    struct fit *f;
    struct diag d;

    diag_init(&d);
    assert_true(fit_closed.open(&w->task, &f, &d) < 0);
    assert_null(f);
    assert_non_null(strstr(d.what, part));
}

static void test_refused(void **state)
{
    struct closed_result out;
    static struct world w;
    struct diag d;
    double *x, *weights;

    (void)state;
    world_init(&w);
    w.loss.kind = text("absolute");
    check_refused(&w, "squared errors of numbers");
    world_init(&w);
    w.rows.kind = ROWS_CLASSIFICATION;
    check_refused(&w, "squared errors of numbers");
    world_init(&w);
    w.rows.width = 5000;
    check_refused(&w, "at most 4096");
    world_init(&w);
    w.learner.l2 = -1;
    check_refused(&w, "l2 is -1");
    /* More columns than rows, too many for the pseudo-inverse. */
    x = calloc(600 * 4, sizeof(*x));
    weights = calloc(601, sizeof(*weights));
    assert_true(x != NULL && weights != NULL);
    for (size_t i = 0; i < 600 * 4; i++) {
        x[i] = (double)below(100);
    }
    w.rows = rows_of(x, closed_y, 4, 600);
    assert_int_equal(closed_solve(&w.rows, 0, weights, &out, &d), ERR_LIMIT);
    assert_non_null(strstr(d.what, "singular"));
    assert_int_equal(closed_solve(&w.rows, 1e-3, weights, &out, &d), 0);
    free(x);
    free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numpy),     cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_condition), cmocka_unit_test(test_eigen),
        cmocka_unit_test(test_fit),       cmocka_unit_test(test_refused),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

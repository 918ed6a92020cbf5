/* Splits and looks: arithmetic against numbers worked out by hand, and the Ladder
 * under the attack that it was made for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/holdout.h"
#include "proto/limits.h"

static struct type type_of(const char *name)
{
    struct type t;

    assert_int_equal(type_from_name(name, &t), 0);
    return t;
}

/* Numbers as values of a type. */
static struct values numbers(const char *name, const double *v, size_t n)
{
    struct type t = type_of(name);
    struct values out;
    struct values_builder w;
    struct buf b;

    values_init(&out);
    buf_init(&b, 64);
    assert_int_equal(values_builder_init(&w, 64u << 20), 0);
    for (size_t i = 0; i < n; i++) {
        buf_reset(&b);
        if (type_tag_at(&t, 0) == TYPE_INT) {
            assert_int_equal(value_put_int(&b, &t, (uint64_t)(int64_t)v[i]), 0);
        } else if (t.b[1] == 4) {
            assert_int_equal(value_put_f32(&b, (float)v[i]), 0);
        } else {
            assert_int_equal(value_put_f64(&b, v[i]), 0);
        }
        assert_int_equal(values_builder_add(&w, buf_bytes(&b)), 0);
    }
    assert_int_equal(
        values_decode(&out, values_builder_bytes(&w), &t, (uint32_t)n), 0);
    values_builder_release(&w);
    buf_release(&b);
    return out;
}

static void test_number(void **state)
{
    static const struct {
        const char *type;
        double v;
    } rows[] = {{"i8", -128},
                {"i8", 127},
                {"u8", 255},
                {"i16", -2},
                {"u32", 4e9},
                {"i64", -9007199254740992.0},
                {"u64", 4503599627370496.0},
                {"f32", -0.5},
                {"f64", 1e300}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct type t = type_of(rows[i].type);
        struct values v = numbers(rows[i].type, &rows[i].v, 1);

        assert_true(value_number(values_at(&v, 0), &t) == rows[i].v);
        values_release(&v);
    }
}

enum {
    ROWS = 300
};

/* i % 100 each: a hundred distinct inputs, three rows of each. */
static void test_draw(void **state)
{
    uint8_t seed[32] = {1};
    double in[ROWS];
    double out[ROWS];
    struct holdout h = {0};
    struct holdout again = {0};
    struct values inputs;
    struct values outputs;
    int side[100] = {0};
    int seen[ROWS] = {0};

    (void)state;
    for (int i = 0; i < ROWS; i++) {
        in[i] = i % 100;
        out[i] = i == 205 ? 1 : 0; /* input 5 has 0, 0, 1 */
    }
    inputs = numbers("u8", in, ROWS);
    outputs = numbers("u8", out, ROWS);
    assert_int_equal(holdout_draw(&inputs, &outputs, 0.4, seed, &h), 0);
    assert_int_equal(h.distinct, 100);
    assert_int_equal(h.held_distinct, 40);
    assert_int_equal(h.held_n, 120);
    assert_int_equal(h.contradictions, 1);
    for (uint32_t i = 0; i < ROWS; i++) {
        int mine = i < h.held_n ? 1 : 2;
        uint32_t row = h.rows[i];

        assert_int_equal(seen[row]++, 0); /* every row once */
        assert_true(side[row % 100] == 0 || side[row % 100] == mine);
        side[row % 100] = mine;
        /* Equal inputs stand together, in file order. */
        assert_true(i % 3 == 0 || h.rows[i] == h.rows[i - 1] + 100);
    }
    assert_int_equal(holdout_draw(&inputs, &outputs, 0.4, seed, &again), 0);
    assert_memory_equal(h.rows, again.rows, sizeof(uint32_t) * ROWS);
    seed[0] = 2;
    assert_int_equal(holdout_draw(&inputs, &outputs, 0.4, seed, &again), 0);
    assert_memory_not_equal(h.rows, again.rows, sizeof(uint32_t) * ROWS);
    assert_int_equal(holdout_draw(&inputs, &outputs, 0.3, seed, &h), 0);
    assert_int_equal(h.held_distinct, LIMIT_HELD_MIN);
    assert_int_equal(holdout_draw(&inputs, &outputs, 0.29, seed, &h),
                     HOLDOUT_E_SMALL);
    assert_int_equal(h.held_distinct, 29);
    assert_int_equal(holdout_draw(&inputs, &outputs, 0.999, seed, &h),
                     HOLDOUT_E_SMALL);
    holdout_release(&h);
    holdout_release(&again);
    values_release(&inputs);
    values_release(&outputs);
}

static struct look judge(unsigned metric, const char *type, const double *train,
                         size_t train_n, const double *held, const double *said,
                         size_t n, uint32_t best)
{
    struct type t = type_of(type);
    struct values a = numbers(type, train, train_n);
    struct values b = numbers(type, held, n);
    struct values c = numbers(type, said, n);
    struct look l = {.metric = metric, .distinct = (uint32_t)n, .best = best};

    assert_int_equal(holdout_judge(&t, &a, &b, &c, &l), 0);
    values_release(&a);
    values_release(&b);
    values_release(&c);
    return l;
}

/* 101 rows: grid 10. 60 are ones, 41 zeros; the training majority is 1, so the
 * placebo loses 41 of 101: 4.06 steps, rounded down to 4. */
static void test_accuracy(void **state)
{
    static const double train[] = {0, 1, 1};
    double held[101];
    double said[101];
    struct look l;

    (void)state;
    for (int i = 0; i < 101; i++) {
        held[i] = i % 5 < 3 ? 1 : 0;
        said[i] = held[i];
    }
    l = judge(METRIC_ACCURACY, "u8", train, 3, held, said, 101, UINT32_MAX);
    assert_int_equal(l.grid, 10);
    assert_int_equal(l.placebo, 3); /* 40 of 101: 3.96 */
    assert_int_equal(l.best, 3);
    assert_int_equal(l.outcome, LOOK_BETTER);
    assert_int_equal(l.loss, 0);
    assert_true(l.scale == 1);
    assert_int_equal(l.decades, 4); /* 40-0: (2^41 - 1) / 41 */
    for (int i = 0; i < 20; i++) {  /* 20 wrong: 1.98 steps, under 3 - 1 */
        said[i] = 1 - said[i];
    }
    l = judge(METRIC_ACCURACY, "u8", train, 3, held, said, 101, UINT32_MAX);
    assert_int_equal(l.outcome, LOOK_BETTER);
    assert_int_equal(l.loss, 2);
    said[20] = 1 - said[20]; /* 21 wrong: 2.08 steps */
    l = judge(METRIC_ACCURACY, "u8", train, 3, held, said, 101, UINT32_MAX);
    assert_int_equal(l.outcome, LOOK_NOT_BETTER);
    assert_int_equal(l.loss, 3);
    assert_int_equal(l.decades, 0);
    l = judge(METRIC_ACCURACY, "u8", train, 3, held, held, 101, 1);
    assert_int_equal(l.outcome,
                     LOOK_NOT_BETTER); /* a step is not more than one */
    assert_int_equal(l.loss, 1);
    l = judge(METRIC_ACCURACY, "u8", train, 3, held, held, 101, 2);
    assert_int_equal(l.outcome, LOOK_BETTER);
}

/* The E of the specification: 17-0 1.5e4, 20-1 9.1e3, 30-5 5.9e3, 40-10 4.3e3. */
static void test_decades(void **state)
{
    static const struct {
        int b, c;
        unsigned decades;
    } rows[] = {{17, 0, 4}, {20, 1, 3}, {30, 5, 3}, {40, 10, 3}, {12, 0, 2}};
    static const double train[] = {1, 1, 0};

    (void)state;
    for (size_t k = 0; k < ARRAY_N(rows); k++) {
        enum {
            N = 101
        };
        double held[N];
        double said[N];
        struct look l;

        for (int i = 0; i < N; i++) {
            /* b rows where the placebo (1) is wrong and the answer right, c the
             * other way round, the rest both right. */
            held[i] = i < rows[k].b ? 0 : 1;
            said[i] = i < rows[k].b + rows[k].c ? 0 : 1;
        }
        l = judge(METRIC_ACCURACY, "i32", train, 3, held, said, N, 5);
        if (l.outcome == LOOK_BETTER) {
            assert_int_equal(l.decades, rows[k].decades);
        } else {
            assert_int_equal(l.decades, 0);
        }
    }
}

/* Training outputs 0, 5, 10: the mean is off by 10/3, so a loss of 1 is an error of
 * 20/3; squared, by 50/3 and 100/3. Held-out ones are 4 and 6, 50 each: the placebo
 * is off by 1, 0.15; the grid is 9, so 1.35 steps, 1 rounded down: nothing can be
 * better than that by a step. */
static void test_errors(void **state)
{
    static const double train[] = {0, 10, 5};
    double held[100];
    double said[100];
    struct look l;

    (void)state;
    for (int i = 0; i < 100; i++) {
        held[i] = i < 50 ? 4 : 6;
        said[i] = held[i];
    }
    l = judge(METRIC_ABSOLUTE_ERROR, "f64", train, 3, held, said, 100,
              UINT32_MAX);
    assert_int_equal(l.grid, 9);
    assert_int_equal(l.placebo, 1);
    assert_int_equal(l.outcome, LOOK_NOT_BETTER);
    assert_true(l.scale > 6.66666 && l.scale < 6.66667);
    for (int i = 0; i < 100; i++) { /* 0 and 10: the placebo is off by half */
        held[i] = i < 50 ? 0 : 10;
        said[i] = held[i] + (i < 50 ? 1 : -1);
    }
    l = judge(METRIC_ABSOLUTE_ERROR, "f64", train, 3, held, said, 100,
              UINT32_MAX);
    assert_int_equal(l.placebo, 6); /* 0.75: 6.75 */
    assert_int_equal(l.outcome, LOOK_BETTER);
    assert_int_equal(l.loss, 1); /* 0.15: 1.35 */
    l = judge(METRIC_SQUARED_ERROR, "i16", train, 3, held, said, 100,
              UINT32_MAX);
    assert_int_equal(l.placebo, 6); /* 25 of 33.3 */
    assert_int_equal(l.outcome, LOOK_BETTER);
    assert_int_equal(l.loss, 0);
    for (int i = 0; i < 100; i++) {
        said[i] = i == 0 ? 1e9 : held[i]; /* one row costs one row, no more */
    }
    l = judge(METRIC_SQUARED_ERROR, "f64", train, 3, held, said, 100,
              UINT32_MAX);
    assert_int_equal(l.outcome, LOOK_BETTER);
    assert_int_equal(l.loss, 0);
}

/* The specification's examples, and what bounds them. */
static void test_evidence(void **state)
{
    const double mine[] = {0, 0.5, 1, 0};
    const double other[] = {1, 0.5, 0, 0.5};
    uint64_t wins;
    uint64_t losses;

    (void)state;
    assert_in_range((uint64_t)holdout_evidence(17, 0), 14500, 14600);
    assert_in_range((uint64_t)holdout_evidence(20, 1), 9050, 9150);
    assert_in_range((uint64_t)holdout_evidence(30, 5), 5850, 5950);
    assert_in_range((uint64_t)holdout_evidence(40, 10), 4250, 4350);
    assert_true(holdout_evidence(0, 0) == 1);
    assert_true(holdout_evidence(0, 1000) < 1e-2);
    assert_true(holdout_evidence(100000, 0) == HOLDOUT_EVIDENCE_MAX);
    assert_true(holdout_evidence(1000000, 1000000) < 1);
    assert_int_equal(holdout_decades(holdout_evidence(100000, 0)), 15);
    assert_int_equal(holdout_decades(9.99), 0);
    assert_int_equal(holdout_decades(10), 1);
    holdout_pairs(mine, other, 4, &wins, &losses);
    assert_int_equal(wins, 2);
    assert_int_equal(losses, 1);
}

/* Training outputs that are all one number give no scale. */
static void test_constant(void **state)
{
    static const double same[] = {7, 7, 7};
    struct type t = type_of("f64");
    struct values v = numbers("f64", same, 3);
    struct look l = {.metric = METRIC_ABSOLUTE_ERROR, .distinct = 100};

    (void)state;
    assert_int_equal(holdout_judge(&t, &v, &v, &v, &l), ERR_INPUT);
    values_release(&v);
}

/* Right about the outputs half way round: something is wrong with the whole. */
static void test_void(void **state)
{
    static const double train[] = {0, 1};
    double held[400];
    double said[400];
    struct look l;

    (void)state;
    for (int i = 0; i < 400; i++) {
        held[i] = i < 200;
    }
    for (int i = 0; i < 400; i++) {
        said[i] = held[(i + 200) % 400];
    }
    l = judge(METRIC_ACCURACY, "u8", train, 2, held, said, 400, UINT32_MAX);
    assert_int_equal(l.outcome, LOOK_VOID);
    assert_int_equal(l.loss, l.best);
}

/* The boosting attack (Blum and Hardt, section 5): k random answers; those that a
 * leaderboard calls better than chance vote. Exact scores give the held-out
 * labels away; the Ladder's do not. Labels are coin flips: the truth is 0.5. */
static void test_boosting(void **state)
{
    enum {
        N = 400,
        K = 400
    };
    static double held[N];
    static double said[N];
    static int naive[N];
    static int ladder[N];
    static const double train[] = {0, 1};
    uint64_t x = 88172645463325252ull;
    uint32_t best = UINT32_MAX;
    int releases = 0;
    int right = 0;
    int right_ladder = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        held[i] = (double)(x >> 40 & 1);
    }
    for (int k = 0; k < K; k++) {
        struct look l;
        int hits = 0;
        int vote;

        for (int i = 0; i < N; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            said[i] = (double)(x >> 40 & 1);
            hits += said[i] == held[i];
        }
        vote = hits > N / 2 ? 1 : -1; /* what an exact score tells */
        l = judge(METRIC_ACCURACY, "u8", train, 2, held, said, N, best);
        best = l.loss;
        releases += l.outcome == LOOK_BETTER;
        for (int i = 0; i < N; i++) {
            int yes = said[i] == 1 ? 1 : -1;

            naive[i] += vote * yes;
            ladder[i] += l.outcome == LOOK_BETTER ? yes : 0;
        }
    }
    for (int i = 0; i < N; i++) {
        right += (naive[i] > 0) == (held[i] == 1);
        right_ladder += (ladder[i] > 0) == (held[i] == 1);
    }
    printf(
        "# %d coin flips, %d looks: majority vote by exact scores is right on "
        "%.3f of them, by the Ladder's %d releases on %.3f\n",
        N, K, (double)right / N, releases, (double)right_ladder / N);
    assert_true(right > N * 75 / 100);
    assert_true(releases <= 2);
    assert_true(right_ladder < N * 60 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number),   cmocka_unit_test(test_draw),
        cmocka_unit_test(test_accuracy), cmocka_unit_test(test_decades),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_constant),
        cmocka_unit_test(test_void),     cmocka_unit_test(test_boosting),
    };

    return cmocka_run_group_tests_name("holdout", tests, NULL, NULL);
}

/* rows.c: shapes against sizes, numbers of every type, labels, bad ones named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "workers/train/rows.h"
#include "workers/train/streams.h"

static Proctor__Dataset dataset(int kind, int type, uint64_t rows,
                                uint32_t width, uint32_t classes)
{
    Proctor__Dataset d = PROCTOR__DATASET__INIT;

    d.kind = (Proctor__DataKind)kind;
    d.x_type = (Proctor__DataType)type;
    d.rows = rows;
    d.width = width;
    d.classes = classes;
    return d;
}

static const char *refusal(const Proctor__Dataset *d, size_t x_n, size_t y_n,
                           int code)
{
    static const uint8_t bytes[256];
    static struct diag diag;
    struct rows r;

    diag_init(&diag);
    assert_int_equal(rows_open(d, (struct ubytes){bytes, x_n},
                               (struct ubytes){bytes, y_n}, &r, &diag),
                     code);
    assert_int_equal(diag.code, code);
    return diag.what;
}

static void test_shapes(void **s)
{
    Proctor__Dataset d = dataset(ROWS_REGRESSION, ROWS_F64, 4, 3, 0);

    (void)s;
    assert_string_equal(refusal(&d, 96, 32, 0), "");
    assert_non_null(strstr(refusal(&d, 95, 32, ERR_INPUT), "the inputs have"));
    assert_non_null(strstr(refusal(&d, 96, 33, ERR_INPUT), "the labels have"));
    d = dataset(ROWS_REGRESSION, ROWS_F64, 0, 3, 0);
    assert_non_null(strstr(refusal(&d, 0, 0, ERR_INPUT), "is empty"));
    d = dataset(ROWS_CLASSIFICATION, ROWS_U8, 4, 3, 0);
    assert_non_null(strstr(refusal(&d, 12, 16, ERR_INPUT), "no classes"));
    d = dataset(ROWS_TEXT, ROWS_F32, 4, 3, 5);
    assert_non_null(strstr(refusal(&d, 48, 0, ERR_INPUT), "no such data set"));
    d = dataset(4, ROWS_F32, 4, 3, 5);
    assert_non_null(strstr(refusal(&d, 48, 0, ERR_INPUT), "no such data set"));
    d = dataset(ROWS_REGRESSION, ROWS_F64, UINT64_MAX / 8, 2, 0);
    assert_non_null(strstr(refusal(&d, 96, 32, ERR_LIMIT), "at most"));
    d = dataset(ROWS_REGRESSION, ROWS_F64, UINT64_C(1) << 31, 1u << 30, 0);
    assert_non_null(strstr(refusal(&d, 0, 0, ERR_LIMIT), "at most"));
}

/* Bytes that start at an odd address. */
static const uint8_t *odd(uint8_t *place, const void *p, size_t n)
{
    memcpy(place + 1, p, n);
    return place + 1;
}

static void test_numbers(void **s)
{
    static const double f64[6] = {0.5, -1.25, 3, 4, 5, 1e300};
    static const float f32[6] = {0.5f, -1.25f, 3, 4, 5, 6};
    static const uint8_t u8[6] = {0, 1, 2, 253, 254, 255};
    static const uint32_t u32[6] = {0, 7, 9, 11, 13, 16777216};
    static const uint32_t order[2] = {2, 0};
    const struct {
        enum rows_type type;
        const void *p;
        size_t n;
        float want[4];
    } cases[] = {{ROWS_F64, f64, sizeof(f64), {5, INFINITY, 0.5f, -1.25f}},
                 {ROWS_F32, f32, sizeof(f32), {5, 6, 0.5f, -1.25f}},
                 {ROWS_U8, u8, sizeof(u8), {254, 255, 0, 1}},
                 {ROWS_U32, u32, sizeof(u32), {13, 16777216, 0, 7}}};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        uint8_t place[64];
        const Proctor__Dataset d =
            dataset(ROWS_REGRESSION, (int)cases[i].type, 3, 2, 0);
        struct ubytes x = {odd(place, cases[i].p, cases[i].n), cases[i].n};
        struct rows r;
        struct rows part;
        struct diag diag;
        float out[4];
        double wide[4];

        diag_init(&diag);
        assert_int_equal(rows_open(&d, x, (struct ubytes){NULL, 0}, &r, &diag),
                         0);
        assert_null(r.y);
        rows_inputs(&r, order, 2, out);
        assert_memory_equal(out, cases[i].want, sizeof(out));
        rows_inputs_f64(&r, order, 2, wide);
        assert_true(wide[1] == (i == 0 ? 1e300 : (double)out[1]));
        part = rows_part(&r, 2, 1);
        rows_inputs(&part, NULL, 1, out);
        assert_memory_equal(out, cases[i].want, 2 * sizeof(float));
        assert_int_equal(rows_check(&r, &diag), i == 0 ? ERR_INPUT : 0);
        if (i == 0) {
            assert_non_null(strstr(diag.what, "row 2, input 1"));
        }
    }
}

static void test_labels(void **s)
{
    static const uint8_t x[3];
    static const uint32_t classes[3] = {1, 0, 2};
    static const double targets[3] = {1, -0.5, 2e39};
    Proctor__Dataset d = dataset(ROWS_CLASSIFICATION, ROWS_U8, 3, 1, 3);
    uint8_t place[32];
    struct ubytes xb = {x, 3};
    struct rows r;
    struct rows part;
    struct diag diag;

    (void)s;
    diag_init(&diag);
    assert_int_equal(rows_open(&d, xb,
                               (struct ubytes){odd(place, classes, 12), 12}, &r,
                               &diag),
                     0);
    assert_int_equal(rows_class(&r, 2), 2);
    part = rows_part(&r, 1, 2);
    assert_int_equal(rows_class(&part, 0), 0);
    assert_int_equal(rows_check(&r, &diag), 0);
    r.classes = 2;
    assert_int_equal(rows_check(&r, &diag), ERR_INPUT);
    assert_string_equal(diag.what, "row 2: class 2, but there are only 2");
    d = dataset(ROWS_REGRESSION, ROWS_U8, 3, 1, 0);
    assert_int_equal(rows_open(&d, xb,
                               (struct ubytes){odd(place, targets, 24), 24}, &r,
                               &diag),
                     0);
    assert_true(rows_target(&r, 1) == -0.5);
    assert_int_equal(rows_check(&r, &diag), ERR_INPUT);
    assert_non_null(strstr(diag.what, "row 2: its label"));
}

static void test_tokens(void **s)
{
    static const uint32_t tokens[6] = {1, 2, 3, 4, 5, 6};
    const Proctor__Dataset d = dataset(ROWS_TEXT, ROWS_U32, 2, 3, 7);
    struct rows r;
    struct diag diag;

    (void)s;
    diag_init(&diag);
    assert_int_equal(rows_open(&d, (struct ubytes){(const uint8_t *)tokens, 24},
                               (struct ubytes){NULL, 0}, &r, &diag),
                     0);
    assert_int_equal(rows_check(&r, &diag), 0);
    assert_memory_equal(rows_tokens(&r, 1), tokens + 3, 12);
    r.classes = 6;
    assert_int_equal(rows_check(&r, &diag), ERR_INPUT);
    assert_string_equal(diag.what, "row 1: token 6, but the vocabulary has 6");
}

/* Each key counts. */
static void test_streams(void **s)
{
    const struct draw d[5] = {
        stream_open(1, STREAM_ORDER, 2, 3), stream_open(2, STREAM_ORDER, 2, 3),
        stream_open(1, STREAM_DROPOUT, 2, 3),
        stream_open(1, STREAM_ORDER, 3, 3), stream_open(1, STREAM_ORDER, 2, 4)};

    (void)s;
    for (size_t i = 0; i < ARRAY_N(d); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(draw_u64(&d[i], 0) != draw_u64(&d[j], 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_labels),  cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

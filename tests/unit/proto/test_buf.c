/* Buffers and readers: limits, errors that stick, round trips. */
#include "gen.h"

static void test_put_and_read(void **state)
{
    struct buf b;
    struct rd r;
    uint8_t raw[3];

    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(buf_put_u8(&b, 0x12), 0);
    assert_int_equal(buf_put_u16(&b, 0x3456), 0);
    assert_int_equal(buf_put_u32(&b, 0x789abcde), 0);
    assert_int_equal(buf_put_u64(&b, UINT64_C(0x0123456789abcdef)), 0);
    assert_int_equal(
        buf_put_bytes16(&b, (struct ubytes){(const uint8_t *)"ab", 2}), 0);
    assert_int_equal(
        buf_put_bytes32(&b, (struct ubytes){(const uint8_t *)"", 0}), 0);
    assert_int_equal(buf_putf(&b, "%s%d", "n=", 42), 0);
    assert_int_equal(buf_len(&b), 1 + 2 + 4 + 8 + 4 + 4 + 4);
    assert_int_equal(buf_bytes(&b).p[1], 0x34); /* big-endian */

    rd_init(&r, buf_bytes(&b));
    assert_int_equal(rd_u8(&r), 0x12);
    assert_int_equal(rd_u16(&r), 0x3456);
    assert_int_equal(rd_u32(&r), 0x789abcde);
    assert_true(rd_u64(&r) == UINT64_C(0x0123456789abcdef));
    assert_memory_equal(rd_bytes16(&r).p, "ab", 2);
    assert_int_equal(rd_bytes32(&r).n, 0);
    assert_int_equal(rd_left(&r), 4);
    assert_memory_equal(rd_take(&r, 1).p, "n", 1);
    rd_copy(&r, raw, 3);
    assert_memory_equal(raw, "=42", 3);
    assert_int_equal(rd_end(&r), 0);
    buf_release(&b);
}

/* Any bits come back: signs of zero and what a NaN carries. */
static void test_doubles(void **state)
{
    static const uint64_t bits[] = {
        0, UINT64_C(1) << 63, UINT64_C(0x3ff8000000000000),
        UINT64_C(0x7ff0000000000000), UINT64_C(0xfff8000000000123)};
    struct buf b;
    struct rd r;

    (void)state;
    buf_init(&b, sizeof(bits));
    for (size_t i = 0; i < ARRAY_N(bits); i++) {
        double v;

        memcpy(&v, &bits[i], sizeof(v));
        assert_int_equal(buf_put_f64(&b, v), 0);
    }
    assert_int_equal(buf_put_f64(&b, 1), ERR_LIMIT);
    assert_int_equal(buf_bytes(&b).p[8], 0x80); /* big-endian */
    rd_init(&r, buf_bytes(&b));
    for (size_t i = 0; i < ARRAY_N(bits); i++) {
        double v = rd_f64(&r);

        assert_memory_equal(&v, &bits[i], sizeof(v));
    }
    assert_int_equal(rd_end(&r), 0);
    assert_true(rd_f64(&r) == 0); /* nothing is left */
    assert_int_equal(rd_end(&r), ERR_ENCODING);
    buf_release(&b);
}

static void test_reader_error_sticks(void **state)
{
    static const uint8_t in[4] = {0, 9, 1, 2};
    uint8_t out[2] = {7, 7};
    struct rd r;

    (void)state;
    rd_init(&r, (struct ubytes){in, 4});
    assert_int_equal(rd_bytes16(&r).n, 0); /* nine announced, two there */
    assert_true(rd_is_bad(&r));
    assert_int_equal(rd_u8(&r), 0);
    assert_int_equal(rd_left(&r), 0);
    rd_copy(&r, out, 2);
    assert_int_equal(out[0] | out[1], 0);
    assert_int_equal(rd_end(&r), ERR_ENCODING);

    rd_init(&r, (struct ubytes){in, 4});
    (void)rd_u16(&r);
    assert_int_equal(rd_end(&r), ERR_ENCODING); /* two bytes are left */
    assert_null(rd_take(&r, SIZE_MAX).p);       /* no wrap-around */
    assert_int_equal(rd_end(&r), ERR_ENCODING);
}

static void test_empty_reader(void **state)
{
    struct rd r;

    (void)state;
    rd_init(&r, (struct ubytes){NULL, 0});
    assert_int_equal(rd_take(&r, 0).n, 0);
    assert_int_equal(rd_end(&r), 0);
    assert_int_equal(rd_u64(&r), 0);
    assert_int_equal(rd_end(&r), ERR_ENCODING);
}

static void test_limit(void **state)
{
    static const uint8_t zeros[70000];
    struct buf b;
    uint8_t *at;

    (void)state;
    buf_init(&b, 10);
    assert_int_equal(buf_put(&b, zeros, 8), 0);
    assert_int_equal(buf_put(&b, zeros, 3), ERR_LIMIT);
    assert_int_equal(buf_put_u32(&b, 1), ERR_LIMIT);
    assert_int_equal(buf_putf(&b, "%s", "abc"), ERR_LIMIT);
    assert_int_equal(buf_put_bytes16(&b, (struct ubytes){zeros, 1}), ERR_LIMIT);
    assert_int_equal(buf_extend(&b, SIZE_MAX, &at), ERR_LIMIT);
    assert_int_equal(buf_len(&b), 8);              /* nothing was added */
    assert_int_equal(buf_putf(&b, "%s", "ab"), 0); /* to the last byte */
    assert_memory_equal(buf_bytes(&b).p + 8, "ab", 2);
    buf_release(&b);

    buf_init(&b, 1u << 20);
    assert_int_equal(buf_put_bytes16(&b, (struct ubytes){zeros, 65536}),
                     ERR_LIMIT);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_put_bytes16(&b, (struct ubytes){zeros, 65535}), 0);
    buf_release(&b);
}

static void test_consume_patch_take(void **state)
{
    struct buf b;
    uint8_t *p;
    size_t n;

    (void)state;
    buf_init(&b, 100);
    assert_null(buf_take(&b, &n));
    assert_int_equal(n, 0);
    assert_int_equal(buf_put_u32(&b, 1), 0);
    assert_int_equal(buf_put_u32(&b, 2), 0);
    buf_patch_u32(&b, 4, 0xa0b0c0d0);
    buf_consume(&b, 3);
    p = buf_take(&b, &n);
    assert_int_equal(n, 5);
    assert_memory_equal(p, "\x01\xa0\xb0\xc0\xd0", 5);
    free(p);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_put_u8(&b, 1), 0);
    buf_consume(&b, 1);
    assert_int_equal(buf_len(&b), 0);
    buf_release(&b);
}

static void test_grows_like_a_model(void **state)
{
    struct gen g = gen_start();
    static uint8_t model[200000];
    size_t model_n = 0;
    struct buf b;

    (void)state;
    buf_init(&b, sizeof(model));
    for (int i = 0; i < 3000; i++) {
        uint8_t bytes[200];
        size_t n = gen_below(&g, sizeof(bytes) + 1);
        int code;

        memset(bytes, (int)gen_below(&g, 256), sizeof(bytes));
        code = buf_put(&b, bytes, n);
        CHECK(&g, code == (model_n + n > sizeof(model) ? ERR_LIMIT : 0));
        if (code == 0) {
            memcpy(model + model_n, bytes, n);
            model_n += n;
        }
        if (gen_below(&g, 50) == 0) {
            size_t drop = gen_below(&g, (uint32_t)model_n + 1);

            buf_consume(&b, drop);
            model_n -= drop;
            memmove(model, model + drop, model_n);
        }
        CHECK(&g, buf_len(&b) == model_n);
        CHECK(&g, model_n == 0 || memcmp(buf_bytes(&b).p, model, model_n) == 0);
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_and_read),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_reader_error_sticks),
        cmocka_unit_test(test_empty_reader),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_consume_patch_take),
        cmocka_unit_test(test_grows_like_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

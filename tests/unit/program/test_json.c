/* json.c: what is accepted, with its exact bytes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/value.h"
#include "workers/lib/json.h"

static struct type scalar(const char *name)
{
    struct type t;

    assert_int_equal(type_from_name(name, &t), 0);
    return t;
}

static int read_text(const char *text, size_t n, const struct type *t,
                     struct buf *out)
{
    struct json_error e;

    memset(&e, 0, sizeof(e));
    int code = json_read((struct ubytes){(const uint8_t *)text, n}, t, out, &e);

    if (code > 0) {
        assert_true(e.what[0] != '\0');
        assert_true(e.at <= n);
        assert_int_equal(buf_len(out), 0);
    } else {
        assert_int_equal(code, 0);
        assert_int_equal(value_check_exact(buf_bytes(out), t), 0);
    }
    return code;
}

static void accepts(const struct type *t, const char *text, const char *bytes,
                    size_t n)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    if (read_text(text, strlen(text), t, &out) != 0) {
        fail_msg("refused: %s", text);
    }
    assert_int_equal(buf_len(&out), n);
    assert_memory_equal(buf_bytes(&out).p, bytes, n);
    buf_release(&out);
}

static void outcome(const struct type *t, const char *text, int expected)
{
    struct buf out;
    int code;

    buf_init(&out, 1 << 20);
    code = read_text(text, strlen(text), t, &out);
    if (code != expected) {
        fail_msg("%s: outcome %d, expected %d", text, code, expected);
    }
    buf_release(&out);
}

#define ACCEPTS(t, text, bytes) accepts(t, text, bytes, sizeof(bytes) - 1)
#define REFUSES(t, text) outcome(t, text, JSON_E_MALFORMED)

static void test_integers(void **state)
{
    struct type u8 = scalar("u8"), i8 = scalar("i8"), u64 = scalar("u64");
    struct type i64 = scalar("i64"), u32 = scalar("u32");
    static const char *const bad[] = {"",
                                      "256",
                                      "-1",
                                      "-0",
                                      "1.0",
                                      "1e0",
                                      "01",
                                      "+1",
                                      "\"1\"",
                                      "1 1",
                                      "0x1",
                                      "true",
                                      "[1]",
                                      "1,",
                                      "null",
                                      "{}",
                                      "1.",
                                      "--1",
                                      "1a",
                                      ".5",
                                      "NaN",
                                      "1\n",
                                      "\xef\xbb\xbf\x31"};

    (void)state;
    ACCEPTS(&u8, "0", "\x03\x81\x00");
    ACCEPTS(&u8, " \t255\r", "\x03\x81\xff");
    ACCEPTS(&i8, "-128", "\x03\x01\x80");
    ACCEPTS(&i8, "127", "\x03\x01\x7f");
    ACCEPTS(&u32, "4294967295", "\x03\x84\xff\xff\xff\xff");
    ACCEPTS(&u64, "18446744073709551615",
            "\x03\x88\xff\xff\xff\xff\xff\xff\xff\xff");
    ACCEPTS(&i64, "-9223372036854775808", "\x03\x08\x80\0\0\0\0\0\0\0");
    ACCEPTS(&i64, "9223372036854775807",
            "\x03\x08\x7f\xff\xff\xff\xff\xff\xff\xff");
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        REFUSES(&u8, bad[i]);
    }
    REFUSES(&i8, "128");
    REFUSES(&i8, "-129");
    REFUSES(&u64, "18446744073709551616");
    REFUSES(&u64, "99999999999999999999999999999999");
    REFUSES(&i64, "9223372036854775808");
    REFUSES(&i64, "-9223372036854775809");
    REFUSES(&i64, "-0");
}

static void test_bool(void **state)
{
    struct type t = scalar("bool");

    (void)state;
    ACCEPTS(&t, "true", "\x02");
    ACCEPTS(&t, "false", "\x01");
    REFUSES(&t, "True");
    REFUSES(&t, "1");
    REFUSES(&t, "truetrue");
    REFUSES(&t, "tru");
}

static void test_floats(void **state)
{
    struct type f32 = scalar("f32"), f64 = scalar("f64");
    char text[600];

    (void)state;
    ACCEPTS(&f64, "1", "\x04\x08\x3f\xf0\0\0\0\0\0\0");
    ACCEPTS(&f64, "-0.0", "\x04\x08\x80\0\0\0\0\0\0\0");
    ACCEPTS(&f64, "0.1", "\x04\x08\x3f\xb9\x99\x99\x99\x99\x99\x9a");
    ACCEPTS(&f64, "5e-324", "\x04\x08\0\0\0\0\0\0\0\x01");
    ACCEPTS(&f64, "1.7976931348623157e308",
            "\x04\x08\x7f\xef\xff\xff\xff\xff\xff\xff");
    ACCEPTS(&f32, "0.1", "\x04\x04\x3d\xcc\xcc\xcd");
    /* Halfway plus a little: rounding through a double would lose it. */
    ACCEPTS(&f32, "1.00000005960464477539063", "\x04\x04\x3f\x80\0\x01");
    ACCEPTS(&f32, "1.000000059604644775390625", "\x04\x04\x3f\x80\0\0");
    outcome(&f64, "NaN", JSON_E_NONFINITE);
    outcome(&f64, "\"-Infinity\"", JSON_E_NONFINITE);
    outcome(&f64, "1e999", JSON_E_NONFINITE);
    outcome(&f32, "3.5e38", JSON_E_NONFINITE);
    REFUSES(&f64, "1.");
    REFUSES(&f64, ".1");
    REFUSES(&f64, "1e");
    REFUSES(&f64, "00.1");
    REFUSES(&f64, "nan");
    REFUSES(&f64, "inf");
    REFUSES(&f64, "0x1p3");
    REFUSES(&f64, "\"1\"");
    REFUSES(&f64, "-");
    memset(text, '1', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    REFUSES(&f64, text);
}

static void test_strings(void **state)
{
    struct type t = scalar("string");

    (void)state;
    ACCEPTS(&t, "\"\"", "\x05\0\0\0\0");
    ACCEPTS(&t, "\"a\\n\\\"\\/\\u0041\"",
            "\x05\0\0\0\x05"
            "a\n\"/A");
    ACCEPTS(&t, "\"\\ud83d\\ude00\"", "\x05\0\0\0\x04\xf0\x9f\x98\x80");
    ACCEPTS(&t, "\"\xc3\xa9\"", "\x05\0\0\0\x02\xc3\xa9");
    REFUSES(&t, "\"");
    REFUSES(&t, "\"\\\"");
    REFUSES(&t, "\"\\x41\"");
    REFUSES(&t, "\"\\u12\"");
    REFUSES(&t, "\"\\ud83d\"");
    REFUSES(&t, "\"\\ud83d\\u0041\"");
    REFUSES(&t, "\"\\ude00\"");
    REFUSES(&t, "\"\\u0000\"");
    REFUSES(&t, "\"\x01\"");
    REFUSES(&t, "\"\xff\"");
    REFUSES(&t, "\"\xed\xa0\x80\"");
    REFUSES(&t, "\"a\"b");
    REFUSES(&t, "a");
}

static void test_bytes(void **state)
{
    struct type t = scalar("bytes");

    (void)state;
    ACCEPTS(&t, "\"\"", "\x06\0\0\0\0");
    ACCEPTS(&t, "\"00fFaB\"", "\x06\0\0\0\x03\x00\xff\xab");
    REFUSES(&t, "\"0\"");
    REFUSES(&t, "\"0g\"");
    REFUSES(&t, "\"\\u0030\\u0030\"");
    REFUSES(&t, "\"00");
    REFUSES(&t, "00");
    REFUSES(&t, "[0]");
}

static void test_arrays(void **state)
{
    struct type u8 = scalar("u8"), f64 = scalar("f64");
    struct type list = type_list_of(&u8);
    struct type pair[2] = {u8, list};
    struct type tuple, deep, empty;

    (void)state;
    assert_int_equal(type_tuple_of(pair, 2, &tuple), 0);
    assert_int_equal(type_tuple_of(pair, 0, &empty), 0);
    deep = type_list_of(&tuple);
    ACCEPTS(&list, "[]", "\x08\0\0\0\0");
    ACCEPTS(&list, " [ 1 , 2 ] ", "\x08\0\0\0\x02\x03\x81\x01\x03\x81\x02");
    ACCEPTS(&tuple, "[1,[]]", "\x09\0\0\0\x02\x03\x81\x01\x08\0\0\0\0");
    ACCEPTS(&deep, "[[1,[2]],[3,[]]]",
            "\x08\0\0\0\x02"
            "\x09\0\0\0\x02\x03\x81\x01\x08\0\0\0\x01\x03\x81\x02"
            "\x09\0\0\0\x02\x03\x81\x03\x08\0\0\0\0");
    ACCEPTS(&empty, "[]", "\x09\0\0\0\0");
    REFUSES(&empty, "[1]");
    REFUSES(&list, "[1,]");
    REFUSES(&list, "[,1]");
    REFUSES(&list, "[1 2]");
    REFUSES(&list, "[1");
    REFUSES(&list, "[1]]");
    REFUSES(&list, "[256]");
    REFUSES(&list, "{}");
    REFUSES(&tuple, "[1]");
    REFUSES(&tuple, "[]");
    REFUSES(&tuple, "[1,[],2]");
    REFUSES(&tuple, "[1,[]");
    list = type_list_of(&f64);
    outcome(&list, "[1,NaN]", JSON_E_NONFINITE);
}

/* What value_put_json writes, json_read reads back to the same bytes. */
static void test_round_trip(void **state)
{
    struct type f32 = scalar("f32"), f64 = scalar("f64");
    struct buf v, text, back;
    uint64_t x = UINT64_C(0x9e3779b97f4a7c15);

    (void)state;
    buf_init(&v, 1 << 10);
    buf_init(&text, 1 << 10);
    buf_init(&back, 1 << 10);
    for (int i = 0; i < 20000; i++) {
        const struct type *t = i % 2 == 0 ? &f64 : &f32;
        struct json_error e;
        double d;
        float f;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(&d, &x, sizeof(d));
        memcpy(&f, &x, sizeof(f));
        buf_reset(&v);
        buf_reset(&text);
        assert_int_equal(
            i % 2 == 0 ? value_put_f64(&v, d) : value_put_f32(&v, f), 0);
        if (value_has_nonfinite(buf_bytes(&v))) {
            continue;
        }
        assert_int_equal(value_put_json(&text, buf_bytes(&v), t), 0);
        assert_int_equal(json_read(buf_bytes(&text), t, &back, &e), 0);
        assert_int_equal(buf_len(&back), buf_len(&v));
        assert_memory_equal(buf_bytes(&back).p, buf_bytes(&v).p, buf_len(&v));
    }
    buf_release(&v);
    buf_release(&text);
    buf_release(&back);
}

static void test_output_full(void **state)
{
    struct type t = scalar("bytes");
    struct buf out;
    struct json_error e;
    const char *text = "\"00112233445566778899\"";

    (void)state;
    buf_init(&out, 8);
    assert_int_equal(
        json_read((struct ubytes){(const uint8_t *)text, strlen(text)}, &t,
                  &out, &e),
        ERR_LIMIT);
    assert_int_equal(buf_len(&out), 0);
    buf_release(&out);
}

/* Goal: 200,000 small lines a second. A tenth is asked for: shared machines,
 * sanitizers. */
static void test_speed(void **state)
{
    struct type t = scalar("u32");
    struct timespec a, b;
    struct buf out;
    double seconds;
    int n = 200000;

    (void)state;
    buf_init(&out, 1 << 10);
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a), 0);
    for (int i = 0; i < n; i++) {
        assert_int_equal(read_text("4023233417", 10, &t, &out), 0);
    }
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b), 0);
    seconds =
        (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    print_message("%.0f lines/s\n", n / seconds);
    assert_true(n / seconds > 20000);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),   cmocka_unit_test(test_bool),
        cmocka_unit_test(test_floats),     cmocka_unit_test(test_strings),
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_output_full),
        cmocka_unit_test(test_speed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

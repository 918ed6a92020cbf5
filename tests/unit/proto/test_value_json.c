/* Values as JSON: exact texts, floats that read back, nothing unescaped. */
#include "gen.h"

static const struct type *type_named(const char *name)
{
    static struct type t;

    assert_int_equal(type_from_name(name, &t), 0);
    return &t;
}

static void expect(struct buf *v, const struct type *t, const char *text)
{
    struct buf out;

    buf_init(&out, 1u << 16);
    assert_int_equal(value_check_exact(buf_bytes(v), t), 0);
    assert_int_equal(value_put_json(&out, buf_bytes(v), t), 0);
    assert_int_equal(buf_put_u8(&out, 0), 0);
    assert_string_equal((const char *)buf_bytes(&out).p, text);
    buf_release(&out);
    buf_reset(v);
}

static void test_texts(void **state)
{
    struct buf v;
    struct type t;

    (void)state;
    buf_init(&v, 1000);
    assert_int_equal(value_put_bool(&v, 1), 0);
    expect(&v, type_named("bool"), "true");
    assert_int_equal(value_put_int(&v, type_named("u64"), UINT64_MAX), 0);
    expect(&v, type_named("u64"), "18446744073709551615");
    assert_int_equal(value_put_int(&v, type_named("i64"), UINT64_C(1) << 63),
                     0);
    expect(&v, type_named("i64"), "-9223372036854775808");
    assert_int_equal(value_put_int(&v, type_named("i8"), 0x80), 0);
    expect(&v, type_named("i8"), "-128");
    assert_int_equal(value_put_int(&v, type_named("u8"), 0x80), 0);
    expect(&v, type_named("u8"), "128");
    assert_int_equal(
        value_put_bytes(&v, (struct ubytes){(const uint8_t *)"\0\xab", 2}), 0);
    expect(&v, type_named("bytes"), "\"00ab\"");
    assert_int_equal(
        value_put_string(&v, (struct ubytes){(const uint8_t *)"\"\\/\n\x01\x7f"
                                                              "\xc3\xa9"
                                                              "\xe2\x80\xa8",
                                             11}),
        0);
    expect(&v, type_named("string"),
           "\"\\\"\\\\/\\n\\u0001\\u007f\xc3\xa9\\u2028\"");
    assert_int_equal(
        type_decode(
            (struct ubytes){(const uint8_t *)"\x09\x03\x08\x01\x08\x08\x01\x09",
                            8},
            &t),
        ERR_ENCODING);
    assert_int_equal(
        type_decode((struct ubytes){(const uint8_t *)"\x09\x03\x08\x01\x08\x08"
                                                     "\x01\x09\x00",
                                    9},
                    &t),
        0);
    assert_int_equal(value_put_tuple(&v, 3), 0);
    assert_int_equal(value_put_list(&v, 2), 0);
    assert_int_equal(value_put_bool(&v, 0), 0);
    assert_int_equal(value_put_bool(&v, 1), 0);
    assert_int_equal(value_put_list(&v, 2), 0);
    assert_int_equal(value_put_list(&v, 0), 0);
    assert_int_equal(value_put_list(&v, 1), 0);
    assert_int_equal(value_put_bool(&v, 1), 0);
    assert_int_equal(value_put_tuple(&v, 0), 0);
    expect(&v, &t, "[[false,true],[[],[true]],[]]");
    buf_release(&v);
}

static void test_float_texts(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {5.0, "5.0"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e15, "1e+15"},
        {1e300, "1e+300"},
        {1.0 / 3.0, "0.3333333333333333"},
        {5e-324, "5e-324"},
        {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
        {9007199254740993.0, "9007199254740992.0"},
    };
    struct buf v;

    (void)state;
    buf_init(&v, 100);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        assert_int_equal(value_put_f64(&v, rows[i].v), 0);
        expect(&v, type_named("f64"), rows[i].text);
    }
    assert_int_equal(value_put_f32(&v, 0.1f), 0);
    expect(&v, type_named("f32"), "0.1");
    assert_int_equal(value_put_f32(&v, 16777216.0f), 0);
    expect(&v, type_named("f32"), "16777216.0");
    assert_int_equal(value_put_f32(&v, 0x1p-149f), 0);
    expect(&v, type_named("f32"), "1e-45");
    assert_int_equal(value_put_f32(&v, __builtin_nanf("")), 0);
    expect(&v, type_named("f32"), "\"NaN\"");
    assert_int_equal(value_put_f64(&v, -__builtin_inf()), 0);
    expect(&v, type_named("f64"), "\"-Infinity\"");
    buf_release(&v);
}

/* Significant digits of a decimal: zeros at both ends do not count. */
static size_t digits_of(const char *text)
{
    size_t n = 0;
    size_t zeros = 0;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text == '0') {
            zeros++;
        } else if (*text >= '1' && *text <= '9') {
            n += n > 0 ? zeros + 1 : 1;
            zeros = 0;
        }
    }
    return n;
}

/* Reads back exactly, and no text with fewer digits does. */
static void test_floats_read_back(void **state)
{
    struct gen g = gen_start();
    struct buf v;
    struct buf out;

    (void)state;
    buf_init(&v, 100);
    buf_init(&out, 100);
    for (int i = 0; i < 20000; i++) {
        double d = gen_f64(&g);
        float f = gen_f32(&g);
        double back;
        float back_f;
        char shorter[64];
        int digits = 0;

        if (d - d == 0.0) {
            assert_int_equal(value_put_f64(&v, d), 0);
            assert_int_equal(
                value_put_json(&out, buf_bytes(&v), type_named("f64")), 0);
            assert_int_equal(buf_put_u8(&out, 0), 0);
            back = strtod((const char *)buf_bytes(&out).p, NULL);
            CHECK(&g, memcmp(&back, &d, sizeof(d)) == 0);
            do {
                digits++;
                snprintf(shorter, sizeof(shorter), "%.*g", digits, d);
                back = strtod(shorter, NULL);
            } while (memcmp(&back, &d, sizeof(d)) != 0);
            CHECK(&g, digits_of((const char *)buf_bytes(&out).p) ==
                          digits_of(shorter));
            buf_reset(&v);
            buf_reset(&out);
        }
        if (f - f == 0.0f) {
            assert_int_equal(value_put_f32(&v, f), 0);
            assert_int_equal(
                value_put_json(&out, buf_bytes(&v), type_named("f32")), 0);
            assert_int_equal(buf_put_u8(&out, 0), 0);
            back_f = strtof((const char *)buf_bytes(&out).p, NULL);
            CHECK(&g, memcmp(&back_f, &f, sizeof(f)) == 0);
            buf_reset(&v);
            buf_reset(&out);
        }
    }
    buf_release(&v);
    buf_release(&out);
}

/* One line, valid UTF-8, balanced outside strings, for any value; bytes that
 * are no value are refused without harm. */
static void test_random_values(void **state)
{
    struct gen g = gen_start();

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct type t = gen_type(&g);
        struct buf v;
        struct buf out;
        int depth = 0;
        int in_string = 0;
        struct ubytes s;
        uint8_t *copy;

        buf_init(&v, 1u << 20);
        buf_init(&out, 1u << 22);
        gen_value(&g, &t, 0, &v);
        CHECK(&g, value_put_json(&out, buf_bytes(&v), &t) == 0);
        s = buf_bytes(&out);
        CHECK(&g, utf8_is_valid(s));
        for (size_t j = 0; j < s.n; j++) {
            CHECK(&g, s.p[j] >= 0x20 && s.p[j] != 0x7f);
            if (in_string) {
                if (s.p[j] == '\\') {
                    j++;
                } else if (s.p[j] == '"') {
                    in_string = 0;
                }
            } else if (s.p[j] == '"') {
                in_string = 1;
            } else if (s.p[j] == '[') {
                depth++;
            } else if (s.p[j] == ']') {
                depth--;
                CHECK(&g, depth >= 0);
            }
        }
        CHECK(&g, depth == 0 && !in_string);
        copy = malloc(buf_len(&v) + 1);
        assert_non_null(copy);
        memcpy(copy, buf_bytes(&v).p, buf_len(&v));
        s.n = gen_damage(&g, copy, buf_len(&v));
        (void)!value_put_json(&out, (struct ubytes){copy, s.n}, &t);
        free(copy);
        buf_release(&v);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_float_texts),
        cmocka_unit_test(test_floats_read_back),
        cmocka_unit_test(test_random_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

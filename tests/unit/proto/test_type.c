/* Types: the table of forms, hostile bytes, composition, text. */
#include "gen.h"

static int decode(const char *bytes, size_t n, struct type *t)
{
    return type_decode((struct ubytes){(const uint8_t *)bytes, n}, t);
}

static void expect_text(const char *bytes, size_t n, const char *text)
{
    struct type t;
    char out[400];

    assert_int_equal(decode(bytes, n, &t), 0);
    type_text(&t, out, sizeof(out));
    assert_string_equal(out, text);
}

static void test_forms(void **state)
{
    (void)state;
    expect_text("\x01", 1, "bool");
    expect_text("\x03\x81", 2, "u8");
    expect_text("\x03\x08", 2, "i64");
    expect_text("\x04\x04", 2, "f32");
    expect_text("\x05", 1, "string");
    expect_text("\x06", 1, "bytes");
    expect_text("\x08\x03\x84", 3, "[u32]");
    expect_text("\x09\x00", 2, "()");
    expect_text("\x09\x01\x06", 3, "(bytes)");
    expect_text("\x09\x02\x08\x09\x02\x01\x05\x04\x08", 9,
                "([(bool, string)], f64)");
    expect_text("\x08\x08\x08\x08\x08\x01", 6, "[[[[[bool]]]]]");
    expect_text("\x09\x03\x09\x00\x08\x09\x00\x06", 8, "((), [()], bytes)");
}

static void test_hostile(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {
        {"", 0},
        {"\x00", 1},
        {"\x02", 1},
        {"\x07", 1},
        {"\x0a", 1},
        {"\x03", 1},
        {"\x03\x03", 2},
        {"\x03\x10", 2},
        {"\x03\x80", 2},
        {"\x04\x02", 2},
        {"\x04\x84", 2},
        {"\x08", 1},
        {"\x09\x02\x01", 3},
        {"\x09\x11\x01", 3},
        {"\x01\x01", 2},
        {"\x08\x08\x08\x08\x08\x08\x01", 7}, /* depth 7 */
    };
    struct type t;
    uint8_t wide[2 + 16 * 10];
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(decode(bad[i].p, bad[i].n, &t), ERR_ENCODING);
    }
    wide[n++] = TYPE_TUPLE; /* legal nodes, 162 bytes in all */
    wide[n++] = 16;
    for (int i = 0; i < 16; i++) {
        memcpy(wide + n, "\x09\x04\x03\x81\x03\x81\x03\x81\x03\x81", 10);
        n += 10;
    }
    assert_int_equal(type_decode((struct ubytes){wide, n}, &t), ERR_ENCODING);
}

static void test_random_round_trip(void **state)
{
    struct gen g = gen_start();

    (void)state;
    for (int i = 0; i < 5000; i++) {
        struct type t = gen_type(&g);
        struct type back;
        uint8_t bytes[TYPE_BYTES_MAX + 1];
        char text[1000];
        size_t n = t.n;

        CHECK(&g, type_skip(&t, 0) == t.n);
        CHECK(&g, type_decode((struct ubytes){t.b, t.n}, &back) == 0);
        CHECK(&g, type_is_equal(&t, &back));
        type_text(&t, text, sizeof(text));
        CHECK(&g, strlen(text) > 0);
        type_text(&t, text, 4); /* cut, terminated */
        CHECK(&g, strlen(text) <= 3);
        for (size_t cut = 0; cut < n; cut++) {
            CHECK(&g, type_decode((struct ubytes){t.b, cut}, &back) < 0);
        }
        memcpy(bytes, t.b, n);
        n = gen_damage(&g, bytes, n);
        if (type_decode((struct ubytes){bytes, n}, &back) == 0) {
            CHECK(&g, back.n == n && memcmp(back.b, bytes, n) == 0);
        }
    }
}

static void test_read_leaves_the_rest(void **state)
{
    static const uint8_t in[] = {8, 1, 6};
    struct rd r;
    struct type t;

    (void)state;
    rd_init(&r, (struct ubytes){in, sizeof(in)});
    assert_int_equal(type_read(&r, &t), 0);
    assert_int_equal(t.n, 2);
    assert_int_equal(type_read(&r, &t), 0);
    assert_int_equal(t.b[0], TYPE_BYTES);
    assert_int_equal(rd_end(&r), 0);
    assert_int_equal(type_read(&r, &t), ERR_ENCODING);
}

static void test_names(void **state)
{
    static const char *const names[] = {"bool", "u8",     "u16",  "u32", "u64",
                                        "i8",   "i16",    "i32",  "i64", "f32",
                                        "f64",  "string", "bytes"};
    struct type t;
    char out[20];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        assert_int_equal(type_from_name(names[i], &t), 0);
        type_text(&t, out, sizeof(out));
        assert_string_equal(out, names[i]);
    }
    assert_int_equal(type_from_name("u128", &t), ERR_INPUT);
    assert_int_equal(type_from_name("", &t), ERR_INPUT);
    assert_int_equal(type_from_name("U8", &t), ERR_INPUT);
}

static void test_compose(void **state)
{
    struct type t;
    struct type list;
    struct type many[17];
    char out[100];

    (void)state;
    assert_int_equal(type_from_name("u32", &t), 0);
    list = type_list_of(&t);
    many[0] = list;
    many[1] = t;
    assert_int_equal(type_tuple_of(many, 2, &list), 0);
    type_text(&list, out, sizeof(out));
    assert_string_equal(out, "([u32], u32)");
    t = type_sub(&list, 2);
    type_text(&t, out, sizeof(out));
    assert_string_equal(out, "[u32]");
    assert_int_equal(type_tuple_of(many, 0, &list), 0);
    assert_int_equal(list.n, 2);

    for (size_t i = 0; i < 17; i++) {
        assert_int_equal(type_from_name("bool", &many[i]), 0);
    }
    assert_int_equal(type_tuple_of(many, 16, &list), 0);
    assert_int_equal(type_tuple_of(many, 17, &t), ERR_LIMIT);
    for (size_t i = 0; i < 16; i++) {
        many[i] = list;
    }
    assert_int_equal(type_tuple_of(many, 16, &t), ERR_LIMIT); /* 290 bytes */
    assert_int_equal(t.n, 0);
    assert_int_equal(type_from_name("bool", &t), 0);
    for (int i = 0; i < TYPE_DEPTH_MAX - 1; i++) {
        t = type_list_of(&t);
        assert_true(t.n > 0);
    }
    assert_int_equal(type_list_of(&t).n, 0); /* too deep */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_random_round_trip),
        cmocka_unit_test(test_read_leaves_the_rest),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_compose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

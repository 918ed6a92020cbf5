/* Domains: forms, hostile bytes, type, size, text. */
#include "gen.h"

#include <inttypes.h>

#include "proto/domain.h"
#include "proto/domain_node.h"
#include "proto/limits.h"

struct row {
    const char *p;
    size_t n;
    const char *type;
    uint64_t size;
    const char *text;
};

#define ROW(bytes, type, size, text)                                           \
    {                                                                          \
        bytes, sizeof(bytes) - 1, type, size, text                             \
    }
#define U64(x) "\0\0\0\0\0\0\0" x

static const struct row rows[] = {
    ROW("\x01", "bool", 2, "bool"),
    ROW("\x03\x81" U64("\0") U64("\xff"), "u8", 256, "u8 in 0..255"),
    ROW("\x03\x01\xff\xff\xff\xff\xff\xff\xff\x80" U64("\x7f"), "i8", 256,
        "i8 in -128..127"),
    ROW("\x03\x88" U64("\0") "\xff\xff\xff\xff\xff\xff\xff\xff", "u64",
        UINT64_MAX, "u64 in 0..18446744073709551615"),
    ROW("\x03\x08\x80\0\0\0\0\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", "i64",
        UINT64_MAX, "i64 in -9223372036854775808..9223372036854775807"),
    ROW("\x03\x84" U64("\5") U64("\5"), "u32", 1, "u32 in 5..5"),
    ROW("\x04\x04\0\0\0\0\x3f\x80\0\0\0\0\0\0\x3f\x80\0\2", "f32", 3,
        "f32 in 1..1.00000024"),
    ROW("\x04\x08\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "f64", 2, "f64 in -0..0"),
    ROW("\x05\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0a\0\0\0b", "string", 7,
        "string of length 0..2 over 2 characters"),
    ROW("\x05\0\0\0\1\0\0\0\1\0\0\0\0", "string", 1112063,
        "string of length 1..1"),
    ROW("\x06\0\0\0\0\0\0\0\2", "bytes", 65793, "bytes of length 0..2"),
    ROW("\x06\0\0\0\0\0\0\x10\0", "bytes", UINT64_MAX,
        "bytes of length 0..4096"),
    ROW("\x06\0\0\0\7\0\0\0\7", "bytes", UINT64_C(1) << 56,
        "bytes of length 7..7"),
    ROW("\x08\0\0\0\1\0\0\0\3\x01", "[bool]", 14,
        "lists of length 1..3 of (bool)"),
    ROW("\x09\0", "()", 1, "()"),
    ROW("\x09\2\x01\x03\x81" U64("\0") U64("\x09"), "(bool, u8)", 20,
        "(bool, u8 in 0..9)"),
    ROW("\x09\2\x08\0\0\0\0\0\0\0\2\x01\x09\0", "([bool], ())", 7,
        "(lists of length 0..2 of (bool), ())"),
    ROW("\x08\0\0\0\0\0\0\0\5\x09\0", "[()]", 6,
        "lists of length 0..5 of (())"),
    ROW("\x0c\x03\x81\0\0\0\2\0\0\0\3\x03\x81\1\0\0\0\3\x03\x81\2", "u8", 2,
        "one of 2 values of type u8"),
    ROW("\x0f\x06\0\1", "bytes", 0, "bytes from corpus 2"),
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct ubytes in = {(const uint8_t *)rows[i].p, rows[i].n};
        struct type t;
        uint64_t n;
        char text[200];

        print_message("%s\n", rows[i].text);
        assert_int_equal(domain_check(in, &t), 0);
        type_text(&t, text, sizeof(text));
        assert_string_equal(text, rows[i].type);
        assert_int_equal(domain_size(in, NULL, 0, &n), 0);
        assert_true(n == rows[i].size);
        domain_text(in, text, sizeof(text));
        assert_string_equal(text, rows[i].text);
        domain_text(in, text, 5);
        assert_true(strlen(text) <= 4);
        for (size_t cut = 0; cut < in.n; cut++) {
            struct ubytes part = {in.p, cut};

            assert_true(domain_check(part, &t) < 0);
            assert_int_equal(domain_size(part, NULL, 0, &n), ERR_ENCODING);
            domain_text(part, text, sizeof(text));
            assert_string_equal(text, "malformed domain");
        }
    }
}

static void test_corpora(void **state)
{
    static const uint32_t counts[] = {10, 300};
    static const uint8_t list[] = {
        DOMAIN_LIST, 0, 0, 0, 0, 0, 0, 0, 2, DOMAIN_CORPUS, TYPE_BYTES, 0, 1};
    uint64_t n;

    (void)state;
    assert_int_equal(
        domain_size((struct ubytes){list, sizeof(list)}, counts, 2, &n), 0);
    assert_true(n == 1 + 300 + 90000);
    assert_int_equal(
        domain_size((struct ubytes){list, sizeof(list)}, counts, 1, &n), 0);
    assert_true(n == 1); /* the empty list */
}

#define BAD(bytes)                                                             \
    assert_int_equal(                                                          \
        domain_check(                                                          \
            (struct ubytes){(const uint8_t *)(bytes), sizeof(bytes) - 1}, &t), \
        ERR_ENCODING)

static void test_hostile(void **state)
{
    struct type t;

    (void)state;
    BAD("");
    BAD("\x00");
    BAD("\x02");
    BAD("\x01\x01");
    BAD("\x03\x81" U64("\2") U64("\1"));                          /* lo > hi */
    BAD("\x03\x81" U64("\0") "\0\0\0\0\0\0\1\0");                 /* over u8 */
    BAD("\x03\x01" U64("\x80") U64("\x80"));                      /* over i8 */
    BAD("\x03\x01" U64("\1") "\xff\xff\xff\xff\xff\xff\xff\xff"); /* 1..-1 */
    BAD("\x03\x83" U64("\0") U64("\1"));
    BAD("\x04\x08\0\0\0\0\0\0\0\0\x7f\xf0\0\0\0\0\0\0"); /* infinity */
    BAD("\x04\x08\x7f\xf8\0\0\0\0\0\0\x7f\xf8\0\0\0\0\0\0");
    BAD("\x04\x08\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0"); /* 0.0..-0.0 */
    BAD("\x04\x04\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0");   /* high half */
    BAD("\x05\0\0\0\2\0\0\0\1\0\0\0\0");               /* lo > hi */
    BAD("\x05\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0b\0\0\0a"); /* not ascending */
    BAD("\x05\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0a\0\0\0a"); /* repeated */
    BAD("\x05\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0");       /* NUL */
    BAD("\x05\0\0\0\0\0\0\0\1\0\0\0\1\0\0\xd8\0");     /* surrogate */
    BAD("\x05\0\0\0\0\0\0\0\1\0\0\0\1\0\x11\0\0");     /* over 10ffff */
    BAD("\x05\0\0\0\0\0\0\0\1\xff\xff\xff\xff\0\0\0a");
    BAD("\x08\0\0\0\2\0\0\0\1\x01");
    BAD("\x09\x11\x01");
    BAD("\x0c\x03\x81\0\0\0\0"); /* no choice */
    BAD("\x0c\x03\x81\xff\xff\xff\xff\0\0\0\3\x03\x81\1");
    BAD("\x0c\x03\x81\0\0\0\1\0\0\0\3\x03\x01\1"); /* other type */
    BAD("\x0f\x07\0\0");
    /* Seven lists of bool: the type is too deep. */
    BAD("\x08\0\0\0\0\0\0\0\1\x08\0\0\0\0\0\0\0\1\x08\0\0\0\0\0\0\0\1"
        "\x08\0\0\0\0\0\0\0\1\x08\0\0\0\0\0\0\0\1\x08\0\0\0\0\0\0\0\1\x01");
}

static void test_too_long_values(void **state)
{
    static const uint8_t fits[] = {6, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xfb};
    static const uint8_t over[] = {6, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xfc};
    static const uint8_t lists[] = {8,    0,    0,    0,    0,    0xff, 0xff,
                                    0xff, 0xff, 8,    0,    0,    0,    0,
                                    0xff, 0xff, 0xff, 0xff, 8,    0,    0,
                                    0,    0,    0xff, 0xff, 0xff, 0xff, 1};
    static uint8_t long_bytes[DOMAIN_BYTES_MAX + 1];
    struct type t;
    uint64_t n;

    (void)state;
    _Static_assert(LIMIT_VALUE_BYTES == 1u << 20, "fits and over fit it");
    assert_int_equal(domain_check((struct ubytes){fits, sizeof(fits)}, &t), 0);
    assert_int_equal(domain_check((struct ubytes){over, sizeof(over)}, &t),
                     ERR_LIMIT);
    assert_int_equal(domain_check((struct ubytes){lists, sizeof(lists)}, &t),
                     ERR_LIMIT);
    assert_int_equal(
        domain_size((struct ubytes){lists, sizeof(lists)}, NULL, 0, &n), 0);
    assert_true(n == UINT64_MAX);
    assert_int_equal(
        domain_check((struct ubytes){long_bytes, sizeof(long_bytes)}, &t),
        ERR_LIMIT);
}

static void test_damage(void **state)
{
    struct gen g = gen_start();

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const struct row *row = &rows[gen_below(&g, ARRAY_N(rows))];
        uint8_t bytes[256];
        size_t n = row->n;
        struct type t;
        uint64_t size;
        char text[100];

        memcpy(bytes, row->p, n);
        for (uint32_t j = gen_below(&g, 4); j > 0; j--) {
            n = gen_damage(&g, bytes, n);
        }
        domain_text((struct ubytes){bytes, n}, text, sizeof(text));
        if (domain_check((struct ubytes){bytes, n}, &t) == 0) {
            struct type again;

            CHECK(&g, type_decode((struct ubytes){t.b, t.n}, &again) == 0);
            CHECK(&g,
                  domain_size((struct ubytes){bytes, n}, NULL, 0, &size) == 0);
            CHECK(&g, strcmp(text, "malformed domain") != 0);
        } else {
            CHECK(&g, t.n == 0 || t.n > 0); /* it came back */
        }
    }
}

static void test_float_order(void **state)
{
    (void)state;
    assert_true(domain_float_order(0, 8) == 0);
    assert_true(domain_float_order(UINT64_C(1) << 63, 8) == -1);
    assert_true(domain_float_order(UINT64_C(0x80000000), 4) == -1);
    assert_true(domain_float_order(UINT64_C(0xbf800000), 4) <
                domain_float_order(UINT64_C(0x80000000), 4));
    assert_true(domain_float_order(UINT64_C(0x3f800000), 4) >
                domain_float_order(UINT64_C(0x3f000000), 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_corpora),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_too_long_values),
        cmocka_unit_test(test_damage),  cmocka_unit_test(test_float_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* UTF-8 against the definition: all code points, all bad lead and tail bytes. */
#include "gen.h"

static struct ubytes str(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        uint8_t b[4];
        uint32_t back;
        size_t n;

        if (cp >= 0xd800 && cp <= 0xdfff) {
            continue;
        }
        n = utf8_put(cp, b);
        assert_int_equal(n, cp < 0x80      ? 1
                            : cp < 0x800   ? 2
                            : cp < 0x10000 ? 3
                                           : 4);
        assert_int_equal(utf8_next((struct ubytes){b, n}, &back), n);
        assert_int_equal(back, cp);
        for (size_t cut = 1; cut < n; cut++) {
            assert_false(utf8_is_valid((struct ubytes){b, cut}));
        }
    }
}

/* Accepted three- and four-byte forms re-encode to the same bytes. */
static void test_accepted_is_shortest(void **state)
{
    uint8_t again[4];
    uint32_t cp;

    (void)state;
    for (uint32_t x = 0; x < 0x10000; x++) {
        uint8_t b[4] = {(uint8_t)(0xc0 | x >> 10), (uint8_t)(0x40 | x >> 2),
                        (uint8_t)(0x80 | (x & 63)), 0x80};
        size_t n;

        b[1] = (uint8_t)(b[1] + 0x20);
        for (size_t len = 1; len <= 4; len++) {
            n = utf8_next((struct ubytes){b, len}, &cp);
            if (n > 0) {
                assert_int_equal(utf8_put(cp, again), n);
                assert_memory_equal(again, b, n);
            }
        }
    }
}

static void test_bad_forms(void **state)
{
    static const char *const bad[] = {
        "\x80",             /* tail without head */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* above 10ffff */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3",
        "\xe2\x82",
        "\xc3(",
        "ok\xf0\x9f\x98",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_false(utf8_is_valid(str(bad[i])));
    }
    assert_true(utf8_is_valid(str("")));
    assert_true(utf8_is_valid(str("z\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_true(utf8_is_valid(str("\xed\x9f\xbf\xee\x80\x80")));
    assert_true(utf8_is_valid(str("\xf4\x8f\xbf\xbf")));
}

/* A wrong byte at every place of a text that is else ASCII. */
static void test_among_ascii(void **state)
{
    uint8_t text[40];

    (void)state;
    for (size_t n = 1; n <= sizeof(text); n++) {
        memset(text, 'a', sizeof(text));
        assert_true(utf8_is_valid((struct ubytes){text, n}));
        for (size_t i = 0; i < n; i++) {
            text[i] = 0x80;
            assert_false(utf8_is_valid((struct ubytes){text, n}));
            text[i] = 'a';
        }
    }
}

static void test_escape(void **state)
{
    char out[64];

    (void)state;
    utf8_escape(str("a\x1b[2J\n\xc3\xa9\x7f\xff"), out, sizeof(out));
    assert_string_equal(out, "a\\x1b[2J\\x0a\xc3\xa9\\x7f\\xff");
    utf8_escape(str("\xe2\x80\xae\xc2\x85"), out, sizeof(out));
    assert_string_equal(out, "\\xe2\\x80\\xae\\xc2\\x85");
    utf8_escape((struct ubytes){(const uint8_t *)"\0x", 2}, out, sizeof(out));
    assert_string_equal(out, "\\x00x");
    utf8_escape(str("\xff\xff"), out, 8); /* whole escapes only */
    assert_string_equal(out, "\\xff");
    utf8_escape(str("ab\xe2\x82\xac"), out, 5);
    assert_string_equal(out, "ab");
    utf8_escape(str("abc"), out, 4);
    assert_string_equal(out, "abc");
    utf8_escape(str("abc"), out, 1);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_accepted_is_shortest),
        cmocka_unit_test(test_bad_forms),
        cmocka_unit_test(test_among_ascii), cmocka_unit_test(test_escape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

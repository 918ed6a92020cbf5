/* CIDs and hex. */
#include "gen.h"

#include "proto/cid.h"

#define EMPTY "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"

static void test_text(void **state)
{
    struct cid c = cid_of((struct ubytes){NULL, 0});
    struct cid back;
    struct cid zero = {{0}};
    char text[CID_TEXT_BYTES];

    (void)state;
    cid_text(&c, text);
    assert_string_equal(text, EMPTY);
    assert_int_equal(cid_parse(text, &back), 0);
    assert_true(cid_is_equal(&c, &back));
    assert_false(cid_is_zero(&c));
    assert_true(cid_is_zero(&zero));
    back.b[31] ^= 1;
    assert_false(cid_is_equal(&c, &back));
}

static void test_bad_text(void **state)
{
    static const char *const bad[] = {
        "",
        "af",
        EMPTY "0",
        "AF1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        "gf1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        " f1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f326",
    };
    struct cid c;
    uint8_t out[2];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(cid_parse(bad[i], &c), ERR_INPUT);
    }
    assert_int_equal(hex_parse("abc", 3, out), ERR_INPUT);
    assert_int_equal(hex_parse("", 0, out), 0);
    assert_int_equal(hex_parse("00ff", 4, out), 0);
    assert_int_equal(out[1], 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bad_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

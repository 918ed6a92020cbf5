/* The JSON writer: shape, escapes, bytes that are no UTF-8, errors that
 * stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "cli/json.h"

static void expect(struct json *j, const char *want)
{
    struct ubytes got;

    assert_int_equal(json_end(j, &got), 0);
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
    json_release(j);
}

static void test_nesting(void **state)
{
    struct json j;

    (void)state;
    json_init(&j);
    json_object(&j, NULL);
    json_u64(&j, "big", UINT64_MAX);
    json_array(&j, "list");
    json_i64(&j, NULL, -3);
    json_bool(&j, NULL, 0);
    json_null(&j, NULL);
    json_close(&j);
    json_object(&j, "empty");
    json_close(&j);
    json_hex(&j, "hex", "\x00\xff", 2);
    json_close(&j);
    expect(&j, "{\n  \"big\": 18446744073709551615,\n  \"list\": [\n    -3,\n"
               "    false,\n    null\n  ],\n  \"empty\": {},\n"
               "  \"hex\": \"00ff\"\n}\n");
}

static void test_escapes(void **state)
{
    struct json j;

    (void)state;
    json_init(&j);
    json_str(&j, NULL, "a\"\\\n\t\x01\x1b\x7f \xc3\xa9 \xff\xc3");
    expect(&j, "\"a\\\"\\\\\\n\\t\\u0001\\u001b\\u007f \xc3\xa9 \xef\xbf\xbd"
               "\xef\xbf\xbd\"\n");
}

static void test_floats(void **state)
{
    struct json j;

    (void)state;
    json_init(&j);
    json_array(&j, NULL);
    json_f64(&j, NULL, 0.5);
    json_f64(&j, NULL, (double)NAN);
    json_f64(&j, NULL, -(double)INFINITY);
    json_close(&j);
    expect(&j, "[\n  0.5,\n  \"NaN\",\n  \"-Infinity\"\n]\n");
}

static void test_raw(void **state)
{
    struct json j;

    (void)state;
    json_init(&j);
    json_object(&j, NULL);
    json_raw(&j, "v", (struct ubytes){(const uint8_t *)"[1,2]", 5});
    json_close(&j);
    expect(&j, "{\n  \"v\": [1,2]\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting), cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_floats), cmocka_unit_test(test_raw)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

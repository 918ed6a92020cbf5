/* Numbers of little-endian arrays, wherever they lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/little.h"

static void test_numbers(void **state)
{
    /* 1 byte, so that nothing is aligned; two numbers of each */
    static const uint8_t u32s[] = {9, 1, 2, 3, 4, 0xff, 0, 0, 0x80};
    static const uint8_t f32s[] = {9, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0};
    static const uint8_t f64s[] = {9, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f,
                                   0, 0, 0, 0, 0, 0, 0, 0xc0};

    (void)state;
    assert_int_equal(little_u32(u32s + 1, 0), 0x04030201);
    assert_int_equal(little_u32(u32s + 1, 1), 0x800000ff);
    assert_true(little_f32(f32s + 1, 0) == 1.5f);
    assert_true(little_f32(f32s + 1, 1) == -2.0f);
    assert_true(little_f64(f64s + 1, 0) == 1.5);
    assert_true(little_f64(f64s + 1, 1) == -2.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

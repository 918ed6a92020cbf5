/* numpy's numbers, bit for bit: constants are what numpy 1.24 gave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base.h"
#include "workers/train/mt19937.h"

static void test_normals(void **state)
{
    static const double of_42[] = {0x1.fca2a28a9307cp-2, -0x1.1b2a505de052ap-3,
                                   0x1.4b9dd50245e68p-1, 0x1.85e548e01aa2bp+0};
    struct mt19937 m;

    (void)state;
    mt19937_init(&m, 42);
    for (size_t i = 0; i < ARRAY_N(of_42); i++) {
        double got = mt19937_normal(&m);

        assert_memory_equal(&got, &of_42[i], sizeof(got));
    }
}

static void check_shuffle(uint32_t seed, const uint32_t expected[static 10])
{
    uint32_t v[10];
    struct mt19937 m;

    for (uint32_t i = 0; i < 10; i++) {
        v[i] = i;
    }
    mt19937_init(&m, seed);
    mt19937_shuffle(&m, v, 10);
    assert_memory_equal(v, expected, sizeof(v));
}

static void test_shuffles(void **state)
{
    static const uint32_t of_43[] = {3, 9, 6, 8, 2, 5, 1, 7, 0, 4};
    static const uint32_t of_42[] = {8, 1, 5, 0, 7, 2, 9, 4, 3, 6};

    (void)state;
    check_shuffle(43, of_43);
    check_shuffle(42, of_42);
}

/* The sum of the words and the last of 10,000: long enough for 16 refills. */
static void check_long(uint32_t seed, uint64_t sum, uint32_t last)
{
    struct mt19937 m;
    uint64_t got = 0;
    uint32_t word = 0;

    mt19937_init(&m, seed);
    for (int i = 0; i < 10000; i++) {
        word = mt19937_u32(&m);
        got += word;
    }
    assert_int_equal(got, sum);
    assert_int_equal(word, last);
}

static void test_long(void **state)
{
    (void)state;
    check_long(0, UINT64_C(21489529019231), UINT32_C(1543171712));
    check_long(UINT32_MAX, UINT64_C(21518861513319), UINT32_C(1117955853));
}

static void test_small(void **state)
{
    struct mt19937 m;
    struct mt19937 untouched;
    uint32_t one = 7;

    (void)state;
    mt19937_init(&m, 1);
    untouched = m;
    mt19937_shuffle(&m, &one, 1);
    mt19937_shuffle(&m, &one, 0);
    assert_int_equal(one, 7);
    assert_memory_equal(&m, &untouched, sizeof(m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normals), cmocka_unit_test(test_shuffles),
        cmocka_unit_test(test_long), cmocka_unit_test(test_small)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

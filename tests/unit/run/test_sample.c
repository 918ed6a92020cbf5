/* Samples are values of their type, whatever the type, and differ by variant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/run/sample.h"
#include "proto/limits.h"

static void check(const struct type *t)
{
    struct buf out[SAMPLE_VARIANTS];

    for (unsigned v = 0; v < SAMPLE_VARIANTS; v++) {
        buf_init(&out[v], LIMIT_VALUE_BYTES);
        assert_int_equal(sample_value(t, v, &out[v]), 0);
        assert_int_equal(value_check_exact(buf_bytes(&out[v]), t), 0);
        assert_false(value_has_nonfinite(buf_bytes(&out[v])));
    }
    assert_false(buf_len(&out[0]) == buf_len(&out[1]) &&
                 memcmp(buf_bytes(&out[0]).p, buf_bytes(&out[1]).p,
                        buf_len(&out[0])) == 0);
    for (unsigned v = 0; v < SAMPLE_VARIANTS; v++) {
        buf_release(&out[v]);
    }
}

static void test_types(void **state)
{
    static const char *const names[] = {"bool", "u8",  "u16", "u32",    "u64",
                                        "i8",   "i16", "i32", "i64",    "f32",
                                        "f64",  "string", "bytes"};
    struct type t[ARRAY_N(names)];
    struct type list;
    struct type tuple;
    struct type deep;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        struct type pair[2];

        assert_int_equal(type_from_name(names[i], &t[i]), 0);
        check(&t[i]);
        list = type_list_of(&t[i]);
        check(&list);
        deep = type_list_of(&list);
        check(&deep);
        pair[0] = list;
        pair[1] = t[i];
        assert_int_equal(type_tuple_of(pair, 2, &tuple), 0);
        check(&tuple);
        list = type_list_of(&tuple);
        check(&list);
    }
    assert_int_equal(type_tuple_of(t, ARRAY_N(names), &tuple), 0);
    check(&tuple);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

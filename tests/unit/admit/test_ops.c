/* The tables are consistent, and confidence is that of the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/admit/ops.h"

static void every_op_has_all(void **state)
{
    (void)state;
    assert_int_equal(ops_n(), OP_N_);
    for (size_t i = 0; i < ops_n(); i++) {
        const struct op_info *op = ops_at(i);
        int judged = 0;

        assert_int_equal(op->id, i);
        assert_ptr_equal(ops_find(op->name), op);
        assert_true(op->capability[0] != '\0');
        assert_true(op->worker_class[0] != '\0');
        assert_true(op->gives[0] != '\0');
        for (size_t k = 0; k < validators_n(); k++) {
            const struct validator_info *v = validators_at(k);

            if (v->ops & 1u << op->id) {
                judged = 1;
                assert_true(v->level_min <= v->level_max);
                assert_true(v->level_max <= op->ceiling);
                assert_true(v->level_min > LEVEL_NONE);
            }
        }
        assert_true(judged);
    }
}

static void unknown_names(void **state)
{
    (void)state;
    assert_null(ops_find("shell"));
    assert_null(ops_find(""));
    assert_null(validators_find("always"));
    assert_string_equal(ops_nearest("progam"), "program");
    assert_null(ops_nearest("unrelated.thing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_op_has_all),
                                       cmocka_unit_test(unknown_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

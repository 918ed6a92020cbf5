/* Budgets: all or nothing, no wrap, limits that come later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/run/budget.h"

static void test_unlimited(void **state)
{
    struct budget b;

    (void)state;
    budget_init(&b);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, UINT64_MAX), 0);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, 1), BUDGET_E_SPENT);
    assert_true(budget_left(&b, BUDGET_TRAPS) == 0);
}

static void test_charge(void **state)
{
    Proctor__Budgets p = PROCTOR__BUDGETS__INIT;
    struct budget b;

    (void)state;
    budget_init(&b);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, 2), 0);
    p.traps = 5;
    p.draws = 10;
    budget_set(&b, &p);
    assert_true(budget_left(&b, BUDGET_TRAPS) == 3);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, 4), BUDGET_E_SPENT);
    assert_true(budget_left(&b, BUDGET_TRAPS) == 3);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, 3), 0);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, 1), BUDGET_E_SPENT);
    assert_int_equal(budget_charge(&b, BUDGET_TRAPS, 0), 0);
    /* What a policy does not grant is not there. */
    assert_int_equal(budget_charge(&b, BUDGET_CPU_MS, 1), BUDGET_E_SPENT);
}

static void test_settle_and_return(void **state)
{
    Proctor__Budgets p = PROCTOR__BUDGETS__INIT;
    struct budget b;

    (void)state;
    budget_init(&b);
    p.cpu_ms = 100;
    p.memory_bytes = 50;
    budget_set(&b, &p);
    budget_settle(&b, BUDGET_CPU_MS, 250);
    assert_true(budget_left(&b, BUDGET_CPU_MS) == 0);
    p.cpu_ms = 300; /* all 250 were counted, past the limit */
    budget_set(&b, &p);
    assert_true(budget_left(&b, BUDGET_CPU_MS) == 50);
    budget_settle(&b, BUDGET_CPU_MS, UINT64_MAX);
    p.cpu_ms = UINT64_MAX;
    budget_set(&b, &p);
    assert_true(budget_left(&b, BUDGET_CPU_MS) == 0);
    assert_int_equal(budget_charge(&b, BUDGET_MEMORY, 50), 0);
    assert_int_equal(budget_charge(&b, BUDGET_MEMORY, 1), BUDGET_E_SPENT);
    budget_return(&b, BUDGET_MEMORY, 20);
    assert_int_equal(budget_charge(&b, BUDGET_MEMORY, 20), 0);
    assert_string_equal(budget_name(BUDGET_MEMORY), "budgets.memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_charge),
        cmocka_unit_test(test_settle_and_return),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The ready queue against a plain search, on random orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/run/queue.h"

enum { TASKS = 2000 };

static uint32_t next_random(uint64_t *s)
{
    *s = *s * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*s >> 33);
}

/* The waiting task that must come first, by looking at all. */
static int first_of(const int *priority, const int *waits)
{
    int best = -1;

    for (int i = 0; i < TASKS; i++) {
        if (waits[i] && (best < 0 || priority[i] > priority[best])) {
            best = i;
        }
    }
    return best;
}

static void test_order(void **state)
{
    static int priority[TASKS];
    static int waits[TASKS];
    uint64_t seed = 20260701;
    struct queue q;
    uint32_t got;
    int n = 0;

    (void)state;
    queue_init(&q);
    assert_int_equal(queue_reserve(&q, TASKS), 0);
    for (int i = 0; i < TASKS; i++) {
        priority[i] = (int)(next_random(&seed) % 10);
    }
    for (int round = 0; round < 3 * TASKS; round++) {
        uint32_t i = next_random(&seed) % TASKS;

        if (!waits[i]) {
            queue_push(&q, i, (uint32_t)priority[i]);
            waits[i] = 1;
            n++;
        }
        if (next_random(&seed) % 2 == 0) {
            assert_true(queue_pop(&q, &got));
            assert_int_equal(got, first_of(priority, waits));
            waits[got] = 0;
            n--;
        }
        assert_int_equal(queue_n(&q), n);
        if (n == 0) {
            break;
        }
    }
    while (queue_pop(&q, &got)) {
        assert_int_equal(got, first_of(priority, waits));
        waits[got] = 0;
    }
    assert_int_equal(first_of(priority, waits), -1);
    queue_release(&q);
}

static void test_empty(void **state)
{
    struct queue q;
    uint32_t got;

    (void)state;
    queue_init(&q);
    assert_int_equal(queue_reserve(&q, 0), 0);
    assert_false(queue_pop(&q, &got));
    queue_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

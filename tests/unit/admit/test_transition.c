/* Every (state, event) pair: the expected table is written out here a second
 * time, by state, so that a slip in transition.def shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/admit/transition.h"

#define NO TRANSITION_REFUSED
#define N STATE_NEW
#define RD STATE_READY
#define B STATE_BLOCKED
#define RU STATE_RUNNING
#define PK STATE_PARKED
#define V STATE_VALIDATING
#define PA STATE_PASSED
#define F STATE_FAILED
#define RP STATE_REPAIRING
#define A STATE_ABORTED
#define C STATE_COMMITTED

/* Columns: admit ready start park resume propose pass fail repair repaired
 * unrepaired commit abort */
static const int expected[STATE_N_][EVENT_N_] = {
    [N] = {B, RD, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, A},
    [RD] = {NO, NO, RU, PK, NO, NO, NO, F, NO, NO, NO, NO, A},
    [B] = {NO, RD, NO, NO, NO, NO, NO, F, NO, NO, NO, NO, A},
    [RU] = {NO, NO, NO, PK, NO, V, NO, F, NO, NO, NO, NO, A},
    [PK] = {NO, NO, NO, NO, RD, NO, NO, F, NO, NO, NO, NO, A},
    [V] = {NO, NO, NO, PK, NO, NO, PA, F, NO, NO, NO, NO, A},
    [PA] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, C, NO},
    [F] = {NO, NO, NO, NO, NO, NO, NO, NO, RP, NO, NO, NO, NO},
    [RP] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, PA, F, NO, A},
    [A] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
    [C] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO}};

static void every_pair(void **state)
{
    (void)state;
    for (unsigned s = 0; s < STATE_N_; s++) {
        for (unsigned e = 0; e < EVENT_N_; e++) {
            if (transition_next(s, e) != expected[s][e]) {
                fail_msg("%s + event %u", state_name(s), e);
            }
        }
    }
}

static void numbers_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(transition_next(STATE_N_, EVENT_ABORT), NO);
    assert_int_equal(transition_next(STATE_NEW, EVENT_N_), NO);
    assert_int_equal(transition_next(UINT32_MAX, UINT32_MAX), NO);
}

/* A task at rest changes only by repair (FAILED) or commit (PASSED). */
static int is_rest(unsigned s)
{
    return s == PA || s == F || s == A || s == C;
}

/* From every state that is not at rest, every way ends at rest. */
static void everything_can_end(void **state)
{
    (void)state;
    for (unsigned s = 0; s < STATE_N_; s++) {
        int ends = transition_next(s, EVENT_ABORT) == STATE_ABORTED;

        assert_int_equal(ends, !is_rest(s));
    }
}

/* Every state but NEW is reached by some event. */
static void everything_is_reached(void **state)
{
    int reached[STATE_N_] = {0};

    (void)state;
    for (unsigned s = 0; s < STATE_N_; s++) {
        for (unsigned e = 0; e < EVENT_N_; e++) {
            int next = transition_next(s, e);

            if (next != NO) {
                reached[next] = 1;
            }
        }
    }
    for (unsigned s = STATE_NEW + 1; s < STATE_N_; s++) {
        assert_true(reached[s]);
    }
    assert_false(reached[STATE_NEW]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_pair),
                                       cmocka_unit_test(numbers_that_are_none),
                                       cmocka_unit_test(everything_can_end),
                                       cmocka_unit_test(everything_is_reached)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Turns of lanes: weights, deadlines, and that nobody waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/run/fair.h"

enum { MOST = 24, NEAR = 64 };

static uint32_t rng = 12345;

static uint32_t draw(uint32_t n)
{
    rng = rng * 1664525u + 1013904223u;
    return (rng >> 8) % n;
}

struct seat {
    struct fair_lane lane;
    unsigned priority;
    int is_there;
    unsigned waited; /* turns of others since its own */
    unsigned served;
    unsigned life; /* turns that it wants; 0: for ever */
    int hurries;   /* a deadline that is always near */
};

static size_t turn(struct fair *f, struct seat *s, size_t n, size_t seats)
{
    struct fair_lane *all[MOST], *out[MOST];
    struct seat *who[MOST];
    size_t all_n = 0, got;

    for (size_t i = 0; i < n; i++) {
        if (s[i].is_there) {
            s[i].lane.is_ready = 1;
            s[i].lane.slack = s[i].hurries ? draw(NEAR) : UINT64_MAX;
            who[all_n] = &s[i];
            all[all_n++] = &s[i].lane;
        }
    }
    got = fair_pick(f, all, all_n, seats, NEAR, out);
    for (size_t i = 0; i < all_n; i++) {
        int mine = 0;

        for (size_t k = 0; k < got; k++) {
            mine += out[k] == all[i];
        }
        assert_in_range(mine, 0, 1);
        who[i]->waited = mine ? 0 : who[i]->waited + 1;
        who[i]->served += (unsigned)mine;
    }
    assert_int_equal(got, all_n < seats ? all_n : seats);
    return got;
}

static void join(struct fair *f, struct seat *s, unsigned priority)
{
    memset(s, 0, sizeof(*s));
    s->priority = priority;
    s->is_there = 1;
    fair_join(f, &s->lane, priority);
}

/* Twice the weight, twice the turns. */
static void test_weights(void **state)
{
    struct fair f = {0};
    struct seat s[3];

    (void)state;
    join(&f, &s[0], 0);
    join(&f, &s[1], 1);
    join(&f, &s[2], 4);
    for (int i = 0; i < 8000; i++) {
        turn(&f, s, 3, 1);
    }
    assert_in_range(s[0].served, 990, 1010);
    assert_in_range(s[1].served, 1990, 2010);
    assert_in_range(s[2].served, 4980, 5020);
}

/* The deadline goes first, but not always. */
static void test_deadline(void **state)
{
    struct fair f = {0};
    struct seat s[2];

    (void)state;
    join(&f, &s[0], 9);
    join(&f, &s[1], 0);
    s[1].hurries = 1;
    for (int i = 0; i < 1000; i++) {
        turn(&f, s, 2, 1);
    }
    assert_in_range(s[1].served, 450, 600);
    assert_in_range(s[0].served, 400, 550);
}

/* With seats for all, all go. */
static void test_all_together(void **state)
{
    struct fair f = {0};
    struct seat s[8];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        join(&f, &s[i], i);
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(turn(&f, s, 8, 8), 8);
    }
    assert_int_equal(s[0].served, 100);
}

/* Any mix of priorities, arrivals and deadlines: the header's bound. */
static void test_no_starvation(void **state)
{
    unsigned worst = 0;

    (void)state;
    for (int round = 0; round < 400; round++) {
        struct fair f = {0};
        struct seat s[MOST] = {{.is_there = 0}};
        size_t n = 2 + draw(MOST - 2);
        size_t seats = 1 + draw(4);
        unsigned arrivals = draw(3); /* how often somebody comes */

        for (size_t i = 0; i < n; i++) {
            join(&f, &s[i], draw(10));
            s[i].hurries = draw(3) == 0;
            s[i].life = draw(2) ? 1 + draw(5) : 0;
        }
        for (int t = 0; t < 600; t++) {
            turn(&f, s, n, seats);
            for (size_t i = 0; i < n; i++) {
                unsigned w = s[i].priority + 1;
                unsigned bound = 2 * (unsigned)n * (2 * ((10 + w - 1) / w) + 2);

                assert_true(!s[i].is_there || s[i].waited <= bound);
                worst = s[i].waited > worst ? s[i].waited : worst;
                if (s[i].is_there && s[i].life > 0 && s[i].served >= s[i].life) {
                    s[i].is_there = 0;
                }
                if (!s[i].is_there && draw(4) < arrivals) {
                    int hurries = draw(2) == 0;

                    join(&f, &s[i], draw(10));
                    s[i].hurries = hurries;
                    s[i].life = 1 + draw(3);
                }
            }
        }
    }
    assert_true(worst > 20); /* the test has teeth */
}

/* A stream of newcomers does not hold up who waits. */
static void test_newcomers(void **state)
{
    struct fair f = {0};
    struct seat s[4];
    unsigned worst = 0;

    (void)state;
    join(&f, &s[0], 0);
    for (size_t i = 1; i < 4; i++) {
        join(&f, &s[i], 9);
    }
    for (int t = 0; t < 2000; t++) {
        turn(&f, s, 4, 1);
        worst = s[0].waited > worst ? s[0].waited : worst;
        for (size_t i = 1; i < 4; i++) {
            if (s[i].served > 0) {
                join(&f, &s[i], 9);
            }
        }
    }
    assert_in_range(worst, 1, 2 * 4 * 22);
    assert_true(s[0].served > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights), cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_all_together),
        cmocka_unit_test(test_no_starvation),
        cmocka_unit_test(test_newcomers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

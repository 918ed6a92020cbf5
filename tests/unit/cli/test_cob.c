/* Reducing a collaborative object: any arrival order, repeats, forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cob.h"

#define ROWS 9

static unsigned long seed = 7;

static unsigned draw(unsigned n)
{
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(seed >> 33) % n;
}

static void make(struct cob_row *r, const char *did, const char *operation,
                 uint64_t n, uint8_t payload)
{
    assert_int_equal(assertion_init(&r->a, did, "refs/cml/cobs/1", operation),
                     0);
    r->a.n = n;
    r->a.payload.b[0] = payload;
    assert_int_equal(assertion_hash(&r->a, &r->hash), 0);
}

static void test_last_word(void **state)
{
    struct cob_row r[4];
    struct cob c;
    size_t n = 4;

    (void)state;
    make(&r[0], "a", "UPDATE_TITLE", 2, 2);
    make(&r[1], "a", "SET_TITLE", 1, 1);
    make(&r[2], "b", "SET_TITLE", 2, 3); /* the same number: the larger DID */
    make(&r[3], "a", "SET_BODY", 3, 4);
    assert_int_equal(cob_reduce(r, &n, &c), 0);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.fields[0].name, "BODY");
    assert_int_equal(c.fields[1].by->a.payload.b[0], 3);
    assert_false(c.is_deleted);
    cob_release(&c);
}

static void test_tombstone(void **state)
{
    struct cob_row r[3];
    struct cob c;
    size_t n = 2;

    (void)state;
    make(&r[0], "a", "SET_TITLE", 1, 1);
    make(&r[1], "a", "DELETE", 2, 0);
    assert_int_equal(cob_reduce(r, &n, &c), 0);
    assert_int_equal(c.n, 0);
    assert_true(c.is_deleted);
    cob_release(&c);
    make(&r[2], "a", "SET_BODY", 3, 5);
    n = 3;
    assert_int_equal(cob_reduce(r, &n, &c), 0);
    assert_int_equal(c.n, 1);
    assert_false(c.is_deleted);
    cob_release(&c);
    n = 0;
    assert_int_equal(cob_reduce(r, &n, &c), 0);
    assert_int_equal(c.n, 0);
    cob_release(&c);
}

/* A pure function of the set. */
static void test_any_order(void **state)
{
    static const char *const operations[] = {"SET_A", "UPDATE_A", "SET_B",
                                             "SET",   "DELETE",   "UPDATE_C"};
    static const char *const dids[] = {"a", "b", "c"};
    unsigned round;

    (void)state;
    for (round = 0; round < 3000; round++) {
        struct cob_row first[ROWS];
        struct cob_row again[2 * ROWS] = {0};
        struct cob a;
        struct cob b;
        size_t n = 1 + draw(ROWS);
        size_t m = 0;
        size_t i;

        for (i = 0; i < n; i++) {
            make(&first[i], dids[draw(3)], operations[draw(6)], 1 + draw(4),
                 (uint8_t)draw(3));
        }
        for (i = 0; i < n; i++) { /* shuffled, some of them twice */
            size_t k = draw((unsigned)m + 1);

            again[m++] = again[k];
            again[k] = first[i];
            if (draw(3) == 0) {
                again[m++] = first[i];
            }
        }
        assert_int_equal(cob_reduce(first, &n, &a), 0);
        assert_int_equal(cob_reduce(again, &m, &b), 0);
        assert_int_equal(n, m);
        assert_int_equal(a.n, b.n);
        assert_int_equal(a.is_deleted, b.is_deleted);
        for (i = 0; i < a.n; i++) {
            assert_string_equal(a.fields[i].name, b.fields[i].name);
            assert_true(cid_is_equal(&a.fields[i].by->hash,
                                     &b.fields[i].by->hash));
        }
        cob_release(&a);
        cob_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_word),
        cmocka_unit_test(test_tombstone),
        cmocka_unit_test(test_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

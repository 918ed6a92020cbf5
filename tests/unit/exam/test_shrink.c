/* Shrinking: membership, strictly simpler rounds, budget, and the smallest value
 * of many failing classes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/exam/draw.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "workers/config/edit.h"
#include "workers/config/shrink.h"

#define OK(call) assert_int_equal((call), 0)

typedef int (*fails_fn)(struct ubytes v);

struct result {
    struct buf smallest;
    uint64_t evaluations;
    unsigned rounds;
};

/* One round, as a worker of its own makes it. True if something smaller fails. */
static int round_once(const struct node_source *src, struct buf *state,
                      int is_new, fails_fn fails, struct result *r,
                      int *out_over)
{
    struct ubytes best = buf_bytes(&r->smallest);
    struct shrink *s;
    int found = 0;

    OK(shrink_new(src, best, &s));
    OK(buf_len(state) == 0 ? 0 : shrink_resume(s, buf_bytes(state), is_new));
    *out_over = shrink_round(s) != 0;
    r->rounds += !*out_over;
    assert_true(*out_over ? shrink_n(s) == 0 : shrink_n(s) >= 1);
    assert_true(shrink_n(s) <= LIMIT_SHRINK_ROUND);
    for (uint32_t i = 0; i < shrink_n(s); i++) {
        struct ubytes tried = shrink_at(s, i);

        assert_true(node_has(src, tried));
        assert_true(tried.n <= best.n);
        assert_true(i == 0 || tried.n >= shrink_at(s, i - 1).n);
    }
    for (uint32_t i = 0; i < shrink_n(s) && !found; i++) {
        found = fails(shrink_at(s, i));
        if (found) {
            buf_reset(&r->smallest);
            OK(buf_put(&r->smallest, shrink_at(s, i).p, shrink_at(s, i).n));
        }
    }
    buf_reset(state);
    OK(shrink_save(s, state));
    r->evaluations = shrink_evaluations(s);
    shrink_free(s);
    return found;
}

/* Shrinks v to the end; every input tried must be a member and simpler. */
static void shrink_all(const struct draw_source *src, struct ubytes v,
                       fails_fn fails, struct result *r)
{
    struct buf state;
    int is_new = 0;
    int over = 0;

    buf_init(&state, 65536); /* as much as the kernel keeps */
    buf_init(&r->smallest, 4 << 20);
    OK(buf_put(&r->smallest, v.p, v.n));
    r->rounds = 0;
    while (!over) {
        is_new = round_once(&src->of, &state, is_new, fails, r, &over);
    }
    assert_true(r->evaluations <= LIMIT_SHRINK_EVALUATIONS);
    buf_release(&state);
}

/* Draws until a value fails, shrinks it, compares with the smallest one. */
static void assert_smallest(const uint8_t *domain, size_t domain_n,
                            fails_fn fails, const uint8_t *want, size_t want_n)
{
    struct draw_source src = {.of.domain = {domain, domain_n}};
    unsigned found = 0;
    struct buf v;

    buf_init(&v, 4 << 20);
    for (uint64_t k = 0; k < 20000 && found < 12; k++) {
        struct result r;

        buf_reset(&v);
        OK(draw(&src, (enum stratum)(k % STRATA_BASE_N), k, &v));
        if (!fails(buf_bytes(&v))) {
            continue;
        }
        found++;
        shrink_all(&src, buf_bytes(&v), fails, &r);
        assert_int_equal(buf_len(&r.smallest), want_n);
        assert_memory_equal(buf_bytes(&r.smallest).p, want, want_n);
        buf_release(&r.smallest);
    }
    assert_true(found >= 3);
    buf_release(&v);
}

static int64_t i32_at(struct ubytes v, size_t at)
{
    return (int32_t)((uint32_t)v.p[at] << 24 | (uint32_t)v.p[at + 1] << 16 |
                     (uint32_t)v.p[at + 2] << 8 | v.p[at + 3]);
}

static int is_very_negative(struct ubytes v)
{
    return i32_at(v, 2) < -12345;
}

static int is_far_from_zero(struct ubytes v)
{
    return i32_at(v, 2) < -500 || i32_at(v, 2) > 700;
}

static void test_signed_numbers(void **state)
{
    static const uint8_t domain[] = {3,    4, 0xff, 0xff, 0xff, 0xff,
                                     0x80, 0, 0,    0,    0,    0,
                                     0,    0, 0x7f, 0xff, 0xff, 0xff};
    static const uint8_t negative[] = {3, 4, 0xff, 0xff, 0xcf, 0xc6};
    static const uint8_t positive[] = {3, 4, 0, 0, 2, 0xbd};
    static const uint8_t nearer[] = {3, 4, 0xff, 0xff, 0xfe, 0x0b};

    (void)state;
    assert_smallest(domain, sizeof(domain), is_very_negative, negative,
                    sizeof(negative));
    /* Of 701 and -501 the latter is simpler, but a search from 701's side has
     * no way across; either is a fixpoint. Check that one of them is met. */
    for (uint64_t k = 0; k < 200; k++) {
        struct draw_source src = {.of.domain = {domain, sizeof(domain)}};
        struct result r;
        struct buf v;

        buf_init(&v, 100);
        OK(draw(&src, STRATUM_UNIFORM, k, &v));
        if (is_far_from_zero(buf_bytes(&v))) {
            shrink_all(&src, buf_bytes(&v), is_far_from_zero, &r);
            assert_true(memcmp(buf_bytes(&r.smallest).p, positive, 6) == 0 ||
                        memcmp(buf_bytes(&r.smallest).p, nearer, 6) == 0);
            buf_release(&r.smallest);
        }
        buf_release(&v);
    }
}

static int always(struct ubytes v)
{
    (void)v;
    return 1;
}

/* Whatever the domain: if all fail, the simplest member is found. */
static void test_everything_fails(void **state)
{
    static const uint8_t range[] = {3,  0x81, 0, 0, 0, 0, 0, 0, 0,
                                    20, 0,    0, 0, 0, 0, 0, 0, 90};
    static const uint8_t least[] = {3, 0x81, 20};
    static const uint8_t below[] = {3,    1,    0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0x9c, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xfd};
    static const uint8_t minus_3[] = {3, 1, 0xfd};
    static const uint8_t nested[] = {
        9, 3, 1, 8, 0, 0, 0, 2, 0, 0, 0, 9, 6, 0, 0, 0, 0,    0, 0, 0, 9,
        5, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0x41, 0, 0, 0, 0xe9};
    static const uint8_t simplest[] = {9, 0, 0, 0, 3, 1, 8, 0, 0,
                                       0, 2, 6, 0, 0, 0, 0, 6, 0,
                                       0, 0, 0, 5, 0, 0, 0, 1, 0x41};
    static const uint8_t floats[] = {4,    8,    0xff, 0xef, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0x7f, 0xef,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t zero[] = {4, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t choice[] = {0x0c, 3, 0x81, 0, 0, 0, 3,    0, 0, 0,
                                     3,    3, 0x81, 9, 0, 0, 0,    3, 3, 0x81,
                                     4,    0, 0,    0, 3, 3, 0x81, 6};
    static const uint8_t four[] = {3, 0x81, 4};

    (void)state;
    assert_smallest(range, sizeof(range), always, least, sizeof(least));
    assert_smallest(below, sizeof(below), always, minus_3, sizeof(minus_3));
    assert_smallest(nested, sizeof(nested), always, simplest, sizeof(simplest));
    assert_smallest(floats, sizeof(floats), always, zero, sizeof(zero));
    assert_smallest(choice, sizeof(choice), always, four, sizeof(four));
}

/* bytes that hold one >= 0x80 behind at least two others */
static int has_high_byte(struct ubytes v)
{
    for (size_t i = 7; i < v.n; i++) {
        if (v.p[i] >= 0x80) {
            return 1;
        }
    }
    return 0;
}

static int is_unsorted(struct ubytes v)
{
    for (size_t at = 5; at + 12 <= v.n; at += 6) {
        if (i32_at(v, at + 2) > i32_at(v, at + 8)) {
            return 1;
        }
    }
    return 0;
}

static int has_three_more(struct ubytes v)
{
    unsigned n = 0;

    for (size_t at = 5; at < v.n; at += 6) {
        n += i32_at(v, at + 2) > 100 ? 1 : 0;
    }
    return n >= 3;
}

static void test_sequences(void **state)
{
    static const uint8_t bytes[] = {6, 0, 0, 0, 0, 0, 0, 2, 0};
    static const uint8_t high[] = {6, 0, 0, 0, 3, 0, 0, 0x80};
    static const uint8_t list[] = {
        8,    0,    0,    0,    0,    0, 0, 0, 40, 3, 4, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xfc, 0x18, 0, 0, 0, 0,  0, 0, 3,    0xe8};
    static const uint8_t unsorted[] = {8, 0, 0, 0, 2,    3,    4,    0,   0,
                                       0, 0, 3, 4, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t unsorted_too[] = {8, 0, 0, 0, 2, 3, 4, 0, 0,
                                           0, 1, 3, 4, 0, 0, 0, 0};
    static const uint8_t three[] = {8, 0, 0, 0, 3,   3, 4, 0, 0, 0, 101, 3,
                                    4, 0, 0, 0, 101, 3, 4, 0, 0, 0, 101};

    (void)state;
    assert_smallest(bytes, sizeof(bytes), has_high_byte, high, sizeof(high));
    assert_smallest(list, sizeof(list), has_three_more, three, sizeof(three));
    for (uint64_t k = 0; k < 100; k++) {
        struct draw_source src = {.of.domain = {list, sizeof(list)}};
        struct result r;
        struct buf v;

        buf_init(&v, 1000);
        OK(draw(&src, STRATUM_UNIFORM, k, &v));
        if (is_unsorted(buf_bytes(&v))) {
            shrink_all(&src, buf_bytes(&v), is_unsorted, &r);
            assert_int_equal(buf_len(&r.smallest), sizeof(unsorted));
            assert_true(memcmp(buf_bytes(&r.smallest).p, unsorted,
                               sizeof(unsorted)) == 0 ||
                        memcmp(buf_bytes(&r.smallest).p, unsorted_too,
                               sizeof(unsorted_too)) == 0);
            buf_release(&r.smallest);
        }
        buf_release(&v);
    }
}

/* strings with a character outside ASCII */
static int is_not_ascii(struct ubytes v)
{
    for (size_t i = 5; i < v.n; i++) {
        if (v.p[i] >= 0x80) {
            return 1;
        }
    }
    return 0;
}

static void test_strings(void **state)
{
    static const uint8_t domain[] = {5, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0};
    static const uint8_t first[] = {5, 0, 0, 0, 2, 0xc2, 0x80};

    (void)state;
    assert_smallest(domain, sizeof(domain), is_not_ascii, first, sizeof(first));
}

static int never(struct ubytes v)
{
    (void)v;
    return 0;
}

/* Nothing else fails: the rounds end, within the budget, with what they had. */
static void test_fixpoint_and_budget(void **state)
{
    static const uint8_t domain[] = {6, 0, 0, 0x10, 0, 0, 8, 0, 0};
    struct draw_source src = {.of.domain = {domain, sizeof(domain)}};
    struct result r;
    struct buf v;

    (void)state;
    buf_init(&v, 4 << 20);
    OK(draw(&src, STRATUM_UNIFORM, 3, &v)); /* hundreds of kilobytes */
    shrink_all(&src, buf_bytes(&v), never, &r);
    assert_int_equal(buf_len(&r.smallest), buf_len(&v));
    assert_true(r.evaluations > 0);
    buf_release(&r.smallest);
    buf_release(&v);
}

static int compare_keys(const uint8_t *a, size_t a_n, const uint8_t *b,
                        size_t b_n)
{
    struct buf ka;
    struct buf kb;
    int c;

    buf_init(&ka, 1000);
    buf_init(&kb, 1000);
    OK(edit_key((struct ubytes){a, a_n}, &ka));
    OK(edit_key((struct ubytes){b, b_n}, &kb));
    assert_int_equal(buf_len(&ka), buf_len(&kb));
    c = memcmp(buf_bytes(&ka).p, buf_bytes(&kb).p, buf_len(&ka));
    buf_release(&ka);
    buf_release(&kb);
    return c;
}

static void test_order_of_simplicity(void **state)
{
    static const uint8_t ints[][3] = {{3, 1, 0},    {3, 1, 1},    {3, 1, 0xff},
                                      {3, 1, 2},    {3, 1, 0xfe}, {3, 1, 127},
                                      {3, 1, 0x81}, {3, 1, 0x80}};
    static const uint8_t floats[][6] = {
        {4, 4, 0, 0, 0, 0},       {4, 4, 0x80, 0, 0, 0},
        {4, 4, 0x3f, 0x80, 0, 0}, {4, 4, 0xbf, 0x80, 0, 0},
        {4, 4, 0x3f, 0x00, 0, 0}, {4, 4, 0x40, 0x00, 0, 0},
        {4, 4, 0x3f, 0xc0, 0, 0}, {4, 4, 0x3f, 0x80, 0, 1}};

    (void)state;
    for (size_t i = 1; i < ARRAY_N(ints); i++) {
        assert_true(compare_keys(ints[i - 1], 3, ints[i], 3) < 0);
    }
    for (size_t i = 1; i < ARRAY_N(floats); i++) {
        assert_true(compare_keys(floats[i - 1], 6, floats[i], 6) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_numbers),
        cmocka_unit_test(test_everything_fails),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_fixpoint_and_budget),
        cmocka_unit_test(test_order_of_simplicity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

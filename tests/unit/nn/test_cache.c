/* cache.c: extents name every byte that a pass or a rollback wrote, so that a
 * copy kept by extents alone goes on with the same bits; rollbacks deeper than
 * the ring are refused and change nothing; reset is empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nn/transformer_world.h"

enum {
    SLACK = 40
};

static void copy_extents(const struct lane *l, const struct model *m,
                         uint64_t from, uint64_t to, uint8_t *copy)
{
    struct extents e = {0};
    size_t bytes = cache_bytes(m, 256, SLACK);

    assert_int_equal(cache_extents(&l->c, m, from, to, &e), 0);
    for (size_t i = 0; i < e.n; i++) {
        assert_true(e.v[i].bytes > 0);
        assert_true(e.v[i].offset + e.v[i].bytes <= bytes);
        assert_true(i == 0 ||
                    e.v[i - 1].offset + e.v[i - 1].bytes < e.v[i].offset);
        memcpy(copy + e.v[i].offset, l->c.area + e.v[i].offset, e.v[i].bytes);
    }
    extents_release(&e);
}

/* Random passes and rollbacks; after each the copy holds what the area does. */
static void test_extents(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 9; seed++) {
        struct model_init spec = world_spec(seed % 4, 0);
        struct model *m = world_model(&spec);
        size_t bytes = cache_bytes(m, 256, SLACK);
        uint8_t *copy = world_calloc(bytes, 1);
        struct lane l, *one = &l;
        uint64_t random = seed;
        struct pass *p;

        assert_int_equal(pass_new(m, SLACK, 1, &p), 0);
        lane_init(&l, m, SLACK, seed);
        for (size_t step = 0; step < 60 && l.c.n < WORLD_TOKENS; step++) {
            size_t most = WORLD_TOKENS - l.c.n;
            size_t n = 1 + world_below(&random, most < 20 ? most : 20);
            uint64_t before = l.c.n;
            size_t back;

            world_feed(p, m, &one, &n, 1);
            copy_extents(&l, m, before, l.c.n, copy);
            assert_int_equal(memcmp(copy, l.c.area, bytes), 0);
            before = l.c.n;
            back = world_below(&random, n + 1);
            assert_int_equal(cache_rollback(&l.c, m, l.c.n - back), 0);
            copy_extents(&l, m, l.c.n, before, copy);
            assert_int_equal(memcmp(copy, l.c.area, bytes), 0);
        }
        cache_reset(&l.c, m);
        memset(copy, 0, bytes);
        assert_int_equal(memcmp(copy, l.c.area, bytes), 0);
        free(copy);
        pass_free(p);
        lane_release(&l);
        model_free(m);
    }
}

/* The ring of window 16 and slack 40 has 64 positions. */
static void test_depth(void **state)
{
    struct model_init spec = world_spec(3, 0);
    struct model *m = world_model(&spec);
    const size_t step = 10;
    struct lane l, *one = &l;
    size_t bytes = cache_bytes(m, 256, SLACK);
    uint8_t *before = world_calloc(bytes, 1);
    struct pass *p;

    (void)state;
    assert_int_equal(pass_new(m, SLACK, 1, &p), 0);
    lane_init(&l, m, SLACK, 1);
    while (l.c.n < 60) {
        world_feed(p, m, &one, &step, 1);
    }
    assert_int_equal(cache_rollback(&l.c, m, 0), 0); /* nothing was lost yet */
    while (l.c.n < 120) {
        world_feed(p, m, &one, &step, 1);
    }
    memcpy(before, l.c.area, bytes);
    for (uint64_t n = 0; n < 120 - 49; n++) {
        assert_int_equal(cache_rollback(&l.c, m, n), ERR_LIMIT);
    }
    assert_int_equal(memcmp(before, l.c.area, bytes), 0);
    assert_int_equal(l.c.n, 120);
    assert_int_equal(cache_rollback(&l.c, m, 80), 0);
    /* In two steps no deeper than in one. */
    assert_int_equal(cache_rollback(&l.c, m, 70), ERR_LIMIT);
    assert_int_equal(cache_rollback(&l.c, m, 71), 0);
    assert_int_equal(cache_admits(&l.c, m, 49), 0);
    assert_int_equal(cache_admits(&l.c, m, 50), ERR_LIMIT);
    free(before);
    pass_free(p);
    lane_release(&l);
    model_free(m);
}

static void test_sizes(void **state)
{
    struct model_init spec = world_spec(3, 0);
    struct model *m = world_model(&spec);
    const size_t whole = 256 * 2 * 2 * 4 * 8; /* heads, k and v (padded) */

    (void)state;
    assert_true(model_is_windowed(m, 0) && !model_is_windowed(m, 1) &&
                model_is_windowed(m, 2));
    /* Two rings of 64 positions and one of 256, values padded to 16. */
    assert_int_equal(cache_bytes(m, 256, SLACK),
                     64 + (256 + 2 * 64) * 2 * 4 * (8 + 16));
    assert_int_equal(cache_bytes(m, 256, 1 << 20),
                     64 + 3 * (whole / 2 + whole));
    assert_int_equal(cache_bytes(m, 1, 0), 64 + 3 * 64 * 2 * 4 * 24);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_extents),
                                       cmocka_unit_test(test_depth),
                                       cmocka_unit_test(test_sizes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

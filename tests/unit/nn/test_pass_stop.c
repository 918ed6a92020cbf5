/* Traps: a pass stops at any site and goes on with the same bits, at once, or
 * saved, in another pass over copied caches; a trap that changes x changes what
 * follows and nothing before; what was not saved so is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nn/transformer_world.h"

enum {
    FIRST = 70, /* tokens before the pass that is stopped */
    MORE = 9,
    LANES = 2
};

struct stopper {
    uint32_t site; /* 2 * layer + when */
    size_t calls;
};

static int stop_here(void *ctx, const struct trap_rows *r)
{
    struct stopper *s = ctx;

    s->calls++;
    assert_int_equal(2 * r->layer + r->when, s->site);
    assert_int_equal(r->rows, LANES * MORE);
    assert_int_equal(r->position[0], FIRST);
    assert_int_equal(r->lane[MORE], 1);
    return TRAP_STOP;
}

struct pair {
    struct lane l[LANES];
    struct pass_lane in[LANES];
    struct pass *p;
};

/* Two lanes that hold FIRST tokens. */
static void pair_init(struct pair *x, const struct model *m)
{
    struct lane *both[LANES] = {&x->l[0], &x->l[1]};
    const size_t n[LANES] = {FIRST, FIRST};

    assert_int_equal(pass_new(m, LANES * FIRST, LANES, &x->p), 0);
    for (size_t i = 0; i < LANES; i++) {
        lane_init(&x->l[i], m, FIRST, 31 + i);
    }
    world_feed(x->p, m, both, n, LANES);
    for (size_t i = 0; i < LANES; i++) {
        x->in[i] =
            (struct pass_lane){&x->l[i].c,
                               x->l[i].s.tokens + FIRST,
                               MORE,
                               i,
                               x->l[i].s.logits + (FIRST + i) * WORLD_VOCAB,
                               NULL};
    }
}

static void pair_release(struct pair *x)
{
    lane_release(&x->l[0]);
    lane_release(&x->l[1]);
    pass_free(x->p);
}

static void expect_same(const struct model *m, struct pair *a, struct pair *b,
                        uint32_t site)
{
    for (size_t i = 0; i < LANES; i++) {
        size_t bytes = cache_bytes(m, 256, FIRST);

        assert_int_equal(a->l[i].c.n, FIRST + MORE);
        assert_int_equal(b->l[i].c.n, FIRST + MORE);
        if (memcmp(a->l[i].s.logits, b->l[i].s.logits,
                   WORLD_TOKENS * WORLD_VOCAB * 4) != 0 ||
            memcmp(a->l[i].area, b->l[i].area, bytes) != 0) {
            fail_msg("lane %zu differs after a stop at %u", i, site);
        }
    }
}

/* Moves a stopped pass to another pass, its caches to other memory. */
static void move(const struct model *m, struct pair *x)
{
    size_t n = pass_stop_bytes(x->p), bytes = cache_bytes(m, 256, FIRST);
    uint8_t *saved = world_calloc(n, 1);
    struct pass *p;

    pass_stop_save(x->p, saved);
    for (size_t i = 0; i < LANES; i++) {
        void *other = aligned_alloc(64, bytes);

        assert_non_null(other);
        memcpy(other, x->l[i].area, bytes);
        free(x->l[i].area);
        x->l[i].area = other;
        x->l[i].c.area = other;
    }
    assert_int_equal(pass_new(m, 64, 2, &p), 0);
    for (size_t i = 0; i < n; i += 1 + i / 8) { /* no byte may differ */
        saved[i] ^= 1;
        assert_int_equal(pass_stop_load(p, x->in, LANES, saved, n), ERR_INPUT);
        saved[i] ^= 1;
    }
    assert_int_equal(pass_stop_load(p, x->in, LANES, saved, n - 1), ERR_INPUT);
    assert_int_equal(pass_stop_load(p, x->in, 1, saved, n), ERR_INPUT);
    x->in[1].logits_from = 0;
    assert_int_equal(pass_stop_load(p, x->in, LANES, saved, n), ERR_INPUT);
    x->in[1].logits_from = 1;
    assert_int_equal(pass_stop_load(p, x->in, LANES, saved, n), 0);
    assert_true(pass_is_stopped(p));
    free(saved);
    pass_free(x->p);
    x->p = p;
}

static void test_every_site(void **state)
{
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        struct model_init spec = world_spec(i / 4, i % 4);
        struct model *m = world_model(&spec);
        struct pair plain;

        pair_init(&plain, m);
        assert_int_equal(pass_run(plain.p, plain.in, LANES, NULL), PASS_DONE);
        for (uint32_t site = 0; site < 6; site++) {
            uint8_t armed[6] = {0};
            struct stopper s = {site, 0};
            struct traps t = {armed, stop_here, NULL, &s};
            struct pair x;

            armed[site] = 1;
            pair_init(&x, m);
            assert_int_equal(pass_run(x.p, x.in, LANES, &t), PASS_STOPPED);
            assert_true(pass_is_stopped(x.p));
            assert_int_equal(x.l[0].c.n, FIRST);
            if (i % 2 == 0) {
                move(m, &x);
            }
            assert_int_equal(pass_resume(x.p, &t), PASS_DONE);
            assert_int_equal(s.calls, 1);
            expect_same(m, &plain, &x, site);
            pair_release(&x);
        }
        pair_release(&plain);
        model_free(m);
    }
}

/* Stops at every site in turn. */
static int stop_always(void *ctx, const struct trap_rows *r)
{
    (void)r;
    ++*(size_t *)ctx;
    return TRAP_STOP;
}

static void test_all_sites(void **state)
{
    static const uint8_t armed[6] = {1, 1, 1, 1, 1, 1};
    struct model_init spec = world_spec(3, 0);
    struct model *m = world_model(&spec);
    struct pair plain, x;
    size_t calls = 0;
    struct traps t = {armed, stop_always, NULL, &calls};
    int code;

    (void)state;
    pair_init(&plain, m);
    assert_int_equal(pass_run(plain.p, plain.in, LANES, NULL), PASS_DONE);
    pair_init(&x, m);
    code = pass_run(x.p, x.in, LANES, &t);
    while (code == PASS_STOPPED) {
        code = pass_resume(x.p, &t);
    }
    assert_int_equal(code, PASS_DONE);
    assert_int_equal(calls, 6);
    expect_same(m, &plain, &x, 6);
    pair_release(&plain);
    pair_release(&x);
    model_free(m);
}

/* Abandoned: as if it had never begun. */
static void test_abandoned(void **state)
{
    struct model_init spec = world_spec(3, 0);
    struct model *m = world_model(&spec);
    uint8_t armed[6] = {0, 0, 0, 0, 0, 1};
    struct stopper s = {5, 0};
    struct traps t = {armed, stop_here, NULL, &s};
    struct pair plain, x;

    (void)state;
    pair_init(&plain, m);
    assert_int_equal(pass_run(plain.p, plain.in, LANES, NULL), PASS_DONE);
    pair_init(&x, m);
    assert_int_equal(pass_run(x.p, x.in, LANES, &t), PASS_STOPPED);
    pass_abandon(x.p);
    assert_false(pass_is_stopped(x.p));
    assert_int_equal(pass_run(x.p, x.in, LANES, NULL), PASS_DONE);
    expect_same(m, &plain, &x, 5);
    pair_release(&plain);
    pair_release(&x);
    model_free(m);
}

/* Adds to one lane's residual behind layer 1. */
static int add_one(void *ctx, const struct trap_rows *r)
{
    const float *add = ctx;

    for (size_t i = 0; i < r->rows; i++) {
        if (r->lane[i] == 1) {
            r->x[i * r->ldx + 3] += *add;
        }
    }
    return TRAP_GO;
}

static void test_changes(void **state)
{
    struct model_init spec = world_spec(1, 2);
    struct model *m = world_model(&spec);
    const uint8_t armed[6] = {0, 0, 0, 1, 0, 0};
    float adds[2] = {0.0f, 1.0f};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct traps t = {armed, add_one, NULL, &adds[i]};
        struct pair plain, x;

        pair_init(&plain, m);
        pair_init(&x, m);
        assert_int_equal(pass_run(plain.p, plain.in, LANES, NULL), PASS_DONE);
        assert_int_equal(pass_run(x.p, x.in, LANES, &t), PASS_DONE);
        for (size_t lane = 0; lane < LANES; lane++) {
            assert_int_equal(memcmp(plain.l[lane].s.logits, x.l[lane].s.logits,
                                    WORLD_TOKENS * WORLD_VOCAB * 4) != 0,
                             i == 1 && lane == 1);
        }
        pair_release(&plain);
        pair_release(&x);
    }
    model_free(m);
}

static void test_other_model(void **state)
{
    struct model_init spec = world_spec(0, 0);
    struct model *m = world_model(&spec), *other;
    uint8_t armed[6] = {1};
    struct stopper s = {0, 0};
    struct traps t = {armed, stop_here, NULL, &s};
    uint8_t *saved;
    struct pass *p;
    struct pair x;
    size_t n;

    (void)state;
    spec.seed++;
    other = world_model(&spec);
    pair_init(&x, m);
    assert_int_equal(pass_run(x.p, x.in, LANES, &t), PASS_STOPPED);
    n = pass_stop_bytes(x.p);
    saved = world_calloc(n, 1);
    pass_stop_save(x.p, saved);
    assert_int_equal(pass_new(other, 64, 2, &p), 0);
    assert_int_equal(pass_stop_load(p, x.in, LANES, saved, n), ERR_INPUT);
    free(saved);
    pass_free(p);
    pair_release(&x);
    model_free(m);
    model_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_site), cmocka_unit_test(test_all_sites),
        cmocka_unit_test(test_abandoned), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_other_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* transformer.c, layer_*.c: a token's logits, residual rows, keys and values are
 * the same bits for every cut into passes, lane mix, ring and rollback, for
 * every architecture and weight type; what cannot be asked is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nn/transformer_world.h"

enum {
    ALONE_SEED = 77,
    CASES_N = 16 /* architectures x types */
};

static int prove(void **state)
{
    (void)state;
    return nn_prove();
}

/* Three lanes with random tokens each step, in random order; the lane under test
 * is among them at a random place. */
static void mix(const struct model *m, struct lane *l, uint64_t seed,
                size_t batch)
{
    struct lane others[2], *all[3];
    struct pass *p;

    assert_int_equal(pass_new(m, batch, 3, &p), 0);
    lane_init(&others[0], m, 64, seed * 3 + 1);
    lane_init(&others[1], m, 64, seed * 3 + 2);
    while (l->c.n < WORLD_TOKENS) {
        size_t n[3], lanes_n = 0, left = batch;
        size_t mine = world_below(&seed, 3);

        for (size_t i = 0; i < 3 && left > 0; i++) {
            struct lane *x = i == mine ? l : &others[i < mine ? i : i - 1];
            size_t most = WORLD_TOKENS - x->c.n;

            most = most > left ? left : most;
            if (most > 0 && (i == mine || world_below(&seed, 2) == 0)) {
                n[lanes_n] = 1 + world_below(&seed, most);
                left -= n[lanes_n];
                all[lanes_n++] = x;
            }
        }
        if (lanes_n > 0) {
            world_feed(p, m, all, n, lanes_n);
        }
    }
    pass_free(p);
    lane_release(&others[0]);
    lane_release(&others[1]);
}

static void test_cuts_and_lanes(void **state)
{
    static const size_t batches[] = {2, 7, 23, 48};

    (void)state;
    for (size_t i = 0; i < CASES_N; i++) {
        struct model_init spec = world_spec(i / 4, i % 4);
        struct model *m = world_model(&spec);
        struct lane alone;

        world_tell(m, &alone, ALONE_SEED);
        for (size_t k = 0; k < ARRAY_N(batches); k++) {
            struct lane l;

            lane_init(&l, m, 64, ALONE_SEED);
            mix(m, &l, 1000 + k, batches[k]);
            if (!story_is_same(m, &alone.s, &l.s, WORLD_TOKENS)) {
                fail_msg("%s type %d, batches of up to %zu", spec.arch,
                         (int)spec.type, batches[k]);
            }
            lane_release(&l);
        }
        lane_release(&alone);
        model_free(m);
    }
}

/* Rings of every length against the ring that holds all; random rollbacks over
 * tokens that are not the story's. */
static void wander(const struct model *m, struct lane *l, uint64_t seed)
{
    uint32_t slack = l->c.slack;
    struct lane *one[1] = {l};
    struct pass *p;

    assert_int_equal(pass_new(m, slack, 1, &p), 0);
    while (l->c.n < WORLD_TOKENS) {
        size_t left = WORLD_TOKENS - l->c.n;
        size_t wrong = world_below(&seed, slack + 1);
        size_t n = 1 + world_below(&seed, slack);
        uint32_t kept[WORLD_TOKENS];

        wrong = world_below(&seed, 4) == 0 ? slack : wrong;
        n = world_below(&seed, 4) == 0 ? slack : n;
        wrong = wrong > left ? left : wrong;
        n = n > left ? left : n;
        if (wrong > 0) {
            memcpy(kept, l->s.tokens, sizeof(kept));
            for (size_t i = 0; i < wrong; i++) {
                l->s.tokens[l->c.n + i] =
                    (uint32_t)world_below(&seed, WORLD_VOCAB);
            }
            world_feed(p, m, one, &wrong, 1);
            assert_int_equal(cache_rollback(&l->c, m, l->c.n - wrong), 0);
            memcpy(l->s.tokens, kept, sizeof(kept));
        }
        if (cache_admits(&l->c, m, n) != 0) {
            fail_msg("%zu tokens after %zu wrong ones, slack %u", n, wrong,
                     slack);
        }
        world_feed(p, m, one, &n, 1);
    }
    pass_free(p);
}

static void test_rings_and_rollbacks(void **state)
{
    static const uint32_t slacks[] = {1, 5, 48, 49, 64, 112, 120, 150};

    (void)state;
    for (size_t window = 1; window < 70; window += 17) {
        for (size_t i = 0; i < ARRAY_N(slacks); i++) {
            struct model_init spec = world_spec(3, i % 4);
            struct model *m;
            struct lane alone, l;

            spec.window = (uint32_t)window;
            m = world_model(&spec);
            world_tell(m, &alone, ALONE_SEED);
            lane_init(&l, m, slacks[i], ALONE_SEED);
            wander(m, &l, 5000 + i);
            if (!story_is_same(m, &alone.s, &l.s, WORLD_TOKENS)) {
                fail_msg("window %zu, slack %u", window, slacks[i]);
            }
            lane_release(&l);
            lane_release(&alone);
            model_free(m);
        }
    }
}

/* Logits are written where they were asked for and nowhere else. */
static void test_logits_from(void **state)
{
    struct model_init spec = world_spec(1, 0);
    struct model *m = world_model(&spec);
    struct lane alone, l;
    struct pass *p;

    (void)state;
    world_tell(m, &alone, ALONE_SEED);
    assert_int_equal(pass_new(m, 100, 1, &p), 0);
    for (size_t from = 0; from <= 100; from += 10) {
        struct pass_lane in = {0};

        lane_init(&l, m, 1, ALONE_SEED);
        in = (struct pass_lane){
            &l.c, l.s.tokens, 100, from, l.s.logits + from * WORLD_VOCAB, NULL};
        assert_int_equal(pass_run(p, &in, 1, NULL), PASS_DONE);
        assert_int_equal(l.c.n, 100);
        for (size_t i = 0; i < from * WORLD_VOCAB; i++) {
            assert_true(l.s.logits[i] == 0.0f);
        }
        assert_memory_equal(l.s.logits + from * WORLD_VOCAB,
                            alone.s.logits + from * WORLD_VOCAB,
                            (100 - from) * WORLD_VOCAB * 4);
        lane_release(&l);
    }
    pass_free(p);
    lane_release(&alone);
    model_free(m);
}

/* Routers that find all experts equal: the lowest are chosen, as if the others
 * were masked. */
static void test_ties(void **state)
{
    static const uint8_t lowest[5] = {1, 1, 0, 0, 0};
    struct model_init spec = world_spec(0, 0);
    struct model_file f;
    struct lane l[2];
    struct pass_lane in[2];
    struct model *m;
    struct pass *p;
    struct diag d;

    (void)state;
    assert_int_equal(model_file_make(&spec, &f, &d), 0);
    for (uint32_t i = 0; i < f.g.tensors_n; i++) {
        const struct gguf_tensor *t = &f.g.tensors[i];

        if (memmem(t->name.p, t->name.n, "gate_inp", 8) != NULL) {
            memset(f.bytes + ((const uint8_t *)t->data - f.bytes), 0, t->bytes);
        }
    }
    assert_int_equal(model_new(&f.g, &m, &d), 0);
    assert_int_equal(pass_new(m, 64, 2, &p), 0);
    for (size_t i = 0; i < 2; i++) {
        lane_init(&l[i], m, 64, ALONE_SEED);
        in[i] = (struct pass_lane){&l[i].c,       l[i].s.tokens,         32, 0,
                                   l[i].s.logits, i == 0 ? NULL : lowest};
    }
    assert_int_equal(pass_run(p, in, 2, NULL), PASS_DONE);
    assert_memory_equal(l[0].s.logits, l[1].s.logits, 32 * WORLD_VOCAB * 4);
    lane_release(&l[0]);
    lane_release(&l[1]);
    pass_free(p);
    model_free(m);
    model_file_release(&f);
}

struct routed {
    const uint8_t *may;
    size_t seen;
};

static void check_router(void *ctx, uint32_t layer, size_t rows,
                         const uint32_t *lane, const float *probabilities,
                         size_t experts)
{
    struct routed *r = ctx;

    (void)layer;
    for (size_t i = 0; i < rows; i++) {
        float sum = 0;

        assert_int_equal(lane[i], 0);
        for (size_t e = 0; e < experts; e++) {
            float v = probabilities[i * experts + e];

            assert_true(r->may[e] ? v > 0 : v == 0.0f);
            sum += v;
        }
        assert_true(fabsf(sum - 1.0f) < 1e-5f);
        r->seen++;
    }
}

/* A lane's mask moves its own tokens only, and masked experts get nothing; a
 * mask of all is no mask. */
static void test_masks(void **state)
{
    static const uint8_t two[5] = {0, 1, 0, 1, 0}, all[5] = {1, 1, 1, 1, 1};

    (void)state;
    for (size_t arch = 0; arch < 4; arch++) {
        struct model_init spec = world_spec(arch, 0);
        struct model *m = world_model(&spec);
        struct lane alone, l[3];
        struct routed r = {two, 0};
        struct traps t = {NULL, NULL, check_router, &r};
        struct pass_lane in[3];
        struct pass *p;

        world_tell(m, &alone, ALONE_SEED);
        assert_int_equal(pass_new(m, 96, 3, &p), 0);
        for (size_t i = 0; i < 3; i++) {
            lane_init(&l[i], m, 64, ALONE_SEED);
            in[i] = (struct pass_lane){
                &l[i].c, l[i].s.tokens, 32,
                0,       l[i].s.logits, i == 0 ? two : i == 1 ? all : NULL};
        }
        assert_int_equal(pass_run(p, in, 1, &t), PASS_DONE);
        assert_int_equal(r.seen, 32 * 3);
        assert_int_equal(cache_rollback(&l[0].c, m, 0), 0);
        assert_int_equal(pass_run(p, in, 3, NULL), PASS_DONE);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(memcmp(l[i].s.logits, alone.s.logits,
                                    32 * WORLD_VOCAB * 4) == 0,
                             i != 0);
            lane_release(&l[i]);
        }
        lane_release(&alone);
        pass_free(p);
        model_free(m);
    }
}

/* Puts NaN into one row, once. */
static int poison(void *ctx, const struct trap_rows *r)
{
    const uint64_t *at = ctx;

    for (size_t i = 0; i < r->rows; i++) {
        if (r->lane[i] == 0 && r->position[i] == *at) {
            r->x[i * r->ldx] = NAN;
        }
    }
    return TRAP_GO;
}

/* A number that is not finite: its lane has no logits from there on, others'
 * bits stay; after a rollback it is as if it had never been. */
static void test_not_finite(void **state)
{
    static const uint8_t armed[6] = {0, 0, 1, 0, 0, 0};

    (void)state;
    for (size_t i = 0; i < CASES_N; i++) {
        struct model_init spec = world_spec(i / 4, i % 4);
        struct model *m = world_model(&spec);
        struct lane alone, l[2], *first = &l[0];
        uint64_t at = 11;
        struct traps t = {armed, poison, NULL, &at};
        struct pass_lane in[2];
        const size_t rest = 21;
        struct pass *p;

        world_tell(m, &alone, ALONE_SEED);
        assert_int_equal(pass_new(m, 64, 2, &p), 0);
        for (size_t k = 0; k < 2; k++) {
            lane_init(&l[k], m, 64, ALONE_SEED);
            in[k] = (struct pass_lane){&l[k].c, l[k].s.tokens, 32,
                                       0,       l[k].s.logits, NULL};
        }
        assert_int_equal(pass_run(p, in, 2, &t), PASS_DONE);
        assert_memory_equal(l[1].s.logits, alone.s.logits,
                            32 * WORLD_VOCAB * 4);
        assert_memory_equal(l[0].s.logits, alone.s.logits,
                            11 * WORLD_VOCAB * 4);
        for (size_t k = 11 * WORLD_VOCAB; k < 32 * WORLD_VOCAB; k++) {
            assert_true(isnan(l[0].s.logits[k]));
        }
        assert_int_equal(cache_rollback(&l[0].c, m, 11), 0);
        world_feed(p, m, &first, &rest, 1);
        assert_memory_equal(l[0].s.logits, alone.s.logits,
                            32 * WORLD_VOCAB * 4);
        lane_release(&l[0]);
        lane_release(&l[1]);
        lane_release(&alone);
        pass_free(p);
        model_free(m);
    }
}

static void test_refused(void **state)
{
    static const uint8_t one[5] = {0, 0, 1, 0, 0};
    struct model_init spec = world_spec(3, 0);
    struct model *m = world_model(&spec);
    uint32_t tokens[300] = {0}, bad[1] = {WORLD_VOCAB};
    float *logits = world_calloc(300 * WORLD_VOCAB, sizeof(float));
    struct lane l;
    struct pass *p;
    struct pass_lane in[3];

    (void)state;
    assert_int_equal(pass_new(m, 0, 1, &p), ERR_LIMIT);
    assert_int_equal(pass_new(m, 1, 0, &p), ERR_LIMIT);
    assert_int_equal(pass_new(m, PASS_BATCH_MAX + 1, 1, &p), ERR_LIMIT);
    assert_int_equal(cache_bytes(m, 0, 1), 0);
    assert_int_equal(cache_bytes(m, 257, 1), 0);
    assert_int_equal(pass_new(m, 200, 2, &p), 0);
    lane_init(&l, m, 64, 1);
    for (size_t i = 0; i < 3; i++) {
        in[i] = (struct pass_lane){&l.c, tokens, 1, 0, logits, NULL};
    }
    assert_int_equal(pass_run(p, in, 0, NULL), ERR_INPUT);
    assert_int_equal(pass_run(p, in, 2, NULL), ERR_INPUT); /* one cache */
    assert_int_equal(pass_run(p, in, 3, NULL), ERR_LIMIT);
    in[0].n = 0;
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_INPUT);
    in[0].n = 201;
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_LIMIT);
    in[0].n = 129; /* the ring has 128 */
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_LIMIT);
    in[0].n = 1;
    in[0].logits_from = 2;
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_INPUT);
    in[0].logits_from = 0;
    in[0].tokens = bad;
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_INPUT);
    in[0].tokens = tokens;
    in[0].experts = one;
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_INPUT);
    in[0].experts = NULL;
    assert_int_equal(l.c.n, 0);
    while (l.c.n < 256) {
        in[0].n = 64;
        assert_int_equal(pass_run(p, in, 1, NULL), PASS_DONE);
    }
    in[0].n = 1;
    assert_int_equal(pass_run(p, in, 1, NULL), ERR_LIMIT); /* full */
    lane_release(&l);
    free(logits);
    pass_free(p);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_and_lanes),
        cmocka_unit_test(test_rings_and_rollbacks),
        cmocka_unit_test(test_logits_from),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, prove, NULL);
}

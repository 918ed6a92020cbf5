/* The other rules, in two implementations: shuffles, numbers of section 7, the
 * order of simplicity, variants of a value, whole searches. */
#include "domains.h"

#include "kernel/exam/draw.h"
#include "kernel/exam/exam.h"
#include "kernel/exam/stream.h"
#include "proto/limits.h"
#include "replay/draw.h"
#include "replay/odds.h"
#include "replay/variants.h"
#include "workers/config/edit.h"

static void same_double(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof(a));
}

static void test_streams(void **state)
{
    uint8_t seed[32] = {1, 2, 3};
    static uint32_t a[5000];
    static uint32_t b[5000];

    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        struct stream s;
        struct chance c;
        uint32_t n = 1 + (uint32_t)dice(5000);
        uint64_t at = dice_wide();

        seed[4] = (uint8_t)i;
        stream_init(&s, seed, i % 7 + 0xfd, at);
        chance_open(&c, seed, i % 7 + 0xfd, at);
        stream_shuffle(&s, a, n);
        chance_shuffle(&c, b, n);
        assert_memory_equal(a, b, n * sizeof(a[0]));
        for (unsigned k = 0; k < 200; k++) {
            uint64_t max = dice_wide();

            assert_int_equal(stream_below(&s, max), chance_below(&c, max));
            assert_int_equal(stream_magnitude(&s, max),
                             chance_magnitude(&c, max));
        }
        stream_sub(&s, i % STREAM_SUBS);
        chance_sub(&c, i % STREAM_SUBS);
        assert_int_equal(stream_u64(&s), chance_u64(&c));
    }
}

static void compare_bets(double rate, double alpha_j, uint64_t n)
{
    struct exam_bet a = exam_bet(rate, alpha_j);
    struct odds_bet b = odds_bet(rate, alpha_j);
    uint64_t f = dice(40) < n ? dice(40) : 0;

    f = f <= n ? f : n;
    same_double(a.up, b.up);
    same_double(a.down, b.down);
    same_double(a.goal, b.goal);
    assert_int_equal(a.needed, b.need);
    same_double(exam_score(&a, n, f), odds_score(&b, n, f));
    same_double(exam_bound(0.05, n, f), odds_bound(0.05, n, f));
}

static void test_numbers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        double alpha = 0.5 / (double)(1 + dice_wide() % 100000000);
        double p0 = 0.5 / (double)(1 + dice_wide() % 10000000);
        uint64_t j = 1 + dice_wide() % 1000000000;
        uint64_t n = dice_wide() % (1u << 30);
        double alpha_j = exam_alpha(alpha, j);
        uint64_t need = odds_need(p0, alpha_j);

        same_double(alpha_j, odds_alpha(alpha, j));
        assert_int_equal(exam_draws_needed(p0, alpha_j), need);
        assert_int_equal(exam_draws(need, STRATA),
                         odds_each(need, STRATA) * STRATA);
        same_double(exam_bound(alpha_j, n, 0), odds_bound(alpha_j, n, 0));
        compare_bets(p0, alpha_j, n);
        same_double(exam_power(p0, n), odds_power(p0, n));
    }
    same_double(exam_bound(0.05, 0, 0), odds_bound(0.05, 0, 0));
    assert_int_equal(odds_need(0.0, 0.5), UINT64_MAX);
    assert_int_equal(odds_need(0.5, 0.0), UINT64_MAX);
}

/* All variants of one value, one behind the other. */
struct heap {
    struct buf all;
    uint64_t n;
};

static int heap_add(void *ctx, struct ubytes v)
{
    struct heap *h = ctx;

    h->n++;
    return buf_len(&h->all) + v.n > (4u << 20) ? 7
                                               : buf_put_bytes32(&h->all, v);
}

static void compare_variants(const struct draw_source *src,
                             const struct shape *s, uint64_t k)
{
    struct heap a = {.n = 0};
    struct heap b = {.n = 0};
    struct buf v;
    struct buf key[2];

    buf_init(&v, 16u << 20);
    buf_init(&a.all, 16u << 20);
    buf_init(&b.all, 16u << 20);
    buf_init(&key[0], 16u << 20);
    buf_init(&key[1], 16u << 20);
    OK(draw_instance(s, src->seed, (enum layer)(k % STRATA), k, &v));
    assert_int_equal(edit_all(&src->of, buf_bytes(&v), 0, heap_add, &a),
                     variants_walk(s, buf_bytes(&v), heap_add, &b));
    assert_int_equal(a.n, b.n);
    same_bytes(&a.all, &b.all);
    OK(edit_key(buf_bytes(&v), &key[0]));
    OK(variants_key(buf_bytes(&v), &key[1]));
    same_bytes(&key[0], &key[1]);
    buf_release(&key[0]);
    buf_release(&key[1]);
    buf_release(&b.all);
    buf_release(&a.all);
    buf_release(&v);
}

static void test_variants(void **state)
{
    struct buf domain;
    unsigned made = 0;

    (void)state;
    buf_init(&domain, DOMAIN_BYTES_MAX);
    for (unsigned i = 0; made < 600; i++) {
        struct draw_source src = {.literals = NULL};
        struct shape s = {.size = 0};
        struct type t;

        dice_state = 7 + i * UINT64_C(0x9e3779b97f4a7c15);
        if (!domain_arguments(&domain, &t)) {
            continue;
        }
        made++;
        src.of.domain = buf_bytes(&domain);
        memcpy(src.seed, &i, sizeof(i));
        OK(shape_read(src.of.domain, NULL, 0, &s));
        for (uint64_t k = 0; k < 7; k++) {
            compare_variants(&src, &s, k);
        }
        shape_release(&s);
    }
    buf_release(&domain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_variants),
    };

    return cmocka_run_group_tests(tests, sodium_start, NULL);
}

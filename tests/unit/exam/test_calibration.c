/* Does the exam keep its promise? Synthetic candidates that err on each draw
 * with a known chance must be admitted as often as (1 - eps)^n says, inside a
 * 99.9 % band; placebos never. 60 runs per rate; 10,000 with PROCTOR_FULL=1. */
#include "tests/unit/exam/play.h"

#include <math.h>
#include <stdlib.h>

#include "kernel/exam/draw.h"

static const uint8_t u32_takes[] = {9, 1, 3, 0x84};
static const uint8_t u32_type[] = {3, 0x84};
static const uint8_t u32_domain[] = {
    9, 1, 3, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};

static double error_rate;

static uint64_t next_random(struct play *p)
{
    uint64_t z = p->counter += 0x9e3779b97f4a7c15ull; /* SplitMix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static enum play_end oracle(struct play *p, struct ubytes input, uint32_t i,
                            uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, play_u32(input) * 2654435761u ^ 0x9e37u);
    return PLAY_ANSWERED;
}

/* Errs when a chunk is met for the first time; a second run only follows a clean
 * first one, and the small rounds of shrinking find nothing. */
static enum play_end errs(struct play *p, struct ubytes input, uint32_t i,
                          uint32_t n, struct buf *out)
{
    int is_first = n > 64 && p->runs[EXAM_CANDIDATE] % 2 == 1;
    double u = (double)(next_random(p) >> 11) * 0x1p-53;

    (void)i;
    play_put_u32(out, (play_u32(input) * 2654435761u ^ 0x9e37u) +
                          (is_first && u < error_rate ? 1 : 0));
    return PLAY_ANSWERED;
}

static enum play_end constant(struct play *p, struct ubytes input, uint32_t i,
                              uint32_t n, struct buf *out)
{
    (void)input;
    (void)i;
    (void)n;
    play_put_u32(out, (uint32_t)p->salt);
    return PLAY_ANSWERED;
}

static enum play_end identity(struct play *p, struct ubytes input, uint32_t i,
                              uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, play_u32(input));
    return PLAY_ANSWERED;
}

/* Knows the small numbers by heart, and nothing else. */
static enum play_end lookup(struct play *p, struct ubytes input, uint32_t i,
                            uint32_t n, struct buf *out)
{
    if (play_u32(input) < 1u << 16) {
        return oracle(p, input, i, n, out);
    }
    play_put_u32(out, 0);
    return PLAY_ANSWERED;
}

static unsigned runs_n(void)
{
    const char *full = getenv("PROCTOR_FULL");

    return full != NULL && full[0] == '1' ? 10000 : 60;
}

static unsigned admitted(play_fn candidate, unsigned runs)
{
    unsigned n = 0;
    struct play p;

    play_init(&p, u32_takes, sizeof(u32_takes), u32_type, sizeof(u32_type),
              u32_domain, sizeof(u32_domain));
    p.fn[EXAM_CANDIDATE] = candidate;
    p.fn[EXAM_ORACLE] = oracle;
    for (unsigned i = 0; i < runs; i++) {
        memcpy(p.seed, &i, sizeof(i));
        p.salt = i;
        play_forget(&p);
        p.counter = i * 0x5851f42d4c957f2dull;
        play_run(&p);
        assert_int_equal(p.code, 0);
        assert_int_equal(p.e->draws, p.e->verdict == VERDICT_ADMIT
                                         ? 16385
                                         : p.e->raw->k + 1);
        n += p.e->verdict == VERDICT_ADMIT ? 1 : 0;
    }
    play_forget(&p);
    return n;
}

/* P(X <= k) for X binomial(n, q). */
static double at_most(unsigned k, unsigned n, double q)
{
    double sum = 0;

    for (unsigned i = 0; i <= k; i++) {
        sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) +
                   i * log(q) + (n - i) * log1p(-q));
    }
    return sum;
}

static void assert_calibrated(double eps)
{
    unsigned runs = runs_n();
    double q = pow(1 - eps, 16385);
    unsigned k;

    error_rate = eps;
    k = admitted(errs, runs);
    print_message("error %g: admitted %u of %u, expected %.1f\n", eps, k, runs,
                  q * runs);
    if (eps <= 0) {
        assert_int_equal(k, runs);
        return;
    }
    assert_true(at_most(k, runs, q) > 0.0005);
    assert_true(k == 0 || 1 - at_most(k - 1, runs, q) > 0.0005);
}

static void test_calibrated(void **state)
{
    (void)state;
    assert_calibrated(0);
    assert_calibrated(1e-4);
    assert_calibrated(1e-3);
    assert_calibrated(1e-2);
}

static void test_no_placebo_is_admitted(void **state)
{
    unsigned runs = runs_n();

    (void)state;
    assert_int_equal(admitted(constant, runs), 0);
    assert_int_equal(admitted(identity, runs), 0);
    assert_int_equal(admitted(lookup, runs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibrated),
        cmocka_unit_test(test_no_placebo_is_admitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

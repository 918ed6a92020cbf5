/* What an exam forgives when it says so: an error rate, units in the last place;
 * and what it says of candidates that remember. */
#include "tests/unit/exam/functions.h"

#include <math.h>
#include <stdlib.h>

#include "kernel/exam/machine.h"
#include "proto/limits.h"

/* --- the arithmetic -------------------------------------------------------- */

static void assert_close(double got, double expected)
{
    assert_true(fabs(got - expected) <= 1e-12 * fabs(expected));
}

static void test_bet(void **state)
{
    struct exam_bet b = exam_bet(0.01, exam_alpha(1e-6, 1));

    (void)state;
    assert_close(b.up, log((1 - 0.001) / (1 - 0.01)));
    assert_close(b.down, log(0.1));
    assert_close(b.goal, -log(exam_alpha(1e-6, 1)));
    assert_int_equal(b.needed, 1582);
    assert_true(exam_score(&b, b.needed, 0) >= b.goal);
    assert_true(exam_score(&b, b.needed - 1, 0) < b.goal);
    assert_close(exam_score(&b, 1000, 3), 997 * b.up + 3 * b.down);
}

static uint64_t next_random(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15ull; /* SplitMix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Ville: who looks after every draw sees the goal reached by a candidate at the
 * rate itself in a share alpha of all cases at most. */
static void test_looking_often_costs_nothing(void **state)
{
    struct exam_bet b = exam_bet(0.1, 0.05);
    uint64_t s = 7;
    unsigned reached = 0;

    (void)state;
    for (unsigned path = 0; path < 4000; path++) {
        uint64_t failures = 0;

        for (uint64_t n = 1; n <= 1000; n++) {
            failures += (double)(next_random(&s) >> 11) * 0x1p-53 < 0.1;
            if (exam_score(&b, n, failures) >= b.goal) {
                reached++;
                break;
            }
        }
    }
    print_message("reached by %u of 4000, at most %g expected\n", reached,
                  0.05 * 4000);
    assert_true(reached > 20); /* the bound is no joke */
    assert_true(reached < 200 + 4 * 14);
}

/* P(X <= k) for X binomial(n, p), by libm. */
static double at_most(uint64_t k, uint64_t n, double p)
{
    double sum = 0;

    for (uint64_t i = 0; i <= k; i++) {
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) -
                   lgamma((double)(n - i) + 1) + (double)i * log(p) +
                   (double)(n - i) * log1p(-p));
    }
    return sum;
}

static void test_clopper_pearson(void **state)
{
    static const uint64_t cases[][2] = {{4096, 1},    {4096, 30}, {100, 99},
                                        {100, 50},    {7, 3},     {16385, 16},
                                        {16385, 800}, {2, 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        uint64_t n = cases[i][0];
        uint64_t k = cases[i][1];
        double p = exam_bound(0.05, n, k);

        assert_true(p > (double)k / (double)n && p < 1);
        assert_true(fabs(at_most(k, n, p) - 0.05) < 1e-8);
    }
    /* the spec's figure: 1 failure of 4,096 at 1e-3 is 2.3e-3 */
    assert_true(fabs(exam_bound(1e-3, 4096, 1) - 2.3e-3) < 0.05e-3);
    assert_true(exam_bound(0.05, 10, 10) >= 1.0);
    assert_true(exam_bound(0.05, 4096, 2) > exam_bound(0.05, 4096, 1));
    assert_true(exam_bound(0.05, 4096, 1) > exam_bound(0.05, 4096, 0));
}

/* The same bits on every host. */
static void test_known_bits(void **state)
{
    struct exam_bet b = exam_bet(0.003, exam_alpha(1e-6, 3));
    double got[5] = {b.up, b.down, b.goal, exam_score(&b, 9000, 2),
                     exam_bound(0.05, 16385, 16)};
    uint8_t digest[32];
    char hex[65];

    (void)state;
    blake3((const uint8_t *)got, sizeof(got), digest);
    for (unsigned i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(
        hex,
        "f787389378afd41c8f8c6e6a7c4877cbe7abdb8689777467c078dd4339a22902");
}

/* --- noisy exams ------------------------------------------------------------ */

static uint32_t wrong_in; /* one input in so many is answered wrongly */

static enum play_end approximates(struct play *p, struct ubytes input,
                                  uint32_t i, uint32_t n, struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(x) ^ (mix(x ^ 0x5555) % wrong_in == 0 ? 1 : 0));
    return PLAY_ANSWERED;
}

static enum play_end approximates_and_dies(struct play *p, struct ubytes input,
                                           uint32_t i, uint32_t n,
                                           struct buf *out)
{
    return i == 77 ? PLAY_CRASH : approximates(p, input, i, n, out);
}

static void noisy_exam(struct play *p, play_fn candidate, double rate)
{
    u32_exam(p, candidate);
    p->spec.error_rate = rate;
}

static void test_noisy(void **state)
{
    struct play p;

    (void)state;
    wrong_in = 1000;
    noisy_exam(&p, approximates, 0.01);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->level, LEVEL_ORACLE); /* with two oracles, too */
    assert_true(p.e->failures > 0);
    assert_non_null(strstr(p.e->reason, "noisy: wrong on "));
    assert_non_null(p.e->raw);
    assert_null(p.e->shrunk);
    assert_true(p.e->bound95 > (double)p.e->failures / (double)p.e->draws);
    assert_true(p.e->bound95 < 0.005);
    assert_true(p.e->bound_alpha >= 0.01 && p.e->bound_alpha <= 0.01);
    assert_int_equal(p.e->n_power, 0);
    play_forget(&p);
    wrong_in = 100;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_null(p.e->shrunk); /* nothing is burnt */
    play_forget(&p);
    noisy_exam(&p, approximates_and_dies, 0.01);
    wrong_in = 1000;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_non_null(strstr(p.e->reason, "no answer at draw 77 of "));
    assert_int_equal(p.e->raw->k, 77);
    play_forget(&p);
    noisy_exam(&p, remembers, 0.01);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_non_null(strstr(p.e->reason, "not deterministic"));
    play_forget(&p);
}

/* A domain that is asked whole has a rate, not an estimate. */
static enum play_end u8_wrong_at_three(struct play *p, struct ubytes input,
                                       uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(input.p[7]) ^ (input.p[7] < 3));
    return PLAY_ANSWERED;
}

static void test_noisy_exhaustive(void **state)
{
    struct play p;

    (void)state;
    u8_exam(&p, u8_wrong_at_three); /* 3 of 201 */
    p.spec.error_rate = 0.015;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_string_equal(p.e->reason,
                        "noisy: wrong on 3 of 201 inputs of the domain");
    assert_true(p.e->bound95 <= 0);
    play_forget(&p);
    p.spec.error_rate = 0.014;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    play_forget(&p);
}

/* Nine answers in ten are 0: a constant must not pass where it is as good. */
static enum play_end mostly_zero(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(x) % 500 == 7 ? 1 : 0);
    return PLAY_ANSWERED;
}

static enum play_end zero(struct play *p, struct ubytes input, uint32_t i,
                          uint32_t n, struct buf *out)
{
    (void)p;
    (void)input;
    (void)i;
    (void)n;
    play_put_u32(out, 0);
    return PLAY_ANSWERED;
}

static void test_noisy_constant(void **state)
{
    struct play p;

    (void)state;
    noisy_exam(&p, zero, 0.05);
    p.fn[EXAM_ORACLE] = mostly_zero;
    p.fn[EXAM_SECOND] = mostly_zero;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(p.e->reason, "a constant is as good"));
    assert_string_equal(p.e->controls[0]->name, "constant");
    assert_true(p.e->controls[0]->passed);
    play_forget(&p);
    p.spec.error_rate = 0; /* without tolerance it is simply wrong */
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    play_forget(&p);
}

static void table_exam(struct play *p, struct values *in, struct values *out,
                       uint32_t n)
{
    static const struct type takes = {4, {9, 1, 3, 0x84}};
    static const struct type gives = {2, {3, 0x84}};
    struct values_builder w[2];
    struct buf v;

    play_init(p, u32_takes, sizeof(u32_takes), u32_type, sizeof(u32_type), NULL,
              0);
    buf_init(&v, 100);
    assert_int_equal(values_builder_init(&w[0], 1 << 20), 0);
    assert_int_equal(values_builder_init(&w[1], 1 << 20), 0);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&v);
        assert_int_equal(value_put_tuple(&v, 1), 0);
        play_put_u32(&v, i);
        assert_int_equal(values_builder_add(&w[0], buf_bytes(&v)), 0);
        buf_reset(&v);
        play_put_u32(&v, mix(i));
        assert_int_equal(values_builder_add(&w[1], buf_bytes(&v)), 0);
    }
    values_init(in);
    values_init(out);
    assert_int_equal(values_decode(in, values_builder_bytes(&w[0]), &takes, n),
                     0);
    assert_int_equal(values_decode(out, values_builder_bytes(&w[1]), &gives, n),
                     0);
    values_builder_release(&w[0]);
    values_builder_release(&w[1]);
    buf_release(&v);
    p->setup.table_inputs = in;
    p->setup.table_outputs = out;
}

static void test_noisy_table(void **state)
{
    struct values in;
    struct values out;
    struct play p;

    (void)state;
    wrong_in = 1000;
    table_exam(&p, &in, &out, 4000);
    p.fn[EXAM_CANDIDATE] = approximates;
    p.spec.error_rate = 0.01;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_non_null(strstr(p.e->reason, " of 4000 rows of the table"));
    assert_true(p.e->bound95 > 0);
    assert_true(p.e->strata[0]->bound95 > 0);
    play_forget(&p);
    values_release(&in);
    values_release(&out);
    table_exam(&p, &in, &out, 1500); /* 1,582 clean ones would be needed */
    p.fn[EXAM_CANDIDATE] = good;
    p.spec.error_rate = 0.01;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_string_equal(p.e->reason, "too few inputs to tell an error rate");
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    values_release(&in);
    values_release(&out);
}

/* --- units in the last place -------------------------------------------------- */

static const uint8_t f64_takes[] = {9, 1, 4, 8};
static const uint8_t f64_type[] = {4, 8};
static const uint8_t f64_domain[] = {9, 1, 4, 8, 0xc0, 0x59, 0,
                                     0, 0, 0, 0, 0,    0x40, 0x59,
                                     0, 0, 0, 0, 0,    0}; /* -100 to 100 */

static double read_f64(struct ubytes input)
{
    uint64_t bits = 0;
    double v;

    for (unsigned i = 7; i < 15; i++) {
        bits = bits << 8 | input.p[i];
    }
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static enum play_end cubic(struct play *p, struct ubytes input, uint32_t i,
                           uint32_t n, struct buf *out)
{
    double x = read_f64(input);

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f64(out, (x * x + 1.0) * x), 0);
    return PLAY_ANSWERED;
}

/* Rounded otherwise on the way. */
static enum play_end cubic_other(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out)
{
    double x = read_f64(input);

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f64(out, x * x * x + x), 0);
    return PLAY_ANSWERED;
}

/* In single precision. */
static enum play_end cubic_f32(struct play *p, struct ubytes input, uint32_t i,
                               uint32_t n, struct buf *out)
{
    float x = (float)read_f64(input);

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f64(out, (double)((x * x + 1.0f) * x)), 0);
    return PLAY_ANSWERED;
}

static enum play_end cubic_nan(struct play *p, struct ubytes input, uint32_t i,
                               uint32_t n, struct buf *out)
{
    if (read_f64(input) > 99.0) {
        assert_int_equal(value_put_f64(out, (double)NAN), 0);
        return PLAY_ANSWERED;
    }
    return cubic(p, input, i, n, out);
}

static enum play_end cubic_unsigned_zero(struct play *p, struct ubytes input,
                                         uint32_t i, uint32_t n,
                                         struct buf *out)
{
    if (fabs(read_f64(input)) <= 0) {
        assert_int_equal(value_put_f64(out, 0.0), 0);
        return PLAY_ANSWERED;
    }
    return cubic(p, input, i, n, out);
}

static unsigned verdict_of(play_fn candidate, uint64_t ulps)
{
    struct play p;
    unsigned v;

    play_init(&p, f64_takes, sizeof(f64_takes), f64_type, sizeof(f64_type),
              f64_domain, sizeof(f64_domain));
    p.fn[EXAM_CANDIDATE] = candidate;
    p.fn[EXAM_ORACLE] = cubic;
    p.spec.ulps = ulps;
    play_run(&p);
    assert_int_equal(p.code, 0);
    v = p.e->verdict;
    play_forget(&p);
    return v;
}

static void test_ulps(void **state)
{
    (void)state;
    assert_int_equal(verdict_of(cubic, 0), VERDICT_ADMIT);
    assert_int_equal(verdict_of(cubic_other, 0), VERDICT_REJECT);
    assert_int_equal(verdict_of(cubic_other, 4), VERDICT_ADMIT);
    assert_int_equal(verdict_of(cubic_f32, 4), VERDICT_REJECT);
    assert_int_equal(verdict_of(cubic_f32, 1u << 16), VERDICT_REJECT);
    assert_int_equal(verdict_of(cubic_nan, LIMIT_ULPS), VERDICT_REJECT);
    assert_int_equal(verdict_of(cubic_unsigned_zero, 0), VERDICT_REJECT);
    assert_int_equal(verdict_of(cubic_unsigned_zero, 1), VERDICT_ADMIT);
}

/* Two values as canonical bytes in hex. */
static int near(const char *a, size_t a_n, const char *b, size_t b_n,
                uint64_t ulps)
{
    return values_are_near((struct ubytes){(const uint8_t *)a, a_n},
                           (struct ubytes){(const uint8_t *)b, b_n}, ulps);
}
#define NEAR(a, b, ulps) near(a, sizeof(a) - 1, b, sizeof(b) - 1, ulps)

static void test_near(void **state)
{
    (void)state;
    /* f64: the zeros; the smallest subnormals; across a power of two */
    assert_true(NEAR("\4\10\0\0\0\0\0\0\0\0", "\4\10\x80\0\0\0\0\0\0\0", 0));
    assert_true(NEAR("\4\10\0\0\0\0\0\0\0\1", "\4\10\x80\0\0\0\0\0\0\1", 2));
    assert_false(NEAR("\4\10\0\0\0\0\0\0\0\1", "\4\10\x80\0\0\0\0\0\0\1", 1));
    assert_true(NEAR("\4\10\x40\0\0\0\0\0\0\0",
                     "\4\10\x3f\xff\xff\xff\xff\xff\xff\xff", 1));
    assert_false(NEAR("\4\10\x7f\xef\xff\xff\xff\xff\xff\xff",
                      "\4\10\xff\xef\xff\xff\xff\xff\xff\xff", LIMIT_ULPS));
    /* f32 in its own units; widths differ */
    assert_true(NEAR("\4\4\x3f\x80\0\0", "\4\4\x3f\x80\0\2", 2));
    assert_false(NEAR("\4\4\x3f\x80\0\0", "\4\4\x3f\x80\0\2", 1));
    assert_false(NEAR("\4\4\0\0\0\0", "\4\10\0\0\0\0\0\0\0\0", 9));
    /* inside lists and tuples; all else exactly */
    assert_true(NEAR("\10\0\0\0\2\4\4\0\0\0\1\4\4\0\0\0\2",
                     "\10\0\0\0\2\4\4\0\0\0\2\4\4\0\0\0\1", 1));
    assert_false(NEAR("\10\0\0\0\1\4\4\0\0\0\1",
                      "\10\0\0\0\2\4\4\0\0\0\1\4\4\0\0\0\1", 1));
    assert_true(NEAR("\11\0\0\0\3\3\x81\5\1\4\4\0\0\0\1",
                     "\11\0\0\0\3\3\x81\5\1\4\4\0\0\0\3", 2));
    assert_false(NEAR("\11\0\0\0\3\3\x81\5\1\4\4\0\0\0\1",
                      "\11\0\0\0\3\3\x81\6\1\4\4\0\0\0\1", 2));
    assert_false(
        NEAR("\11\0\0\0\2\5\0\0\0\1a\2", "\11\0\0\0\2\5\0\0\0\1a\1", 2));
    assert_false(NEAR("\11\0\0\0\1\5\0\0\0\1a", "\11\0\0\0\1\5\0\0\0\2ab", 2));
    assert_false(NEAR("\6\0\0\0\2ab", "\6\0\0\0\2ac", 2));
}

/* --- what remembers ------------------------------------------------------------ */

/* Wrong from the hundredth answer of a process on: nothing wrong alone. */
static enum play_end tires(struct play *p, struct ubytes input, uint32_t i,
                           uint32_t n, struct buf *out)
{
    (void)p;
    (void)n;
    play_put_u32(out, mix(play_u32(input)) ^ (i >= 100 ? 1 : 0));
    return PLAY_ANSWERED;
}

/* Wrong when the input before was larger. */
static enum play_end compares(struct play *p, struct ubytes input, uint32_t i,
                              uint32_t n, struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)n;
    play_put_u32(out, mix(x) ^ (i > 0 && p->counter > x ? 1 : 0));
    p->counter = x;
    return PLAY_ANSWERED;
}

static void test_depends_on_earlier_inputs(void **state)
{
    static const play_fn fns[] = {tires, compares};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(fns); i++) {
        struct play p;

        u32_exam(&p, fns[i]);
        play_run(&p);
        assert_int_equal(p.e->verdict, VERDICT_REJECT);
        assert_non_null(strstr(p.e->reason, "; depends on earlier inputs"));
        assert_int_equal(p.e->shrunk->input.len, p.e->raw->input.len);
        assert_memory_equal(p.e->shrunk->input.data, p.e->raw->input.data,
                            p.e->raw->input.len);
        assert_int_equal(p.e->shrunk->k, p.e->raw->k);
        play_forget(&p);
    }
}

static void test_does_not_depend(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, wrong_class);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_null(strstr(p.e->reason, "depends"));
    play_forget(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bet),
        cmocka_unit_test(test_looking_often_costs_nothing),
        cmocka_unit_test(test_clopper_pearson),
        cmocka_unit_test(test_known_bits),
        cmocka_unit_test(test_noisy),
        cmocka_unit_test(test_noisy_exhaustive),
        cmocka_unit_test(test_noisy_constant),
        cmocka_unit_test(test_noisy_table),
        cmocka_unit_test(test_ulps),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_depends_on_earlier_inputs),
        cmocka_unit_test(test_does_not_depend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* sample.c and draft.c: exact tokens against an independent model, the rules'
 * distribution, masks, ties, numbers that are none, logarithms, drafts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "workers/model/draft.h"
#include "workers/model/sample.h"

static const uint8_t no_key[32];

static uint64_t number_state;

/* As in sample_vectors.py. */
static uint32_t number(uint32_t n)
{
    number_state =
        number_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((number_state >> 33) % n);
}

static const struct sample_case {
    uint64_t seed;
    uint32_t vocab, levels;
    double temperature;
    uint32_t top_k;
    double top_p, min_p;
    uint32_t key, index, masked, token;
} cases[] = {
#include "sample_vectors.h"
};

static void test_vectors(void **state)
{
    float logits[320];
    uint8_t bits[40];

    (void)state;
    for (size_t c = 0; c < ARRAY_N(cases); c++) {
        const struct sample_case *t = &cases[c];
        struct sampling how = {t->temperature, t->top_k, t->top_p, t->min_p};
        struct sampler *w;
        uint8_t key[32] = {(uint8_t)t->key};
        uint32_t token = 0;

        number_state = t->seed;
        for (size_t i = 0; i < 9; i++) {
            (void)number(1); /* what the model drew for the settings */
        }
        memset(bits, 0, sizeof(bits));
        for (uint32_t i = 0; i < t->vocab; i++) {
            logits[i] =
                (float)((int)number(t->levels) - (int)t->levels / 2) / 64.0f;
        }
        for (uint32_t i = 0; i < t->vocab; i++) {
            if (t->masked == 0 || number(3) == 0) {
                bits[i / 8] |= (uint8_t)(1u << i % 8);
            }
        }
        assert_int_equal(sampler_new(t->vocab, &w), 0);
        assert_int_equal(sample(w, logits, bits, &how, key, t->index, &token),
                         0);
        assert_int_equal(token, t->token);
        if (t->masked == 0) {
            assert_int_equal(
                sample(w, logits, NULL, &how, key, t->index, &token), 0);
            assert_int_equal(token, t->token);
        }
        sampler_free(w);
    }
}

/* Chi-square of 20,000 draws over 8 tokens against probabilities e^-i / sum;
 * 24.32 is the bound of 7 degrees of freedom at 1 in 1,000, and the draws are
 * fixed by the key. */
static double chi_square(const struct sampling *how, const double *expected,
                         size_t n, const uint8_t *key)
{
    enum {
        DRAWS = 20000
    };
    float logits[8];
    uint32_t seen[8] = {0};
    struct sampler *w;
    double sum = 0;

    for (size_t i = 0; i < 8; i++) {
        logits[i] = -(float)i / 2;
    }
    assert_int_equal(sampler_new(8, &w), 0);
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint32_t token = 0;

        assert_int_equal(sample(w, logits, NULL, how, key, i, &token), 0);
        seen[token]++;
    }
    sampler_free(w);
    for (size_t i = 0; i < 8; i++) {
        double e = i < n ? expected[i] * DRAWS : 0;

        if (i >= n) {
            assert_int_equal(seen[i], 0);
        } else {
            sum += ((double)seen[i] - e) * ((double)seen[i] - e) / e;
        }
    }
    return sum;
}

static void normalise(double *p, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += p[i];
    }
    for (size_t i = 0; i < n; i++) {
        p[i] /= sum;
    }
}

static void test_distribution(void **state)
{
    static const struct sampling plain = {0.5, 0, 0, 0}, k = {0.5, 3, 0, 0},
                                 p = {0.5, 0, 0.9, 0}, mp = {0.5, 0, 0, 0.04};
    uint8_t key[32] = {1, 2, 3};
    double e[8];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        e[i] = exp(-(double)i);
    }
    normalise(e, 8);
    assert_true(chi_square(&plain, e, 8, key) < 24.32);
    normalise(e, 3); /* the first three, whatever the shape */
    assert_true(chi_square(&k, e, 3, key) < 13.82);
    assert_true(chi_square(&p, e, 3, key) < 13.82); /* .63 + .23 + .09 >= .9 */
    for (size_t i = 0; i < 4; i++) {
        e[i] = exp(-(double)i);
    }
    normalise(e, 4);
    assert_true(chi_square(&mp, e, 4, key) < 16.27); /* e^-3 = 0.0498 */
    key[31] = 9;
    assert_true(chi_square(&mp, e, 4, key) < 16.27);
}

static void test_uniform(void **state)
{
    double sum = 0, squares = 0;

    (void)state;
    for (uint64_t i = 0; i < 10000; i++) {
        double u = sample_uniform(no_key, i);

        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.01);
    assert_true(fabs(squares / 10000 - 1.0 / 3) < 0.01);
    assert_true(sample_uniform(no_key, 1) != sample_uniform(no_key, 1u << 8));
}

/* Greedy by the simplest loop there is. */
static void test_greedy(void **state)
{
    static const struct sampling greedy;
    static float logits[1000];
    static uint8_t bits[125];

    (void)state;
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t n = 1 + round * 7 % 999, best = UINT32_MAX, token = 7;
        struct sampler *w;
        int code;

        number_state = round + 1;
        memset(bits, 0, sizeof(bits));
        for (uint32_t i = 0; i < n; i++) {
            logits[i] = (float)number(round % 3 ? 5 : 100000) - 2.0f;
            if (round % 4 == 0 || number(round % 4 * 9) == 0) {
                bits[i / 8] |= (uint8_t)(1u << i % 8);
                if (best == UINT32_MAX || logits[i] > logits[best]) {
                    best = i;
                }
            }
        }
        assert_int_equal(sampler_new(n, &w), 0);
        code = sample(w, logits, bits, &greedy, no_key, 0, &token);
        assert_int_equal(code, best == UINT32_MAX ? SAMPLE_STUCK : 0);
        assert_int_equal(token, best == UINT32_MAX ? 0 : best);
        sampler_free(w);
    }
}

static void test_nonfinite(void **state)
{
    static const struct sampling how[2] = {{0, 0, 0, 0}, {1, 0, 0, 0}};
    static const uint8_t bits[25] = {
        2}; /* token 1 only: the others count too */
    float logits[200] = {0};
    struct sampler *w;
    uint32_t token;
    double v;

    (void)state;
    assert_int_equal(sampler_new(200, &w), 0);
    for (size_t i = 0; i < 200; i += 13) {
        static const float bad[] = {NAN, INFINITY, -INFINITY};

        logits[i] = bad[i % 3];
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(
                sample(w, logits, bits, &how[k], no_key, 0, &token),
                SAMPLE_NONFINITE);
        }
        assert_int_equal(sample_log_likelihood(w, logits, 0, &v),
                         SAMPLE_NONFINITE);
        logits[i] = 0;
    }
    logits[7] = 1e30f; /* far apart, and still numbers */
    logits[8] = -3e38f;
    assert_int_equal(sample(w, logits, NULL, &how[1], no_key, 3, &token), 0);
    assert_int_equal(token, 7);
    sampler_free(w);
}

static void test_check(void **state)
{
    static const struct sampling good[] = {
        {0, 0, 0, 0}, {1e9, 7, 1, 1}, {1e-300, 0, 0.5, 0}};
    static const struct sampling bad[] = {
        {-1, 0, 0, 0},   {INFINITY, 0, 0, 0}, {1, 0, 1.5, 0}, {1, 0, -1, 0},
        {1, 0, 0, 1.01}, {1, 0, NAN, 0},      {1, 0, 0, NAN}, {NAN, 0, 0, 0}};
    static const float logits[3] = {1, 3, 3};
    struct sampler *w;
    uint32_t token;

    (void)state;
    assert_int_equal(sampler_new(3, &w), 0);
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        assert_int_equal(sampling_check(&good[i]), 0);
        assert_int_equal(sample(w, logits, NULL, &good[i], no_key, i, &token),
                         0);
    }
    sampler_free(w);
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(sampling_check(&bad[i]), ERR_INPUT);
    }
}

static void test_logarithms(void **state)
{
    float logits[257];
    struct sampler *w;

    (void)state;
    for (double x = 1e-300; x < 1e300; x *= 1.7) {
        double v = sample_log(x), e = log(x);

        assert_true(fabs(v - e) <= 3e-16 * fmax(1, fabs(e)));
    }
    assert_true(sample_log(1.0) == 0);
    assert_int_equal(sampler_new(257, &w), 0);
    for (uint64_t round = 0; round < 50; round++) {
        double sum = 0, v;

        number_state = round;
        for (size_t i = 0; i < 257; i++) {
            logits[i] = (float)number(4000) / 100.0f - 20.0f;
            sum += exp((double)logits[i]);
        }
        assert_int_equal(sample_log_likelihood(w, logits, 17, &v), 0);
        assert_true(fabs(v - ((double)logits[17] - log(sum))) < 1e-6);
    }
    sampler_free(w);
}

static size_t look_up(const char *text, char *out, size_t most)
{
    uint32_t tokens[64], found[16];
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        tokens[i] = (uint8_t)text[i];
    }
    n = draft_look_up(tokens, n, found, most);
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)found[i];
    }
    out[n] = '\0';
    return n;
}

static void test_look_up(void **state)
{
    char out[32];

    (void)state;
    assert_int_equal(look_up("the cat sat. the ca", out, 4), 4);
    assert_string_equal(out, "t sa");
    assert_int_equal(look_up("abXabYab", out, 3), 3);
    assert_string_equal(out, "Yab"); /* the latest of equals */
    assert_int_equal(look_up("1abX2abYab", out, 1), 1);
    assert_string_equal(out, "Y");
    assert_int_equal(look_up("1abX.2abY.1ab", out, 2), 2);
    assert_string_equal(out, "X."); /* the longest before the latest */
    assert_int_equal(look_up("aaaa", out, 8), 1); /* overlaps itself */
    assert_int_equal(look_up("abcb", out, 8), 0); /* one token is too few */
    assert_int_equal(look_up("ab", out, 8), 0);
    assert_int_equal(look_up("", out, 8), 0);
    assert_int_equal(look_up("xyxy", out, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),    cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_uniform),    cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_nonfinite),  cmocka_unit_test(test_check),
        cmocka_unit_test(test_logarithms), cmocka_unit_test(test_look_up)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

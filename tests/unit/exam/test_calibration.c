/* Does the exam keep its promise? Synthetic candidates through the real state
 * machine, with real draws: each errs on a set of inputs of a known share, fixed
 * by a keyed hash, so that the error is a property of the candidate. They must
 * be admitted as often as (1 - eps)^n says, inside a 99.9 % band (Clopper and
 * Pearson); placebos never. 3 to 12 candidates per row; 200 to 10,000 with
 * PROCTOR_FULL=1, on PROCTOR_JOBS processes (2). The table goes to $PROCTOR_TABLE, or into the
 * build folder. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/exam/draw.h"
#include "kernel/exam/exam.h"
#include "proto/err.h"
#include "proto/limits.h"

#define NUMBERS_N 4u /* in one tuple; so many that no input is drawn twice */
#define NUMBER_BYTES 10u
#define HEAD_BYTES 10u /* of the tuple of arguments, and of the one argument */
#define INPUT_BYTES (HEAD_BYTES + NUMBERS_N * NUMBER_BYTES)
#define EXAMPLES_N 16u
#define JOBS_MAX 64u

enum kind {
    KIND_ERRS,
    KIND_CONSTANT,
    KIND_IDENTITY,
    KIND_NEAREST,
    KIND_PERMUTED,
    KIND_RANDOM
};

/* One candidate, and its exam. */
struct trial {
    enum kind kind;
    double eps;
    uint64_t key;
    uint64_t salt; /* of the seed */
    struct exam *x;
    Proctor__Exam spec;
    uint8_t examples[EXAMPLES_N][5 + INPUT_BYTES + NUMBER_BYTES];
    ProtobufCBinaryData example_at[EXAMPLES_N];
    int is_admitted;
    uint64_t draws;
};

static const uint8_t u64_type[] = {3, 0x88};

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint64_t argument(const uint8_t *input, unsigned i)
{
    const uint8_t *p = input + HEAD_BYTES + i * NUMBER_BYTES + 2;
    uint64_t v = 0;

    for (unsigned k = 0; k < 8; k++) {
        v = v << 8 | p[k];
    }
    return v;
}

static uint64_t hash(const uint8_t *input, uint64_t key)
{
    uint64_t h = key;

    for (unsigned i = 0; i < NUMBERS_N; i++) {
        h = mix(h + 0x9e3779b97f4a7c15ull + argument(input, i));
    }
    return h;
}

static uint64_t right(const uint8_t *input)
{
    return hash(input, 1);
}

static uint64_t nearest(const struct trial *t, const uint8_t *input)
{
    unsigned best = 0;
    unsigned best_distance = UINT32_MAX;

    for (unsigned i = 0; i < EXAMPLES_N; i++) {
        unsigned d = 0;

        for (unsigned k = 0; k < INPUT_BYTES; k++) {
            d += (unsigned)abs(t->examples[i][5 + k] - input[k]);
        }
        if (d < best_distance) {
            best_distance = d;
            best = i;
        }
    }
    return right(t->examples[best] + 5);
}

static uint64_t candidate(const struct trial *t, const struct values *inputs,
                          uint32_t i)
{
    uint32_t n = values_n(inputs);
    const uint8_t *in = values_at(inputs, i).p;

    switch (t->kind) {
    case KIND_ERRS:
        break;
    case KIND_CONSTANT:
        return t->key;
    case KIND_IDENTITY:
        return argument(in, 0);
    case KIND_NEAREST:
        return nearest(t, in);
    case KIND_PERMUTED:
        return right(values_at(inputs, (i + 1 + (uint32_t)t->key % n) % n).p);
    case KIND_RANDOM:
        return hash(in, t->key);
    }
    return right(in) ^ ((double)(hash(in, t->key) >> 11) * 0x1p-53 < t->eps);
}

static void put_be(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> 8 * (n - 1 - i));
    }
}

static void put_number(uint8_t *p, uint64_t v)
{
    memcpy(p, u64_type, sizeof(u64_type));
    put_be(p + 2, v, 8);
}

static int evaluate(void *ctx, unsigned who, const struct values *inputs,
                    UNUSED int is_again)
{
    static uint8_t room[4 + (LIMIT_CHUNK_DRAWS * 2) * (4 + NUMBER_BYTES)];
    static const struct type u64 = {2, {3, 0x88}};
    struct trial *t = ctx;
    struct evaluation e = {.complete = 1};
    uint32_t n = values_n(inputs);
    uint8_t *p = room + 4;

    assert_true(n <= LIMIT_CHUNK_DRAWS * 2);
    put_be(room, n, 4);
    for (uint32_t i = 0; i < n; i++) {
        put_be(p, NUMBER_BYTES, 4);
        put_number(p + 4, who == EXAM_CANDIDATE
                              ? candidate(t, inputs, i)
                              : right(values_at(inputs, i).p));
        p += 4 + NUMBER_BYTES;
    }
    values_init(&e.answers);
    assert_int_equal(values_decode(&e.answers,
                                   (struct ubytes){room, (size_t)(p - room)},
                                   &u64, n),
                     0);
    exam_evaluated(t->x, who, &e);
    values_release(&e.answers);
    return 0;
}

static int commit(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                  uint8_t out_seed[static 32])
{
    const struct trial *t = ctx;

    (void)j;
    (void)alpha_j;
    (void)draws;
    return crypto_generichash(out_seed, 32, (const uint8_t *)&t->salt,
                              sizeof(t->salt), (const uint8_t *)"gate-v1", 7);
}

static void done(void *ctx, int code, const Proctor__Evidence *e)
{
    struct trial *t = ctx;

    assert_int_equal(code, 0);
    t->is_admitted = e->verdict == VERDICT_ADMIT;
    t->draws = e->draws;
    assert_true(t->is_admitted || e->verdict == VERDICT_REJECT);
}

/* Public examples: of inputs that nobody draws. */
static void put_examples(struct trial *t)
{
    static const uint8_t both[] = {9, 0, 0, 0, 2};
    static const uint8_t all[] = {9, 0, 0, 0, 1, 9, 0, 0, 0, NUMBERS_N};

    for (unsigned i = 0; i < EXAMPLES_N; i++) {
        uint8_t *p = t->examples[i];

        memcpy(p, both, sizeof(both));
        memcpy(p + 5, all, sizeof(all));
        for (unsigned k = 0; k < NUMBERS_N; k++) {
            put_number(p + 5 + HEAD_BYTES + k * NUMBER_BYTES,
                       mix(i * 8 + k + 1));
        }
        put_number(p + 5 + INPUT_BYTES, right(p + 5));
        t->example_at[i] = (ProtobufCBinaryData){sizeof(t->examples[i]), p};
    }
}

/* The verdict is all that counts here: nothing simpler is looked for. */
static int propose(void *ctx, const struct exam_search *s)
{
    static const uint8_t none[4];
    struct trial *t = ctx;

    exam_proposed(t->x, 0, (struct ubytes){none, sizeof(none)}, s->state);
    return 0;
}

/* What a row of the table is about. */
struct row {
    const char *what;
    enum kind kind;
    double eps;
    double error_rate; /* 0: no tolerance */
};

static int is_admitted(const struct row *r, unsigned i)
{
    static const struct exam_ops ops = {evaluate, commit, propose, NULL, done};
    static const uint8_t takes[] = {9, 1,    9, NUMBERS_N, 3, 0x88,
                                    3, 0x88, 3, 0x88,      3, 0x88};
    uint8_t domain[4 + NUMBERS_N * 18] = {9, 1, 9, NUMBERS_N};
    struct trial t = {.kind = r->kind, .eps = r->eps};
    struct exam_setup s = {.exam = &t.spec, .draws_left = UINT64_MAX};

    for (unsigned k = 0; k < NUMBERS_N; k++) {
        memcpy(domain + 4 + 18 * k, u64_type, sizeof(u64_type));
        memset(domain + 4 + 18 * k + 10, 0xff, 8);
    }
    proctor__exam__init(&t.spec);
    t.spec.takes =
        (ProtobufCBinaryData){sizeof(takes), (uint8_t *)(uintptr_t)takes};
    t.spec.gives =
        (ProtobufCBinaryData){sizeof(u64_type), (uint8_t *)(uintptr_t)u64_type};
    t.spec.domain = (ProtobufCBinaryData){sizeof(domain), domain};
    t.spec.version = DRAW_VERSION;
    t.spec.p0 = 1e-3;
    t.spec.alpha = 1e-6;
    t.spec.error_rate = r->error_rate;
    if (r->kind == KIND_NEAREST) { /* right on all that is public */
        put_examples(&t);
        t.spec.examples = t.example_at;
        t.spec.n_examples = EXAMPLES_N;
    }
    t.key = mix(0x5eed + (uint64_t)i * 2 + 1);
    t.salt = mix(t.key + (uint64_t)r->kind) ^ (uint64_t)(r->eps * 0x1p60);
    assert_int_equal(exam_start(&s, &ops, &t, &t.x), 0);
    assert_true(!t.is_admitted || t.draws == 16385);
    exam_free(t.x);
    return t.is_admitted;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : (unsigned)strtoul(text, NULL, 10);
}

static unsigned runs_n(unsigned full, unsigned otherwise)
{
#ifdef PROCTOR_SANITIZED
    return otherwise; /* an hour becomes a day */
#endif
    return from_environment("PROCTOR_FULL", 0) != 0 ? full : otherwise;
}

/* Candidates i = job, job + jobs, ... in a process of their own each. */
static unsigned admitted(const struct row *r, unsigned runs)
{
    unsigned jobs = from_environment("PROCTOR_JOBS", 2);
    unsigned total = 0;
    int fds[JOBS_MAX];

    assert_true(jobs >= 1 && jobs <= JOBS_MAX);
    for (unsigned job = 0; job < jobs; job++) {
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        if (fork() == 0) {
            unsigned n = 0;

            for (unsigned i = job; i < runs; i += jobs) {
                n += (unsigned)is_admitted(r, i);
            }
            _exit(write(ends[1], &n, sizeof(n)) == sizeof(n) ? 0 : 1);
        }
        close(ends[1]);
        fds[job] = ends[0];
    }
    for (unsigned job = 0; job < jobs; job++) {
        unsigned n;

        assert_int_equal(read(fds[job], &n, sizeof(n)), sizeof(n));
        total += n;
        close(fds[job]);
        assert_true(wait(NULL) > 0);
    }
    return total;
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

#define TAIL 0.0005 /* on either side */

/* The ends of Clopper and Pearson's interval. */
static double low_end(unsigned k, unsigned n)
{
    double low = 0;
    double high = 1;

    for (unsigned i = 0; i < 50 && k > 0; i++) {
        double q = (low + high) / 2;

        *(1 - at_most(k - 1, n, q) > TAIL ? &high : &low) = q;
    }
    return k == 0 ? 0 : low;
}

static double high_end(unsigned k, unsigned n)
{
    double low = 0;
    double high = 1;

    for (unsigned i = 0; i < 50 && k < n; i++) {
        double q = (low + high) / 2;

        *(at_most(k, n, q) > TAIL ? &low : &high) = q;
    }
    return k == n ? 1 : high;
}

static FILE *table;

static void open_table(void)
{
    const char *path = getenv("PROCTOR_TABLE");

    table = fopen(path != NULL ? path : TEST_BIN_DIR "/../calibration.md", "w");
    assert_non_null(table);
    fprintf(table,
            "| candidate | error rate | admitted | of | expected share | "
            "99.9 %% interval of the share |\n"
            "|---|---|---|---|---|---|\n");
}

/* One row of the table; expected < 0: nothing is foretold. Returns how many. */
static unsigned run_row(const struct row *r, unsigned runs, double expected)
{
    unsigned k = admitted(r, runs);
    double low = low_end(k, runs);
    double high = high_end(k, runs);
    char foretold[32] = "-";

    if (expected >= 0) {
        snprintf(foretold, sizeof(foretold), "%.6f", expected);
    }
    fprintf(table, "| %s | %g | %u | %u | %s | %.6f to %.6f |\n", r->what,
            r->eps, k, runs, foretold, low, high);
    fflush(table);
    print_message("%s %g: admitted %u of %u, expected %s\n", r->what, r->eps, k,
                  runs, foretold);
    if (expected >= 0 && (expected < low || expected > high)) {
        fail_msg("%s, error rate %g: %g is not within %g to %g", r->what,
                 r->eps, expected, low, high);
    }
    return k;
}

static void test_calibrated(void **state)
{
    static const double rates[] = {0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rates); i++) {
        struct row r = {"errs", KIND_ERRS, rates[i], 0};

        (void)run_row(&r, runs_n(10000, 12), pow(1 - rates[i], 16385));
    }
}

static void test_no_placebo_is_admitted(void **state)
{
    static const struct row rows[] = {
        {"constant", KIND_CONSTANT, 1, 0},
        {"first argument", KIND_IDENTITY, 1, 0},
        {"nearest public input", KIND_NEAREST, 1, 0},
        {"permuted outputs", KIND_PERMUTED, 1, 0},
        {"random function", KIND_RANDOM, 1, 0},
        {"noisy exam, constant", KIND_CONSTANT, 1, 0.01},
        {"noisy exam, first argument", KIND_IDENTITY, 1, 0.01},
        {"noisy exam, nearest public input", KIND_NEAREST, 1, 0.01},
        {"noisy exam, permuted outputs", KIND_PERMUTED, 1, 0.01},
        {"noisy exam, random function", KIND_RANDOM, 1, 0.01},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        unsigned runs =
            rows[i].error_rate > 0 ? runs_n(200, 3) : runs_n(2000, 6);

        assert_int_equal(run_row(&rows[i], runs, -1), 0);
    }
}

/* error_rate 0.01: who errs as often is admitted with chance 6e-7 at most, who
 * errs a tenth as often nearly always. */
static void test_noisy_exams(void **state)
{
    static const struct row rows[] = {
        {"noisy exam", KIND_ERRS, 0, 0.01},
        {"noisy exam", KIND_ERRS, 1e-3, 0.01},
        {"noisy exam", KIND_ERRS, 3e-3, 0.01},
        {"noisy exam", KIND_ERRS, 5e-3, 0.01},
        {"noisy exam", KIND_ERRS, 1e-2, 0.01},
    };
    unsigned runs = runs_n(1000, 6);

    (void)state;
    assert_int_equal(run_row(&rows[0], runs, -1), runs);
    assert_true(run_row(&rows[1], runs, -1) * 100 >= runs * 99);
    (void)run_row(&rows[2], runs, -1);
    (void)run_row(&rows[3], runs, -1);
    assert_int_equal(run_row(&rows[4], runs, -1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibrated),
        cmocka_unit_test(test_no_placebo_is_admitted),
        cmocka_unit_test(test_noisy_exams),
    };
    int code;

    assert_true(sodium_init() >= 0);
    open_table();
    code = cmocka_run_group_tests(tests, NULL, NULL);
    (void)fclose(table);
    return code;
}

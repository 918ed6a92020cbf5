/* The exam's state machine, driven by in-process evaluators (play.h). */
#include "tests/unit/exam/play.h"

#include <stdlib.h>

#include "kernel/exam/draw.h"
#include "kernel/exam/node.h"
#include "proto/limits.h"

static const uint8_t u32_takes[] = {9, 1, 3, 0x84};
static const uint8_t u32_type[] = {3, 0x84};
static const uint8_t u32_domain[] = {
    9, 1, 3, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
static const uint8_t bytes_takes[] = {9, 1, 6};
static const uint8_t bytes_domain[] = {9, 1, 6, 0, 0, 0, 0, 0, 0, 1, 0};
static const uint8_t u8_takes[] = {9, 1, 3, 0x81};
static const uint8_t u8_domain[] = {9, 1, 3, 0x81, 0, 0, 0, 0, 0, 0,
                                    0, 0, 0, 0,    0, 0, 0, 0, 0, 200};

static void u32_exam(struct play *p, play_fn candidate);
static void bytes_exam(struct play *p, play_fn candidate);

/* --- functions ------------------------------------------------------------ */

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

static enum play_end good(struct play *p, struct ubytes input, uint32_t i,
                          uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(play_u32(input)));
    return PLAY_ANSWERED;
}

static enum play_end wrong_class(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(x) ^ (x >= 1000 && x % 8 == 5 ? 1 : 0));
    return PLAY_ANSWERED;
}

static enum play_end crashes(struct play *p, struct ubytes input, uint32_t i,
                             uint32_t n, struct buf *out)
{
    if (play_u32(input) > 77777) {
        return PLAY_CRASH;
    }
    return good(p, input, i, n, out);
}

static enum play_end stops_early(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out)
{
    return i + 1 == n ? PLAY_CRASH : good(p, input, i, n, out);
}

static enum play_end slow_once(struct play *p, struct ubytes input, uint32_t i,
                               uint32_t n, struct buf *out)
{
    if (i == 10 && p->counter++ == 0) {
        return PLAY_LIMIT;
    }
    return good(p, input, i, n, out);
}

static enum play_end slow(struct play *p, struct ubytes input, uint32_t i,
                          uint32_t n, struct buf *out)
{
    return i == 10 ? PLAY_LIMIT : good(p, input, i, n, out);
}

static enum play_end outside(struct play *p, struct ubytes input, uint32_t i,
                             uint32_t n, struct buf *out)
{
    return i == 100 ? PLAY_OUTSIDE : good(p, input, i, n, out);
}

/* Remembers: another answer from its second run on. */
static enum play_end remembers(struct play *p, struct ubytes input, uint32_t i,
                               uint32_t n, struct buf *out)
{
    (void)n;
    play_put_u32(out, mix(play_u32(input)) ^
                          (p->runs[EXAM_CANDIDATE] > 1 && i == 3 ? 1 : 0));
    return PLAY_ANSWERED;
}

/* True for numbers of no pattern: those are not drawn twice by chance. */
static int is_plain(uint32_t x)
{
    unsigned ones = (unsigned)__builtin_popcount(x);
    uint8_t b[4] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)(x >> 16),
                    (uint8_t)(x >> 24)};

    for (unsigned i = 0; i < 4; i++) {
        if (b[i] == 0 || b[i] == 0xff || b[i] == b[(i + 1) % 4]) {
            return 0;
        }
    }
    return ones >= 10 && ones <= 22;
}

/* Asked the same twice in one run it answers otherwise. */
static enum play_end counts_repeats(struct play *p, struct ubytes input,
                                    uint32_t i, uint32_t n, struct buf *out)
{
    static uint32_t seen[20000];
    uint32_t x = play_u32(input);

    (void)p;
    (void)n;
    seen[i] = x;
    for (uint32_t k = 0; k < i; k++) {
        if (seen[k] == x && is_plain(x)) {
            x++;
            break;
        }
    }
    play_put_u32(out, mix(x));
    return PLAY_ANSWERED;
}

static enum play_end seven(struct play *p, struct ubytes input, uint32_t i,
                           uint32_t n, struct buf *out)
{
    (void)p;
    (void)input;
    (void)i;
    (void)n;
    play_put_u32(out, 7);
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

/* An oracle that errs on one large class. */
static enum play_end other_oracle(struct play *p, struct ubytes input,
                                  uint32_t i, uint32_t n, struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(x) + (x % 1000 == 999 ? 1 : 0));
    return PLAY_ANSWERED;
}

static enum play_end oracle_fails(struct play *p, struct ubytes input,
                                  uint32_t i, uint32_t n, struct buf *out)
{
    return i == 4000 ? PLAY_CRASH : good(p, input, i, n, out);
}

static enum play_end forgetful_oracle(struct play *p, struct ubytes input,
                                      uint32_t i, uint32_t n, struct buf *out)
{
    (void)n;
    play_put_u32(out, mix(play_u32(input)) ^
                          (p->runs[EXAM_ORACLE] == 2 && i == 3 ? 1 : 0));
    return PLAY_ANSWERED;
}

/* Sum of bytes; the candidate forgets one when the length is 63 modulo 64. */
static uint32_t sum(struct ubytes v)
{
    uint32_t s = 1;

    for (size_t i = 0; i < v.n; i++) {
        s = s * 31 + v.p[i];
    }
    return s;
}

static enum play_end good_sum(struct play *p, struct ubytes input, uint32_t i,
                              uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, sum(play_bytes(input)));
    return PLAY_ANSWERED;
}

static enum play_end bad_sum(struct play *p, struct ubytes input, uint32_t i,
                             uint32_t n, struct buf *out)
{
    struct ubytes v = play_bytes(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, sum(v) + (v.n % 64 == 63 ? 1 : 0));
    return PLAY_ANSWERED;
}

static enum play_end u8_good(struct play *p, struct ubytes input, uint32_t i,
                             uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(input.p[7]));
    return PLAY_ANSWERED;
}

static enum play_end u8_wrong_at_199(struct play *p, struct ubytes input,
                                     uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(input.p[7]) ^ (input.p[7] == 199));
    return PLAY_ANSWERED;
}

static void u32_exam(struct play *p, play_fn candidate)
{
    play_init(p, u32_takes, sizeof(u32_takes), u32_type, sizeof(u32_type),
              u32_domain, sizeof(u32_domain));
    p->fn[EXAM_CANDIDATE] = candidate;
    p->fn[EXAM_ORACLE] = good;
    p->fn[EXAM_SECOND] = good;
    p->setup.has_second = 1;
}

static void bytes_exam(struct play *p, play_fn candidate)
{
    play_init(p, bytes_takes, sizeof(bytes_takes), u32_type, sizeof(u32_type),
              bytes_domain, sizeof(bytes_domain));
    p->fn[EXAM_CANDIDATE] = candidate;
    p->fn[EXAM_ORACLE] = good_sum;
}

static void u8_exam(struct play *p, play_fn candidate)
{
    play_init(p, u8_takes, sizeof(u8_takes), u32_type, sizeof(u32_type),
              u8_domain, sizeof(u8_domain));
    p->fn[EXAM_CANDIDATE] = candidate;
    p->fn[EXAM_ORACLE] = u8_good;
    p->fn[EXAM_SECOND] = u8_good;
    p->setup.has_second = 1;
}

static const Proctor__Control *control(const struct play *p, const char *name)
{
    for (size_t i = 0; i < p->e->n_controls; i++) {
        if (strcmp(p->e->controls[i]->name, name) == 0) {
            return p->e->controls[i];
        }
    }
    fail_msg("no control %s", name);
    return NULL;
}

static void assert_failed_control(const struct play *p, const char *name)
{
    assert_false(control(p, name)->passed);
    assert_false(control(p, name)->skipped);
}

/* --- verdicts ------------------------------------------------------------- */

static void test_honest_passes(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, good);
    play_run(&p);
    assert_int_equal(p.code, 0);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->level, LEVEL_PROVEN);
    assert_int_equal(p.e->draws, 16385);
    assert_int_equal(p.e->failures, 0);
    assert_int_equal(p.commits, 1);
    assert_int_equal(p.committed_j, 1);
    assert_int_equal(p.committed_draws, 16385);
    assert_int_equal(p.e->n_strata, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(p.e->strata[i]->draws, 3277);
        assert_true(p.e->strata[i]->bound95 < 1e-3);
    }
    assert_int_equal(p.e->results_root.len, 32);
    assert_int_equal(p.e->digest_first.len, 32);
    assert_memory_equal(p.e->digest_first.data, p.e->digest_second.data, 32);
    assert_failed_control(&p, "constant");
    assert_failed_control(&p, "identity");
    assert_failed_control(&p, "permuted outputs");
    assert_true(control(&p, "nearest public input")->skipped);
    assert_true(control(&p, "oracle asked again")->passed);
    assert_true(p.e->bound_alpha < 1e-3);
    assert_int_equal(p.e->n_power, 4);
    assert_null(p.e->raw);
    /* First and second run, the second with 5 % more. */
    assert_in_range(p.asked[EXAM_CANDIDATE], 16385 * 2 + 800, 16385 * 2 + 840);
    assert_int_equal(p.asked[EXAM_ORACLE], 16385 * 2);
    assert_int_equal(p.asked[EXAM_SECOND], 16385);
    play_forget(&p);
}

static void test_same_seed_same_evidence(void **state)
{
    uint8_t before[32];
    struct play p;

    (void)state;
    u32_exam(&p, wrong_class);
    play_run(&p);
    memcpy(before, p.digest, sizeof(before));
    play_forget(&p);
    p.is_sync = 1; /* the order in which answers come must not matter */
    play_run(&p);
    assert_memory_equal(before, p.digest, sizeof(before));
    play_forget(&p);
    p.seed[31] ^= 1;
    play_run(&p);
    assert_memory_not_equal(before, p.digest, sizeof(before));
    play_forget(&p);
    /* An honest run has to agree as well. */
    u32_exam(&p, good);
    play_run(&p);
    memcpy(before, p.digest, sizeof(before));
    play_forget(&p);
    p.is_sync = 1;
    p.free_in_done = 1;
    play_run(&p);
    assert_memory_equal(before, p.digest, sizeof(before));
    play_forget(&p);
}

static void test_without_second_oracle(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.setup.has_second = 0;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->level, LEVEL_ORACLE);
    assert_int_equal(p.runs[EXAM_SECOND], 0);
    play_forget(&p);
}

static void test_wrong_class_smallest_number(void **state)
{
    struct play p;

    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        u32_exam(&p, wrong_class);
        p.seed[0] = (uint8_t)seed;
        play_run(&p);
        assert_int_equal(p.e->verdict, VERDICT_REJECT);
        assert_int_equal(p.e->level, LEVEL_NONE);
        assert_int_equal(p.e->failures, 1);
        assert_int_equal(p.e->draws, p.e->raw->k + 1);
        assert_int_equal(play_u32((struct ubytes){p.e->shrunk->input.data,
                                                  p.e->shrunk->input.len}),
                         1005);
        assert_int_equal(p.e->shrunk->got.len, 6);
        assert_true(p.e->shrink_evaluations <= LIMIT_SHRINK_EVALUATIONS);
        play_forget(&p);
    }
}

static void test_wrong_class_smallest_bytes(void **state)
{
    static const uint8_t smallest[73] = {9, 0, 0, 0, 1, 6, 0, 0, 0, 63};
    struct play p;

    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        bytes_exam(&p, bad_sum);
        p.seed[0] = (uint8_t)seed;
        play_run(&p);
        assert_int_equal(p.e->verdict, VERDICT_REJECT);
        assert_int_equal(p.e->shrunk->input.len, sizeof(smallest));
        assert_memory_equal(p.e->shrunk->input.data, smallest,
                            sizeof(smallest));
        play_forget(&p);
    }
}

static void test_crash_is_shrunk(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, crashes);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(p.e->raw->got.len, 0);
    assert_string_equal(p.e->raw->ending, "killed by signal 11");
    assert_int_equal(play_u32((struct ubytes){p.e->shrunk->input.data,
                                              p.e->shrunk->input.len}),
                     77778);
    assert_string_equal(p.e->shrunk->ending, "killed by signal 11");
    play_forget(&p);
}

static void test_too_few_and_too_many_answers(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, stops_early);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(p.e->raw->got.len, 0);
    play_forget(&p);
    u32_exam(&p, good);
    p.extra_output = 1;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_string_equal(p.e->raw->ending, "more answers than inputs");
    play_forget(&p);
}

static void test_time_limit(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, slow_once);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    play_forget(&p);
    u32_exam(&p, slow);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_non_null(strstr(p.e->reason, "out of time"));
    assert_int_equal(p.e->raw->k, 10);
    assert_int_equal(p.runs[EXAM_CANDIDATE], 2);
    play_forget(&p);
    u32_exam(&p, good);
    p.fn[EXAM_ORACLE] = slow;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    play_forget(&p);
}

static void test_outside_gives_no_verdict(void **state)
{
    struct play p;

    (void)state;
    for (unsigned who = 0; who < 3; who++) {
        u32_exam(&p, good);
        p.fn[who] = outside;
        play_run(&p);
        assert_int_equal(p.code, ERR_WORKER);
        assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
        assert_non_null(strstr(p.e->reason, "no?worker"));
        assert_int_equal(p.e->results_root.len, 0);
        play_forget(&p);
    }
    u32_exam(&p, good);
    p.commit_code = ERR_SPACE;
    play_run(&p);
    assert_int_equal(p.code, ERR_SPACE);
    assert_int_equal(p.asked[EXAM_CANDIDATE], 0);
    play_forget(&p);
}

static void test_oracles_disagree(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.fn[EXAM_SECOND] = other_oracle;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    assert_true(p.e->disagreements > 0);
    assert_non_null(p.e->disagreement);
    assert_int_equal(play_u32((struct ubytes){p.e->disagreement->input.data,
                                              p.e->disagreement->input.len}) %
                         1000,
                     999);
    assert_null(p.e->raw); /* nothing is held against the candidate */
    play_forget(&p);
    /* Even a candidate that is wrong itself is not to blame. */
    u32_exam(&p, wrong_class);
    p.fn[EXAM_SECOND] = other_oracle;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    play_forget(&p);
    for (unsigned who = EXAM_ORACLE; who <= EXAM_SECOND; who++) {
        u32_exam(&p, good);
        p.fn[who] = oracle_fails;
        play_run(&p);
        assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
        assert_non_null(strstr(p.e->reason, "gives no answer"));
        play_forget(&p);
    }
}

static void test_constant_oracle_decides_nothing(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, seven);
    p.fn[EXAM_ORACLE] = seven;
    p.fn[EXAM_SECOND] = seven;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_non_null(strstr(p.e->reason, "never vary"));
    assert_int_equal(p.e->level, LEVEL_NONE);
    play_forget(&p);
}

static void test_identity_oracle_is_void(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, identity);
    p.fn[EXAM_ORACLE] = identity;
    p.fn[EXAM_SECOND] = identity;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_VOID);
    assert_true(control(&p, "identity")->passed);
    assert_failed_control(&p, "constant");
    play_forget(&p);
}

static void test_oracle_that_changes_its_mind_is_void(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.fn[EXAM_ORACLE] = forgetful_oracle;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_VOID);
    assert_failed_control(&p, "oracle asked again");
    play_forget(&p);
}

static void test_not_deterministic(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, remembers);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_non_null(strstr(p.e->reason, "not deterministic"));
    assert_non_null(p.e->raw);
    assert_int_equal(p.e->raw->expected.len, 6);
    assert_memory_not_equal(p.e->raw->expected.data, p.e->raw->got.data, 6);
    play_forget(&p);
    u32_exam(&p, counts_repeats);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_non_null(strstr(p.e->reason, "not deterministic"));
    play_forget(&p);
}

static void test_placebos_are_rejected(void **state)
{
    static const play_fn placebos[] = {seven, identity};
    struct play p;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(placebos); i++) {
        u32_exam(&p, placebos[i]);
        play_run(&p);
        assert_int_equal(p.e->verdict, VERDICT_REJECT);
        play_forget(&p);
    }
}

/* --- screen ---------------------------------------------------------------- */

/* tuple (tuple (u32), u32) */
static ProtobufCBinaryData example(uint8_t *b, uint32_t x, uint32_t answer)
{
    static const uint8_t shape[] = {9,    0, 0, 0, 2, 9, 0,    0, 0, 1, 3,
                                    0x84, 0, 0, 0, 0, 3, 0x84, 0, 0, 0, 0};

    memcpy(b, shape, sizeof(shape));
    for (unsigned i = 0; i < 4; i++) {
        b[12 + i] = (uint8_t)(x >> 8 * (3 - i));
        b[18 + i] = (uint8_t)(answer >> 8 * (3 - i));
    }
    return (ProtobufCBinaryData){sizeof(shape), b};
}

static void burn(struct values *v, uint32_t x)
{
    uint8_t one[11] = {9, 0, 0, 0, 1, 3, 0x84};
    static const struct type t = {4, {9, 1, 3, 0x84}};
    struct values_builder w;

    for (unsigned i = 0; i < 4; i++) {
        one[7 + i] = (uint8_t)(x >> 8 * (3 - i));
    }
    assert_int_equal(values_builder_init(&w, 1000), 0);
    assert_int_equal(values_builder_add(&w, (struct ubytes){one, sizeof(one)}),
                     0);
    values_init(v);
    assert_int_equal(values_decode(v, values_builder_bytes(&w), &t, 1), 0);
    values_builder_release(&w);
}

static void test_screen(void **state)
{
    uint8_t b[2][32];
    ProtobufCBinaryData examples[2] = {example(b[0], 5, mix(5)),
                                       example(b[1], 6, mix(6))};
    struct values burnt;
    struct play p;

    (void)state;
    /* Right on examples, wrong on a burnt input: no draw is spent. */
    burn(&burnt, 1005);
    u32_exam(&p, wrong_class);
    p.spec.examples = examples;
    p.spec.n_examples = 2;
    p.setup.burnt = &burnt;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(p.commits, 0);
    assert_int_equal(p.e->draws, 0);
    assert_int_equal(p.e->screened, 3);
    assert_int_equal(p.e->raw->k, 2);
    assert_int_equal(p.asked[EXAM_CANDIDATE], 3);
    assert_int_equal(p.e->n_controls, 0);
    play_forget(&p);
    /* An honest one goes on; the lookup control has something to look up. */
    p.fn[EXAM_CANDIDATE] = good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.commits, 1);
    assert_failed_control(&p, "nearest public input");
    play_forget(&p);
    /* A public example that the oracle does not share. */
    examples[1] = example(b[1], 6, mix(6) + 1);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    values_release(&burnt);
}

static int drew_public;

static enum play_end notes_public(struct play *p, struct ubytes input,
                                  uint32_t i, uint32_t n, struct buf *out)
{
    if (n > 100 && play_u32(input) <= 1) {
        drew_public++;
    }
    return good(p, input, i, n, out);
}

static void test_public_inputs_are_not_drawn(void **state)
{
    uint8_t b[2][32];
    ProtobufCBinaryData examples[2] = {example(b[0], 0, mix(0)),
                                       example(b[1], 1, mix(1))};
    struct play p;

    (void)state;
    u32_exam(&p, notes_public);
    play_run(&p);
    assert_true(drew_public > 100); /* zero and one are common draws */
    play_forget(&p);
    drew_public = 0;
    p.spec.examples = examples;
    p.spec.n_examples = 2;
    play_run(&p);
    assert_int_equal(drew_public, 0);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->draws, 16385);
    play_forget(&p);
}

/* --- finite domains, tables, budgets --------------------------------------- */

static void test_exhaustive(void **state)
{
    struct play p;

    (void)state;
    u8_exam(&p, u8_good);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_true(p.e->exhaustive);
    assert_int_equal(p.e->level, LEVEL_PROVEN);
    assert_int_equal(p.e->draws, 201);
    assert_int_equal(p.committed_draws, 201);
    assert_int_equal(p.e->n_strata, 1);
    assert_string_equal(p.e->strata[0]->name, "exhaustive");
    assert_true(p.e->bound95 <= 0.0);
    assert_int_equal(p.runs[EXAM_CANDIDATE], 2);
    play_forget(&p);
    u8_exam(&p, u8_wrong_at_199);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_false(p.e->exhaustive);
    assert_int_equal(p.e->shrunk->input.data[7], 199);
    play_forget(&p);
}

static void test_budget_too_small(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.setup.draws_left = 16384;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_int_equal(p.code, 0);
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    p.setup.draws_left = 16385;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    play_forget(&p);
    p.setup.committed = 999; /* the 1,000th candidate pays more */
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    play_forget(&p);
    p.setup.draws_left = 28115;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.committed_j, 1000);
    assert_int_equal(p.e->draws, 28115);
    play_forget(&p);
    p.spec.p0 = 1e-7;
    p.setup.draws_left = UINT64_MAX;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    play_forget(&p);
}

/* xor as a table: takes (u8, u8), gives u8. */
static const uint8_t xor_takes[] = {9, 2, 3, 0x81, 3, 0x81};
static const uint8_t xor_gives[] = {3, 0x81};

static void xor_table(struct values *in, struct values *out, int contradict)
{
    static const struct type takes = {6, {9, 2, 3, 0x81, 3, 0x81}};
    static const struct type gives = {2, {3, 0x81}};
    struct values_builder a;
    struct values_builder b;

    assert_int_equal(values_builder_init(&a, 1000), 0);
    assert_int_equal(values_builder_init(&b, 1000), 0);
    for (unsigned i = 0; i < 4u + (unsigned)contradict; i++) {
        uint8_t x[11] = {9,
                         0,
                         0,
                         0,
                         2,
                         3,
                         0x81,
                         (uint8_t)(i & 1),
                         3,
                         0x81,
                         (uint8_t)(i >> 1 & 1)};
        uint8_t y[3] = {3, 0x81, (uint8_t)((i & 1) ^ (i >> 1))};

        assert_int_equal(values_builder_add(&a, (struct ubytes){x, 11}), 0);
        assert_int_equal(values_builder_add(&b, (struct ubytes){y, 3}), 0);
    }
    values_init(in);
    values_init(out);
    assert_int_equal(values_decode(in, values_builder_bytes(&a), &takes, 10),
                     0);
    assert_int_equal(values_decode(out, values_builder_bytes(&b), &gives, 10),
                     0);
    values_builder_release(&a);
    values_builder_release(&b);
}

static enum play_end xor_good(struct play *p, struct ubytes input, uint32_t i,
                              uint32_t n, struct buf *out)
{
    uint8_t y[3] = {3, 0x81, input.p[7] ^ input.p[10]};

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(buf_put(out, y, sizeof(y)), 0);
    return PLAY_ANSWERED;
}

static enum play_end xor_or(struct play *p, struct ubytes input, uint32_t i,
                            uint32_t n, struct buf *out)
{
    uint8_t y[3] = {3, 0x81, input.p[7] | input.p[10]};

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(buf_put(out, y, sizeof(y)), 0);
    return PLAY_ANSWERED;
}

static void test_table(void **state)
{
    struct values in;
    struct values out;
    struct play p;

    (void)state;
    xor_table(&in, &out, 0);
    play_init(&p, xor_takes, sizeof(xor_takes), xor_gives, sizeof(xor_gives),
              NULL, 0);
    p.setup.table_inputs = &in;
    p.setup.table_outputs = &out;
    p.fn[EXAM_CANDIDATE] = xor_good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->level, LEVEL_ORACLE);
    assert_true(p.e->exhaustive);
    assert_int_equal(p.e->draws, 4);
    assert_int_equal(p.runs[EXAM_ORACLE], 0);
    assert_true(control(&p, "oracle asked again")->skipped);
    assert_failed_control(&p, "permuted outputs");
    play_forget(&p);
    p.fn[EXAM_CANDIDATE] = xor_or;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(p.e->raw->input.data[7], 1);
    assert_int_equal(p.e->raw->input.data[10], 1);
    play_forget(&p);
    values_release(&in);
    values_release(&out);
    xor_table(&in, &out, 1); /* a fifth row: (0, 0) -> 2 */
    p.fn[EXAM_CANDIDATE] = xor_good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    values_release(&in);
    values_release(&out);
}

/* NaN is wrong for a candidate even when the oracle agrees, and an oracle that
 * says NaN cannot judge. */
static enum play_end nan_answer(struct play *p, struct ubytes input, uint32_t i,
                                uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f32(out, input.p[10] == 7 ? __builtin_nanf("")
                                                         : (float)input.p[10]),
                     0);
    return PLAY_ANSWERED;
}

static enum play_end finite_answer(struct play *p, struct ubytes input,
                                   uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f32(out, (float)input.p[10]), 0);
    return PLAY_ANSWERED;
}

static void test_not_finite(void **state)
{
    static const uint8_t gives[] = {4, 4};
    struct play p;

    (void)state;
    play_init(&p, u32_takes, sizeof(u32_takes), gives, sizeof(gives),
              u32_domain, sizeof(u32_domain));
    p.fn[EXAM_CANDIDATE] = nan_answer;
    p.fn[EXAM_ORACLE] = finite_answer;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_string_equal(p.e->raw->ending, "not finite");
    assert_int_equal(p.e->shrunk->input.data[10], 7);
    play_forget(&p);
    p.fn[EXAM_ORACLE] = nan_answer;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    play_forget(&p);
}

static void test_setup_is_checked(void **state)
{
    static const uint8_t bad_example[] = {9, 0, 0, 0, 0};
    ProtobufCBinaryData examples[1] = {
        {sizeof(bad_example), (uint8_t *)(uintptr_t)bad_example}};
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.spec.p0 = 0;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    assert_null(p.x);
    u32_exam(&p, good);
    p.spec.alpha = 0.6;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    u32_exam(&p, good);
    p.spec.takes.data = (uint8_t *)(uintptr_t)bytes_takes;
    p.spec.takes.len = sizeof(bytes_takes);
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    u32_exam(&p, good);
    p.spec.examples = examples;
    p.spec.n_examples = 1;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_ENCODING);
    assert_int_equal(p.done, 0);
    exam_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_passes),
        cmocka_unit_test(test_same_seed_same_evidence),
        cmocka_unit_test(test_without_second_oracle),
        cmocka_unit_test(test_wrong_class_smallest_number),
        cmocka_unit_test(test_wrong_class_smallest_bytes),
        cmocka_unit_test(test_crash_is_shrunk),
        cmocka_unit_test(test_too_few_and_too_many_answers),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_outside_gives_no_verdict),
        cmocka_unit_test(test_oracles_disagree),
        cmocka_unit_test(test_constant_oracle_decides_nothing),
        cmocka_unit_test(test_identity_oracle_is_void),
        cmocka_unit_test(test_oracle_that_changes_its_mind_is_void),
        cmocka_unit_test(test_not_deterministic),
        cmocka_unit_test(test_placebos_are_rejected),
        cmocka_unit_test(test_screen),
        cmocka_unit_test(test_public_inputs_are_not_drawn),
        cmocka_unit_test(test_exhaustive),
        cmocka_unit_test(test_budget_too_small),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_setup_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The exam's verdicts, driven by in-process evaluators (play.h). */
#include "tests/unit/exam/functions.h"

#include "proto/limits.h"

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
    for (unsigned i = 0; i < 6; i++) {
        u32_exam(&p, good);
        p.fn[i % 3] = outside;
        p.is_sync = i >= 3;
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

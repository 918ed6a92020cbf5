/* The fold: each kind's effect, which a snapshot keeps. */
#include "fold_records.h"

static void test_refs(void **state)
{
    struct fold *f;
    struct record r = ref_record("b", 1);
    struct cid c;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    assert_false(fold_ref(f, "b", &c));
    add(f, &r);
    r = ref_record("a", 2);
    add(f, &r);
    r = ref_record("b", 3);
    add(f, &r);
    assert_true(fold_ref(f, "b", &c) && c.b[0] == 3);
    assert_true(fold_ref(f, "a", &c) && c.b[0] == 2);
    r = ref_record("a", 0); /* moved to nothing */
    add(f, &r);
    assert_false(fold_ref(f, "a", &c));
    assert_int_equal(fold_records(f), 4);
    fold_free(f);
}

static void add_assert(struct fold *f, const char *path, const char *operation,
                       unsigned bundle)
{
    struct record r;

    record_init(&r, RECORD_ASSERT);
    record_set_str(&r, RF_ASSERT_path, path);
    record_set_str(&r, RF_ASSERT_operation, operation);
    if (bundle > 0) {
        record_set_hash(&r, RF_ASSERT_bundle, cid_n(bundle).b);
    }
    add(f, &r);
}

/* SET and UPDATE move what a ref leads to, fields do not, DELETE ends it; all are
 * counted. */
static void test_assertions(void **state)
{
    static const struct {
        const char *operation;
        unsigned bundle;
        unsigned leads; /* 0: nowhere */
    } steps[] = {{"SET_TITLE", 1, 0}, {"SET", 2, 2},       {"UPDATE_A", 3, 2},
                 {"UPDATE", 4, 4},    {"DELETE", 0, 0},    {"SET_B", 5, 0},
                 {"SET", 6, 6},       {"", 7, 7}};
    struct fold *f;
    struct cid c;
    unsigned i;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    assert_null(fold_ref_state(f, "refs/cml/a"));
    for (i = 0; i < ARRAY_N(steps); i++) {
        struct cid want = cid_n(steps[i].leads);

        add_assert(f, "refs/cml/a", steps[i].operation, steps[i].bundle);
        add_assert(f, "refs/cml/other", "SET", 99);
        assert_int_equal(fold_ref_state(f, "refs/cml/a")->moves, i + 1);
        assert_int_equal(fold_ref_state(f, "refs/cml/a")->seq, 2 * i);
        assert_int_equal(fold_ref(f, "refs/cml/a", &c), steps[i].leads != 0);
        assert_true(steps[i].leads == 0 || cid_is_equal(&c, &want));
        if (i % 3 == 1) {
            struct fold *back = through_snapshot(f);

            fold_free(f);
            f = back;
        }
    }
    fold_free(f);
}

/* A status is known by its key. */
static void test_reconciled(void **state)
{
    struct record r;
    struct fold *f;
    struct fold *back;
    struct cid c;
    struct cid want = cid_n(7);

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    add_assert(f, "refs/cml/a", "SET", 1);
    record_init(&r, RECORD_RECONCILE);
    record_set_str(&r, RF_RECONCILE_key, "refs/cml/=abc");
    record_set_hash(&r, RF_RECONCILE_bundle, want.b);
    add(f, &r);
    assert_null(fold_ref_state(f, "refs/cml/=abd"));
    back = through_snapshot(f);
    assert_int_equal(fold_ref_state(back, "refs/cml/=abc")->seq, 1);
    assert_true(fold_ref(back, "refs/cml/=abc", &c) && cid_is_equal(&c, &want));
    fold_free(f);
    fold_free(back);
}

/* An ADMIT of a candidate that has a canonical form. */
static void add_as(struct fold *f, struct cid exam, struct cid candidate,
                   struct cid identity)
{
    struct record r;

    record_init(&r, RECORD_VERDICT);
    record_set_hash(&r, RF_VERDICT_exam, exam.b);
    record_set_hash(&r, RF_VERDICT_candidate, candidate.b);
    record_set_hash(&r, RF_VERDICT_identity, identity.b);
    record_set_u(&r, RF_VERDICT_verdict, VERDICT_ADMIT);
    add(f, &r);
}

static void test_exams(void **state)
{
    struct cid exam = cid_n(1);
    struct cid other = cid_n(2);
    struct cid burnt[3] = {cid_n(33), cid_n(31), cid_n(32)};
    struct cid got[LIMIT_BURNT];
    struct fold_verdict v;
    struct record r;
    struct fold *f;
    unsigned i;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    assert_int_equal(fold_committed(f, &exam), 0);
    add_commit(f, exam, 1);
    add_commit(f, other, 2);
    add_commit(f, exam, 3);
    assert_int_equal(fold_committed(f, &exam), 2);
    assert_int_equal(fold_committed(f, &other), 1);
    assert_int_equal(fold_seeds_used(f), 3);
    assert_false(fold_verdict(f, &exam, &burnt[0], &v));
    for (i = 0; i < 3; i++) {
        add_verdict(f, exam, cid_n(10 + i), VERDICT_REJECT, &burnt[i]);
    }
    add_verdict(f, exam, cid_n(10), VERDICT_ADMIT, &burnt[1]);
    assert_true(fold_verdict(f, &exam, &(struct cid){{0xc1, 0, 10}}, &v));
    assert_int_equal(v.verdict, VERDICT_ADMIT);
    assert_int_equal(v.seq, 6);
    assert_int_equal(v.revoked, 0);
    assert_false(fold_verdict(f, &other, &(struct cid){{0xc1, 0, 10}}, &v));
    assert_int_equal(fold_burnt(f, &exam, got, LIMIT_BURNT), 3);
    assert_int_equal(got[0].b[2], 31); /* sorted, once each */
    assert_int_equal(got[2].b[2], 33);
    assert_int_equal(fold_burnt(f, &exam, got, 2), 2);

    record_init(&r, RECORD_REVOKE);
    record_set_hash(&r, RF_REVOKE_exam, exam.b);
    record_set_hash(&r, RF_REVOKE_candidate, cid_n(10).b);
    add(f, &r);
    add_verdict(f, exam, cid_n(10), VERDICT_ADMIT, NULL);
    assert_true(fold_verdict(f, &exam, &(struct cid){{0xc1, 0, 10}}, &v));
    assert_int_equal(v.revoked, 1); /* for good */
    /* Rewritten, it is the candidate that it was. */
    add_as(f, exam, cid_n(50), cid_n(60));
    assert_false(fold_verdict(f, &exam, &(struct cid){{0xc1, 0, 50}}, &v));
    assert_true(fold_verdict(f, &exam, &(struct cid){{0xc1, 0, 60}}, &v));
    assert_int_equal(v.verdict, VERDICT_ADMIT);
    record_init(&r, RECORD_REVOKE);
    record_set_hash(&r, RF_REVOKE_exam, exam.b);
    record_set_hash(&r, RF_REVOKE_candidate, cid_n(50).b);
    record_set_hash(&r, RF_REVOKE_identity, cid_n(60).b);
    add(f, &r);
    assert_true(fold_verdict(f, &exam, &(struct cid){{0xc1, 0, 60}}, &v));
    assert_int_equal(v.revoked, 1);
    for (i = 0; i < 2 * LIMIT_BURNT; i++) {
        struct cid b = cid_n(300 + i);

        add_verdict(f, exam, cid_n(20), VERDICT_REJECT, &b);
    }
    assert_int_equal(fold_burnt(f, &exam, got, 999), LIMIT_BURNT);
    fold_free(through_snapshot(f));
    fold_free(f);
}

static void test_run_states(void **state)
{
    struct fold *f;
    uint64_t run;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    assert_null(fold_last_run(f));
    assert_null(fold_task(f, "a"));
    run = add_run(f, 0);
    assert_non_null(fold_last_run(f));
    assert_string_equal(fold_last_run(f)->graph_path, "g.yaml");
    assert_true(fold_last_run(f)->seq == run && !fold_last_run(f)->ended);
    add_run_task(f, RECORD_START, RF_START_run, RF_START_task, run, "a");
    assert_int_equal(state_of(f, "a"), STATE_RUNNING);
    add_run_task(f, RECORD_PARK, RF_PARK_run, RF_PARK_task, run, "a");
    assert_int_equal(state_of(f, "a"), STATE_PARKED);
    add_run_task(f, RECORD_RESUME, RF_RESUME_run, RF_RESUME_task, run, "a");
    assert_int_equal(state_of(f, "a"), STATE_READY);
    add_run_task(f, RECORD_REPAIR, RF_REPAIR_run, RF_REPAIR_task, run, "a");
    assert_int_equal(state_of(f, "a"), STATE_REPAIRING);
    add_task(f, run, "a", STATE_FAILED, "no");
    assert_int_equal(state_of(f, "a"), STATE_FAILED);
    assert_string_equal(fold_task(f, "a")->reason, "no");
    assert_int_equal(fold_task(f, "a")->result.len, 32);
    add_run_task(f, RECORD_ABORT, RF_ABORT_run, RF_ABORT_task, run, "b");
    assert_int_equal(state_of(f, "b"), STATE_ABORTED);
    add_task(f, run + 1, "c", STATE_PASSED, ""); /* another run's */
    assert_null(fold_task(f, "c"));
    add_end(f, run, 0);
    assert_null(fold_last_run(f)); /* nothing to resume */
    assert_null(fold_task(f, "a"));
    fold_free(f);
}

/* What keeps an ended run: parked tasks, or that it was aborted, also when a
 * snapshot fell between ABORT and END. */
static void test_resumable_runs(void **state)
{
    struct fold *f;
    struct fold *g;
    uint64_t run;
    uint64_t next;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    run = add_run(f, 0);
    add_run_task(f, RECORD_PARK, RF_PARK_run, RF_PARK_task, run, "p");
    add_task(f, run, "done", STATE_PASSED, "");
    add_end(f, run, 0);
    assert_non_null(fold_last_run(f));
    assert_true(fold_last_run(f)->ended);
    /* Its successor takes the tasks over. */
    next = add_run(f, run + 1);
    assert_true(fold_last_run(f)->seq == next && !fold_last_run(f)->ended);
    assert_int_equal(state_of(f, "done"), STATE_PASSED);
    add_run_task(f, RECORD_RESUME, RF_RESUME_run, RF_RESUME_task, next, "p");
    add_run_task(f, RECORD_ABORT, RF_ABORT_run, RF_ABORT_task, next, "");
    g = through_snapshot(f);
    add_end(f, next, 0);
    add_end(g, next, 0);
    assert_non_null(fold_last_run(f));
    assert_non_null(fold_last_run(g));
    assert_int_equal(state_of(g, "done"), STATE_PASSED);
    /* A run that goes on with nothing starts with nothing. */
    (void)add_run(g, 0);
    assert_null(fold_task(g, "done"));
    fold_free(f);
    fold_free(g);
}

/* A folds k records, B goes through a snapshot after each of some of them. */
static void add_split(struct fold *f, unsigned file, uint64_t seed_i,
                      uint64_t fixed_ref)
{
    struct record r;

    record_init(&r, RECORD_SPLIT);
    record_set_hash(&r, RF_SPLIT_file, cid_n(file).b);
    record_set_u(&r, RF_SPLIT_seed_i, seed_i);
    record_set_u(&r, RF_SPLIT_fixed_ref, fixed_ref);
    add(f, &r);
}

static void add_look(struct fold *f, unsigned split, unsigned metric,
                     unsigned candidate)
{
    struct record r;

    record_init(&r, RECORD_LOOK);
    record_set_hash(&r, RF_LOOK_split, cid_n(split).b);
    record_set_u(&r, RF_LOOK_metric, metric);
    record_set_hash(&r, RF_LOOK_candidate, cid_n(candidate).b);
    add(f, &r);
}

/* A file is drawn once, whoever tries again; looks count over all metrics, and
 * each candidate is remembered for each. Snapshots keep it. */
static void test_splits(void **state)
{
    struct cid file = cid_n(700);
    struct cid split = cid_n(701);
    struct cid a = cid_n(1);
    struct cid b = cid_n(2);
    struct fold *back;
    struct fold *f;
    uint64_t seq = 0;
    uint64_t drawn;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    add_split(f, 700, 3, 0);
    assert_false(fold_split(f, &file, &seq)); /* fixed only */
    assert_int_equal(fold_seeds_used(f), 3);
    add_split(f, 700, 4, 0); /* the one before was cut off */
    add_split(f, 700, 4, 2);
    assert_true(fold_split(f, &file, &drawn));
    add_split(f, 700, 5, 0);
    add_split(f, 700, 5, 4);
    assert_true(fold_split(f, &file, &seq));
    assert_int_equal(seq, drawn);
    assert_int_equal(fold_seeds_used(f), 5);
    assert_int_equal(fold_looks(f, &split), 0);
    assert_false(fold_look(f, &split, METRIC_ACCURACY, NULL, &seq));
    add_look(f, 701, METRIC_ACCURACY, 1);
    add_look(f, 701, METRIC_ABSOLUTE_ERROR, 1);
    add_look(f, 701, METRIC_ACCURACY, 2);
    add_look(f, 702, METRIC_ACCURACY, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fold_looks(f, &split), 3);
        assert_true(fold_look(f, &split, METRIC_ACCURACY, &a, &seq));
        assert_int_equal(seq, 5);
        assert_true(fold_look(f, &split, METRIC_ACCURACY, NULL, &seq));
        assert_int_equal(seq, 7);
        assert_true(fold_look(f, &split, METRIC_ABSOLUTE_ERROR, NULL, &seq));
        assert_int_equal(seq, 6);
        assert_false(fold_look(f, &split, METRIC_ABSOLUTE_ERROR, &b, &seq));
        assert_false(fold_look(f, &split, METRIC_SQUARED_ERROR, NULL, &seq));
        /* None of it is an exam. */
        assert_int_equal(fold_committed(f, &split), 0);
        assert_int_equal(fold_committed(f, &file), 0);
        back = through_snapshot(f);
        fold_free(f);
        f = back;
    }
    fold_free(f);
}

static void add_inputs(struct fold *f, const char *series, uint64_t index)
{
    struct record r;

    record_init(&r, RECORD_INPUTS);
    record_set_str(&r, RF_INPUTS_series, series);
    record_set_u(&r, RF_INPUTS_index, index);
    add(f, &r);
}

static void add_outputs(struct fold *f, const char *series, uint64_t index,
                        uint64_t inputs_ref)
{
    struct record r;

    record_init(&r, RECORD_OUTPUTS);
    record_set_str(&r, RF_OUTPUTS_series, series);
    record_set_u(&r, RF_OUTPUTS_index, index);
    record_set_u(&r, RF_OUTPUTS_inputs_ref, inputs_ref);
    add(f, &r);
}

/* Both lists of a series by one count; what is out of turn, out of place or the
 * answer to something else counts nothing. Snapshots keep it. */
static void test_series(void **state)
{
    struct fold *back;
    struct fold *f;
    uint64_t seq = 7;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    assert_int_equal(fold_series(f, "xor", &seq), 0);
    assert_int_equal(seq, 0);
    add_outputs(f, "xor", 0, 1); /* 0: without inputs */
    assert_int_equal(fold_series(f, "xor", &seq), 0);
    add_inputs(f, "xor", 1); /* 1: not the first place */
    assert_int_equal(fold_series(f, "xor", &seq), 0);
    add_inputs(f, "xor", 0);      /* 2 */
    add_inputs(f, "xor", 1);      /* 3: another while one is open */
    add_inputs(f, "xor", 0);      /* 4: the same place again */
    add_inputs(f, "xo", 0);       /* 5: another series */
    add_outputs(f, "xor", 0, 4);  /* 6: of other inputs */
    add_outputs(f, "xor", 1, 3);  /* 7: another place */
    assert_int_equal(fold_series(f, "xor", &seq), 1);
    assert_int_equal(seq, 2);
    add_outputs(f, "xor", 0, 3); /* 8 */
    add_outputs(f, "xor", 0, 3); /* 9: twice */
    add_inputs(f, "xor", 1);     /* 10 */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fold_series(f, "xor", &seq), 3);
        assert_int_equal(seq, 10);
        assert_int_equal(fold_series(f, "xo", &seq), 1);
        assert_int_equal(seq, 5);
        assert_int_equal(fold_series(f, "xorr", &seq), 0);
        back = through_snapshot(f);
        fold_free(f);
        f = back;
    }
    add_outputs(f, "xor", 1, 11);
    assert_int_equal(fold_series(f, "xor", &seq), 4);
    fold_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_assertions),
        cmocka_unit_test(test_reconciled),
        cmocka_unit_test(test_exams),
        cmocka_unit_test(test_run_states),
        cmocka_unit_test(test_resumable_runs),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_series),
    };

    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}

/* The fold: each kind's effect, snapshots that lose nothing, order that does
 * not matter, size. */
#include "fixture.h"

#include <time.h>

#include "proto/pb.h"

static void add(struct fold *f, struct record *r)
{
    r->seq = fold_records(f);
    assert_int_equal(fold_add(f, r), 0);
}

static struct cid cid_n(unsigned n)
{
    struct cid c = {{0xc1, (uint8_t)(n >> 8), (uint8_t)n}};

    return c;
}

static uint64_t add_run(struct fold *f, uint64_t resumes_ref)
{
    struct record r;

    record_init(&r, RECORD_RUN);
    record_set_hash(&r, RF_RUN_graph, cid_n(900).b);
    record_set_str(&r, RF_RUN_graph_path, "g.yaml");
    record_set_u(&r, RF_RUN_resumes_ref, resumes_ref);
    add(f, &r);
    return r.seq;
}

static void add_task(struct fold *f, uint64_t run, const char *id,
                     enum task_state state, const char *reason)
{
    struct record r;

    record_init(&r, RECORD_TASK);
    record_set_u(&r, RF_TASK_run, run);
    record_set_str(&r, RF_TASK_task, id);
    record_set_u(&r, RF_TASK_state, state);
    record_set_u(&r, RF_TASK_level, LEVEL_SCHEMA);
    record_set_hash(&r, RF_TASK_result, cid_n(5).b);
    record_set_str(&r, RF_TASK_reason, reason);
    add(f, &r);
}

static void add_run_task(struct fold *f, enum record_kind kind,
                         enum record_field run_field,
                         enum record_field task_field, uint64_t run,
                         const char *id)
{
    struct record r;

    record_init(&r, kind);
    record_set_u(&r, run_field, run);
    record_set_str(&r, task_field, id);
    add(f, &r);
}

static void add_end(struct fold *f, uint64_t run, unsigned parked)
{
    struct record r;

    record_init(&r, RECORD_END);
    record_set_u(&r, RF_END_run, run);
    record_set_u(&r, RF_END_parked, parked);
    add(f, &r);
}

static void add_commit(struct fold *f, struct cid exam, uint64_t seed_i)
{
    struct record r;

    record_init(&r, RECORD_COMMIT);
    record_set_hash(&r, RF_COMMIT_exam, exam.b);
    record_set_u(&r, RF_COMMIT_seed_i, seed_i);
    add(f, &r);
}

static void add_verdict(struct fold *f, struct cid exam, struct cid candidate,
                        unsigned verdict, const struct cid *burnt)
{
    struct record r;

    record_init(&r, RECORD_VERDICT);
    record_set_hash(&r, RF_VERDICT_exam, exam.b);
    record_set_hash(&r, RF_VERDICT_candidate, candidate.b);
    record_set_u(&r, RF_VERDICT_verdict, verdict);
    if (burnt != NULL) {
        record_set_hash(&r, RF_VERDICT_burnt, burnt->b);
    }
    add(f, &r);
}

static uint32_t state_of(const struct fold *f, const char *id)
{
    const Proctor__TaskState *t = fold_task(f, id);

    assert_non_null(t);
    return t->state;
}

/* Encodes, decodes, encodes: the same bytes. The decoded fold is returned. */
static struct fold *through_snapshot(struct fold *f)
{
    struct fold *back;
    struct buf a;
    struct buf b;

    buf_init(&a, 1u << 28);
    buf_init(&b, 1u << 28);
    assert_int_equal(fold_encode(f, &a), 0);
    assert_int_equal(fold_decode(buf_bytes(&a), &back), 0);
    assert_int_equal(fold_encode(back, &b), 0);
    assert_int_equal(buf_len(&a), buf_len(&b));
    if (buf_len(&a) > 0) {
        assert_memory_equal(buf_bytes(&a).p, buf_bytes(&b).p, buf_len(&a));
    }
    buf_release(&a);
    buf_release(&b);
    return back;
}

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

static void test_snapshot_at_any_point(void **state)
{
    struct fold *a;
    struct fold *b;
    struct buf x;
    struct buf y;
    uint64_t run = 0;
    unsigned i;

    (void)state;
    assert_int_equal(fold_new(&a), 0);
    assert_int_equal(fold_new(&b), 0);
    for (i = 0; i < 600; i++) {
        struct fold *each[2] = {a, b};
        struct fold *fresh;
        uint64_t old_run = run;
        char name[32];
        unsigned k;

        (void)snprintf(name, sizeof(name), "n%u", i * 7919 % 53);
        for (k = 0; k < 2; k++) {
            struct record r = ref_record(name, (uint8_t)i);
            struct cid burnt = cid_n(i % 90);

            switch (i % 6) {
            case 0:
                add(each[k], &r);
                break;
            case 1:
                add_commit(each[k], cid_n(i % 7), i);
                break;
            case 2:
                add_verdict(each[k], cid_n(i % 7), cid_n(i % 41), i % 7,
                            &burnt);
                break;
            case 3:
                add_task(each[k], run, name, i % STATE_N_, "because");
                break;
            case 4:
                add_run_task(each[k], RECORD_START, RF_START_run, RF_START_task,
                             run, name);
                break;
            default:
                run = i % 60 == 5 ? add_run(each[k], old_run + 1) : run;
                break;
            }
        }
        if (i % 9 == 0) {
            fresh = through_snapshot(b);
            fold_free(b);
            b = fresh;
        }
    }
    buf_init(&x, 1u << 24);
    buf_init(&y, 1u << 24);
    assert_int_equal(fold_encode(a, &x), 0);
    assert_int_equal(fold_encode(b, &y), 0);
    assert_int_equal(buf_len(&x), buf_len(&y));
    assert_memory_equal(buf_bytes(&x).p, buf_bytes(&y).p, buf_len(&x));
    buf_release(&x);
    buf_release(&y);
    fold_free(a);
    fold_free(b);
}

/* Snapshots that are protobuf but not ours. */
static void test_bad_snapshots(void **state)
{
    Proctor__Snapshot s = PROCTOR__SNAPSHOT__INIT;
    Proctor__RefState a = PROCTOR__REF_STATE__INIT;
    Proctor__RefState b = PROCTOR__REF_STATE__INIT;
    Proctor__RefState *refs[2] = {&a, &b};
    Proctor__RunState run = PROCTOR__RUN_STATE__INIT;
    Proctor__RunState *runs[2] = {&run, &run};
    uint8_t short_cid[31] = {1};
    char name_a[] = "a";
    char name_b[] = "b";
    struct fold *f;
    struct buf x;

    (void)state;
    buf_init(&x, 10000);
    s.refs = refs;
    s.n_refs = 2;
    a.name = name_b;
    b.name = name_a;
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_reset(&x);
    b.name = name_b; /* twice */
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_reset(&x);
    a.name = name_a;
    a.target = (ProtobufCBinaryData){.len = 31, .data = short_cid};
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_reset(&x);
    s.n_refs = 0;
    s.runs = runs;
    s.n_runs = 2;
    assert_int_equal(pb_encode(&s.base, &x), 0);
    assert_int_equal(fold_decode(buf_bytes(&x), &f), ERR_ENCODING);
    buf_release(&x);
}

/* A run of 100,000 tasks, each with three records. */
static void test_many_tasks(void **state)
{
    struct timespec t0;
    struct timespec t1;
    struct fold *f;
    uint64_t run;
    unsigned i;
    double s;

    (void)state;
    assert_int_equal(fold_new(&f), 0);
    run = add_run(f, 0);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t0), 0);
    for (i = 0; i < 100000; i++) {
        char id[32];

        (void)snprintf(id, sizeof(id), "task-%u", i);
        add_run_task(f, RECORD_START, RF_START_run, RF_START_task, run, id);
        add_task(f, run, id, STATE_PASSED, "");
    }
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t1), 0);
    s = (double)(t1.tv_sec - t0.tv_sec) +
        (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
    assert_int_equal(fold_last_run(f)->n_tasks, 100000);
    assert_int_equal(state_of(f, "task-77777"), STATE_PASSED);
    assert_true(s < 10.0); /* quadratic work would take minutes */
    fold_free(through_snapshot(f));
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
        cmocka_unit_test(test_snapshot_at_any_point),
        cmocka_unit_test(test_bad_snapshots),
        cmocka_unit_test(test_many_tasks),
    };

    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}

/* reach: all that records lead to, whatever else leads there, and every hash of
 * a record is known to be a name or none. */
#include "fixture.h"

#include "cli/kinds.h"
#include "cli/reach.h"

#include "graph.pb-c.h"

static void follow_all(struct reach *r, const struct fixture *f, int want)
{
    int last = 0;
    size_t i;

    for (i = 0; i < reach_n(r); i++) {
        int rc = reach_follow(r, f->dir, i);

        last = rc != 0 ? rc : last;
    }
    assert_int_equal(last, want);
}

static void add(struct reach *r, enum record_kind kind, enum record_field f,
                const struct cid *c)
{
    struct record rec;

    record_init(&rec, kind);
    record_set_hash(&rec, f, c->b);
    assert_int_equal(reach_add(r, &rec), 0);
}

/* VERDICT -> Exam -> oracle; and the same bytes as two things. */
static void test_closure(void **state)
{
    Proctor__Runnable run = PROCTOR__RUNNABLE__INIT;
    struct reach *r;
    struct fixture f;
    struct cid weights;
    struct cid holder;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_ADMIT);
    assert_int_equal(reach_new(&r), 0);
    add(r, RECORD_VERDICT, RF_VERDICT_exam, &f.exam);
    follow_all(r, &f, 0);
    assert_int_equal(reach_n(r), 2);
    assert_false(reach_has(r, &f.candidate));

    /* First met as plain text, then as what it is: followed all the same. */
    weights = fixture_object(&f, (struct ubytes){(const uint8_t *)"w", 1});
    run.kind = 2;
    run.weights = (ProtobufCBinaryData){CID_BYTES, weights.b};
    holder = fixture_message(&f, &run.base);
    add(r, RECORD_RUN, RF_RUN_graph_text, &holder);
    follow_all(r, &f, 0);
    assert_false(reach_has(r, &weights));
    add(r, RECORD_COMMIT, RF_COMMIT_candidate, &holder);
    follow_all(r, &f, 0);
    assert_true(reach_has(r, &weights));
    assert_true(reach_at(r, 2).is_first);
    assert_false(reach_at(r, 3).is_first);
    add(r, RECORD_COMMIT, RF_COMMIT_candidate, &holder);
    assert_int_equal(reach_n(r), 5);
    reach_free(r);
    fixture_release(&f);
}

/* A task's result is a runnable, evidence or a split. */
static void test_any(void **state)
{
    struct reach *r;
    struct fixture f;
    struct cid text;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_ADMIT);
    assert_int_equal(reach_new(&r), 0);
    add(r, RECORD_TASK, RF_TASK_result, &f.evidence);
    add(r, RECORD_TASK, RF_TASK_result, &f.exam);
    follow_all(r, &f, 0);
    assert_int_equal(reach_n(r), 3); /* and the oracle */
    text = fixture_object(&f, (struct ubytes){(const uint8_t *)"text", 4});
    add(r, RECORD_TASK, RF_TASK_result, &text);
    follow_all(r, &f, ERR_ENCODING);
    reach_free(r);
    assert_int_equal(reach_new(&r), 0);
    add(r, RECORD_VERDICT, RF_VERDICT_evidence, &text);
    follow_all(r, &f, ERR_ENCODING);
    text.b[0] ^= 1;
    add(r, RECORD_VERDICT, RF_VERDICT_exam, &text);
    follow_all(r, &f, ERR_NOT_FOUND);
    reach_free(r);
    fixture_release(&f);
}

static void test_many(void **state)
{
    struct reach *r;
    struct cid c;
    uint32_t i;

    (void)state;
    assert_int_equal(reach_new(&r), 0);
    memset(&c, 0, sizeof(c));
    assert_false(reach_has(r, &c));
    for (i = 1; i <= 5000; i++) {
        memcpy(c.b + 4 * (i % 7), &i, sizeof(i)); /* many share a beginning */
        add(r, RECORD_LOOK, RF_LOOK_answers, &c);
        add(r, RECORD_LOOK, RF_LOOK_answers, &c);
    }
    assert_int_equal(reach_n(r), 5000);
    for (i = 0; i < 5000; i++) {
        struct reach_mention m = reach_at(r, i);

        assert_true(reach_has(r, &m.cid));
    }
    memset(&c, 0xff, sizeof(c));
    assert_false(reach_has(r, &c));
    reach_free(r);
}

/* Hashes that name no object. A new HASH field belongs here or into kinds.c,
 * else `proctor gc` would not know whether it keeps an object. */
static const enum record_field NO_OBJECT[] = {
    RF_GENESIS_log_key,   RF_GENESIS_seed_anchor, RF_GENESIS_kernel,
    RF_RUN_kernel,        RF_COMMIT_kernel,       RF_DRAW_commit_hash,
    RF_DRAW_seed_secret,  RF_DRAW_seed,           RF_VERDICT_commit_hash,
    RF_VERDICT_proof,     RF_SPLIT_kernel,        RF_SPLIT_fixed_hash,
    RF_SPLIT_seed_secret, RF_SPLIT_seed,          RF_INPUTS_sha256,
    RF_OUTPUTS_sha256,    RF_KEY_old_key,         RF_KEY_new_key,
    RF_VERDICT_identity,  RF_REVOKE_identity,
    RF_ASSERT_payload,    RF_ASSERT_prev,         RF_RECONCILE_unit,
    RF_RECONCILE_desired, RF_RECONCILE_observed,  RF_RECONCILE_status,
    RF_GENERATE_digest,
};

static void test_every_hash_is_known(void **state)
{
    unsigned k;

    (void)state;
    for (k = 1; k < 256; k++) {
        unsigned first;
        unsigned i;

        if (record_kind_name((enum record_kind)k) == NULL) {
            continue;
        }
        first = (unsigned)record_first_field((enum record_kind)k);
        for (i = 0; i < record_fields_n((enum record_kind)k); i++) {
            enum record_field f = (enum record_field)(first + i);
            int known = kinds_of_field(f) != NULL;
            size_t n;

            for (n = 0; n < ARRAY_N(NO_OBJECT); n++) {
                known += NO_OBJECT[n] == f;
            }
            if (record_field_info(f)->type == RT_HASH && known != 1) {
                fail_msg("%s.%s: neither in kinds.c nor in NO_OBJECT",
                         record_kind_name((enum record_kind)k),
                         record_field_info(f)->name);
            }
        }
    }
}

/* The same for bytes in messages that are objects. */
static const char *const NO_NAME[] = {

    "CmlSnapshotRef.cid",
    "Training.image",
    "Runnable.takes",
    "Runnable.gives",
    "Runnable.canonical",
    "Snapshot.log_key",
    "Exam.domain",
    "Exam.takes",
    "Exam.gives",
    "Exam.examples",
    "Data.takes",
    "Data.gives",
    "Split.seed",
    "Counterexample.input",
    "Counterexample.expected",
    "Counterexample.got",
    "Evidence.results_root",
    "Evidence.digest_first",
    "Evidence.digest_second",
    "Confinement.image",
    "Confinement.filter",
    "ExamState.cid",
    "TaskState.result",
    "LaneSpec.stop",
    "LaneSpec.choices",
    "FactSpec.input",
    "GrammarSpec.automaton",
    "ParkedLane.key",
    "ParkedLane.text",
    "ParkedLane.image",
    "ParkedLane.entropies",
    "ParkedLane.digest",
};

static int is_no_name(const ProtobufCMessageDescriptor *of, const char *member)
{
    char name[128];
    size_t i;

    (void)snprintf(name, sizeof(name), "%s.%s", of->short_name, member);
    for (i = 0; i < ARRAY_N(NO_NAME); i++) {
        if (strcmp(NO_NAME[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void look_into(const ProtobufCMessageDescriptor *of, unsigned depth)
{
    unsigned k;

    for (k = 0; k < of->n_fields && depth < 8; k++) {
        const ProtobufCFieldDescriptor *f = &of->fields[k];

        if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
            look_into(f->descriptor, depth + 1);
        } else if (f->type == PROTOBUF_C_TYPE_BYTES &&
                   (kinds_of_member(of, f->name) != NULL) ==
                       is_no_name(of, f->name)) {
            fail_msg("%s.%s: neither in kinds.c nor in NO_NAME, or in both",
                     of->short_name, f->name);
        }
    }
}

static void test_every_member_is_known(void **state)
{
    const char *name;
    size_t i;

    (void)state;
    for (i = 0; (name = kinds_type_name(i)) != NULL; i++) {
        /* Graphs, tasks and policies hold texts and types, never CIDs. */
        if (kinds_type(name) != &proctor__graph__descriptor &&
            kinds_type(name) != &proctor__task__descriptor &&
            kinds_type(name) != &proctor__policy__descriptor) {
            look_into(kinds_type(name), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closure),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_every_hash_is_known),
        cmocka_unit_test(test_every_member_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

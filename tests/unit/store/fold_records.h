/* A fold under test, and what adds a record of each kind to it. */
#ifndef TESTS_UNIT_STORE_FOLD_RECORDS_H
#define TESTS_UNIT_STORE_FOLD_RECORDS_H

#include "fixture.h"

static UNUSED void add(struct fold *f, struct record *r)
{
    r->seq = fold_records(f);
    assert_int_equal(fold_add(f, r), 0);
}

static UNUSED struct cid cid_n(unsigned n)
{
    struct cid c = {{0xc1, (uint8_t)(n >> 8), (uint8_t)n}};

    return c;
}

static UNUSED uint64_t add_run(struct fold *f, uint64_t resumes_ref)
{
    struct record r;

    record_init(&r, RECORD_RUN);
    record_set_hash(&r, RF_RUN_graph, cid_n(900).b);
    record_set_str(&r, RF_RUN_graph_path, "g.yaml");
    record_set_u(&r, RF_RUN_resumes_ref, resumes_ref);
    add(f, &r);
    return r.seq;
}

static UNUSED void add_task(struct fold *f, uint64_t run, const char *id,
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

static UNUSED void add_run_task(struct fold *f, enum record_kind kind,
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

static UNUSED void add_end(struct fold *f, uint64_t run, unsigned parked)
{
    struct record r;

    record_init(&r, RECORD_END);
    record_set_u(&r, RF_END_run, run);
    record_set_u(&r, RF_END_parked, parked);
    add(f, &r);
}

static UNUSED void add_commit(struct fold *f, struct cid exam, uint64_t seed_i)
{
    struct record r;

    record_init(&r, RECORD_COMMIT);
    record_set_hash(&r, RF_COMMIT_exam, exam.b);
    record_set_u(&r, RF_COMMIT_seed_i, seed_i);
    add(f, &r);
}

static UNUSED void add_verdict(struct fold *f, struct cid exam,
                               struct cid candidate, unsigned verdict,
                               const struct cid *burnt)
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

static UNUSED uint32_t state_of(const struct fold *f, const char *id)
{
    const Proctor__TaskState *t = fold_task(f, id);

    assert_non_null(t);
    return t->state;
}

/* Encodes, decodes, encodes: the same bytes. The decoded fold is returned. */
static UNUSED struct fold *through_snapshot(struct fold *f)
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

#endif

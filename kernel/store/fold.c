/* The fold: kernel state as a function of ledger records. Kernel process; must
 * never refuse a record, since records that are durable cannot be taken back.
 * Cost: O(1) amortised per record. */
#include "kernel/store/fold_int.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

int fold_new(struct fold **out)
{
    struct fold *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    f->s = malloc(sizeof(*f->s));
    if (f->s == NULL) {
        free(f);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__snapshot__init(f->s);
    map_init(&f->refs);
    map_init(&f->exams);
    map_init(&f->candidates);
    map_init(&f->tasks);
    *out = f;
    return 0;
}

void fold_free(struct fold *f)
{
    if (f == NULL) {
        return;
    }
    map_release(&f->refs);
    map_release(&f->exams);
    map_release(&f->candidates);
    map_release(&f->tasks);
    pb_free(&f->s->base);
    free(f);
}

/* What protobuf-c puts in an empty string field; it knows not to free it. */
static char *empty_text(void)
{
    Proctor__RefState m;

    proctor__ref_state__init(&m);
    return m.name;
}

/* A field's string or hash for keeping. */
static int set_text(char **field, struct ubytes v)
{
    char *copy = v.n == 0 ? NULL : malloc(v.n + 1);

    if (v.n > 0 && copy == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (*field != empty_text()) {
        free(*field);
    }
    *field = empty_text();
    if (v.n > 0) {
        memcpy(copy, v.p, v.n);
        copy[v.n] = '\0';
        *field = copy;
    }
    return 0;
}

static int is_zero(const uint8_t h[static CID_BYTES])
{
    static const uint8_t zero[CID_BYTES];

    return memcmp(h, zero, CID_BYTES) == 0;
}

/* A zero hash is kept as no bytes. */
static int set_hash(ProtobufCBinaryData *field, const uint8_t h[static 32])
{
    uint8_t *copy = NULL;

    if (!is_zero(h)) {
        copy = malloc(CID_BYTES);
        if (copy == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        memcpy(copy, h, CID_BYTES);
    }
    free(field->data);
    field->data = copy;
    field->len = copy == NULL ? 0 : CID_BYTES;
    return 0;
}

static int add_ref(struct fold *f, struct ubytes name, Proctor__RefState **out)
{
    Proctor__RefState *ref = malloc(sizeof(*ref));
    void *room = fold_room(f->s->refs, f->s->n_refs, sizeof(void *));

    if (room != NULL) {
        f->s->refs = room;
    }
    if (ref == NULL || room == NULL) {
        free(ref);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__ref_state__init(ref);
    f->s->refs[f->s->n_refs++] = ref;
    TRY(set_text(&ref->name, name));
    TRY(map_add(&f->refs, key_of_text(ref->name),
                (uint32_t)(f->s->n_refs - 1)));
    *out = ref;
    return 0;
}

/* What ref.move, assert and reconcile move: names of one table, which admission
 * keeps apart (refs/cml/). An assertion about a field moves nothing: it is only
 * counted. */
static int on_ref(struct fold *f, const struct record *r)
{
    int is_assert = r->kind == RECORD_ASSERT;
    int is_ref = r->kind == RECORD_REF;
    struct ubytes name = record_bytes(r, is_ref      ? RF_REF_name
                                         : is_assert ? RF_ASSERT_path
                                                     : RF_RECONCILE_key);
    struct ubytes operation = {NULL, 0};
    Proctor__RefState *ref;
    uint32_t i;

    if (map_get(&f->refs, name, &i)) {
        ref = f->s->refs[i];
    } else {
        TRY(add_ref(f, name, &ref));
    }
    ref->seq = r->seq;
    ref->moves++;
    if (is_assert) {
        operation = record_bytes(r, RF_ASSERT_operation);
    }
    if (operation.n > 0 && memchr(operation.p, '_', operation.n) != NULL) {
        return 0;
    }
    return set_hash(&ref->target, record_hash(r, is_ref ? RF_REF_new_target
                                                 : is_assert
                                                     ? RF_ASSERT_bundle
                                                     : RF_RECONCILE_bundle));
}

Proctor__ExamState *fold_find_exam(const struct fold *f,
                                   const uint8_t cid[static CID_BYTES])
{
    uint32_t i;

    return map_get(&f->exams, (struct ubytes){cid, CID_BYTES}, &i)
               ? f->s->exams[i]
               : NULL;
}

int fold_need_exam(struct fold *f, const uint8_t cid[static CID_BYTES],
                   Proctor__ExamState **out)
{
    Proctor__ExamState *exam;
    void *room;

    *out = fold_find_exam(f, cid);
    if (*out != NULL) {
        return 0;
    }
    exam = malloc(sizeof(*exam));
    room = fold_room(f->s->exams, f->s->n_exams, sizeof(void *));
    if (room != NULL) {
        f->s->exams = room;
    }
    if (exam == NULL || room == NULL) {
        free(exam);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__exam_state__init(exam);
    f->s->exams[f->s->n_exams++] = exam;
    exam->cid.data = malloc(CID_BYTES);
    if (exam->cid.data == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(exam->cid.data, cid, CID_BYTES);
    exam->cid.len = CID_BYTES;
    TRY(map_add(&f->exams, key_of_cid(&exam->cid),
                (uint32_t)(f->s->n_exams - 1)));
    *out = exam;
    return 0;
}

Proctor__CandidateState *
fold_find_candidate(const struct fold *f, const uint8_t exam[static CID_BYTES],
                    const uint8_t cid[static CID_BYTES])
{
    const Proctor__ExamState *e = fold_find_exam(f, exam);
    uint8_t key[CANDIDATE_KEY_BYTES];
    uint32_t i;

    memcpy(key, cid, CID_BYTES);
    memcpy(key + CID_BYTES, exam, CID_BYTES);
    return e != NULL && map_get(&f->candidates,
                                (struct ubytes){key, sizeof(key)}, &i)
               ? e->candidates[i]
               : NULL;
}

int fold_need_candidate(struct fold *f, Proctor__ExamState *e,
                        const uint8_t cid[static CID_BYTES],
                        Proctor__CandidateState **out)
{
    Proctor__CandidateState *c;
    void *room;

    *out = fold_find_candidate(f, e->cid.data, cid);
    if (*out != NULL) {
        return 0;
    }
    c = malloc(sizeof(*c));
    room = fold_room(e->candidates, e->n_candidates, sizeof(void *));
    if (room != NULL) {
        e->candidates = room;
    }
    if (c == NULL || room == NULL) {
        free(c);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__candidate_state__init(c);
    e->candidates[e->n_candidates++] = c;
    c->cid.data = malloc(CANDIDATE_KEY_BYTES);
    if (c->cid.data == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(c->cid.data, cid, CID_BYTES);
    memcpy(c->cid.data + CID_BYTES, e->cid.data, CID_BYTES);
    c->cid.len = CID_BYTES;
    TRY(map_add(&f->candidates, key_of_candidate(c),
                (uint32_t)(e->n_candidates - 1)));
    *out = c;
    return 0;
}

static int on_commit(struct fold *f, const struct record *r)
{
    uint64_t seed_i = record_u(r, RF_COMMIT_seed_i);
    Proctor__ExamState *e;

    TRY(fold_need_exam(f, record_hash(r, RF_COMMIT_exam), &e));
    e->committed++;
    if (seed_i > f->s->seeds_used) {
        f->s->seeds_used = seed_i;
    }
    return 0;
}

/* Keeps the list sorted and free of repeats. */
static int add_burnt(Proctor__ExamState *e, const uint8_t cid[static CID_BYTES])
{
    ProtobufCBinaryData *room;
    uint8_t *copy;
    size_t at = 0;

    while (at < e->n_burnt && memcmp(e->burnt[at].data, cid, CID_BYTES) < 0) {
        at++;
    }
    if (e->n_burnt >= LIMIT_BURNT ||
        (at < e->n_burnt && memcmp(e->burnt[at].data, cid, CID_BYTES) == 0)) {
        return 0;
    }
    room = fold_room(e->burnt, e->n_burnt, sizeof(*room));
    if (room == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    e->burnt = room;
    copy = malloc(CID_BYTES);
    if (copy == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(copy, cid, CID_BYTES);
    memmove(&room[at + 1], &room[at], (e->n_burnt - at) * sizeof(*room));
    room[at] = (ProtobufCBinaryData){.len = CID_BYTES, .data = copy};
    e->n_burnt++;
    return 0;
}

const uint8_t *fold_identity(const struct record *r)
{
    int is_verdict = r->kind == RECORD_VERDICT;
    const uint8_t *h = record_hash(r, is_verdict ? RF_VERDICT_identity
                                                 : RF_REVOKE_identity);

    return !is_zero(h) ? h
                       : record_hash(r, is_verdict ? RF_VERDICT_candidate
                                                   : RF_REVOKE_candidate);
}

static int on_verdict(struct fold *f, const struct record *r)
{
    Proctor__CandidateState *c;
    Proctor__ExamState *e;

    TRY(fold_need_exam(f, record_hash(r, RF_VERDICT_exam), &e));
    TRY(fold_need_candidate(f, e, fold_identity(r), &c));
    c->seq = r->seq;
    c->verdict = (uint32_t)record_u(r, RF_VERDICT_verdict);
    if (is_zero(record_hash(r, RF_VERDICT_burnt))) {
        return 0;
    }
    return add_burnt(e, record_hash(r, RF_VERDICT_burnt));
}

static void on_revoke(struct fold *f, const struct record *r)
{
    Proctor__CandidateState *c = fold_find_candidate(
        f, record_hash(r, RF_REVOKE_exam),
        fold_identity(r));

    if (c != NULL) {
        c->revoked = 1; /* for good: a later verdict does not lift it */
    }
}

static void drop_run(struct fold *f)
{
    if (f->s->n_runs > 0) {
        pb_free(&f->s->runs[0]->base);
        f->s->n_runs = 0;
    }
    free(f->s->runs);
    f->s->runs = NULL;
    map_release(&f->tasks);
    map_init(&f->tasks);
}

static int new_run(struct fold *f)
{
    Proctor__RunState *run = malloc(sizeof(*run));
    void *room = fold_room(f->s->runs, 0, sizeof(void *));

    if (room != NULL) {
        f->s->runs = room;
    }
    if (run == NULL || room == NULL) {
        free(run);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__run_state__init(run);
    f->s->runs[0] = run;
    f->s->n_runs = 1;
    return 0;
}

static int on_run(struct fold *f, const struct record *r)
{
    uint64_t resumes_ref = record_u(r, RF_RUN_resumes_ref);
    Proctor__RunState *run;

    if (f->s->n_runs == 0 || f->s->runs[0]->seq + 1 != resumes_ref) {
        drop_run(f);
        TRY(new_run(f));
    }
    run = f->s->runs[0];
    run->seq = r->seq;
    run->ended = 0;
    run->aborted = 0;
    TRY(set_hash(&run->graph, record_hash(r, RF_RUN_graph)));
    TRY(set_hash(&run->policy, record_hash(r, RF_RUN_policy)));
    TRY(set_hash(&run->inputs, record_hash(r, RF_RUN_inputs)));
    return set_text(&run->graph_path, record_bytes(r, RF_RUN_graph_path));
}

/* The last run when `run` is its number. */
static Proctor__RunState *run_of(const struct fold *f, uint64_t run)
{
    return f->s->n_runs > 0 && f->s->runs[0]->seq == run ? f->s->runs[0] : NULL;
}

/* The task of the last run, made when it is new; NULL in *out: another
 * run's. */
static int task_of(struct fold *f, uint64_t run_seq, struct ubytes id,
                   Proctor__TaskState **out)
{
    Proctor__RunState *run = run_of(f, run_seq);
    Proctor__TaskState *t;
    void *room;
    uint32_t i;

    *out = NULL;
    if (run == NULL) {
        return 0;
    }
    if (map_get(&f->tasks, id, &i)) {
        *out = run->tasks[i];
        return 0;
    }
    t = malloc(sizeof(*t));
    room = fold_room(run->tasks, run->n_tasks, sizeof(void *));
    if (room != NULL) {
        run->tasks = room;
    }
    if (t == NULL || room == NULL) {
        free(t);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__task_state__init(t);
    run->tasks[run->n_tasks++] = t;
    TRY(set_text(&t->id, id));
    TRY(map_add(&f->tasks, key_of_text(t->id), (uint32_t)(run->n_tasks - 1)));
    *out = t;
    return 0;
}

/* A record that says no more of a task than its state. */
static int set_state(struct fold *f, const struct record *r, uint64_t run,
                     struct ubytes id, enum task_state state)
{
    Proctor__TaskState *t;

    TRY(task_of(f, run, id, &t));
    if (t != NULL) {
        t->state = (uint32_t)state;
        t->seq = r->seq;
    }
    return 0;
}

static int on_task(struct fold *f, const struct record *r)
{
    Proctor__TaskState *t;

    TRY(task_of(f, record_u(r, RF_TASK_run), record_bytes(r, RF_TASK_task),
                &t));
    if (t == NULL) {
        return 0;
    }
    t->state = (uint32_t)record_u(r, RF_TASK_state);
    t->level = (uint32_t)record_u(r, RF_TASK_level);
    t->seq = r->seq;
    TRY(set_hash(&t->result, record_hash(r, RF_TASK_result)));
    return set_text(&t->reason, record_bytes(r, RF_TASK_reason));
}

/* Where a task that runs can go on from. */
static int on_lane(struct fold *f, const struct record *r)
{
    Proctor__TaskState *t;

    TRY(task_of(f, record_u(r, RF_LANE_run), record_bytes(r, RF_LANE_task), &t));
    return t == NULL ? 0 : set_hash(&t->result, record_hash(r, RF_LANE_parked));
}

static int on_abort(struct fold *f, const struct record *r)
{
    struct ubytes id = record_bytes(r, RF_ABORT_task);
    uint64_t run_seq = record_u(r, RF_ABORT_run);
    Proctor__RunState *run = run_of(f, run_seq);
    Proctor__TaskState *t;

    if (id.n == 0) {
        if (run != NULL) {
            run->aborted = 1;
        }
        return 0;
    }
    TRY(task_of(f, run_seq, id, &t));
    if (t == NULL) {
        return 0;
    }
    t->state = STATE_ABORTED;
    t->seq = r->seq;
    return set_text(&t->reason, record_bytes(r, RF_ABORT_why));
}

static void on_end(struct fold *f, const struct record *r)
{
    Proctor__RunState *run = run_of(f, record_u(r, RF_END_run));
    int keep = 0;
    size_t i;

    if (run == NULL) {
        return;
    }
    run->ended = 1;
    keep = run->aborted || record_u(r, RF_END_parked) > 0;
    for (i = 0; i < run->n_tasks && !keep; i++) {
        keep = run->tasks[i]->state == STATE_PARKED;
    }
    if (!keep) {
        drop_run(f);
    }
}

/* One flat switch over the kinds that leave a trace in the state. */
static int apply(struct fold *f, const struct record *r)
{
    switch (r->kind) {
    case RECORD_RUN:
        return on_run(f, r);
    case RECORD_START:
        return set_state(f, r, record_u(r, RF_START_run),
                         record_bytes(r, RF_START_task), STATE_RUNNING);
    case RECORD_COMMIT:
        return on_commit(f, r);
    case RECORD_VERDICT:
        return on_verdict(f, r);
    case RECORD_TASK:
        return on_task(f, r);
    case RECORD_LANE:
        return on_lane(f, r);
    case RECORD_REF:
    case RECORD_ASSERT:
    case RECORD_RECONCILE:
        return on_ref(f, r);
    case RECORD_PARK:
        return set_state(f, r, record_u(r, RF_PARK_run),
                         record_bytes(r, RF_PARK_task), STATE_PARKED);
    case RECORD_RESUME:
        return set_state(f, r, record_u(r, RF_RESUME_run),
                         record_bytes(r, RF_RESUME_task), STATE_READY);
    case RECORD_REPAIR:
        return set_state(f, r, record_u(r, RF_REPAIR_run),
                         record_bytes(r, RF_REPAIR_task), STATE_REPAIRING);
    case RECORD_ABORT:
        return on_abort(f, r);
    case RECORD_SPLIT:
        return fold_on_split(f, r);
    case RECORD_LOOK:
        return fold_on_look(f, r);
    case RECORD_TRAINED:
        return fold_on_trained(f, r);
    case RECORD_INPUTS:
    case RECORD_OUTPUTS:
        return fold_on_series(f, r);
    case RECORD_REVOKE:
        on_revoke(f, r);
        return 0;
    case RECORD_END:
        on_end(f, r);
        return 0;
    case RECORD_KEY:
        return set_hash(&f->s->log_key, record_hash(r, RF_KEY_new_key));
    case RECORD_NONE:
    case RECORD_GENESIS:
    case RECORD_ADMIT:
    case RECORD_REFUSE:
    case RECORD_CONFINE:
    case RECORD_DRAW:
    case RECORD_CRASH:
    case RECORD_CHECKPOINT:
    case RECORD_GENERATE:
    case RECORD_WENT_ON:
    case RECORD_LOADED:
    case RECORD_TRAIN:
    case RECORD_HOLDOUT:
        return 0;
    }
    return ERR_TRACE(ERR_INTERNAL);
}

int fold_add(struct fold *f, const struct record *r)
{
    f->s->records++;
    return apply(f, r);
}

/* What each kind of record adds to the index beyond its record and mentions. */
#include "cli/index_rows_int.h"

#include <string.h>

#include "cli/look_text.h"
#include "cli/object.h"
#include "cli/summary.h"
#include "proto/assertion.h"
#include "proto/err.h"

static int add_run(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_RUN];
    uint64_t resumes = record_u(r, RF_RUN_resumes_ref);
    int rc;

    index_bind_u(q, 1, r->seq);
    index_bind_u(q, 2, r->wall_ns);
    index_bind_hash(q, 3, r, RF_RUN_graph);
    index_bind_hash(q, 4, r, RF_RUN_policy);
    index_bind_str(q, 5, r, RF_RUN_graph_path);
    index_bind_ref(q, 6, r, RF_RUN_resumes_ref);
    rc = index_done(q);
    if (rc == SQLITE_OK && resumes > 0) {
        q = x->s[S_RESUMED];
        index_bind_u(q, 1, r->seq);
        index_bind_u(q, 2, resumes - 1);
        rc = index_done(q);
    }
    return rc;
}

static int add_end(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_END];

    index_bind_u(q, 1, record_u(r, RF_END_run));
    index_bind_u(q, 2, record_u(r, RF_END_code));
    index_bind_u(q, 3, record_u(r, RF_END_passed));
    index_bind_u(q, 4, record_u(r, RF_END_failed));
    index_bind_u(q, 5, record_u(r, RF_END_parked));
    index_bind_u(q, 6, record_u(r, RF_END_skipped));
    if (index_done(q) != SQLITE_OK) {
        return SQLITE_ERROR;
    }
    q = x->s[S_STOPPED];
    index_bind_u(q, 1, record_u(r, RF_END_run));
    index_bind_s(q, 2, state_name(STATE_ABORTED));
    return index_done(q);
}

static int add_admit(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_ADMIT];

    index_bind_u(q, 1, record_u(r, RF_ADMIT_run));
    index_bind_str(q, 2, r, RF_ADMIT_task);
    index_bind_str(q, 3, r, RF_ADMIT_op);
    index_bind_s(q, 4, state_name(STATE_NEW));
    index_bind_u(q, 5, r->seq);
    return index_done(q);
}

/* A task's state changed; `why` may be RF_N_. */
static int add_state(struct index_rows *x, const struct record *r,
                     enum record_field task, const char *state,
                     enum record_field why)
{
    sqlite3_stmt *q = x->s[S_STATE];
    uint64_t run = 0;

    if (!summary_run(r, &run) || record_bytes(r, task).n == 0) {
        return SQLITE_OK;
    }
    index_bind_u(q, 1, run);
    index_bind_str(q, 2, r, task);
    index_bind_s(q, 3, state);
    if (why != RF_N_) {
        index_bind_str(q, 4, r, why);
    } else {
        index_bind_s(q, 4, "");
    }
    index_bind_u(q, 5, r->seq);
    return index_done(q);
}

static int add_task(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_SETTLE];

    index_bind_u(q, 1, record_u(r, RF_TASK_run));
    index_bind_str(q, 2, r, RF_TASK_task);
    index_bind_s(q, 3, state_name((unsigned)record_u(r, RF_TASK_state)));
    index_bind_s(q, 4, level_name((unsigned)record_u(r, RF_TASK_level)));
    index_bind_hash(q, 5, r, RF_TASK_result);
    index_bind_str(q, 6, r, RF_TASK_reason);
    index_bind_u(q, 7, r->seq);
    index_bind_ref(q, 8, r, RF_TASK_evidence_ref);
    return index_done(q);
}

static int add_verdict(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_VERDICT];

    index_bind_u(q, 1, r->seq);
    index_bind_u(q, 2, record_u(r, RF_VERDICT_run));
    index_bind_str(q, 3, r, RF_VERDICT_task);
    index_bind_hash(q, 4, r, RF_VERDICT_exam);
    index_bind_hash(q, 5, r, RF_VERDICT_candidate);
    index_bind_s(q, 6, verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)));
    index_bind_s(q, 7, level_name((unsigned)record_u(r, RF_VERDICT_level)));
    index_bind_hash(q, 8, r, RF_VERDICT_evidence);
    index_bind_str(q, 9, r, RF_VERDICT_reason);
    return index_done(q);
}

static int add_ref(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_REF];
    int rc;

    index_bind_str(q, 1, r, RF_REF_name);
    index_bind_hash(q, 2, r, RF_REF_new_target);
    index_bind_u(q, 3, r->seq);
    rc = index_done(q);
    if (rc != SQLITE_OK) {
        return rc;
    }
    q = x->s[S_MOVE];
    index_bind_u(q, 1, r->seq);
    index_bind_str(q, 2, r, RF_REF_name);
    index_bind_hash(q, 3, r, RF_REF_old_target);
    index_bind_hash(q, 4, r, RF_REF_new_target);
    index_bind_u(q, 5, record_u(r, RF_REF_run));
    index_bind_str(q, 6, r, RF_REF_task);
    index_bind_ref(q, 7, r, RF_REF_verdict_ref);
    index_bind_u(q, 8, r->wall_ns);
    return index_done(q);
}

static int add_split(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_SPLIT];

    if (record_u(r, RF_SPLIT_fixed_ref) == 0) {
        return SQLITE_OK; /* drawn, it has another record */
    }
    index_bind_u(q, 1, r->seq);
    index_bind_u(q, 2, record_u(r, RF_SPLIT_run));
    index_bind_str(q, 3, r, RF_SPLIT_task);
    index_bind_hash(q, 4, r, RF_SPLIT_file);
    index_bind_hash(q, 5, r, RF_SPLIT_data);
    index_bind_hash(q, 6, r, RF_SPLIT_split);
    return index_done(q);
}

static int add_look(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_LOOK];
    char score[LOOK_SCORE_BYTES];

    look_score(r, RF_LOOK_loss, score);
    index_bind_u(q, 1, r->seq);
    index_bind_u(q, 2, record_u(r, RF_LOOK_run));
    index_bind_str(q, 3, r, RF_LOOK_task);
    index_bind_hash(q, 4, r, RF_LOOK_split);
    index_bind_hash(q, 5, r, RF_LOOK_candidate);
    index_bind_s(q, 6, metric_name((unsigned)record_u(r, RF_LOOK_metric)));
    index_bind_u(q, 7, record_u(r, RF_LOOK_look));
    index_bind_u(q, 8, record_u(r, RF_LOOK_limit));
    index_bind_s(q, 9, look_outcome_text(r));
    index_bind_s(q, 10, score);
    return index_done(q);
}

/* The nodes of a payload, by the bundle's lengths; none when the object cannot be
 * read: the ledger's order does not wait for objects. */
static int add_blobs(struct index_rows *x, const struct record *r)
{
    CLEANUP(buf_release) struct buf b;
    sqlite3_stmt *q = x->s[S_BLOB];
    struct cid cid;
    struct rd bundle;
    int rc = SQLITE_OK;

    memcpy(cid.b, record_hash(r, RF_ASSERT_bundle), CID_BYTES);
    buf_init(&b, LIMIT_CML_BUNDLE_BYTES);
    if (cid_is_zero(&cid) ||
        object_read(x->store, &cid, LIMIT_CML_BUNDLE_BYTES, &b) < 0) {
        err_trace_clear();
        return SQLITE_OK;
    }
    rd_init(&bundle, buf_bytes(&b));
    (void)rd_take(&bundle, 4);
    for (uint32_t n = rd_u32(&bundle); n > 0 && rc == SQLITE_OK; n--) {
        struct ubytes node = rd_bytes32(&bundle);
        char text[CID_TEXT_BYTES];
        struct ubytes fqn;
        struct rd in;

        if (rd_is_bad(&bundle)) {
            break;
        }
        rd_init(&in, node); /* "CML1", 05, length, FQN */
        (void)rd_take(&in, 5);
        fqn = rd_bytes32(&in);
        cid = cid_of(node);
        cid_text(&cid, text);
        index_bind_s(q, 1, text);
        (void)sqlite3_bind_text(q, 2, fqn.n > 0 ? (const char *)fqn.p : "",
                                (int)fqn.n, SQLITE_TRANSIENT);
        (void)sqlite3_bind_blob(q, 3, node.p, (int)node.n, SQLITE_TRANSIENT);
        index_bind_u(q, 4, r->wall_ns);
        rc = index_done(q);
    }
    return rc;
}

/* m4_refs follows: what leads somewhere has a row (fold.c does the same). */
static int add_pointer(struct index_rows *x, const struct record *r,
                       const struct assertion *a)
{
    sqlite3_stmt *q = x->s[cid_is_zero(&a->payload) ? S_UNPOINT : S_POINT];

    if (assertion_field(a->operation)[0] != '\0') {
        return SQLITE_OK;
    }
    index_bind_s(q, 1, a->did);
    index_bind_s(q, 2, a->path);
    if (!cid_is_zero(&a->payload)) {
        index_bind_hash(q, 3, r, RF_ASSERT_payload);
        index_bind_u(q, 4, a->n);
        index_bind_hash(q, 5, r, RF_ASSERT_bundle);
    }
    return index_done(q);
}

static int add_assert(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_ASSERT];
    struct ubytes signature = record_bytes(r, RF_ASSERT_signature);
    char hash[CID_TEXT_BYTES];
    struct assertion a;
    struct cid cid;
    int rc = add_blobs(x, r);

    if (rc != SQLITE_OK || assertion_of(r, &a) < 0 ||
        assertion_hash(&a, &cid) < 0) {
        return rc;
    }
    cid_text(&cid, hash);
    index_bind_u(q, 1, r->seq);
    index_bind_s(q, 2, a.did);
    index_bind_s(q, 3, a.path);
    index_bind_s(q, 4, a.operation);
    if (!cid_is_zero(&a.payload)) {
        index_bind_hash(q, 5, r, RF_ASSERT_payload);
    }
    index_bind_u(q, 6, r->wall_ns);
    index_bind_u(q, 7, a.n);
    index_bind_hash(q, 8, r, RF_ASSERT_prev);
    if (signature.n > 0) {
        (void)sqlite3_bind_blob(q, 9, signature.p, (int)signature.n,
                                SQLITE_TRANSIENT);
    }
    index_bind_s(q, 10, hash);
    index_bind_hash(q, 11, r, RF_ASSERT_bundle);
    rc = index_done(q);
    return rc == SQLITE_OK ? add_pointer(x, r, &a) : rc;
}

/* What a kind adds beyond its record and mentions. One flat switch. */
int index_add_kind(struct index_rows *x, const struct record *r)
{
    switch (r->kind) {
    case RECORD_RUN:
        return add_run(x, r);
    case RECORD_END:
        return add_end(x, r);
    case RECORD_ADMIT:
        return add_admit(x, r);
    case RECORD_REFUSE:
        return add_state(x, r, RF_REFUSE_task, state_name(STATE_FAILED),
                         RF_REFUSE_what);
    case RECORD_START:
        return add_state(x, r, RF_START_task, state_name(STATE_RUNNING), RF_N_);
    case RECORD_PARK:
        return add_state(x, r, RF_PARK_task, state_name(STATE_PARKED),
                         RF_PARK_why);
    case RECORD_RESUME:
        return add_state(x, r, RF_RESUME_task, state_name(STATE_READY), RF_N_);
    case RECORD_REPAIR:
        return add_state(x, r, RF_REPAIR_task, state_name(STATE_REPAIRING),
                         RF_REPAIR_reason);
    case RECORD_ABORT:
        return add_state(x, r, RF_ABORT_task, state_name(STATE_ABORTED),
                         RF_ABORT_why);
    case RECORD_TASK:
        return add_task(x, r);
    case RECORD_VERDICT:
        return add_verdict(x, r);
    case RECORD_REF:
        return add_ref(x, r);
    case RECORD_SPLIT:
        return add_split(x, r);
    case RECORD_LOOK:
        return add_look(x, r);
    case RECORD_ASSERT:
        return add_assert(x, r);
    case RECORD_RECONCILE:
    case RECORD_NONE:
    case RECORD_GENESIS:
    case RECORD_CONFINE:
    case RECORD_COMMIT:
    case RECORD_DRAW:
    case RECORD_CRASH:
    case RECORD_REVOKE:
    case RECORD_CHECKPOINT:
    case RECORD_KEY:
    case RECORD_INPUTS:
    case RECORD_OUTPUTS:
    case RECORD_GENERATE:
    case RECORD_LANE:
    case RECORD_WENT_ON:
    case RECORD_LOADED:
    case RECORD_TRAIN:
    case RECORD_TRAINED:
    case RECORD_HOLDOUT:
        break;
    }
    return SQLITE_OK;
}

/* From records to rows. A pure function of the records, in their order. */
#include "cli/index_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/look_text.h"
#include "cli/summary.h"
#include "proto/buf.h"
#include "proto/limits.h"

static const char TABLES[] =
    "DROP TABLE IF EXISTS records;"
    "DROP TABLE IF EXISTS runs;"
    "DROP TABLE IF EXISTS tasks;"
    "DROP TABLE IF EXISTS verdicts;"
    "DROP TABLE IF EXISTS refs;"
    "DROP TABLE IF EXISTS ref_moves;"
    "DROP TABLE IF EXISTS splits;"
    "DROP TABLE IF EXISTS looks;"
    "DROP TABLE IF EXISTS mentions;"
    "DROP TABLE IF EXISTS meta;"
    "CREATE TABLE records(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
    " wall_ns INTEGER NOT NULL, run INTEGER, task TEXT NOT NULL,"
    " summary TEXT NOT NULL, json TEXT NOT NULL);"
    "CREATE INDEX records_run ON records(run, seq);"
    "CREATE INDEX records_kind ON records(kind, seq);"
    "CREATE TABLE runs(seq INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL,"
    " graph TEXT NOT NULL, policy TEXT NOT NULL, graph_path TEXT NOT NULL,"
    " resumes INTEGER, ended INTEGER NOT NULL DEFAULT 0, code INTEGER,"
    " passed INTEGER, failed INTEGER, parked INTEGER, skipped INTEGER);"
    "CREATE TABLE tasks(run INTEGER NOT NULL, task TEXT NOT NULL,"
    " op TEXT NOT NULL, state TEXT NOT NULL, level TEXT NOT NULL,"
    " result TEXT NOT NULL, reason TEXT NOT NULL, seq INTEGER NOT NULL,"
    " evidence INTEGER, place INTEGER NOT NULL, PRIMARY KEY(run, task));"
    "CREATE TABLE verdicts(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " task TEXT NOT NULL, exam TEXT NOT NULL, candidate TEXT NOT NULL,"
    " verdict TEXT NOT NULL, level TEXT NOT NULL, evidence TEXT NOT NULL,"
    " reason TEXT NOT NULL);"
    "CREATE TABLE refs(name TEXT PRIMARY KEY, target TEXT NOT NULL,"
    " seq INTEGER NOT NULL, moves INTEGER NOT NULL);"
    "CREATE TABLE ref_moves(seq INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    " old_target TEXT NOT NULL, new_target TEXT NOT NULL, run INTEGER NOT NULL,"
    " task TEXT NOT NULL, verdict INTEGER, wall_ns INTEGER NOT NULL);"
    "CREATE INDEX ref_moves_name ON ref_moves(name, seq);"
    "CREATE TABLE splits(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " task TEXT NOT NULL, file TEXT NOT NULL, data TEXT NOT NULL,"
    " split TEXT NOT NULL);"
    "CREATE TABLE looks(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " task TEXT NOT NULL, split TEXT NOT NULL, candidate TEXT NOT NULL,"
    " metric TEXT NOT NULL, look INTEGER NOT NULL, looks_max INTEGER NOT NULL,"
    " outcome TEXT NOT NULL, score TEXT NOT NULL);"
    "CREATE TABLE mentions(cid TEXT NOT NULL, seq INTEGER NOT NULL,"
    " field TEXT NOT NULL);"
    "CREATE INDEX mentions_cid ON mentions(cid, seq);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);";

enum statement {
    S_RECORD,
    S_MENTION,
    S_RUN,
    S_RESUMED,
    S_END,
    S_STOPPED,
    S_ADMIT,
    S_STATE,
    S_SETTLE,
    S_VERDICT,
    S_REF,
    S_MOVE,
    S_SPLIT,
    S_LOOK,
    STATEMENTS_N
};

static const char *const SQL[STATEMENTS_N] = {
    [S_RECORD] = "INSERT OR REPLACE INTO records VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [S_MENTION] = "INSERT INTO mentions VALUES(?1,?2,?3)",
    [S_RUN] = "INSERT OR REPLACE INTO runs(seq,wall_ns,graph,policy,graph_path,"
              "resumes) VALUES(?1,?2,?3,?4,?5,?6)",
    [S_RESUMED] = "INSERT OR REPLACE INTO tasks SELECT ?1,task,op,state,level,"
                  "result,reason,seq,evidence,place FROM tasks WHERE run=?2",
    [S_END] = "UPDATE runs SET ended=1,code=?2,passed=?3,failed=?4,parked=?5,"
              "skipped=?6 WHERE seq=?1",
    /* What still ran when its run ended was stopped. */
    [S_STOPPED] = "UPDATE tasks SET state=?2 WHERE run=?1 AND state IN"
                  " ('running','validating','repairing')",
    [S_ADMIT] = "INSERT INTO tasks VALUES(?1,?2,?3,?4,'none','','',?5,NULL,?5)"
                " ON CONFLICT(run,task) DO UPDATE SET op=?3,seq=?5",
    [S_STATE] = "INSERT INTO tasks VALUES(?1,?2,'',?3,'none','',?4,?5,NULL,?5)"
                " ON CONFLICT(run,task) DO UPDATE SET state=?3,reason=?4,"
                "seq=?5",
    [S_SETTLE] = "INSERT INTO tasks VALUES(?1,?2,'',?3,?4,?5,?6,?7,?8,?7)"
                 " ON CONFLICT(run,task) DO UPDATE SET state=?3,level=?4,"
                 "result=?5,reason=?6,seq=?7,evidence=?8",
    [S_VERDICT] =
        "INSERT OR REPLACE INTO verdicts VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [S_REF] = "INSERT INTO refs VALUES(?1,?2,?3,1) ON CONFLICT(name) DO UPDATE "
              "SET target=?2,seq=?3,moves=moves+1",
    [S_MOVE] =
        "INSERT OR REPLACE INTO ref_moves VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [S_SPLIT] = "INSERT OR REPLACE INTO splits VALUES(?1,?2,?3,?4,?5,?6)",
    [S_LOOK] =
        "INSERT OR REPLACE INTO looks VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
};

struct index_rows {
    sqlite3_stmt *s[STATEMENTS_N];
    struct buf json;
};

int index_rows_create(sqlite3 *db)
{
    return sqlite3_exec(db, TABLES, NULL, NULL, NULL);
}

int index_rows_open(sqlite3 *db, struct index_rows **out)
{
    struct index_rows *x = calloc(1, sizeof(*x));
    int i;

    if (x == NULL) {
        return SQLITE_NOMEM;
    }
    buf_init(&x->json, (size_t)LIMIT_RECORD_BYTES * 8);
    for (i = 0; i < STATEMENTS_N; i++) {
        int rc = sqlite3_prepare_v2(db, SQL[i], -1, &x->s[i], NULL);

        if (rc != SQLITE_OK) {
            index_rows_close(x);
            return rc;
        }
    }
    *out = x;
    return SQLITE_OK;
}

void index_rows_close(struct index_rows *x)
{
    int i;

    if (x == NULL) {
        return;
    }
    for (i = 0; i < STATEMENTS_N; i++) {
        (void)sqlite3_finalize(x->s[i]);
    }
    buf_release(&x->json);
    free(x);
}

/* Binding; parameters are numbered from 1. Errors show when it is stepped. */
static void bind_u(sqlite3_stmt *q, int i, uint64_t v)
{
    (void)sqlite3_bind_int64(q, i, (sqlite3_int64)v);
}

static void bind_s(sqlite3_stmt *q, int i, const char *s)
{
    (void)sqlite3_bind_text(q, i, s, -1, SQLITE_TRANSIENT);
}

static void bind_str(sqlite3_stmt *q, int i, const struct record *r,
                     enum record_field f)
{
    struct ubytes b = record_bytes(r, f);

    (void)sqlite3_bind_text(q, i, b.n > 0 ? (const char *)b.p : "", (int)b.n,
                            SQLITE_TRANSIENT);
}

/* A zero hash becomes the empty string. */
static void bind_hash(sqlite3_stmt *q, int i, const struct record *r,
                      enum record_field f)
{
    static const uint8_t zero[32];
    const uint8_t *h = record_hash(r, f);
    char text[CID_TEXT_BYTES] = "";

    if (memcmp(h, zero, sizeof(zero)) != 0) {
        hex_text(h, 32, text);
    }
    bind_s(q, i, text);
}

/* A *_ref field holds a number plus one; 0 becomes NULL. */
static void bind_ref(sqlite3_stmt *q, int i, const struct record *r,
                     enum record_field f)
{
    uint64_t v = record_u(r, f);

    if (v == 0) {
        (void)sqlite3_bind_null(q, i);
    } else {
        bind_u(q, i, v - 1);
    }
}

static int done(sqlite3_stmt *q)
{
    int rc = sqlite3_step(q);

    (void)sqlite3_reset(q);
    (void)sqlite3_clear_bindings(q);
    return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_ERROR : rc;
}

static int add_record(struct index_rows *x, const struct record *r,
                      const struct merkle_hash *leaf)
{
    sqlite3_stmt *q = x->s[S_RECORD];
    char summary[SUMMARY_BYTES];
    char task[LIMIT_ID_BYTES * 2];
    uint64_t run;

    buf_reset(&x->json);
    if (record_put_json(&x->json, r, leaf->b) != 0) {
        return SQLITE_NOMEM;
    }
    summary_of(r, summary);
    summary_task(r, task, sizeof(task));
    bind_u(q, 1, r->seq);
    bind_s(q, 2, record_kind_name(r->kind));
    bind_u(q, 3, r->wall_ns);
    if (summary_run(r, &run)) {
        bind_u(q, 4, run);
    }
    bind_s(q, 5, task);
    bind_s(q, 6, summary);
    (void)sqlite3_bind_text(q, 7, (const char *)buf_bytes(&x->json).p,
                            (int)buf_len(&x->json), SQLITE_STATIC);
    return done(q);
}

static int add_mentions(struct index_rows *x, const struct record *r)
{
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned n = record_fields_n(r->kind);
    unsigned i;
    int rc = SQLITE_OK;

    for (i = first; i < first + n && rc == SQLITE_OK; i++) {
        enum record_field f = (enum record_field)i;
        const struct record_field_info *info = record_field_info(f);
        sqlite3_stmt *q = x->s[S_MENTION];
        struct cid c;

        if (info->type != RT_HASH) {
            continue;
        }
        memcpy(c.b, record_hash(r, f), CID_BYTES);
        if (cid_is_zero(&c)) {
            continue;
        }
        bind_hash(q, 1, r, f);
        bind_u(q, 2, r->seq);
        bind_s(q, 3, info->name);
        rc = done(q);
    }
    return rc;
}

static int add_run(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_RUN];
    uint64_t resumes = record_u(r, RF_RUN_resumes_ref);
    int rc;

    bind_u(q, 1, r->seq);
    bind_u(q, 2, r->wall_ns);
    bind_hash(q, 3, r, RF_RUN_graph);
    bind_hash(q, 4, r, RF_RUN_policy);
    bind_str(q, 5, r, RF_RUN_graph_path);
    bind_ref(q, 6, r, RF_RUN_resumes_ref);
    rc = done(q);
    if (rc == SQLITE_OK && resumes > 0) {
        q = x->s[S_RESUMED];
        bind_u(q, 1, r->seq);
        bind_u(q, 2, resumes - 1);
        rc = done(q);
    }
    return rc;
}

static int add_end(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_END];

    bind_u(q, 1, record_u(r, RF_END_run));
    bind_u(q, 2, record_u(r, RF_END_code));
    bind_u(q, 3, record_u(r, RF_END_passed));
    bind_u(q, 4, record_u(r, RF_END_failed));
    bind_u(q, 5, record_u(r, RF_END_parked));
    bind_u(q, 6, record_u(r, RF_END_skipped));
    if (done(q) != SQLITE_OK) {
        return SQLITE_ERROR;
    }
    q = x->s[S_STOPPED];
    bind_u(q, 1, record_u(r, RF_END_run));
    bind_s(q, 2, state_name(STATE_ABORTED));
    return done(q);
}

static int add_admit(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_ADMIT];

    bind_u(q, 1, record_u(r, RF_ADMIT_run));
    bind_str(q, 2, r, RF_ADMIT_task);
    bind_str(q, 3, r, RF_ADMIT_op);
    bind_s(q, 4, state_name(STATE_NEW));
    bind_u(q, 5, r->seq);
    return done(q);
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
    bind_u(q, 1, run);
    bind_str(q, 2, r, task);
    bind_s(q, 3, state);
    if (why != RF_N_) {
        bind_str(q, 4, r, why);
    } else {
        bind_s(q, 4, "");
    }
    bind_u(q, 5, r->seq);
    return done(q);
}

static int add_task(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_SETTLE];

    bind_u(q, 1, record_u(r, RF_TASK_run));
    bind_str(q, 2, r, RF_TASK_task);
    bind_s(q, 3, state_name((unsigned)record_u(r, RF_TASK_state)));
    bind_s(q, 4, level_name((unsigned)record_u(r, RF_TASK_level)));
    bind_hash(q, 5, r, RF_TASK_result);
    bind_str(q, 6, r, RF_TASK_reason);
    bind_u(q, 7, r->seq);
    bind_ref(q, 8, r, RF_TASK_evidence_ref);
    return done(q);
}

static int add_verdict(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_VERDICT];

    bind_u(q, 1, r->seq);
    bind_u(q, 2, record_u(r, RF_VERDICT_run));
    bind_str(q, 3, r, RF_VERDICT_task);
    bind_hash(q, 4, r, RF_VERDICT_exam);
    bind_hash(q, 5, r, RF_VERDICT_candidate);
    bind_s(q, 6, verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)));
    bind_s(q, 7, level_name((unsigned)record_u(r, RF_VERDICT_level)));
    bind_hash(q, 8, r, RF_VERDICT_evidence);
    bind_str(q, 9, r, RF_VERDICT_reason);
    return done(q);
}

static int add_ref(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_REF];
    int rc;

    bind_str(q, 1, r, RF_REF_name);
    bind_hash(q, 2, r, RF_REF_new_target);
    bind_u(q, 3, r->seq);
    rc = done(q);
    if (rc != SQLITE_OK) {
        return rc;
    }
    q = x->s[S_MOVE];
    bind_u(q, 1, r->seq);
    bind_str(q, 2, r, RF_REF_name);
    bind_hash(q, 3, r, RF_REF_old_target);
    bind_hash(q, 4, r, RF_REF_new_target);
    bind_u(q, 5, record_u(r, RF_REF_run));
    bind_str(q, 6, r, RF_REF_task);
    bind_ref(q, 7, r, RF_REF_verdict_ref);
    bind_u(q, 8, r->wall_ns);
    return done(q);
}

static int add_split(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_SPLIT];

    if (record_u(r, RF_SPLIT_fixed_ref) == 0) {
        return SQLITE_OK; /* drawn, it has another record */
    }
    bind_u(q, 1, r->seq);
    bind_u(q, 2, record_u(r, RF_SPLIT_run));
    bind_str(q, 3, r, RF_SPLIT_task);
    bind_hash(q, 4, r, RF_SPLIT_file);
    bind_hash(q, 5, r, RF_SPLIT_data);
    bind_hash(q, 6, r, RF_SPLIT_split);
    return done(q);
}

static int add_look(struct index_rows *x, const struct record *r)
{
    sqlite3_stmt *q = x->s[S_LOOK];
    char score[LOOK_SCORE_BYTES];

    look_score(r, RF_LOOK_loss, score);
    bind_u(q, 1, r->seq);
    bind_u(q, 2, record_u(r, RF_LOOK_run));
    bind_str(q, 3, r, RF_LOOK_task);
    bind_hash(q, 4, r, RF_LOOK_split);
    bind_hash(q, 5, r, RF_LOOK_candidate);
    bind_s(q, 6, metric_name((unsigned)record_u(r, RF_LOOK_metric)));
    bind_u(q, 7, record_u(r, RF_LOOK_look));
    bind_u(q, 8, record_u(r, RF_LOOK_limit));
    bind_s(q, 9, look_outcome_text(r));
    bind_s(q, 10, score);
    return done(q);
}

/* What a kind adds beyond its record and mentions. One flat switch. */
static int add_kind(struct index_rows *x, const struct record *r)
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
    case RECORD_NONE:
    case RECORD_GENESIS:
    case RECORD_CONFINE:
    case RECORD_COMMIT:
    case RECORD_DRAW:
    case RECORD_CRASH:
    case RECORD_REVOKE:
    case RECORD_CHECKPOINT:
        break;
    }
    return SQLITE_OK;
}

int index_rows_add(struct index_rows *x, const struct record *r,
                   const struct merkle_hash *leaf)
{
    int rc = add_record(x, r, leaf);

    if (rc == SQLITE_OK) {
        rc = add_mentions(x, r);
    }
    return rc == SQLITE_OK ? add_kind(x, r) : rc;
}

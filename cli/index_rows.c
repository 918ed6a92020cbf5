/* From records to rows. A pure function of the records, in their order: where a
 * transaction ended makes no difference to any table. */
#include "cli/index_rows_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/summary.h"

#define MENTIONS_SORTED                                                        \
    "CREATE INDEX IF NOT EXISTS mentions_cid ON mentions(cid, seq);"

static const char TABLES[] =
    "DROP TABLE IF EXISTS records;"
    "DROP TABLE IF EXISTS names;"
    "DROP TABLE IF EXISTS spans;"
    "DROP TABLE IF EXISTS runs;"
    "DROP TABLE IF EXISTS tasks;"
    "DROP TABLE IF EXISTS verdicts;"
    "DROP TABLE IF EXISTS refs;"
    "DROP TABLE IF EXISTS ref_moves;"
    "DROP TABLE IF EXISTS splits;"
    "DROP TABLE IF EXISTS looks;"
    "DROP TABLE IF EXISTS mentions;"
    "DROP TABLE IF EXISTS m4_refs;"
    "DROP TABLE IF EXISTS m4_assertions;"
    "DROP TABLE IF EXISTS m1_blobs;"
    "DROP TABLE IF EXISTS meta;"
    "CREATE TABLE records(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
    " wall_ns INTEGER NOT NULL, run INTEGER, task INTEGER,"
    " segment INTEGER NOT NULL, at INTEGER NOT NULL, leaf INTEGER NOT NULL);"
    "CREATE INDEX records_kind ON records(kind, seq);"
    "CREATE INDEX records_run ON records(run, seq);"
    "CREATE INDEX records_task ON records(task, seq);"
    "CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE spans(first INTEGER PRIMARY KEY,"
    " earliest_ns INTEGER NOT NULL, latest_ns INTEGER NOT NULL);"
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
    " task TEXT NOT NULL, verdict INTEGER, wall_ns INTEGER NOT NULL,"
    " move INTEGER NOT NULL);"
    "CREATE INDEX ref_moves_name ON ref_moves(name, seq);"
    "CREATE TABLE splits(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " task TEXT NOT NULL, file TEXT NOT NULL, data TEXT NOT NULL,"
    " split TEXT NOT NULL);"
    "CREATE TABLE looks(seq INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " task TEXT NOT NULL, split TEXT NOT NULL, candidate TEXT NOT NULL,"
    " metric TEXT NOT NULL, look INTEGER NOT NULL, looks_max INTEGER NOT NULL,"
    " outcome TEXT NOT NULL, score TEXT NOT NULL);"
    "CREATE TABLE m1_blobs(cid TEXT PRIMARY KEY, node_type TEXT NOT NULL,"
    " data BLOB NOT NULL, created_at TEXT NOT NULL);"
    "CREATE TABLE m4_assertions(id INTEGER PRIMARY KEY, did TEXT NOT NULL,"
    " ref_path TEXT NOT NULL, operation TEXT NOT NULL,"
    " payload_cid TEXT REFERENCES m1_blobs(cid), created_at TEXT NOT NULL,"
    " seq_number INTEGER NOT NULL, prev TEXT NOT NULL, signature BLOB,"
    " hash TEXT NOT NULL, bundle TEXT NOT NULL,"
    " UNIQUE(did, ref_path, seq_number));"
    "CREATE TABLE m4_refs(did TEXT NOT NULL, ref_path TEXT NOT NULL,"
    " target_cid TEXT NOT NULL REFERENCES m1_blobs(cid),"
    " seq_number INTEGER NOT NULL, bundle TEXT NOT NULL,"
    " PRIMARY KEY(did, ref_path));"
    "CREATE TABLE mentions(cid BLOB NOT NULL, seq INTEGER NOT NULL,"
    " field TEXT NOT NULL);" MENTIONS_SORTED
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);";

static const char *const SQL[STATEMENTS_N] = {
    [S_RECORD] = "INSERT INTO records VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [S_NAME] = "INSERT OR IGNORE INTO names(name) VALUES(?1)",
    [S_NAMED] = "SELECT id FROM names WHERE name=?1",
    [S_SPAN] = "INSERT INTO spans VALUES(?1,?2,?3) ON CONFLICT(first) DO UPDATE"
               " SET earliest_ns=min(earliest_ns,?2),"
               "latest_ns=max(latest_ns,?3)",
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
        "INSERT OR REPLACE INTO ref_moves VALUES(?1,?2,?3,?4,?5,?6,?7,?8,"
        "(SELECT moves FROM refs WHERE name=?2))",
    [S_SPLIT] = "INSERT OR REPLACE INTO splits VALUES(?1,?2,?3,?4,?5,?6)",
    [S_ASSERT] = "INSERT OR IGNORE INTO m4_assertions VALUES(?1,?2,?3,?4,?5,"
                 "strftime('%Y-%m-%dT%H:%M:%SZ',?6/1000000000,'unixepoch'),?7,"
                 "?8,?9,?10,?11)",
    [S_POINT] = "INSERT OR REPLACE INTO m4_refs VALUES(?1,?2,?3,?4,?5)",
    [S_UNPOINT] = "DELETE FROM m4_refs WHERE did=?1 AND ref_path=?2",
    [S_BLOB] = "INSERT OR IGNORE INTO m1_blobs VALUES(?1,?2,?3,"
               "strftime('%Y-%m-%dT%H:%M:%SZ',?4/1000000000,'unixepoch'))",
    [S_LOOK] =
        "INSERT OR REPLACE INTO looks VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
};

int index_rows_create(sqlite3 *db)
{
    return sqlite3_exec(db, TABLES, NULL, NULL, NULL);
}

int index_rows_unsort(sqlite3 *db)
{
    return sqlite3_exec(db, "DROP INDEX IF EXISTS mentions_cid", NULL, NULL,
                        NULL);
}

int index_rows_sort(sqlite3 *db)
{
    return sqlite3_exec(db, MENTIONS_SORTED, NULL, NULL, NULL);
}

int index_rows_open(sqlite3 *db, const char *store, struct index_rows **out)
{
    struct index_rows *x = calloc(1, sizeof(*x));
    int i;

    if (x == NULL) {
        return SQLITE_NOMEM;
    }
    x->store = store;
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
    free(x);
}

/* Binding; parameters are numbered from 1. Errors show when it is stepped. */
void index_bind_u(sqlite3_stmt *q, int i, uint64_t v)
{
    (void)sqlite3_bind_int64(q, i, (sqlite3_int64)v);
}

void index_bind_s(sqlite3_stmt *q, int i, const char *s)
{
    (void)sqlite3_bind_text(q, i, s, -1, SQLITE_TRANSIENT);
}

void index_bind_str(sqlite3_stmt *q, int i, const struct record *r,
                    enum record_field f)
{
    struct ubytes b = record_bytes(r, f);

    (void)sqlite3_bind_text(q, i, b.n > 0 ? (const char *)b.p : "", (int)b.n,
                            SQLITE_TRANSIENT);
}

/* A zero hash becomes the empty string. */
void index_bind_hash(sqlite3_stmt *q, int i, const struct record *r,
                     enum record_field f)
{
    static const uint8_t zero[32];
    const uint8_t *h = record_hash(r, f);
    char text[CID_TEXT_BYTES] = "";

    if (memcmp(h, zero, sizeof(zero)) != 0) {
        hex_text(h, 32, text);
    }
    index_bind_s(q, i, text);
}

/* A *_ref field holds a number plus one; 0 becomes NULL. */
void index_bind_ref(sqlite3_stmt *q, int i, const struct record *r,
                    enum record_field f)
{
    uint64_t v = record_u(r, f);

    if (v == 0) {
        (void)sqlite3_bind_null(q, i);
    } else {
        index_bind_u(q, i, v - 1);
    }
}

int index_done(sqlite3_stmt *q)
{
    int rc = sqlite3_step(q);

    (void)sqlite3_reset(q);
    (void)sqlite3_clear_bindings(q);
    return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_ERROR : rc;
}

/* Task ids repeat in every record of a task: their number stands for them. */
static int name_id(struct index_rows *x, const char *name, int64_t *out)
{
    uint32_t h = 2166136261u;
    const char *p;
    sqlite3_stmt *q = x->s[S_NAMED];
    int rc;

    for (p = name; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
    }
    h %= NAMES_KEPT;
    *out = x->names[h].id;
    if (*out != 0 && strcmp(x->names[h].name, name) == 0) {
        return SQLITE_OK;
    }
    index_bind_s(x->s[S_NAME], 1, name);
    rc = index_done(x->s[S_NAME]);
    if (rc != SQLITE_OK) {
        return rc;
    }
    index_bind_s(q, 1, name);
    rc = sqlite3_step(q);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
    (void)sqlite3_reset(q);
    (void)snprintf(x->names[h].name, sizeof(x->names[h].name), "%s", name);
    x->names[h].id = *out;
    return rc == SQLITE_ROW ? SQLITE_OK : SQLITE_ERROR;
}

int index_rows_finish(struct index_rows *x)
{
    sqlite3_stmt *q = x->s[S_SPAN];

    if (!x->span.has) {
        return SQLITE_OK;
    }
    x->span.has = 0;
    index_bind_u(q, 1, x->span.first);
    index_bind_u(q, 2, x->span.earliest_ns);
    index_bind_u(q, 3, x->span.latest_ns);
    return index_done(q);
}

/* Clocks may step back, so times are kept as bounds of INDEX_SPAN records. */
static int add_time(struct index_rows *x, const struct record *r)
{
    uint64_t first = r->seq - r->seq % INDEX_SPAN;

    if (x->span.has && x->span.first != first) {
        int rc = index_rows_finish(x);

        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    if (!x->span.has) {
        x->span.has = 1;
        x->span.first = first;
        x->span.earliest_ns = x->span.latest_ns = r->wall_ns;
    }
    if (r->wall_ns < x->span.earliest_ns) {
        x->span.earliest_ns = r->wall_ns;
    }
    if (r->wall_ns > x->span.latest_ns) {
        x->span.latest_ns = r->wall_ns;
    }
    return SQLITE_OK;
}

int64_t index_leaf_part(const struct merkle_hash *leaf)
{
    uint64_t v = 0;
    int i;

    for (i = 0; i < 8; i++) {
        v = v << 8 | leaf->b[i];
    }
    return (int64_t)v;
}

static int add_record(struct index_rows *x, const struct record *r,
                      const struct index_place *at)
{
    sqlite3_stmt *q = x->s[S_RECORD];
    char task[LIMIT_ID_BYTES * 2];
    int64_t name = 0;
    uint64_t run;

    summary_task(r, task, sizeof(task));
    if (task[0] != '\0') {
        int rc = name_id(x, task, &name);

        if (rc != SQLITE_OK) {
            return rc;
        }
        (void)sqlite3_bind_int64(q, 5, name);
    }
    index_bind_u(q, 1, r->seq);
    index_bind_u(q, 2, r->kind);
    index_bind_u(q, 3, r->wall_ns);
    if (summary_run(r, &run)) {
        index_bind_u(q, 4, run);
    }
    index_bind_u(q, 6, at->segment);
    index_bind_u(q, 7, at->off);
    (void)sqlite3_bind_int64(q, 8, index_leaf_part(&at->leaf));
    return index_done(q);
}

static int add_mention(struct index_rows *x, const struct record *r,
                       const uint8_t *h, const char *field)
{
    static const uint8_t zero[CID_BYTES];
    sqlite3_stmt *q = x->s[S_MENTION];

    if (memcmp(h, zero, sizeof(zero)) == 0) {
        return SQLITE_OK;
    }
    (void)sqlite3_bind_blob(q, 1, h, CID_BYTES, SQLITE_TRANSIENT);
    index_bind_u(q, 2, r->seq);
    index_bind_s(q, 3, field);
    return index_done(q);
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

        if (info->type == RT_HASH) {
            rc = add_mention(x, r, record_hash(r, f), info->name);
        } else if (info->type == RT_CIDS) {
            struct ubytes all = record_bytes(r, f);
            size_t k;

            for (k = 0; k + CID_BYTES <= all.n && rc == SQLITE_OK;
                 k += CID_BYTES) {
                rc = add_mention(x, r, all.p + k, info->name);
            }
        }
    }
    return rc;
}

int index_rows_add(struct index_rows *x, const struct record *r,
                   const struct index_place *at)
{
    int rc = add_record(x, r, at);

    if (rc == SQLITE_OK) {
        rc = add_time(x, r);
    }
    if (rc == SQLITE_OK) {
        rc = add_mentions(x, r);
    }
    return rc == SQLITE_OK ? index_add_kind(x, r) : rc;
}

/* See sql_rows.h. In the person's process, and in proctor-sql. */
#include "cli/sql_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/cid.h"
#include "proto/err.h"
#include "proto/pb.h"

static const struct loc NOWHERE = {NULL, 0, 0};

#define BLOBS(bytes, time)                                                     \
    "CREATE TABLE IF NOT EXISTS m1_blobs(cid TEXT PRIMARY KEY,"                \
    " node_type TEXT NOT NULL, data " bytes " NOT NULL,"                       \
    " created_at " time " DEFAULT CURRENT_TIMESTAMP);\n"
#define ASSERTIONS(id, number, bytes, time)                                    \
    "CREATE TABLE IF NOT EXISTS m4_assertions(id " id " PRIMARY KEY,"          \
    " did TEXT NOT NULL, ref_path TEXT NOT NULL, operation TEXT NOT NULL,"     \
    " payload_cid TEXT REFERENCES m1_blobs(cid), created_at " time ","         \
    " seq_number " number " NOT NULL CHECK(seq_number > 0), prev TEXT,"        \
    " signature " bytes ", UNIQUE(did, ref_path, seq_number),"                 \
    " CHECK(operation = 'DELETE' OR payload_cid IS NOT NULL));\n"
#define REFS(number)                                                           \
    "CREATE TABLE IF NOT EXISTS m4_refs(did TEXT NOT NULL,"                    \
    " ref_path TEXT NOT NULL,"                                                 \
    " target_cid TEXT NOT NULL REFERENCES m1_blobs(cid),"                      \
    " seq_number " number " NOT NULL, PRIMARY KEY(did, ref_path));\n"

const char *sql_tables_sqlite(void)
{
    return BLOBS("BLOB", "TEXT") ASSERTIONS("INTEGER", "INTEGER", "BLOB", "TEXT")
        REFS("INTEGER");
}

const char *sql_tables_postgres(void)
{
    return BLOBS("BYTEA", "TIMESTAMP")
        ASSERTIONS("BIGSERIAL", "BIGINT", "BYTEA", "TIMESTAMP") REFS("BIGINT");
}

#define SAME_AS(column, arg) column " IS NOT DISTINCT FROM " arg

static const struct sql_info STATEMENTS[SQL_STATEMENTS] = {
    [SQL_BLOB_ADD] = {"INSERT INTO m1_blobs(cid,node_type,data)"
                      " VALUES($1,$2,$3) ON CONFLICT (cid) DO NOTHING",
                      {SQL_TEXT, SQL_TEXT, SQL_DATA}, 3, 0},
    [SQL_BLOB_SAME] = {"SELECT count(*) FROM m1_blobs WHERE cid=$1"
                       " AND node_type=$2 AND data=$3",
                       {SQL_TEXT, SQL_TEXT, SQL_DATA}, 3, 1},
    [SQL_ASSERTION_ADD] =
        {"INSERT INTO m4_assertions(did,ref_path,seq_number,operation,"
         "payload_cid,prev,signature,created_at)"
         " VALUES($1,$2,$3,$4,$5,$6,$7,$8)"
         " ON CONFLICT (did,ref_path,seq_number) DO NOTHING",
         {SQL_TEXT, SQL_TEXT, SQL_NUMBER, SQL_TEXT, SQL_TEXT, SQL_TEXT,
          SQL_DATA, SQL_TIME},
         8, 0},
    [SQL_ASSERTION_SAME] =
        {"SELECT count(*) FROM m4_assertions WHERE did=$1 AND ref_path=$2"
         " AND seq_number=$3 AND operation=$4"
         " AND " SAME_AS("payload_cid", "$5") " AND " SAME_AS("prev", "$6")
         " AND " SAME_AS("signature", "$7"),
         {SQL_TEXT, SQL_TEXT, SQL_NUMBER, SQL_TEXT, SQL_TEXT, SQL_TEXT,
          SQL_DATA},
         7, 1},
    [SQL_ASSERTION_COUNT] = {"SELECT count(*) FROM m4_assertions WHERE did=$1",
                             {SQL_TEXT}, 1, 1},
    [SQL_REF_SET] =
        {"INSERT INTO m4_refs(did,ref_path,target_cid,seq_number)"
         " VALUES($1,$2,$3,$4) ON CONFLICT (did,ref_path) DO UPDATE"
         " SET target_cid=excluded.target_cid,seq_number=excluded.seq_number"
         " WHERE m4_refs.seq_number<excluded.seq_number",
         {SQL_TEXT, SQL_TEXT, SQL_TEXT, SQL_NUMBER}, 4, 0},
    [SQL_REF_DROP] = {"DELETE FROM m4_refs WHERE did=$1 AND ref_path=$2"
                      " AND seq_number<$3",
                      {SQL_TEXT, SQL_TEXT, SQL_NUMBER}, 3, 0},
    [SQL_REF_SAME] = {"SELECT count(*) FROM m4_refs WHERE did=$1"
                      " AND ref_path=$2 AND target_cid=$3 AND seq_number=$4",
                      {SQL_TEXT, SQL_TEXT, SQL_TEXT, SQL_NUMBER}, 4, 1},
    [SQL_REF_COUNT] = {"SELECT count(*) FROM m4_refs WHERE did=$1",
                       {SQL_TEXT}, 1, 1},
};

const struct sql_info *sql_info(enum sql_statement s)
{
    return &STATEMENTS[s];
}

void sql_time(uint64_t wall_ns, char out[static SQL_TIME_BYTES])
{
    time_t s = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    size_t n;

    (void)gmtime_r(&s, &tm);
    n = strftime(out, SQL_TIME_BYTES, "%Y-%m-%d %H:%M:%S", &tm);
    (void)snprintf(out + n, SQL_TIME_BYTES - n, ".%06u",
                   (unsigned)(wall_ns % 1000000000u / 1000u));
}

static struct sql_arg text(const char *s)
{
    return (struct sql_arg){
        .bytes = {(const uint8_t *)s, strlen(s)}};
}

static struct sql_arg number(uint64_t n)
{
    return (struct sql_arg){.number = n};
}

/* Hex of a hash, NULL of an empty field. */
static struct sql_arg hash(const ProtobufCBinaryData *f,
                           char out[static 2 * CID_BYTES + 1])
{
    if (f->len != CID_BYTES) {
        return (struct sql_arg){.is_null = 1};
    }
    hex_text(f->data, CID_BYTES, out);
    return text(out);
}

static struct sql_arg data(const ProtobufCBinaryData *f)
{
    return (struct sql_arg){.is_null = f->len == 0, .bytes = field_bytes(f)};
}

static int other(struct diag *d, const char *what, const char *which)
{
    (void)diag_set(d, ERR_EXISTS, NOWHERE,
                   "the database has another history: its %s %.100s is not the "
                   "store's",
                   what, which);
    diag_hint(d, "it was filled from another store, or changed by hand; nothing "
                 "was written");
    return ERR_EXISTS;
}

enum { ROW_E_OTHER = 1 };

/* Adds a row by the one statement, or finds by the other that an equal one is
 * there; ROW_E_OTHER: it is not equal. */
static int add_or_same(const struct sql_driver *db,
                       const enum sql_statement add_same[static 2],
                       const struct sql_arg *args, uint64_t *added,
                       struct diag *d)
{
    int64_t n = 0;

    TRY(db->run(db->ctx, add_same[0], args, &n, d));
    *added += n > 0 ? 1u : 0u;
    if (n <= 0) {
        TRY(db->run(db->ctx, add_same[1], args, &n, d));
    }
    return n > 0 ? 0 : ROW_E_OTHER;
}

static const enum sql_statement blob[] = {SQL_BLOB_ADD, SQL_BLOB_SAME};
static const enum sql_statement assertion[] = {SQL_ASSERTION_ADD,
                                               SQL_ASSERTION_SAME};
static const enum sql_statement ref[] = {SQL_REF_SET, SQL_REF_SAME};

static int write_blobs(const struct sql_driver *db, const Proctor__Projection *p,
                       Proctor__BridgeAnswer *a, struct diag *d)
{
    for (size_t i = 0; i < p->n_blobs; i++) {
        const Proctor__BridgeBlob *b = p->blobs[i];
        char cid[2 * CID_BYTES + 1];
        const struct sql_arg args[] = {hash(&b->cid, cid), text(b->kind),
                                       data(&b->data)};
        int code;

        TRY(code = add_or_same(db, blob, args, &a->blobs, d));
        if (code == ROW_E_OTHER) {
            return other(d, "m1_blobs row", cid);
        }
    }
    return 0;
}

static int write_assertions(const struct sql_driver *db,
                            const Proctor__Projection *p,
                            Proctor__BridgeAnswer *a, struct diag *d)
{
    for (size_t i = 0; i < p->n_assertions; i++) {
        const Proctor__BridgeAssertion *s = p->assertions[i];
        char payload[2 * CID_BYTES + 1];
        char prev[2 * CID_BYTES + 1];
        char time[SQL_TIME_BYTES];
        int code;

        sql_time(s->wall_ns, time);
        const struct sql_arg args[] = {
            text(s->did),           text(s->path),
            number(s->seq),         text(s->operation),
            hash(&s->payload, payload), hash(&s->prev, prev),
            data(&s->signature),    text(time)};

        TRY(code = add_or_same(db, assertion, args, &a->assertions, d));
        if (code == ROW_E_OTHER) {
            char which[160];

            (void)snprintf(which, sizeof(which), "%" PRIu64 " of %.110s",
                           s->seq, s->path);
            return other(d, "assertion", which);
        }
    }
    return 0;
}

/* Names that stand for nothing any more: their last assertion is DELETE. */
static int drop_refs(const struct sql_driver *db, const Proctor__Projection *p,
                     uint64_t *moved, struct diag *d)
{
    for (size_t i = 0; i < p->n_assertions; i++) {
        const Proctor__BridgeAssertion *s = p->assertions[i];
        const struct sql_arg args[] = {text(s->did), text(s->path),
                                       number(s->seq)};
        int64_t n = 0;

        if (strcmp(s->operation, "DELETE") == 0) {
            TRY(db->run(db->ctx, SQL_REF_DROP, args, &n, d));
            *moved += n > 0 ? 1u : 0u;
        }
    }
    return 0;
}

static int write_refs(const struct sql_driver *db, const Proctor__Projection *p,
                      Proctor__BridgeAnswer *a, struct diag *d)
{
    TRY(drop_refs(db, p, &a->refs, d));
    for (size_t i = 0; i < p->n_refs; i++) {
        const Proctor__BridgeRef *r = p->refs[i];
        char target[2 * CID_BYTES + 1];
        const struct sql_arg args[] = {text(r->did), text(r->path),
                                       hash(&r->target, target),
                                       number(r->seq)};
        int code;

        TRY(code = add_or_same(db, ref, args, &a->refs, d));
        if (code == ROW_E_OTHER) {
            return other(d, "ref", r->path);
        }
    }
    return 0;
}

/* Nothing of the store's own that the store does not know. */
static int check_count(const struct sql_driver *db, enum sql_statement s,
                       const char *did, size_t ours, const char *what,
                       struct diag *d)
{
    const struct sql_arg args[] = {text(did)};
    int64_t n = 0;

    TRY(db->run(db->ctx, s, args, &n, d));
    if (n >= 0 && (uint64_t)n == ours) {
        return 0;
    }
    (void)diag_set(d, ERR_EXISTS, NOWHERE,
                   "the database has another history: %" PRId64 " %s of this "
                   "store's key, the store has %zu",
                   n, what, ours);
    diag_hint(d, "it was filled from a later copy of this store; nothing was "
                 "written");
    return ERR_EXISTS;
}

int sql_rows_put(const struct sql_driver *db, const Proctor__Projection *p,
                 Proctor__BridgeAnswer *a, struct diag *d)
{
    TRY(write_blobs(db, p, a, d));
    TRY(write_assertions(db, p, a, d));
    return write_refs(db, p, a, d);
}

int sql_rows_write(const struct sql_driver *db, const Proctor__Projection *p,
                   Proctor__BridgeAnswer *a, struct diag *d)
{
    size_t assertions = 0;
    size_t refs = 0;

    TRY(sql_rows_put(db, p, a, d));
    for (size_t i = 0; i < p->n_assertions; i++) {
        assertions += strcmp(p->assertions[i]->did, p->did) == 0;
    }
    for (size_t i = 0; i < p->n_refs; i++) {
        refs += strcmp(p->refs[i]->did, p->did) == 0;
    }
    TRY(check_count(db, SQL_ASSERTION_COUNT, p->did, assertions, "assertions",
                    d));
    TRY(check_count(db, SQL_REF_COUNT, p->did, refs, "refs", d));
    a->changed = a->blobs + a->assertions + a->refs > 0;
    return 0;
}

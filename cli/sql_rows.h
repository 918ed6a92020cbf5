/* A projection as rows of three tables (spec cml section 11, X17), for any
 * database: what is written, in which order, and what is compared with what is
 * there. The driver holds the transaction: whatever is refused leaves nothing.
 *
 *   m1_blobs(cid, node_type, data, created_at)
 *   m4_assertions(id, did, ref_path, operation, payload_cid, created_at,
 *                 seq_number, prev, signature)
 *   m4_refs(did, ref_path, target_cid, seq_number)
 *
 * A second export adds what is new. What is there must be what the store says: a
 * database with other bytes under a CID, another assertion at a place, or one more
 * than the store knows has another history, and is left alone. */
#ifndef CLI_SQL_ROWS_H
#define CLI_SQL_ROWS_H

#include "proto/diag.h"

#include "bridge.pb-c.h"

enum sql_statement {
    SQL_BLOB_ADD,
    SQL_BLOB_SAME,
    SQL_ASSERTION_ADD,
    SQL_ASSERTION_SAME,
    SQL_ASSERTION_COUNT,
    SQL_REF_SET,
    SQL_REF_DROP,
    SQL_REF_SAME,
    SQL_REF_COUNT,
    SQL_STATEMENTS
};
enum sql_type {
    SQL_TEXT,
    SQL_NUMBER,
    SQL_DATA,
    SQL_TIME /* text, "2026-11-21 12:00:00.000000" in UTC */
};
#define SQL_ARGS_MAX 9
struct sql_info {
    const char *text; /* $1, $2, ... in this order; the same for all databases */
    enum sql_type types[SQL_ARGS_MAX];
    unsigned args_n;
    int is_query; /* gives one number; else the rows that it changed count */
};
const struct sql_info *sql_info(enum sql_statement s);

/* One argument, as its type says; is_null overrides. Borrowed. */
struct sql_arg {
    int is_null;
    uint64_t number;
    struct ubytes bytes; /* text, without its NUL, or data */
};

/* What the tables are made by, if they are not there. */
const char *sql_tables_sqlite(void);
const char *sql_tables_postgres(void);

struct sql_driver {
    /* Runs one statement. *out_n: the number that a query gives (-1: no row, or
     * NULL), else how many rows changed. ERR_* with d. */
    int (*run)(void *ctx, enum sql_statement s, const struct sql_arg *args,
               int64_t *out_n, struct diag *d);
    void *ctx;
};

/* All rows of p, in a transaction that the caller began and ends: with COMMIT only
 * if this gives 0. Counts go into a. ERR_EXISTS: another history, d says where. */
int sql_rows_write(const struct sql_driver *db, const Proctor__Projection *p,
                   Proctor__BridgeAnswer *a, struct diag *d) MUST_USE;

/* The rows alone, without a look at what else is there. */
int sql_rows_put(const struct sql_driver *db, const Proctor__Projection *p,
                 Proctor__BridgeAnswer *a, struct diag *d) MUST_USE;

#define SQL_TIME_BYTES 32
void sql_time(uint64_t wall_ns, char out[static SQL_TIME_BYTES]);

#endif

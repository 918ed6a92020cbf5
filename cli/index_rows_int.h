/* Inside of the rows of the index: index_rows.c (all records) and index_kinds.c
 * (what each kind adds). */
#ifndef CLI_INDEX_ROWS_INT_H
#define CLI_INDEX_ROWS_INT_H

#include "cli/index_rows.h"
#include "proto/limits.h"

enum statement {
    S_RECORD,
    S_NAME,
    S_NAMED,
    S_SPAN,
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
    S_ASSERT,
    S_POINT,
    S_UNPOINT,
    S_BLOB,
    STATEMENTS_N
};

#define NAMES_KEPT 256u

struct index_rows {
    const char *store; /* borrowed */
    sqlite3_stmt *s[STATEMENTS_N];
    struct {
        char name[LIMIT_ID_BYTES * 2];
        int64_t id;
    } names[NAMES_KEPT]; /* by hash; those of this transaction are in it */
    struct {
        uint64_t first, earliest_ns, latest_ns;
        int has;
    } span;
};

/* Binding; parameters are numbered from 1. Errors show when it is stepped. A
 * zero hash becomes the empty string, a *_ref field of 0 NULL. */
void index_bind_u(sqlite3_stmt *q, int i, uint64_t v);
void index_bind_s(sqlite3_stmt *q, int i, const char *s);
void index_bind_str(sqlite3_stmt *q, int i, const struct record *r,
                    enum record_field f);
void index_bind_hash(sqlite3_stmt *q, int i, const struct record *r,
                     enum record_field f);
void index_bind_ref(sqlite3_stmt *q, int i, const struct record *r,
                    enum record_field f);
/* Runs a statement that gives no rows, and clears it. */
int index_done(sqlite3_stmt *q);

/* An SQLite code. */
int index_add_kind(struct index_rows *x, const struct record *r);

#endif

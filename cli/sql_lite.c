/* See sql_lite.h. In the person's process. */
#include "cli/sql_lite.h"

#include <sqlite3.h>

#include "cli/sql_rows.h"
#include "proto/err.h"

#define WAIT_MS 10000

struct lite {
    const char *path;
    sqlite3 *db;
    sqlite3_stmt *q[SQL_STATEMENTS]; /* prepared when first used */
};

static int failed(const struct lite *x, struct diag *d)
{
    int primary = x->db != NULL ? sqlite3_errcode(x->db) & 0xff : SQLITE_NOMEM;
    int code = ERR_IO;

    switch (primary) {
    case SQLITE_NOMEM:
        code = ERR_NOMEM;
        break;
    case SQLITE_FULL:
        code = ERR_SPACE;
        break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        code = ERR_ACCESS;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_EXISTS;
        break;
    case SQLITE_ERROR: /* no such column */
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        code = ERR_INPUT;
        break;
    default:
        break;
    }
    (void)diag_set(d, code, (struct loc){0}, "%.120s: %.100s", x->path,
                   x->db != NULL ? sqlite3_errmsg(x->db) : "no memory");
    if (primary == SQLITE_ERROR || primary == SQLITE_CONSTRAINT) {
        diag_hint(d, "tables of these names are there in another shape; nothing "
                     "was written");
    }
    return code;
}

static int bind(sqlite3_stmt *q, int i, enum sql_type type,
                const struct sql_arg *a)
{
    if (a->is_null) {
        return sqlite3_bind_null(q, i);
    }
    switch (type) {
    case SQL_NUMBER:
        return sqlite3_bind_int64(q, i, (sqlite3_int64)a->number);
    case SQL_DATA:
        return sqlite3_bind_blob64(q, i, a->bytes.p, a->bytes.n, SQLITE_STATIC);
    case SQL_TEXT:
    case SQL_TIME:
        return sqlite3_bind_text64(q, i, (const char *)a->bytes.p, a->bytes.n,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
    return SQLITE_MISUSE;
}

static int run(void *ctx, enum sql_statement s, const struct sql_arg *args,
               int64_t *out_n, struct diag *d)
{
    struct lite *x = ctx;
    const struct sql_info *info = sql_info(s);
    int rc = SQLITE_OK;

    if (x->q[s] == NULL) {
        rc = sqlite3_prepare_v2(x->db, info->text, -1, &x->q[s], NULL);
    }
    for (unsigned i = 0; rc == SQLITE_OK && i < info->args_n; i++) {
        rc = bind(x->q[s], (int)i + 1, info->types[i], &args[i]);
    }
    if (rc != SQLITE_OK) {
        return failed(x, d);
    }
    rc = sqlite3_step(x->q[s]);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return failed(x, d);
    }
    *out_n = !info->is_query    ? sqlite3_changes64(x->db)
             : rc == SQLITE_ROW ? sqlite3_column_int64(x->q[s], 0)
                                : -1;
    (void)sqlite3_reset(x->q[s]);
    (void)sqlite3_clear_bindings(x->q[s]);
    return 0;
}

static int open_db(struct lite *x, struct diag *d)
{
    int on = 0;
    int rc = sqlite3_open_v2(x->path, &x->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    /* A file of somebody else's runs no code of its own, but checks our rows. */
    if (rc == SQLITE_OK) {
        rc = sqlite3_db_config(x->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(x->db, WAIT_MS);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(x->db,
                          "PRAGMA trusted_schema=OFF;PRAGMA foreign_keys=ON;"
                          "BEGIN IMMEDIATE",
                          NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(x->db, sql_tables_sqlite(), NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : failed(x, d);
}

int sql_lite_write(const char *path, const Proctor__Projection *p,
                   Proctor__BridgeAnswer *a, struct diag *d)
{
    struct lite x = {.path = path};
    const struct sql_driver driver = {run, &x};
    int rc = open_db(&x, d);

    if (rc == 0) {
        rc = sql_rows_write(&driver, p, a, d);
    }
    for (int s = 0; s < SQL_STATEMENTS; s++) {
        (void)sqlite3_finalize(x.q[s]);
    }
    if (rc == 0 && sqlite3_exec(x.db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        rc = failed(&x, d);
    }
    if (rc != 0 && x.db != NULL && sqlite3_get_autocommit(x.db) == 0) {
        (void)sqlite3_exec(x.db, "ROLLBACK", NULL, NULL, NULL);
    }
    (void)sqlite3_close(x.db);
    return rc;
}

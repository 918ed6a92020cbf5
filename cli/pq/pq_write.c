/* See pq_write.h. Values travel as parameters of prepared statements, never in the
 * text of one. */
#include "cli/pq/pq_write.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shut/shut_in.h"
#include "cli/sql_rows.h"
#include "proto/buf.h"
#include "proto/err.h"

/* Oids of pg_type.dat, which never change. */
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_TEXT 25
#define OID_TIMESTAMP 1114
/* One export at a time: tables that two make at once clash ("CML" in ASCII). */
#define LOCK "SELECT pg_advisory_xact_lock(4410700)"

static const struct loc NOWHERE = {NULL, 0, 0};

struct pq {
    PGconn *conn;
    const char *password; /* borrowed; NULL: none was given */
    int is_prepared[SQL_STATEMENTS];
};

/* The server's words on one line, without the password. */
static void clean(const struct pq *x, const char *said, char *out, size_t n)
{
    size_t len = x->password != NULL ? strlen(x->password) : 0;
    size_t to = 0;

    while (*said != '\0' && to + 1 < n) {
        if (len > 0 && strncmp(said, x->password, len) == 0) {
            said += len;
            if (to + 4 < n) {
                memcpy(out + to, "***", 3);
                to += 3;
            }
            continue;
        }
        out[to] = *said++;
        if (out[to] == '\n' || out[to] == '\t') {
            out[to] = ' ';
        }
        to++;
    }
    while (to > 0 && out[to - 1] == ' ') {
        to--;
    }
    out[to] = '\0';
}

struct meaning {
    const char *state; /* SQLSTATE, or its first letters */
    int code;
    const char *hint;
};
static const struct meaning MEANINGS[] = {
    {"25006", ERR_ACCESS, "the server or the transaction only reads: a standby?"},
    {"42501", ERR_ACCESS, "the role needs CREATE in the schema, or INSERT, "
                          "UPDATE, DELETE and SELECT on the three tables"},
    {"28", ERR_ACCESS, "give the password in ~/.pgpass or PGPASSWORD"},
    {"3D000", ERR_NOT_FOUND, "make it: createdb NAME"},
    {"53100", ERR_SPACE, "free some space on the server's disk"},
    {"53", ERR_LIMIT, "the server has run out of something; try again later"},
    {"55P03", ERR_EXISTS, "another session holds the tables; try again"},
    {"57014", ERR_LIMIT, "the server took too long; try again"},
    {"57P", ERR_CLOSED, "the server was shut down; nothing was written"},
    {"42", ERR_INPUT, "tables of these names are there in another shape; nothing "
                      "was written"},
    {"23", ERR_INPUT, "tables of these names are there in another shape; nothing "
                      "was written"},
    {"22", ERR_INPUT, "the database must keep UTF-8: createdb -E UTF8 NAME"},
};

/* By the state that the server named. */
static int failed(const struct pq *x, const PGresult *r, struct diag *d)
{
    const char *state = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE)
                                  : NULL;
    const char *said = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY)
                                 : NULL;
    int lost = PQstatus(x->conn) != CONNECTION_OK;
    const char *hint = lost ? "nothing was written; try again" : "";
    int code = lost ? ERR_CLOSED : ERR_IO;
    char words[160];

    for (size_t i = 0; state != NULL && i < ARRAY_N(MEANINGS); i++) {
        if (strncmp(state, MEANINGS[i].state, strlen(MEANINGS[i].state)) == 0) {
            code = MEANINGS[i].code;
            hint = MEANINGS[i].hint;
            break;
        }
    }
    clean(x, said != NULL ? said : PQerrorMessage(x->conn), words,
          sizeof(words));
    (void)diag_set(d, code, NOWHERE, "the database: %s%s%s%s", words,
                   state != NULL ? " (" : "", state != NULL ? state : "",
                   state != NULL ? ")" : "");
    diag_hint(d, "%s", hint);
    return code;
}

static int script(struct pq *x, const char *sql, struct diag *d)
{
    PGresult *r = PQexec(x->conn, sql);
    ExecStatusType status = PQresultStatus(r);
    int rc = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
                 ? 0
                 : failed(x, r, d);

    PQclear(r);
    return rc;
}

static void statement_name(enum sql_statement s, char out[static 16])
{
    (void)snprintf(out, 16, "proctor%d", (int)s);
}

static int prepare(struct pq *x, enum sql_statement s, struct diag *d)
{
    static const Oid oids[] = {[SQL_TEXT] = OID_TEXT,
                               [SQL_NUMBER] = OID_INT8,
                               [SQL_DATA] = OID_BYTEA,
                               [SQL_TIME] = OID_TIMESTAMP};
    const struct sql_info *info = sql_info(s);
    Oid types[SQL_ARGS_MAX];
    char name[16];
    PGresult *r;
    int rc;

    for (unsigned i = 0; i < info->args_n; i++) {
        types[i] = oids[info->types[i]];
    }
    statement_name(s, name);
    r = PQprepare(x->conn, name, info->text, (int)info->args_n, types);
    rc = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : failed(x, r, d);
    x->is_prepared[s] = rc == 0;
    PQclear(r);
    return rc;
}

/* Parameters as libpq wants them: text ends in a NUL, data has a length. */
struct params {
    const char *values[SQL_ARGS_MAX];
    int lengths[SQL_ARGS_MAX];
    int formats[SQL_ARGS_MAX];
    char numbers[SQL_ARGS_MAX][24];
    struct buf texts; /* owned */
};

static int put_params(struct params *q, const struct sql_info *info,
                      const struct sql_arg *args)
{
    size_t at[SQL_ARGS_MAX] = {0};

    for (unsigned i = 0; i < info->args_n; i++) {
        at[i] = buf_len(&q->texts);
        if (info->types[i] == SQL_TEXT || info->types[i] == SQL_TIME) {
            TRY(buf_put(&q->texts, args[i].bytes.p, args[i].bytes.n));
            TRY(buf_put_u8(&q->texts, 0));
        }
    }
    for (unsigned i = 0; i < info->args_n; i++) {
        q->lengths[i] = 0;
        q->formats[i] = info->types[i] == SQL_DATA;
        if (args[i].is_null) {
            q->values[i] = NULL;
        } else if (info->types[i] == SQL_NUMBER) {
            (void)snprintf(q->numbers[i], sizeof(q->numbers[i]), "%" PRIu64,
                           args[i].number);
            q->values[i] = q->numbers[i];
        } else if (info->types[i] == SQL_DATA) {
            q->values[i] = (const char *)args[i].bytes.p;
            q->lengths[i] = (int)args[i].bytes.n;
        } else {
            q->values[i] = (const char *)buf_bytes(&q->texts).p + at[i];
        }
    }
    return 0;
}

static int64_t answer_of(const struct sql_info *info, PGresult *r)
{
    if (!info->is_query) {
        return strtoll(PQcmdTuples(r), NULL, 10);
    }
    return PQntuples(r) == 1 && PQnfields(r) == 1 && !PQgetisnull(r, 0, 0)
               ? strtoll(PQgetvalue(r, 0, 0), NULL, 10)
               : -1;
}

static int run(void *ctx, enum sql_statement s, const struct sql_arg *args,
               int64_t *out_n, struct diag *d)
{
    struct pq *x = ctx;
    const struct sql_info *info = sql_info(s);
    struct params q;
    char name[16];
    PGresult *r = NULL;
    int rc = x->is_prepared[s] ? 0 : prepare(x, s, d);

    buf_init(&q.texts, 1u << 16);
    if (rc == 0) {
        rc = put_params(&q, info, args);
    }
    if (rc == 0) {
        statement_name(s, name);
        r = PQexecPrepared(x->conn, name, (int)info->args_n, q.values,
                           q.lengths, q.formats, 0);
        rc = PQresultStatus(r) == (info->is_query ? PGRES_TUPLES_OK
                                                  : PGRES_COMMAND_OK)
                 ? 0
                 : failed(x, r, d);
    }
    if (rc == 0) {
        *out_n = answer_of(info, r);
    }
    PQclear(r);
    buf_release(&q.texts);
    return rc;
}

/* What the server says while it works is not for the person. */
static void hear_notice(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
}

static const char *option_of(const PQconninfoOption *o, const char *keyword)
{
    for (; o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0) {
            return o->val;
        }
    }
    return NULL;
}

static int refused(const struct pq *x, struct diag *d)
{
    char words[160];
    int code = PQconnectionNeedsPassword(x->conn) ||
                       strstr(PQerrorMessage(x->conn), "authentication") != NULL
                   ? ERR_ACCESS
                   : ERR_NOT_FOUND;

    clean(x, PQerrorMessage(x->conn), words, sizeof(words));
    (void)diag_set(d, code, NOWHERE, "no way into the database: %s", words);
    diag_hint(d, "%s", code == ERR_ACCESS
                           ? "give the password in ~/.pgpass or PGPASSWORD"
                           : "does the server run there, and is there such a "
                             "database?");
    return code;
}

/* Tries to connect with the options of place, and a limit of time if it names
 * none. */
static int connect_to(struct pq *x, const PQconninfoOption *o, const char *place,
                      struct diag *d)
{
    const char *keys[] = {"dbname", "client_encoding", "application_name",
                          "connect_timeout", NULL};
    const char *values[] = {place, "UTF8", "proctor", "10", NULL};

    if (option_of(o, "connect_timeout") != NULL) {
        keys[3] = NULL;
    }
    x->conn = PQconnectdbParams(keys, values, 1);
    if (PQstatus(x->conn) != CONNECTION_OK) {
        return refused(x, d);
    }
    (void)PQsetNoticeReceiver(x->conn, hear_notice, NULL);
    return 0;
}

static int write_all(struct pq *x, const Proctor__Projection *p,
                     Proctor__BridgeAnswer *a, struct diag *d)
{
    const struct sql_driver driver = {run, x};
    int rc;

    TRY(script(x,
               "BEGIN; SET LOCAL lock_timeout='30s';"
               "SET LOCAL statement_timeout='600s'; " LOCK,
               d));
    rc = script(x, sql_tables_postgres(), d);
    if (rc == 0) {
        rc = sql_rows_write(&driver, p, a, d);
    }
    if (rc != 0) {
        PQclear(PQexec(x->conn, "ROLLBACK"));
        return rc;
    }
    rc = script(x, "COMMIT", d);
    if (rc == ERR_CLOSED) {
        diag_hint(d, "whether it was all written or nothing is not known: export "
                     "again, which does no harm");
    }
    return rc;
}

int pq_write(const char *place, const Proctor__Projection *p,
             Proctor__BridgeAnswer *a, struct diag *d)
{
    struct pq x = {.conn = NULL};
    PQconninfoOption *o = PQconninfoParse(place, NULL);
    int rc;

    if (o == NULL) { /* libpq's words would repeat what stands in it */
        (void)diag_set(d, ERR_INPUT, NOWHERE,
                       "this is no connection string of PostgreSQL");
        diag_hint(d, "postgres://USER@HOST:PORT/DATABASE, or "
                     "postgres:///DATABASE?host=/folder/of/socket");
        return ERR_INPUT;
    }
    x.password = option_of(o, "password");
    rc = connect_to(&x, o, place, d);
    if (rc == 0) {
        rc = shut_in(SHUT_IN_TALK, -1, d);
    }
    if (rc == 0) {
        rc = write_all(&x, p, a, d);
    }
    PQfinish(x.conn);
    PQconninfoFree(o);
    return rc;
}

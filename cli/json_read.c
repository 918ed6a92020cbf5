/* Asking SQLite about JSON. In the person's process; the data base is empty, in
 * memory, and never holds anything. */
#include "cli/json_read.h"

#include <limits.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"

struct json_read {
    sqlite3 *db;
    struct ubytes text;
};

int json_read_new(struct json_read **out)
{
    struct json_read *j = calloc(1, sizeof(*j));

    if (j == NULL || sqlite3_open(":memory:", &j->db) != SQLITE_OK) {
        json_read_free(j);
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = j;
    return 0;
}

void json_read_free(struct json_read *j)
{
    if (j != NULL) {
        (void)sqlite3_close(j->db);
        free(j);
    }
}

/* Runs a query over two arguments; *out_q stands on its first row. ERR_NOT_FOUND
 * when it has none, or could not run. */
static int ask(struct json_read *j, const char *sql, struct ubytes a,
               struct ubytes b, sqlite3_stmt **out_q)
{
    sqlite3_stmt *q = NULL;

    ASSERT(a.n <= INT_MAX && b.n <= INT_MAX);
    if (sqlite3_prepare_v2(j->db, sql, -1, &q, NULL) != SQLITE_OK ||
        sqlite3_bind_text(q, 1, (const char *)a.p, (int)a.n, SQLITE_STATIC) !=
            SQLITE_OK ||
        sqlite3_bind_text(q, 2, (const char *)b.p, (int)b.n, SQLITE_STATIC) !=
            SQLITE_OK ||
        sqlite3_step(q) != SQLITE_ROW) {
        (void)sqlite3_finalize(q);
        return ERR_NOT_FOUND;
    }
    *out_q = q;
    return 0;
}

static struct ubytes words(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

/* A number that a query gives; 0 when it gives none. */
static uint64_t number(struct json_read *j, const char *sql, const char *path)
{
    sqlite3_stmt *q;
    uint64_t n;

    if (ask(j, sql, j->text, words(path), &q) != 0) {
        return 0;
    }
    n = (uint64_t)sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    return n;
}

int json_read_text(struct json_read *j, struct ubytes text, size_t max_bytes)
{
    j->text = (struct ubytes){NULL, 0};
    if (text.n == 0 || text.n > max_bytes || !utf8_is_valid(text) ||
        memchr(text.p, '\0', text.n) != NULL) {
        return ERR_INPUT;
    }
    j->text = text;
    /* Asked in turn: json_type fails on what is no JSON. */
    if (!number(j, "SELECT json_valid(?1) AND ?2 = ''", "") ||
        !number(j, "SELECT json_type(?1) = 'object' AND ?2 = ''", "")) {
        j->text = (struct ubytes){NULL, 0};
        return ERR_INPUT;
    }
    return 0;
}

int json_read_string(struct json_read *j, const char *path, struct buf *out)
{
    sqlite3_stmt *q;
    int rc;

    TRY(ask(j, "SELECT json_extract(?1, ?2) WHERE json_type(?1, ?2) = 'text'",
            j->text, words(path), &q));
    rc = buf_put(out, sqlite3_column_blob(q, 0),
                 (size_t)sqlite3_column_bytes(q, 0));
    (void)sqlite3_finalize(q);
    return rc;
}

int json_read_base64(struct json_read *j, const char *path, struct buf *out)
{
    static const int variants[] = {sodium_base64_VARIANT_ORIGINAL,
                                   sodium_base64_VARIANT_URLSAFE};
    struct buf text;
    uint8_t *room;
    size_t before = buf_len(out);
    size_t n = 0;
    size_t i;
    int rc;

    buf_init(&text, j->text.n + 1);
    rc = json_read_string(j, path, &text);
    if (rc == 0) {
        rc = buf_extend(out, buf_len(&text) / 4 * 3 + 3, &room);
    }
    if (rc == 0) {
        const char *p = (const char *)buf_bytes(&text).p;

        rc = ERR_INPUT;
        for (i = 0; i < ARRAY_N(variants) && rc != 0; i++) {
            rc = sodium_base642bin(room, buf_len(&text) / 4 * 3 + 3, p,
                                   buf_len(&text), NULL, &n, NULL,
                                   variants[i]) == 0
                     ? 0
                     : ERR_INPUT;
        }
        buf_truncate(out, before + (rc == 0 ? n : 0));
    }
    buf_release(&text);
    return rc;
}

size_t json_read_count(struct json_read *j, const char *path)
{
    return (size_t)number(j,
                          "SELECT CASE json_type(?1, ?2) WHEN 'array' "
                          "THEN json_array_length(?1, ?2) ELSE 0 END",
                          path);
}

int json_read_has_no_twins(struct json_read *j)
{
    return (int)number(j,
                       "SELECT count(*) = count(DISTINCT key) "
                       "FROM json_each(?1) WHERE ?2 = ''",
                       "");
}

void json_read_difference(struct json_read *j, struct ubytes a, struct ubytes b,
                          char out[static JSON_READ_PATH_BYTES])
{
    /* What is in one and not, with that type and value, in the other. */
    static const char SQL[] =
        "WITH a AS (SELECT fullkey, type, atom FROM json_tree(?1)), "
        "b AS (SELECT fullkey, type, atom FROM json_tree(?2)) "
        "SELECT fullkey FROM (SELECT * FROM a EXCEPT SELECT * FROM b) "
        "UNION ALL "
        "SELECT fullkey FROM (SELECT * FROM b EXCEPT SELECT * FROM a)";
    sqlite3_stmt *q;

    out[0] = '\0';
    if (ask(j, SQL, a, b, &q) == 0) {
        (void)snprintf(out, JSON_READ_PATH_BYTES, "%s",
                       (const char *)sqlite3_column_text(q, 0));
        (void)sqlite3_finalize(q);
    }
}

/* The index against the records it says it covers. It is a projection: whatever
 * is wrong with it, the next command that needs it makes it again. Opened as
 * immutable, so that not even SQLite's own files appear beside it. */
#include "cli/audit_int.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/index.h"
#include "proto/err.h"

/* Path as a URI: all but letters, digits and "/._-" as %XX. */
static int put_uri(char out[static PATH_MAX], const char *path)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    size_t n = (size_t)snprintf(out, PATH_MAX, "file:");

    for (; *path != '\0' && n + 32 < PATH_MAX; path++) {
        n += (size_t)(strchr(PLAIN, *path) != NULL
                          ? snprintf(out + n, 4, "%c", *path)
                          : snprintf(out + n, 4, "%%%02X",
                                     (unsigned)(unsigned char)*path));
    }
    (void)snprintf(out + n, PATH_MAX - n, "?immutable=1");
    return *path == '\0';
}

/* First column of the first row, as text; true when there is one. */
static int ask(sqlite3 *db, const char *sql, char *out, size_t n)
{
    sqlite3_stmt *q = NULL;
    int is_there = sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
                   sqlite3_step(q) == SQLITE_ROW &&
                   sqlite3_column_text(q, 0) != NULL;

    if (is_there) {
        (void)snprintf(out, n, "%s", (const char *)sqlite3_column_text(q, 0));
    }
    (void)sqlite3_finalize(q);
    return is_there;
}

/* m4_refs says what the assertions come to. */
static int is_projection(const struct audit *a, sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    uint64_t n = 0;
    int fits = sqlite3_prepare_v2(db, "SELECT ref_path, target_cid FROM m4_refs",
                                  -1, &q, NULL) == SQLITE_OK;

    while (fits && sqlite3_step(q) == SQLITE_ROW) {
        const char *cid = (const char *)sqlite3_column_text(q, 1);
        uint8_t target[32];

        fits = cid != NULL && strlen(cid) == 64 &&
               hex_parse(cid, 64, target) == 0 &&
               audit_state_leads(a->state,
                                 (const char *)sqlite3_column_text(q, 0),
                                 target);
        n++;
    }
    (void)sqlite3_finalize(q);
    return fits && n == audit_state_refs(a->state);
}

/* Why the index will be made again; NULL: it fits. */
static const char *judge(const struct audit *a, sqlite3 *db)
{
    char text[80] = "";
    uint8_t leaf[32];
    struct ledger_entry e;
    struct diag d;
    uint64_t size;
    int fits;

    if (!ask(db, "PRAGMA user_version", text, sizeof(text)) ||
        strtol(text, NULL, 10) != INDEX_VERSION) {
        return "is damaged, or of another version";
    }
    if (!ask(db, "PRAGMA quick_check(1)", text, sizeof(text)) ||
        strcmp(text, "ok") != 0) {
        return "is damaged";
    }
    if (!ask(db, "SELECT value FROM meta WHERE key='size'", text,
             sizeof(text))) {
        return "does not say what it covers";
    }
    size = strtoull(text, NULL, 10);
    if (size == 0) {
        return NULL;
    }
    if (size > a->out->size) {
        return "covers more records than there are";
    }
    if (!ask(db, "SELECT value FROM meta WHERE key='leaf'", text,
             sizeof(text)) ||
        strlen(text) != 64 || hex_parse(text, 64, leaf) != 0) {
        return "does not say what it covers";
    }
    diag_init(&d);
    ledger_entry_init(&e);
    fits = ledger_get(a->store, size - 1, &e, &d) == 0 &&
           memcmp(e.leaf.b, leaf, sizeof(leaf)) == 0;
    err_trace_clear();
    ledger_entry_release(&e);
    if (!fits) {
        return "was made from other records than these";
    }
    return size == a->out->size && !is_projection(a, db)
               ? "has refs of CML that lead elsewhere than the ledger says"
               : NULL;
}

void audit_index(struct audit *a)
{
    char path[PATH_MAX];
    char uri[PATH_MAX];
    const char *what = "cannot be opened";
    struct stat st;
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/index.db", a->store);
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return; /* none, or audit_files.c names it */
    }
    if (put_uri(uri, path) &&
        sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                        NULL) == SQLITE_OK) {
        what = judge(a, db);
    }
    (void)sqlite3_close(db);
    if (what != NULL) {
        audit_find(a, AUDIT_WARNING, AUDIT_DERIVED, AUDIT_NO_SEQ, "index.db",
                   "%s; it is a projection and will be rebuilt", what);
    }
}

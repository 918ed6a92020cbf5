/* Keeping index.db. Never writes anything but index.db* in the store; never
 * trusts the index over the ledger.
 *
 * Invariants: 1 rows cover exactly the records [0, meta.size); 2 meta.leaf is
 * the leaf hash of record size - 1, and through the chain of predecessors
 * stands for all before it; 3 both change in one transaction with the rows. */
#include "cli/index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/index_rows.h"
#include "cli/term.h"
#include "proto/err.h"

/* More records to add than this, and than there are: the index of mentions,
 * whose keys are hashes, is sorted at the end instead of kept on the way. */
#define SORT_AT_END 262144u

struct index {
    sqlite3 *db;
    char path[PATH_MAX];
    uint64_t size;
    struct merkle_hash leaf; /* of record size - 1 */
    int torn;
    int temporary;
    const char *rebuilt;
};

/* Set by SQLite's log: queries may be stepped anywhere. */
static int met_damage;

static void note_damage(void *ctx, int code, const char *text)
{
    (void)ctx;
    (void)text;
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) {
        met_damage = 1;
    }
}

static const struct loc NOWHERE = {NULL, 0, 0};

static int say(struct diag *d, struct index *ix, const char *what)
{
    return diag_set(d, ERR_IO, NOWHERE, "the index: %s: %s", what,
                    ix->db != NULL ? sqlite3_errmsg(ix->db) : "no memory");
}

static int exec(struct index *ix, const char *sql)
{
    return sqlite3_exec(ix->db, sql, NULL, NULL, NULL);
}

/* One number, or text of at most n - 1 bytes, from a query without
 * parameters. */
static int read_one(struct index *ix, const char *sql, char *out, size_t n)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(ix->db, sql, -1, &q, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(q);
    }
    if (rc == SQLITE_ROW) {
        (void)snprintf(out, n, "%s", index_text(q, 0));
    }
    (void)sqlite3_finalize(q);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_OK ? SQLITE_ERROR : rc;
}

static int write_meta(struct index *ix)
{
    char text[CID_TEXT_BYTES];
    char sql[256];

    hex_text(ix->leaf.b, sizeof(ix->leaf.b), text);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT OR REPLACE INTO meta VALUES('size','%" PRIu64
                   "'),('leaf','%s');PRAGMA user_version=%d",
                   ix->size, text, INDEX_VERSION);
    return exec(ix, sql);
}

/* What the index says that it covers. NULL, or why it cannot be used; "" when
 * there is none yet. */
static const char *read_meta(struct index *ix)
{
    char text[CID_TEXT_BYTES] = "";
    char *end;

    ix->size = 0;
    if (read_one(ix, "PRAGMA user_version", text, sizeof(text)) != SQLITE_OK) {
        return "was damaged";
    }
    if (strtol(text, NULL, 10) != INDEX_VERSION) {
        int is_new = read_one(ix, "SELECT count(*) FROM sqlite_schema", text,
                              sizeof(text)) == SQLITE_OK &&
                     strcmp(text, "0") == 0;

        return is_new ? "" : "was of another version";
    }
    if (read_one(ix, "SELECT value FROM meta WHERE key='size'", text,
                 sizeof(text)) != SQLITE_OK) {
        return "was damaged";
    }
    errno = 0;
    ix->size = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' ||
        read_one(ix, "SELECT value FROM meta WHERE key='leaf'", text,
                 sizeof(text)) != SQLITE_OK ||
        strlen(text) != CID_TEXT_BYTES - 1 ||
        hex_parse(text, strlen(text), ix->leaf.b) != 0) {
        return "was damaged";
    }
    return NULL;
}

/* Opens the walk behind what the index covers. *why: the ledger at hand does
 * not begin with that. */
static int open_walk(struct index *ix, const char *store, struct ledger_walk *k,
                     const char **why, struct diag *d)
{
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    int rc;

    *why = NULL;
    TRY(ledger_walk_open(k, store, ix->size > 0 ? ix->size - 1 : 0, d));
    if (ix->size == 0) {
        return 0;
    }
    rc = ledger_walk_next(k, &r, &entry, &leaf, d);
    if (rc > 0) {
        *why = "was ahead of the ledger";
    } else if (rc == 0 && (r.seq != ix->size - 1 ||
                           memcmp(leaf.b, ix->leaf.b, sizeof(leaf.b)) != 0)) {
        *why = "was made from another ledger";
    }
    return rc < 0 ? rc : 0;
}

/* Empty tables, and the walk from record 0. */
static int start_anew(struct index *ix, const char *store, const char *why,
                      struct ledger_walk *k, int *out_sql, struct diag *d)
{
    ix->size = 0;
    ix->rebuilt = why;
    *out_sql = exec(ix, "BEGIN IMMEDIATE");
    if (*out_sql == SQLITE_OK) {
        *out_sql = index_rows_create(ix->db);
    }
    if (*out_sql == SQLITE_OK) {
        *out_sql = write_meta(ix);
    }
    if (*out_sql == SQLITE_OK) {
        *out_sql = exec(ix, "COMMIT");
    }
    if (*out_sql != SQLITE_OK) {
        (void)exec(ix, "ROLLBACK");
        return say(d, ix, "cannot be made");
    }
    ledger_walk_close(k);
    return ledger_walk_open(k, store, 0, d);
}

/* Adds at most INDEX_CHUNK records: 0, LEDGER_E_*, or an error with *out_sql
 * telling SQLite's part. */
static int add_records(struct index *ix, struct ledger_walk *k,
                       struct index_rows *rows, int *out_sql, struct diag *d)
{
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    unsigned n;

    for (n = 0; n < INDEX_CHUNK; n++) {
        struct index_place at;
        int rc = ledger_walk_next(k, &r, &entry, &leaf, d);

        if (rc != 0) {
            return rc;
        }
        wal_reader_place(k->w, entry, &at.segment, &at.off);
        at.leaf = leaf;
        *out_sql = index_rows_add(rows, &r, &at);
        if (*out_sql != SQLITE_OK) {
            return say(d, ix, "cannot be written");
        }
        ix->size = r.seq + 1;
        ix->leaf = leaf;
    }
    return 0;
}

/* One transaction of it. */
static int add_chunk(struct index *ix, struct ledger_walk *k, int *out_sql,
                     struct diag *d)
{
    struct index_rows *rows = NULL;
    uint64_t before = ix->size;
    int rc = 0;

    *out_sql = exec(ix, "BEGIN IMMEDIATE");
    if (*out_sql == SQLITE_OK) {
        *out_sql = index_rows_open(ix->db, k->store, &rows);
    }
    if (*out_sql == SQLITE_OK) {
        rc = add_records(ix, k, rows, out_sql, d);
    }
    if (*out_sql == SQLITE_OK && rc >= 0) {
        *out_sql = index_rows_finish(rows);
    }
    index_rows_close(rows);
    if (*out_sql == SQLITE_OK && rc >= 0 && ix->size != before) {
        *out_sql = write_meta(ix);
    }
    if (*out_sql == SQLITE_OK && rc >= 0) {
        *out_sql = exec(ix, "COMMIT");
    }
    if (*out_sql != SQLITE_OK || rc < 0) {
        int code = rc < 0 ? rc : say(d, ix, "cannot be written");

        (void)exec(ix, "ROLLBACK");
        ix->size = before;
        return code;
    }
    return rc;
}

static void show_progress(const struct index *ix, int is_last)
{
    char number[TERM_NUMBER_BYTES];

    if (term_is_live()) {
        fprintf(stderr, "\rindexing: %s records%s",
                term_number(ix->size, number), is_last ? "\n" : "");
    }
}

/* Everything beyond ix->size. */
static int extend(struct index *ix, struct ledger_walk *k, int *out_sql,
                  struct diag *d)
{
    uint64_t last = ledger_last_segment(k->store);
    int sorts = last > ix->size + SORT_AT_END && last > 2 * ix->size;
    int rc = 0;

    if (sorts) {
        *out_sql = index_rows_unsort(ix->db);
    }
    while (*out_sql == SQLITE_OK && rc == 0) {
        rc = add_chunk(ix, k, out_sql, d);
        if (sorts && (rc == 0 || *out_sql == SQLITE_OK)) {
            show_progress(ix, rc != 0);
        }
    }
    if (*out_sql == SQLITE_OK && rc >= 0) {
        *out_sql = index_rows_sort(ix->db);
    }
    if (*out_sql != SQLITE_OK) {
        return rc < 0 ? rc : say(d, ix, "cannot be written");
    }
    ix->torn = rc == LEDGER_E_TORN;
    return rc < 0 ? rc : 0;
}

/* Rebuilds when it must, then extends. */
static int update(struct index *ix, const char *store, int *out_sql,
                  struct diag *d)
{
    struct ledger_walk k = {.w = NULL};
    const char *why = read_meta(ix);
    int rc = 0;

    *out_sql = SQLITE_OK;
    if (why == NULL) {
        rc = open_walk(ix, store, &k, &why, d);
    }
    if (rc == 0 && why != NULL) {
        rc = start_anew(ix, store, why, &k, out_sql, d);
    }
    if (rc == 0) {
        rc = extend(ix, &k, out_sql, d);
    }
    ledger_walk_close(&k);
    return rc;
}

/* From here on this process sees one state, which covers ix->size records. */
static int take_snapshot(struct index *ix, struct diag *d)
{
    if (exec(ix, "BEGIN") != SQLITE_OK || read_meta(ix) != NULL) {
        return say(d, ix, "cannot be read");
    }
    return 0;
}

static int open_db(struct index *ix, const char *path)
{
    int rc = sqlite3_open_v2(path, &ix->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(ix->db, 10000);
    }
    if (rc == SQLITE_OK) {
        rc = exec(ix, "PRAGMA trusted_schema=OFF;PRAGMA cache_size=-16384");
    }
    /* NORMAL: after a power cut the newest rows may be gone, never half. */
    if (rc == SQLITE_OK) {
        rc = exec(ix, ix->temporary ? "PRAGMA synchronous=OFF"
                                    : "PRAGMA journal_mode=WAL;"
                                      "PRAGMA synchronous=NORMAL");
    }
    return rc;
}

static void close_db(struct index *ix)
{
    (void)sqlite3_close(ix->db);
    ix->db = NULL;
}

static void remove_files(const char *path)
{
    static const char *const ENDS[] = {"", "-wal", "-shm", "-journal"};
    size_t i;

    for (i = 0; i < ARRAY_N(ENDS); i++) {
        char name[PATH_MAX + 32];

        (void)snprintf(name, sizeof(name), "%s%s", path, ENDS[i]);
        (void)unlink(name);
    }
}

static int is_broken(int sql)
{
    return sql == SQLITE_NOTADB || sql == SQLITE_CORRUPT ||
           sql == SQLITE_ERROR || sql == SQLITE_CONSTRAINT;
}

/* The index in its file; twice when the first one is unusable. */
static int open_file(struct index *ix, const char *store, struct diag *d)
{
    int was_broken = 0;
    int attempt;
    int rc = 0;

    for (attempt = 0; attempt < 2; attempt++) {
        int sql = open_db(ix, ix->path);

        diag_init(d);
        rc = sql == SQLITE_OK ? update(ix, store, &sql, d)
                              : say(d, ix, "cannot be opened");
        if (was_broken) {
            ix->rebuilt = "was damaged";
        }
        if (rc == 0 || sql == SQLITE_OK) {
            return rc;
        }
        close_db(ix);
        if (is_broken(sql)) {
            remove_files(ix->path);
            was_broken = 1;
        }
    }
    return rc;
}

/* One process at a time makes, repairs or extends the file. -1: cannot. */
static int lock_file(const char *path)
{
    char name[PATH_MAX + 32];
    CLEANUP(fd_closep) int fd = -1;

    (void)snprintf(name, sizeof(name), "%s.lock", path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return -1;
    }
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return fd_take(&fd);
}

static int open_somewhere(struct index *ix, const char *store, struct diag *d)
{
    CLEANUP(fd_closep) int lock = -1;
    int sql;
    int rc = ERR_IO;

    if (snprintf(ix->path, sizeof(ix->path), "%s/index.db", store) <
        (int)sizeof(ix->path)) {
        lock = lock_file(ix->path);
    }
    if (lock >= 0) {
        rc = open_file(ix, store, d);
    }
    if (rc != 0 && ix->db == NULL) {
        /* No file can be kept here; what the ledger says is the same. */
        diag_init(d);
        ix->temporary = 1;
        sql = open_db(ix, "");
        rc = sql == SQLITE_OK ? update(ix, store, &sql, d)
                              : say(d, ix, "cannot be opened");
    }
    return rc != 0 ? rc : take_snapshot(ix, d);
}

int index_open(const char *store, struct index **out, struct diag *d)
{
    struct index *ix = calloc(1, sizeof(*ix));
    int rc;

    if (ix == NULL) {
        return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
    }
    (void)sqlite3_config(SQLITE_CONFIG_LOG, note_damage, NULL);
    rc = open_somewhere(ix, store, d);
    met_damage = 0; /* before queries: what was wrong is mended */
    if (rc != 0) {
        index_close(ix);
        return rc;
    }
    if (ix->rebuilt != NULL && ix->rebuilt[0] != '\0') {
        fprintf(stderr,
                "note: the index %s; it was made again from the ledger\n",
                ix->rebuilt);
    }
    *out = ix;
    return 0;
}

int index_end(struct index *ix, int rc, struct diag *d)
{
    if (ix != NULL && met_damage && !ix->temporary) {
        remove_files(ix->path);
        rc = diag_set(d, ERR_IO, NOWHERE,
                      "the index is damaged; what was printed may not be all");
        diag_hint(d, "it is removed: the same command again makes it from the "
                     "ledger");
    }
    index_close(ix);
    return rc;
}

void index_close(struct index *ix)
{
    if (ix != NULL) {
        close_db(ix);
        free(ix);
    }
}

uint64_t index_size(const struct index *ix)
{
    return ix->size;
}

int index_is_torn(const struct index *ix)
{
    return ix->torn;
}

int index_is_temporary(const struct index *ix)
{
    return ix->temporary;
}

const char *index_rebuilt_why(const struct index *ix)
{
    return ix->rebuilt;
}

int index_query(struct index *ix, const char *sql, sqlite3_stmt **out,
                struct diag *d)
{
    if (sqlite3_prepare_v2(ix->db, sql, -1, out, NULL) != SQLITE_OK) {
        return say(d, ix, "a query failed");
    }
    return 0;
}

int index_step(struct index *ix, sqlite3_stmt *q, struct diag *d)
{
    int sql = sqlite3_step(q);

    if (sql == SQLITE_ROW) {
        return 0;
    }
    if (sql == SQLITE_DONE) {
        return INDEX_E_DONE;
    }
    return say(d, ix, "cannot be read");
}

const char *index_text(sqlite3_stmt *q, int column)
{
    const unsigned char *s = sqlite3_column_text(q, column);

    return s != NULL ? (const char *)s : "";
}

int index_cid(sqlite3_stmt *q, int column, struct cid *out)
{
    const void *p = sqlite3_column_blob(q, column);

    if (p == NULL || sqlite3_column_bytes(q, column) != CID_BYTES) {
        return 0;
    }
    memcpy(out->b, p, CID_BYTES);
    return 1;
}

uint64_t index_u64(sqlite3_stmt *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q, column);
}

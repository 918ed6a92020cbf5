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
#include "proto/err.h"

struct index {
    sqlite3 *db;
    uint64_t size;
    struct merkle_hash leaf; /* of record size - 1 */
    struct merkle_hash root; /* signed, when the last batch was read */
    int has_root;
    int torn;
    int in_memory;
    int rebuilt;
};

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
    char sql[512];
    char root[CID_TEXT_BYTES] = "";

    hex_text(ix->leaf.b, sizeof(ix->leaf.b), text);
    if (ix->has_root) {
        hex_text(ix->root.b, sizeof(ix->root.b), root);
    }
    (void)snprintf(sql, sizeof(sql),
                   "INSERT OR REPLACE INTO meta VALUES('size','%" PRIu64
                   "'),('leaf','%s'),('root','%s');"
                   "PRAGMA user_version=%d",
                   ix->size, text, root, INDEX_VERSION);
    return exec(ix, sql);
}

/* What the index says that it covers. SQLITE_OK, SQLITE_EMPTY when it is of
 * another form. */
static int read_meta(struct index *ix)
{
    char text[CID_TEXT_BYTES] = "";
    char *end;

    if (read_one(ix, "PRAGMA user_version", text, sizeof(text)) != SQLITE_OK ||
        strtol(text, NULL, 10) != INDEX_VERSION ||
        read_one(ix, "SELECT value FROM meta WHERE key='size'", text,
                 sizeof(text)) != SQLITE_OK) {
        return SQLITE_EMPTY;
    }
    errno = 0;
    ix->size = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' ||
        read_one(ix, "SELECT value FROM meta WHERE key='leaf'", text,
                 sizeof(text)) != SQLITE_OK ||
        hex_parse(text, strlen(text), ix->leaf.b) != 0 ||
        strlen(text) != CID_TEXT_BYTES - 1) {
        return SQLITE_EMPTY;
    }
    return SQLITE_OK;
}

struct same {
    uint64_t seq;
    struct merkle_hash leaf;
    int is_same;
};

static int compare_leaf(void *ctx, const struct record *r, struct ubytes entry,
                        const struct merkle_hash *leaf)
{
    struct same *s = ctx;

    (void)entry;
    if (r->seq == s->seq) {
        s->is_same = memcmp(leaf->b, s->leaf.b, sizeof(leaf->b)) == 0;
        return 1;
    }
    return 0;
}

/* True when the ledger at hand begins with what the index covers. */
static int is_prefix(struct index *ix, const char *store)
{
    struct same s = {ix->size - 1, ix->leaf, 0};
    struct ledger_end end;
    struct diag d;

    if (ix->size == 0) {
        return 1;
    }
    diag_init(&d);
    return ledger_each(store, s.seq, compare_leaf, &s, &end, &d) == 1 &&
           s.is_same;
}

struct adding {
    struct index *ix;
    struct index_rows *rows;
    int sql;
};

static int add(void *ctx, const struct record *r, struct ubytes entry,
               const struct merkle_hash *leaf)
{
    struct adding *a = ctx;

    (void)entry;
    if (r->seq < a->ix->size) {
        return 0;
    }
    a->sql = index_rows_add(a->rows, r, leaf);
    if (a->sql != SQLITE_OK) {
        return ERR_IO;
    }
    a->ix->size = r->seq + 1;
    a->ix->leaf = *leaf;
    return 0;
}

/* Adds what the ledger has beyond ix->size. *out_sql tells SQLite's part. */
static int extend(struct index *ix, const char *store, int *out_sql,
                  struct diag *d)
{
    struct adding a = {ix, NULL, SQLITE_OK};
    struct ledger_end end = {0};
    uint64_t before = ix->size;
    int rc = 0;

    a.sql = index_rows_open(ix->db, &a.rows);
    if (a.sql == SQLITE_OK) {
        rc = ledger_each(store, before, add, &a, &end, d);
    }
    index_rows_close(a.rows);
    if (a.sql == SQLITE_OK && rc == 0) {
        ix->torn = end.torn;
        if (end.has_batch) {
            ix->has_root = 1;
            ix->root = end.root;
        }
        if (ix->size != before || ix->rebuilt) {
            a.sql = write_meta(ix);
        }
    }
    *out_sql = a.sql;
    if (a.sql != SQLITE_OK) {
        return say(d, ix, "cannot be written");
    }
    return rc;
}

/* One transaction: rebuilds when it must, then extends. */
static int update(struct index *ix, const char *store, int *out_sql,
                  struct diag *d)
{
    int rc;

    *out_sql = exec(ix, "BEGIN IMMEDIATE");
    if (*out_sql != SQLITE_OK) {
        return say(d, ix, "cannot be locked");
    }
    if (read_meta(ix) != SQLITE_OK || !is_prefix(ix, store)) {
        ix->size = 0;
        ix->rebuilt = 1;
        *out_sql = index_rows_create(ix->db);
        if (*out_sql != SQLITE_OK) {
            (void)exec(ix, "ROLLBACK");
            return say(d, ix, "cannot be made");
        }
    }
    rc = extend(ix, store, out_sql, d);
    if (rc == 0) {
        *out_sql = exec(ix, "COMMIT");
        if (*out_sql != SQLITE_OK) {
            rc = say(d, ix, "cannot be written");
        }
    }
    if (rc != 0) {
        (void)exec(ix, "ROLLBACK");
    }
    return rc;
}

static int open_db(struct index *ix, const char *path)
{
    int rc = sqlite3_open_v2(path, &ix->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(ix->db, 10000);
    }
    /* NORMAL: after a power cut the newest rows may be gone, never half. */
    if (rc == SQLITE_OK) {
        rc = exec(ix, ix->in_memory ? "PRAGMA trusted_schema=OFF"
                                    : "PRAGMA trusted_schema=OFF;"
                                      "PRAGMA journal_mode=WAL;"
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

/* The index in its file; twice when the first one is unusable. */
static int open_file(struct index *ix, const char *store, const char *path,
                     struct diag *d)
{
    int attempt;
    int rc = 0;

    for (attempt = 0; attempt < 2; attempt++) {
        int sql = open_db(ix, path);

        diag_init(d);
        rc = sql == SQLITE_OK ? update(ix, store, &sql, d)
                              : say(d, ix, "cannot be opened");
        if (rc == 0 || sql == SQLITE_OK) {
            return rc;
        }
        close_db(ix);
        if (sql == SQLITE_NOTADB || sql == SQLITE_CORRUPT ||
            sql == SQLITE_ERROR || sql == SQLITE_CONSTRAINT) {
            remove_files(path);
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

int index_open(const char *store, struct index **out, struct diag *d)
{
    struct index *ix = calloc(1, sizeof(*ix));
    char path[PATH_MAX];
    CLEANUP(fd_closep) int lock = -1;
    int sql = SQLITE_OK;
    int rc = ERR_IO;

    if (ix == NULL) {
        return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
    }
    if (snprintf(path, sizeof(path), "%s/index.db", store) <
        (int)sizeof(path)) {
        lock = lock_file(path);
    }
    if (lock >= 0) {
        rc = open_file(ix, store, path, d);
    }
    if (rc != 0 && ix->db == NULL) {
        /* No file can be kept here; what the ledger says is the same. */
        diag_init(d);
        ix->in_memory = 1;
        sql = open_db(ix, ":memory:");
        rc = sql == SQLITE_OK ? update(ix, store, &sql, d)
                              : say(d, ix, "cannot be opened");
    }
    if (rc != 0) {
        index_close(ix);
        return rc;
    }
    *out = ix;
    return 0;
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

int index_is_in_memory(const struct index *ix)
{
    return ix->in_memory;
}

int index_was_rebuilt(const struct index *ix)
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

const char *index_text(sqlite3_stmt *q, int column)
{
    const unsigned char *s = sqlite3_column_text(q, column);

    return s != NULL ? (const char *)s : "";
}

uint64_t index_u64(sqlite3_stmt *q, int column)
{
    return (uint64_t)sqlite3_column_int64(q, column);
}

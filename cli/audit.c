/* Walks the segments from the first byte on and hands every record to the other
 * checks. Stops at the first damage of the write-ahead bytes: what follows it
 * cannot be judged. */
#include "cli/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit_int.h"
#include "cli/files.h"
#include "proto/err.h"

enum {
    AUDIT_E_STOP = 1
}; /* damage: nothing after it can be checked */

static const struct loc NOWHERE = {NULL, 0, 0};

PRINTF_LIKE(4, 0)
static void find_v(struct audit *a, enum audit_grade grade, const char *where,
                   const char *fmt, va_list ap)
{
    char what[256];

    (void)vsnprintf(what, sizeof(what), fmt, ap);
    a->out->count[grade]++;
    if (a->ears->finding != NULL) {
        a->ears->finding(a->ears->ctx, grade, where, what);
    }
}

void audit_find(struct audit *a, enum audit_grade grade, const char *where,
                const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    find_v(a, grade, where, fmt, ap);
    va_end(ap);
}

void audit_find_record(struct audit *a, enum audit_grade grade, uint64_t seq,
                       const char *fmt, ...)
{
    char where[48];
    va_list ap;

    (void)snprintf(where, sizeof(where), "record %" PRIu64, seq);
    va_start(ap, fmt);
    find_v(a, grade, where, fmt, ap);
    va_end(ap);
}

/* Reads STORE/ledger/<name>. */
static int read_small(const struct audit *a, const char *name, struct buf *out)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, name);
    return files_read(path, NOTE_BYTES_MAX, out);
}

/* The published checkpoint: of this log, signed by its key. */
static int check_checkpoint(struct audit *a)
{
    struct buf text;
    uint8_t sig[64];
    int rc;

    buf_init(&text, NOTE_BYTES_MAX);
    rc = read_small(a, "checkpoint", &text);
    if (rc == ERR_NOT_FOUND) {
        audit_find(a, AUDIT_WARNING, "ledger/checkpoint",
                   "is missing; the next run writes it again");
        rc = 0;
    } else if (rc == 0 && note_read(buf_bytes(&text), a->id.origin, a->id.key,
                                    &a->published, sig) != 0) {
        memset(&a->published, 0, sizeof(a->published));
        audit_find(a, AUDIT_DAMAGE, "ledger/checkpoint",
                   "is not a checkpoint that this log's key signed");
    } else if (rc != 0 && rc != ERR_NOMEM) {
        audit_find(a, AUDIT_DAMAGE, "ledger/checkpoint", "cannot be read: %s",
                   err_text(rc));
        rc = 0;
    }
    a->out->checkpoint_size = a->published.size;
    buf_release(&text);
    return rc;
}

/* The key that outsiders are given is the one that GENESIS names. */
static int check_vkey(struct audit *a)
{
    struct buf want;
    struct buf have;
    int rc;

    buf_init(&want, NOTE_BYTES_MAX);
    buf_init(&have, NOTE_BYTES_MAX);
    rc = note_vkey(&want, a->id.origin, a->id.key);
    if (rc == 0) {
        rc = buf_put_u8(&want, '\n');
    }
    if (rc == 0) {
        int got = read_small(a, "vkey", &have);
        struct ubytes w = buf_bytes(&want);
        struct ubytes h = buf_bytes(&have);

        if (got == ERR_NOT_FOUND) {
            audit_find(a, AUDIT_WARNING, "ledger/vkey",
                       "is missing; the next run writes it again");
        } else if (got != 0 || h.n < w.n - 1 || h.n > w.n ||
                   memcmp(w.p, h.p, h.n) != 0) {
            audit_find(a, AUDIT_DAMAGE, "ledger/vkey",
                       "is not the key that record 0 names");
        }
    }
    buf_release(&want);
    buf_release(&have);
    return rc;
}

/* Called for each record that fits into chain and tree. */
struct walk {
    struct audit *a;
    struct wal_check check;
    const struct wal_batch *batch;
    size_t off; /* of the next entry in batch */
};

static int meet_checkpoint(struct walk *w)
{
    struct audit *a = w->a;
    struct merkle_hash root;

    if (w->check.frontier.size != a->published.size) {
        return 0;
    }
    a->checkpoint_met = 1;
    root = merkle_frontier_root(&w->check.frontier);
    if (memcmp(root.b, a->published.root.b, sizeof(root.b)) != 0) {
        audit_find(a, AUDIT_DAMAGE, "ledger/checkpoint",
                   "its root is not that of the first %" PRIu64 " records",
                   a->published.size);
    }
    return 0;
}

static int see_record(void *ctx, const struct record *r,
                      const struct merkle_hash *leaf)
{
    struct walk *w = ctx;
    struct audit *a = w->a;
    struct ubytes entry;

    TRY(wal_entry_next(w->batch, &w->off, &entry));
    TRY(meet_checkpoint(w));
    TRY(audit_links_add(a->links, a, r, leaf));
    if (a->full) {
        TRY(audit_tiles_add(a->tiles, a, entry, leaf));
        TRY(audit_objects_add(a->objects, r));
        TRY(audit_data_add(a->data, a, r));
    }
    if (a->ears->progress != NULL && (r->seq & 0xfff) == 0) {
        a->ears->progress(a->ears->ctx, "records", r->seq);
    }
    return 0;
}

static int stop_at(struct walk *w, const struct wal_segment *s,
                   const char *what)
{
    char name[WAL_NAME_BYTES];
    char where[96];

    wal_segment_name(s->head.first, name);
    (void)snprintf(where, sizeof(where), "ledger/wal/%s:%" PRIu64, name,
                   s->off);
    audit_find(w->a, AUDIT_DAMAGE, where, "%s (record %" PRIu64 ")", what,
               w->check.size);
    return AUDIT_E_STOP;
}

/* One batch; s->off is behind it already, *at where it began. */
static int see_batch(struct walk *w, struct wal_segment *s, uint64_t at,
                     const struct wal_batch *b)
{
    int rc;

    w->batch = b;
    w->off = 0;
    rc = wal_check_batch(&w->check, b, see_record, w);
    if (rc == ERR_STORE_DAMAGED || rc == ERR_ENCODING) {
        s->off = at;
        err_trace_clear();
        return stop_at(w, s,
                       w->check.what[0] != '\0' ? w->check.what : "malformed");
    }
    TRY(rc);
    w->a->out->batches++;
    w->a->out->size = w->check.size;
    w->a->out->root = w->check.last.root;
    w->a->out->has_root = 1;
    return 0;
}

static int same_frontier(const struct merkle_frontier *a,
                         const struct merkle_frontier *b)
{
    unsigned i;

    if (a->size != b->size) {
        return 0;
    }
    for (i = 0; i < 64; i++) {
        if ((a->size >> i & 1) != 0 &&
            memcmp(a->h[i].b, b->h[i].b, sizeof(a->h[i].b)) != 0) {
            return 0;
        }
    }
    return 1;
}

static int see_batches(struct walk *w, struct wal_segment *s, int is_last)
{
    struct wal_batch b;

    for (;;) {
        uint64_t at = s->off;
        int rc = wal_segment_next(s, &b);

        if (rc == WAL_E_END) {
            return 0;
        }
        if (rc == WAL_E_TORN) {
            if (!is_last) {
                return stop_at(w, s, "torn, but not the last segment");
            }
            w->a->out->is_torn = 1;
            return 0;
        }
        if (rc == ERR_STORE_DAMAGED) {
            err_trace_clear();
            return stop_at(w, s, "the bytes are not what was written");
        }
        TRY(rc);
        rc = see_batch(w, s, at, &b);
        if (rc != 0) {
            return rc;
        }
    }
}

static int see_segment(struct walk *w, int wal_fd, uint64_t first, int is_last)
{
    struct wal_segment s = {.fd = -1};
    int rc = wal_segment_open(wal_fd, first, &s);

    if (rc == ERR_STORE_DAMAGED || rc == ERR_NOT_FOUND) {
        err_trace_clear();
        s.head.first = first;
        s.off = 0;
        rc = stop_at(w, &s, "the head of the segment is damaged");
    } else if (rc == 0 && first == 0) {
        wal_check_init(&w->check, &s.head, w->a->id.origin, w->a->id.key);
    } else if (rc == 0 &&
               (s.head.first != w->check.size ||
                memcmp(s.head.prev.b, w->check.prev.b, sizeof(s.head.prev.b)) !=
                    0 ||
                !same_frontier(&s.head.frontier, &w->check.frontier))) {
        s.off = 0;
        rc = stop_at(w, &s, "the segment does not follow the one before it");
    }
    if (rc == 0) {
        rc = see_batches(w, &s, is_last);
    }
    wal_segment_close(&s);
    return rc;
}

/* Files beside the segments: torn tails that a kernel set aside are
 * expected. */
static void check_strangers(struct audit *a, int wal_fd)
{
    int fd = fcntl(wal_fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    uint64_t first;
    char where[300];

    if (dir == NULL) {
        fd_closep(&fd);
        return;
    }
    rewinddir(dir);
    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.' ||
            wal_segment_name_parse(e->d_name, &first) != 0) {
            continue;
        }
        (void)snprintf(where, sizeof(where), "ledger/wal/%s", e->d_name);
        if (strncmp(e->d_name, "torn-", 5) == 0) {
            audit_find(a, AUDIT_NOTE, where,
                       "an unfinished batch that a kernel set aside");
        } else {
            audit_find(a, AUDIT_WARNING, where, "is no segment");
        }
    }
    (void)closedir(dir);
}

static int see_segments(struct audit *a, int wal_fd)
{
    CLEANUP(mem_freep) uint64_t *firsts = NULL;
    CLEANUP(mem_freep) struct walk *w = calloc(1, sizeof(*w));
    size_t n = 0;
    size_t i;
    int rc;

    if (w == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(wal_segments(wal_fd, &firsts, &n));
    if (n == 0 || firsts[0] != 0) {
        audit_find(a, AUDIT_DAMAGE, "ledger/wal",
                   "the first segment is missing");
        return AUDIT_E_STOP;
    }
    w->a = a;
    for (i = 0; i < n; i++) {
        rc = see_segment(w, wal_fd, firsts[i], i + 1 == n);
        if (rc != 0) {
            return rc;
        }
    }
    if (a->published.size > a->out->size) {
        audit_find(a, AUDIT_DAMAGE, "ledger/checkpoint",
                   "signs %" PRIu64 " records, the ledger holds %" PRIu64
                   ": it was cut or rolled back",
                   a->published.size, a->out->size);
    } else if (a->published.size > 0 && !a->checkpoint_met) {
        audit_find(a, AUDIT_DAMAGE, "ledger/checkpoint",
                   "no batch ends where it was signed");
    }
    if (a->out->is_torn) {
        audit_find(a, AUDIT_WARNING, "ledger/wal",
                   "an unfinished batch follows record %" PRIu64
                   "; the next run sets it aside",
                   a->out->size - 1);
    }
    return 0;
}

static int make_parts(struct audit *a)
{
    TRY(audit_links_new(&a->links));
    if (a->full) {
        TRY(audit_tiles_new(&a->tiles));
        TRY(audit_objects_new(&a->objects));
        TRY(audit_data_new(&a->data));
    }
    return 0;
}

static int run_all(struct audit *a, int wal_fd)
{
    int rc;

    TRY(make_parts(a));
    TRY(check_checkpoint(a));
    TRY(check_vkey(a));
    check_strangers(a, wal_fd);
    rc = see_segments(a, wal_fd);
    if (rc == 0 && a->full) {
        TRY(audit_tiles_end(a->tiles, a));
    }
    /* What was read of the records is worth checking even when some are bad. */
    if ((rc == 0 || rc == AUDIT_E_STOP) && a->full) {
        TRY(audit_objects_end(a->objects, a));
    }
    return rc < 0 ? rc : 0;
}

/* No record: as it should be before the first run, unless one was signed. */
static int see_nothing(struct audit *a, struct diag *d)
{
    static const char *const SIGNS[] = {"checkpoint", "vkey"};
    char path[PATH_MAX];
    size_t i;

    diag_init(d);
    for (i = 0; i < ARRAY_N(SIGNS); i++) {
        (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, SIGNS[i]);
        if (access(path, F_OK) == 0) {
            audit_find(a, AUDIT_DAMAGE, "ledger/wal",
                       "holds no whole batch, but there is a %s", SIGNS[i]);
            return 0;
        }
    }
    (void)snprintf(path, sizeof(path), "%s/ledger/wal", a->store);
    if (access(path, F_OK) != 0) {
        audit_find(a, AUDIT_DAMAGE, "ledger/wal", "is missing");
        return 0;
    }
    audit_find(a, AUDIT_NOTE, "ledger/wal", "no record was written yet");
    return 0;
}

/* Record 0, without which nothing can be checked; then all else. */
static int begin(struct audit *a, struct diag *d)
{
    CLEANUP(fd_closep) int wal_fd = -1;
    char path[PATH_MAX];
    int rc = ledger_identity(a->store, &a->id, d);

    if (rc == ERR_STORE_DAMAGED) {
        audit_find(a, AUDIT_DAMAGE, "ledger/wal", "%s", d->what);
        diag_init(d);
        return 0;
    }
    if (rc == ERR_NOT_FOUND) {
        return see_nothing(a, d);
    }
    if (rc != 0) {
        return rc;
    }
    (void)snprintf(path, sizeof(path), "%s/ledger/wal", a->store);
    wal_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (wal_fd < 0) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "cannot open ledger/wal: %s", strerror(errno));
    }
    rc = run_all(a, wal_fd);
    if (rc < 0 && d->what[0] == '\0') {
        (void)diag_set(d, rc, NOWHERE, "the check could not go on: %s",
                       err_text(rc));
    }
    return rc;
}

int audit_run(const char *store, int full, const struct audit_ears *ears,
              struct audit_result *out, struct diag *d)
{
    struct audit a = {.store = store, .full = full, .ears = ears, .out = out};
    int rc;

    memset(out, 0, sizeof(*out));
    rc = begin(&a, d);
    audit_links_free(a.links);
    audit_tiles_free(a.tiles);
    audit_objects_free(a.objects);
    audit_data_free(a.data);
    return rc;
}

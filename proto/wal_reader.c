/* All records of a ledger in order, over its segments. Any process; reads only.
 * The command line's log, show, verify and prove stand on it. */
#include "proto/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

struct wal_reader {
    int wal_fd;
    struct wal_segment segment;
    struct wal_batch batch;
    uint64_t batch_off; /* of batch in its segment */
    uint64_t synced;    /* bytes of the segment that wal_reader_sync saw safe */
    size_t off;         /* of the next entry in batch */
    uint32_t left;      /* entries of batch not yet delivered */
    uint64_t seq;       /* of the next record */
    uint64_t from;      /* records below it are not delivered */
    int has_prev;       /* prev is known: not at a start in mid-segment */
    struct merkle_hash prev;
    char where[160];
};

static int fail(struct wal_reader *w, int code, const char *what)
{
    char name[WAL_NAME_BYTES];

    wal_segment_name(w->segment.head.first, name);
    (void)snprintf(w->where, sizeof(w->where), "ledger/wal/%s:%llu: %s", name,
                   (unsigned long long)w->segment.off, what);
    return ERR_TRACE(code);
}

static int open_segment(struct wal_reader *w, uint64_t first)
{
    int code;

    w->synced = 0;
    wal_segment_close(&w->segment);
    code = wal_segment_open(w->wal_fd, first, &w->segment);
    if (code != 0) {
        w->segment.head.first = first;
        return fail(w, code,
                    code == ERR_STORE_DAMAGED
                        ? "the head of the segment is damaged"
                        : err_text(code));
    }
    if (w->has_prev &&
        memcmp(w->prev.b, w->segment.head.prev.b, sizeof(w->prev.b)) != 0) {
        return fail(w, ERR_STORE_DAMAGED,
                    "the segment does not follow the one before it");
    }
    return 0;
}

/* The last segment that starts at or before from; ERR_NOT_FOUND: none at
 * all. */
static int find_segment(int wal_fd, uint64_t from, uint64_t *out)
{
    uint64_t *firsts;
    size_t n;
    size_t i;
    int code = wal_segments(wal_fd, &firsts, &n);

    if (code != 0) {
        return code;
    }
    if (n == 0) {
        return ERR_TRACE(ERR_NOT_FOUND);
    }
    *out = firsts[0];
    for (i = 0; i < n && firsts[i] <= from; i++) {
        *out = firsts[i];
    }
    /* A ledger starts at 0: an earlier segment is gone. */
    code = firsts[0] <= from ? 0 : ERR_TRACE(ERR_STORE_DAMAGED);
    free(firsts);
    return code;
}

static int start_at(struct wal_reader *w, uint64_t from)
{
    uint64_t first = 0;
    int code = find_segment(w->wal_fd, from, &first);

    if (code != 0) {
        return code;
    }
    TRY(open_segment(w, first));
    w->prev = w->segment.head.prev;
    w->has_prev = 1;
    if (from > first) {
        code = wal_segment_seek(&w->segment, from);
        if (code < 0) {
            return code;
        }
        /* In mid-segment the predecessor's hash is not at hand. */
        w->has_prev = w->segment.next == first;
    }
    w->seq = w->segment.next;
    w->from = from;
    return 0;
}

int wal_reader_open_at(int wal_fd, uint64_t from, struct wal_reader **out)
{
    struct wal_reader *w = calloc(1, sizeof(*w));
    int code;

    if (w == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    w->segment.fd = -1;
    w->wal_fd = fcntl(wal_fd, F_DUPFD_CLOEXEC, 0);
    if (w->wal_fd < 0) {
        free(w);
        return ERR_TRACE(ERR_IO);
    }
    code = start_at(w, from);
    if (code != 0) {
        wal_reader_close(w);
        return code;
    }
    *out = w;
    return 0;
}

int wal_reader_open(const char *store_dir, uint64_t from,
                    struct wal_reader **out)
{
    char path[4096];
    int fd CLEANUP(fd_closep) = -1;

    if (snprintf(path, sizeof(path), "%s/ledger/wal", store_dir) >=
        (int)sizeof(path)) {
        return ERR_TRACE(ERR_LIMIT);
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return wal_reader_open_at(fd, from, out);
}

/* The first segment behind the one that is open; *out 0: none. */
static int find_later(struct wal_reader *w, uint64_t *out)
{
    uint64_t *firsts;
    size_t n;
    size_t i;
    int code = wal_segments(w->wal_fd, &firsts, &n);

    if (code != 0) {
        return code;
    }
    *out = 0;
    for (i = 0; i < n && *out == 0; i++) {
        if (firsts[i] > w->segment.head.first) {
            *out = firsts[i];
        }
    }
    free(firsts);
    return 0;
}

static int read_batch(struct wal_reader *w)
{
    w->batch_off = w->segment.off;
    return wal_segment_next(&w->segment, &w->batch);
}

/* This segment is at its end, or torn (code): the batch after it, in the
 * segment that starts where it ends. */
static int next_segment(struct wal_reader *w, int code)
{
    uint64_t later = 0;

    TRY(find_later(w, &later));
    if (later == 0) {
        return code;
    }
    if (code == WAL_E_TORN || later != w->segment.next) {
        /* A writer may have gone on here, or have set the torn tail aside,
         * before it began the later one. */
        code = read_batch(w);
        if (code <= 0) {
            return code;
        }
    }
    if (code == WAL_E_TORN || later != w->segment.next) {
        return fail(w, ERR_STORE_DAMAGED,
                    "records are missing between here and the next segment");
    }
    code = open_segment(w, later);
    return code != 0 ? code : read_batch(w);
}

static int next_batch(struct wal_reader *w)
{
    int code = read_batch(w);

    if (code == WAL_E_END || code == WAL_E_TORN) {
        w->where[0] = '\0';
        code = next_segment(w, code);
    }
    if (code < 0) {
        return w->where[0] != '\0'
                   ? code
                   : fail(w, code,
                          code == ERR_STORE_DAMAGED
                              ? "the bytes are not the batch that was written"
                              : err_text(code));
    }
    if (code == 0) {
        w->off = 0;
        w->left = w->batch.n;
    }
    return code;
}

static int next_record(struct wal_reader *w, struct record *r,
                       struct ubytes *out_entry, struct merkle_hash *out_leaf)
{
    if (w->left == 0) {
        int code = next_batch(w);

        if (code != 0) {
            return code;
        }
    }
    TRY(wal_entry_next(&w->batch, &w->off, out_entry));
    if (record_decode(*out_entry, r) != 0) {
        return fail(w, ERR_STORE_DAMAGED, "malformed record");
    }
    if (r->seq != w->seq) {
        return fail(w, ERR_STORE_DAMAGED, "a record carries another number");
    }
    if (w->has_prev && memcmp(w->prev.b, r->prev, sizeof(w->prev.b)) != 0) {
        return fail(w, ERR_STORE_DAMAGED,
                    "a record does not follow its predecessor");
    }
    *out_leaf = merkle_leaf(*out_entry);
    w->prev = *out_leaf;
    w->has_prev = 1;
    w->seq++;
    w->left--;
    return 0;
}

int wal_reader_next(struct wal_reader *w, struct record *r,
                    struct ubytes *out_entry, struct merkle_hash *out_leaf)
{
    int code;

    do {
        code = next_record(w, r, out_entry, out_leaf);
    } while (code == 0 && r->seq < w->from);
    return code;
}

const struct wal_batch *wal_reader_batch(const struct wal_reader *w)
{
    return &w->batch;
}

void wal_reader_place(const struct wal_reader *w, struct ubytes entry,
                      uint64_t *out_segment, uint64_t *out_off)
{
    *out_segment = w->segment.head.first;
    *out_off = w->batch_off + WAL_BATCH_HEAD_BYTES +
               (uint64_t)(entry.p - w->batch.entries.p) - 2;
}

int wal_reader_sync(struct wal_reader *w)
{
    struct stat st;

    if (w->segment.off <= w->synced) {
        return 0;
    }
    if (fstat(w->segment.fd, &st) != 0 || fdatasync(w->segment.fd) != 0) {
        return ERR_TRACE(ERR_IO);
    }
    w->synced = (uint64_t)st.st_size;
    return 0;
}

const char *wal_reader_where(const struct wal_reader *w)
{
    return w->where;
}

void wal_reader_close(struct wal_reader *w)
{
    if (w == NULL) {
        return;
    }
    wal_segment_close(&w->segment);
    fd_closep(&w->wal_fd);
    free(w);
}

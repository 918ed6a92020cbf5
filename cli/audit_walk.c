/* Walks the segments from the first byte on and hands every record to the other
 * checks. Where bytes are not what was written, what the neighbours of the
 * changed record prove is used to go on (audit_locate.c); else the walk stops:
 * what follows cannot be judged. */
#include "cli/audit_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"

struct walk {
    struct audit *a;
    int wal_fd;
    struct wal_check check;
    const struct wal_batch *batch;
    size_t off;      /* of the next entry in batch */
    uint64_t signed_n; /* records that a checked signature covers */
    struct wal_check from; /* state at from_off of the segment under way */
    uint64_t from_off;
};

/* "ledger/wal/...:offset". */
static void place_of(uint64_t first, uint64_t off, char out[static 96])
{
    char name[WAL_NAME_BYTES];

    wal_segment_name(first, name);
    (void)snprintf(out, 96, "ledger/wal/%s:%" PRIu64, name, off);
}

/* Records from seq on are lost to the check. */
static int stop_at(struct walk *w, uint64_t first, uint64_t off, uint64_t seq,
                   const char *what)
{
    char where[96];

    place_of(first, off, where);
    audit_find(w->a, AUDIT_DAMAGE, AUDIT_LEDGER, seq, where,
               "%s (record %" PRIu64 ")", what, seq);
    return AUDIT_E_STOP;
}

/* The published checkpoint, when the tree has its size. */
static void meet_checkpoint(struct walk *w)
{
    struct audit *a = w->a;
    struct merkle_hash root;

    audit_heads_meet(a, &w->check.frontier);
    if (w->check.frontier.size != a->published.size) {
        return;
    }
    a->checkpoint_met = 1;
    root = merkle_frontier_root(&w->check.frontier);
    if (memcmp(root.b, a->published.root.b, sizeof(root.b)) != 0) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_LEDGER, 0, "ledger/checkpoint",
                   "its root is not that of the first %" PRIu64
                   " records: one of the two is another history",
                   a->published.size);
    }
}

static int see_record(void *ctx, const struct record *r,
                      const struct merkle_hash *leaf)
{
    struct walk *w = ctx;
    struct audit *a = w->a;
    struct ubytes entry;

    TRY(wal_entry_next(w->batch, &w->off, &entry));
    meet_checkpoint(w);
    if (!a->has_gap) {
        TRY(audit_links_add(a->links, a, r, leaf));
        TRY(audit_state_add(a->state, a, r));
        TRY(audit_train_add(a->train, a, r));
    }
    if (a->full) {
        TRY(audit_objects_add(a->objects, r));
    }
    if (a->full && !a->has_gap) {
        TRY(audit_tiles_add(a->tiles, a, entry, leaf));
        TRY(audit_data_add(a->data, a, r));
    }
    if (a->ears->progress != NULL && (r->seq & 0xfff) == 0) {
        a->ears->progress(a->ears->ctx, "records", r->seq);
    }
    return 0;
}

/* Tells which record of a batch was changed. */
static void tell_gap(struct walk *w, const struct wal_segment *s, uint64_t seq,
                     const struct audit_gap *gap)
{
    struct audit *a = w->a;
    struct audit_damage *d = &a->damage[AUDIT_ENTRY];
    char where[96];

    place_of(s->head.first, gap->off, where);
    if (gap->seq == AUDIT_NO_SEQ) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_ENTRY, AUDIT_NO_SEQ, where,
                   "a length, number, signature or digest around records %" PRIu64
                   "..%" PRIu64 " was changed; the records are as signed",
                   seq, gap->after.size - 1);
        return;
    }
    audit_find(a, AUDIT_DAMAGE, AUDIT_ENTRY, gap->seq, where,
               "record %" PRIu64 " was changed (bytes up to %" PRIu64 ")",
               gap->seq, gap->end);
    if (d->seq == gap->seq) {
        (void)snprintf(d->label, sizeof(d->label), "%s", gap->label);
    }
}

/* The batch at `at` is not as it was written: goes on behind it when it is known
 * which record was changed, else AUDIT_E_LOST. */
static int see_gap(struct walk *w, struct wal_segment *s, uint64_t at)
{
    struct audit *a = w->a;
    CLEANUP(mem_freep) struct audit_gap *gap = calloc(1, sizeof(*gap));
    struct audit_spot spot = {w->wal_fd, s->head.first, at, w->from_off,
                              &w->from};
    int rc = gap == NULL ? ERR_TRACE(ERR_NOMEM) : audit_locate(a, &spot, gap);

    if (rc != 0) {
        return rc;
    }
    tell_gap(w, s, gap->after.last_first, gap);
    a->has_gap = 1;
    w->check = gap->after;
    w->check.defers_signatures = !a->full;
    w->from = w->check;
    w->from_off = gap->next_off;
    meet_checkpoint(w);
    w->signed_n = gap->after.size;
    s->off = gap->next_off;
    s->next = gap->after.size;
    a->out->batches++;
    a->out->size = w->check.size;
    a->out->root = w->check.last.root;
    a->out->has_root = 1;
    return 0;
}

static int see_damage(struct walk *w, struct wal_segment *s, uint64_t at,
                      uint64_t seq, const char *what)
{
    int rc = see_gap(w, s, at);

    return rc == AUDIT_E_LOST ? stop_at(w, s->head.first, at, seq, what) : rc;
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
        char what[sizeof(w->check.what)];

        (void)snprintf(what, sizeof(what), "%s",
                       w->check.what[0] != '\0' ? w->check.what : "malformed");
        err_trace_clear();
        return see_damage(w, s, at, b->first, what);
    }
    TRY(rc);
    if (!w->check.defers_signatures) {
        w->a->out->signatures++;
        w->signed_n = w->check.size;
    }
    w->a->out->batches++;
    w->a->out->size = w->check.size;
    w->a->out->root = w->check.last.root;
    w->a->out->has_root = 1;
    return 0;
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
        if (rc == WAL_E_TORN && is_last) {
            /* What was signed once and is torn now was changed, or cut. */
            rc = w->a->published.size > w->check.size ? see_gap(w, s, at)
                                                      : AUDIT_E_LOST;
            if (rc == AUDIT_E_LOST) {
                w->a->out->is_torn = 1;
                return 0;
            }
        } else if (rc == WAL_E_TORN) {
            rc = see_damage(w, s, at, s->next,
                            "torn, but not the last segment");
        } else if (rc == ERR_STORE_DAMAGED) {
            err_trace_clear();
            rc = see_damage(w, s, at, s->next,
                            "the bytes are not what was written");
        } else {
            TRY(rc);
            rc = see_batch(w, s, at, &b);
        }
        if (rc != 0) {
            return rc;
        }
    }
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

/* The first batch from w->from on whose signature does not fit. */
static int blame(struct walk *w, uint64_t first)
{
    CLEANUP(mem_freep) struct wal_check *check = calloc(1, sizeof(*check));
    struct wal_segment s = {.fd = -1};
    struct wal_batch b;
    uint64_t at = 0;
    int rc;

    if (check == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *check = w->from;
    check->defers_signatures = 0;
    rc = wal_segment_open(w->wal_fd, first, &s);
    s.off = w->from_off;
    s.next = check->size;
    while (rc == 0) {
        at = s.off;
        rc = wal_segment_next(&s, &b);
        if (rc == 0) {
            rc = wal_check_batch(check, &b, NULL, NULL);
            w->a->out->signatures++;
        }
    }
    wal_segment_close(&s);
    err_trace_clear();
    if (rc < 0 && rc != ERR_STORE_DAMAGED && rc != ERR_ENCODING) {
        return rc;
    }
    w->a->out->size = check->last_first;
    return stop_at(w, first, at, check->last_first,
                   "the batch's signature does not fit");
}

/* The last signature of what was read of a segment covers all of it. */
static int check_last(struct walk *w, uint64_t first)
{
    int rc;

    if (w->check.last.size <= w->signed_n) {
        return 0;
    }
    rc = wal_check_signature(&w->check);
    w->a->out->signatures++;
    if (rc == ERR_STORE_DAMAGED) {
        err_trace_clear();
        return blame(w, first);
    }
    TRY(rc);
    w->signed_n = w->check.last.size;
    return 0;
}

/* Why a segment's head cannot be read. */
static const char *head_damage(int wal_fd, uint64_t first)
{
    char name[WAL_NAME_BYTES];
    uint8_t head[12] = {0};
    CLEANUP(fd_closep) int fd = -1;

    wal_segment_name(first, name);
    fd = openat(wal_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return "the segment cannot be opened";
    }
    if (pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
        memcmp(head, "PROCTWAL", 8) == 0 &&
        memcmp(head + 8, "\0\0\0\1", 4) != 0) {
        return "the segment says another version than 1, which is all that this "
               "Proctor reads";
    }
    return "the head of the segment is damaged";
}

static int begin_segment(struct walk *w, struct wal_segment *s, uint64_t first)
{
    int rc = wal_segment_open(w->wal_fd, first, s);

    if (rc == ERR_NOMEM) {
        return rc;
    }
    if (rc != 0) {
        err_trace_clear();
        return stop_at(w, first, 0, first, head_damage(w->wal_fd, first));
    }
    if (first == 0) {
        wal_check_init(&w->check, &s->head, w->a->id.origin,
                       w->a->id.first_key);
        w->check.defers_signatures = !w->a->full;
        return 0;
    }
    if (first != w->check.size) {
        return stop_at(w, first, 0, w->check.size,
                       first > w->check.size
                           ? "records are missing before this segment"
                           : "the segment begins inside the one before it");
    }
    if (memcmp(s->head.prev.b, w->check.prev.b, sizeof(s->head.prev.b)) != 0 ||
        !same_frontier(&s->head.frontier, &w->check.frontier)) {
        return stop_at(w, first, 0, first,
                       "the segment does not follow the one before it");
    }
    return 0;
}

static int see_segment(struct walk *w, uint64_t first, int is_last)
{
    struct wal_segment s = {.fd = -1};
    int rc = begin_segment(w, &s, first);

    if (rc == 0) {
        w->from = w->check;
        w->from_off = s.off;
        rc = see_batches(w, &s, is_last);
        if (rc >= 0) {
            int last = check_last(w, first);

            rc = last != 0 ? last : rc;
        }
    }
    wal_segment_close(&s);
    return rc;
}

/* What the checkpoint and the end of the segments say about each other. */
static void check_end(struct audit *a)
{
    audit_heads_end(a);
    if (a->published.size > a->out->size) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_CUT, a->out->size,
                   "ledger/checkpoint",
                   "signs %" PRIu64 " records, the ledger holds %" PRIu64
                   ": it was cut or rolled back",
                   a->published.size, a->out->size);
    } else if (a->published.size > 0 && !a->checkpoint_met) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_SIGNED, AUDIT_NO_SEQ,
                   "ledger/checkpoint", "no batch ends where it was signed");
    }
    if (a->out->is_torn) {
        audit_find(a, AUDIT_WARNING, AUDIT_LEDGER, a->out->size, "ledger/wal",
                   "an unfinished batch stands where record %" PRIu64
                   " would; the next run sets it aside",
                   a->out->size);
    }
}

int audit_walk(struct audit *a, int wal_fd)
{
    CLEANUP(mem_freep) uint64_t *firsts = NULL;
    CLEANUP(mem_freep) struct walk *w = calloc(1, sizeof(*w));
    size_t n = 0;
    size_t i;

    if (w == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(wal_segments(wal_fd, &firsts, &n));
    if (n == 0 || firsts[0] != 0) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_LEDGER, 0, "ledger/wal",
                   "the first segment is missing");
        return AUDIT_E_STOP;
    }
    w->a = a;
    w->wal_fd = wal_fd;
    for (i = 0; i < n; i++) {
        int rc = see_segment(w, firsts[i], i + 1 == n);

        if (rc != 0) {
            return rc;
        }
    }
    check_end(a);
    return 0;
}

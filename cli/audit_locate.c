/* Which record of a batch was changed. Reads one batch; changes nothing.
 *
 * Every record holds the leaf hash of the one before it, and the batch's
 * signature is over the root of all. So when one record was changed, its right
 * leaf hash stands in its successor (for the last of a batch: in the next batch,
 * else in a tile), and the signature over the root made with that hash proves
 * (or the published checkpoint) that all others are as they were signed, whatever
 * length, number or digest around them says. What cannot be proven so is not called located. */
#include "cli/audit_int.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/summary.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"

#define FRAME_BYTES 20                 /* magic, length, first, n */
#define TRAILER_BYTES (8 + 32 + 64)    /* size, root, signature */
#define DIGEST_BYTES 32
#define READ_MAX (LIMIT_WAL_BATCH_BYTES + 4096u)
#define TRIES_MAX 4 /* suspects: each costs a signature */
#define NOBODY UINT32_MAX

/* One record as it stands there. */
struct place {
    uint32_t at, n;
    int is_record; /* decodes, and carries its number */
    uint8_t prev[32];
    struct merkle_hash leaf;
};

struct locate {
    struct audit *a;
    struct wal_check before; /* state where the batch begins */
    struct ubytes b;         /* from the batch's first byte on */
    struct place *v;         /* owned */
    uint32_t n;
    int has_stranger; /* one of them is no record that we can read */
    size_t trailer;   /* offset of size, root, signature */
};

void audit_label(const struct record *r, char out[static 96])
{
    char time[TERM_TIME_BYTES];
    char task[40];
    size_t i;

    summary_task(r, task, sizeof(task));
    for (i = 0; task[i] != '\0'; i++) { /* a changed record's: any UTF-8 */
        if ((unsigned char)task[i] < ' ' || task[i] == 0x7f) {
            task[i] = '?';
        }
    }
    (void)snprintf(out, 96, "%s, %s%s%s", term_time(r->wall_ns, time),
                   record_kind_name(r->kind), task[0] != '\0' ? " of " : "",
                   task);
}

static uint64_t u64_at(struct ubytes b, size_t at)
{
    struct rd r;

    rd_init(&r, (struct ubytes){b.p + at, b.n - at});
    return rd_u64(&r);
}

/* The record with this number, at an offset; true when there is one. */
static int record_at(const struct locate *l, size_t at, uint64_t seq,
                     struct place *out)
{
    struct record r;
    struct rd rd;
    struct ubytes entry;

    if (at > l->b.n) {
        return 0;
    }
    rd_init(&rd, (struct ubytes){l->b.p + at, l->b.n - at});
    entry = rd_bytes16(&rd);
    if (rd_is_bad(&rd) || record_decode(entry, &r) != 0) {
        err_trace_clear();
        return 0;
    }
    out->at = (uint32_t)at + 2;
    out->n = (uint32_t)entry.n;
    memcpy(out->prev, r.prev, sizeof(out->prev));
    out->leaf = merkle_leaf(entry);
    out->is_record = r.seq == seq;
    return out->is_record;
}

/* Where a batch ends that holds records up to `next`: at the batch that begins
 * with it, or with the file. */
static size_t end_of(const struct locate *l, size_t from, uint64_t next)
{
    while (from + FRAME_BYTES <= l->b.n) {
        const uint8_t *p = memmem(l->b.p + from, l->b.n - from, "PBAT", 4);
        size_t at = p == NULL ? l->b.n : (size_t)(p - l->b.p);

        if (at + FRAME_BYTES > l->b.n) {
            break;
        }
        if (u64_at(l->b, at + 8) == next) {
            return at;
        }
        from = at + 4;
    }
    return l->b.n;
}

/* Size, root and signature stand here: the number says so, or a digest and then
 * another batch or nothing follows. */
static int trailer_at(const struct locate *l, size_t at, uint64_t size)
{
    size_t end = at + TRAILER_BYTES + DIGEST_BYTES;

    if (end > l->b.n || l->n == 0) {
        return 0;
    }
    return u64_at(l->b, at) == size || end == end_of(l, end, size);
}

/* Offset of the record with this number at or behind `least`, 0 when none is
 * found. */
static size_t find_record(const struct locate *l, size_t least, uint64_t seq)
{
    size_t from = least;
    uint8_t mark[8];
    size_t i;

    for (i = 0; i < sizeof(mark); i++) {
        mark[i] = (uint8_t)(seq >> (56 - 8 * i));
    }
    while (from < l->b.n) {
        const uint8_t *p = memmem(l->b.p + from, l->b.n - from, mark, 8);
        struct place ignored;
        size_t at;

        if (p == NULL) {
            return 0;
        }
        at = (size_t)(p - l->b.p);
        if (at >= least + 6 && record_at(l, at - 6, seq, &ignored)) {
            return at - 6;
        }
        from = at + 1;
    }
    return 0;
}

/* The bytes of one that is no record: up to its successor, or the trailer. */
static int span(const struct locate *l, size_t at, uint64_t seq,
                struct place *out)
{
    size_t batch_end = end_of(l, at, seq + 1);
    size_t end = find_record(l, at + 2, seq + 1);
    struct ubytes entry;
    struct record r;

    if (end == 0 || end > batch_end) {
        end = batch_end;
        if (end < at + 2 + TRAILER_BYTES + DIGEST_BYTES) {
            return 0;
        }
        end -= TRAILER_BYTES + DIGEST_BYTES;
    }
    if (end > at + 2 + LIMIT_RECORD_BYTES) {
        return 0;
    }
    memset(out, 0, sizeof(*out));
    out->at = (uint32_t)at + 2;
    out->n = (uint32_t)(end - at) - 2;
    entry = (struct ubytes){l->b.p + out->at, out->n};
    out->leaf = merkle_leaf(entry);
    if (record_decode(entry, &r) == 0) { /* only its length was wrong */
        memcpy(out->prev, r.prev, sizeof(out->prev));
        out->is_record = r.seq == seq;
    }
    err_trace_clear();
    return 1;
}

/* Cuts the batch into records; at most one of them may be none. */
static int cut(struct locate *l)
{
    size_t at = FRAME_BYTES;
    unsigned bad = 0;

    while (l->n < LIMIT_BATCH_RECORDS) {
        uint64_t seq = l->before.size + l->n;
        struct place *p = &l->v[l->n];

        if (!record_at(l, at, seq, p)) {
            if (trailer_at(l, at, seq)) {
                break;
            }
            if (++bad > 1 || !span(l, at, seq, p)) {
                return AUDIT_E_LOST;
            }
            l->has_stranger = !p->is_record;
        }
        at = (size_t)p->at + p->n;
        l->n++;
    }
    l->trailer = at;
    return l->n > 0 && trailer_at(l, at, l->before.size + l->n) ? 0
                                                                : AUDIT_E_LOST;
}

/* The leaf hash that record i had when it was signed, as others have it. */
static int leaf_by_others(const struct locate *l, uint32_t i,
                          struct merkle_hash *out)
{
    uint64_t seq = l->before.size + i;
    size_t next = l->trailer + TRAILER_BYTES + DIGEST_BYTES;
    struct place p;

    if (i + 1 < l->n) {
        memcpy(out->b, l->v[i + 1].prev, sizeof(out->b));
        return l->v[i + 1].is_record;
    }
    if (record_at(l, next + FRAME_BYTES, seq + 1, &p)) {
        memcpy(out->b, p.prev, sizeof(out->b));
        return 1;
    }
    return audit_tiles_leaf(l->a, seq, out);
}

/* The key of what follows, when this record changes it; false for a bad one. */
static int follow_key(const struct locate *l, uint32_t i,
                      struct wal_check *after)
{
    const struct place *p = &l->v[i];
    struct record r;
    int rc = !p->is_record || i != 1
                 ? ERR_ENCODING
                 : record_decode((struct ubytes){l->b.p + p->at, p->n}, &r);

    if (rc != 0 || r.kind != RECORD_KEY) {
        err_trace_clear();
        return 1;
    }
    rc = wal_check_key(after, &r, l->before.size);
    err_trace_clear();
    return rc == 0;
}

/* True when the signature fits the tree in which all records are as they stand
 * there, but record `lost` is as its neighbours say. */
static int is_signed(const struct locate *l, uint32_t lost,
                     struct wal_check *after)
{
    struct merkle_hash leaf;
    uint32_t i;
    int rc;

    *after = l->before;
    for (i = 0; i < l->n; i++) {
        leaf = l->v[i].leaf;
        if (i == lost && !leaf_by_others(l, i, &leaf)) {
            return 0;
        }
        if (i != lost && !follow_key(l, i, after)) {
            return 0;
        }
        merkle_frontier_add(&after->frontier, &leaf);
        after->prev = leaf;
        after->size++;
    }
    after->last.size = after->size;
    after->last.root = merkle_frontier_root(&after->frontier);
    after->last_first = l->before.size;
    memcpy(after->last_sig, l->b.p + l->trailer + 8 + 32,
           sizeof(after->last_sig));
    if (after->size == l->a->published.size &&
        memcmp(after->last.root.b, l->a->published.root.b, MERKLE_BYTES) ==
            0) {
        return 1; /* its signature was checked */
    }
    rc = wal_check_signature(after);
    err_trace_clear();
    after->what[0] = '\0';
    l->a->out->signatures++;
    return rc == 0;
}

/* Records whose hash their successor does not have, and those themselves. */
static uint32_t suspects(const struct locate *l, uint32_t out[TRIES_MAX])
{
    const uint8_t *prev = l->before.prev.b;
    uint32_t found = 0;
    uint32_t i;

    for (i = 0; i < l->n && found + 2 <= TRIES_MAX; i++) {
        if (!l->v[i].is_record) {
            out[found++] = i;
        } else if (memcmp(l->v[i].prev, prev, 32) != 0 &&
                   (i == 0 || l->v[i - 1].is_record)) {
            if (i > 0) {
                out[found++] = i - 1;
            }
            out[found++] = i;
        }
        prev = l->v[i].leaf.b;
    }
    if (found == 0) {
        out[found++] = l->n - 1; /* nobody inside contradicts the last one */
    }
    return found;
}

static void name_gap(const struct locate *l, uint32_t lost, uint64_t at,
                     struct audit_gap *out)
{
    const struct place *p = &l->v[lost == NOBODY ? 0 : lost];
    struct record r;

    out->seq = lost == NOBODY ? AUDIT_NO_SEQ : l->before.size + lost;
    out->off = lost == NOBODY ? at : at + p->at;
    out->end = at + p->at + p->n;
    out->next_off = at + l->trailer + TRAILER_BYTES + DIGEST_BYTES;
    if (lost != NOBODY &&
        record_decode((struct ubytes){l->b.p + p->at, p->n}, &r) == 0) {
        audit_label(&r, out->label);
    }
    err_trace_clear();
}

static int judge(struct locate *l, uint64_t at, struct audit_gap *out)
{
    uint32_t who[TRIES_MAX];
    uint32_t n;
    uint32_t i;

    if (is_signed(l, NOBODY, &out->after)) {
        if (l->has_stranger) {
            return AUDIT_E_LOST; /* signed as it stands, and not for us */
        }
        name_gap(l, NOBODY, at, out);
        return 0;
    }
    n = suspects(l, who);
    for (i = 0; i < n; i++) {
        if (is_signed(l, who[i], &out->after)) {
            name_gap(l, who[i], at, out);
            return 0;
        }
    }
    return AUDIT_E_LOST;
}

/* The state where the batch begins, from one before it. */
static int state_at(struct locate *l, const struct audit_spot *spot)
{
    struct wal_segment s = {.fd = -1};
    struct wal_batch b;
    int rc = wal_segment_open(spot->wal_fd, spot->first, &s);

    l->before = *spot->from;
    l->before.defers_signatures = 1;
    s.off = spot->from_off;
    s.next = l->before.size;
    while (rc == 0 && s.off < spot->at) {
        rc = wal_segment_next(&s, &b);
        if (rc == 0) {
            rc = wal_check_batch(&l->before, &b, NULL, NULL);
        }
    }
    rc = rc == 0 && s.off != spot->at ? AUDIT_E_LOST : rc;
    wal_segment_close(&s);
    err_trace_clear();
    return rc == 0 || rc == ERR_NOMEM ? rc : AUDIT_E_LOST;
}

static int read_batch(struct locate *l, const struct audit_spot *spot,
                      struct buf *bytes)
{
    char name[WAL_NAME_BYTES];
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    uint64_t n;
    uint8_t *p;

    wal_segment_name(spot->first, name);
    fd = openat(spot->wal_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_size <= spot->at) {
        return AUDIT_E_LOST;
    }
    n = (uint64_t)st.st_size - spot->at;
    n = n > READ_MAX ? READ_MAX : n;
    TRY(buf_extend(bytes, (size_t)n, &p));
    if (pread(fd, p, (size_t)n, (off_t)spot->at) != (ssize_t)n) {
        return AUDIT_E_LOST;
    }
    l->b = buf_bytes(bytes);
    return 0;
}

int audit_locate(struct audit *a, const struct audit_spot *spot,
                 struct audit_gap *out)
{
    CLEANUP(mem_freep) struct locate *l = calloc(1, sizeof(*l));
    CLEANUP(mem_freep) struct place *v =
        calloc(LIMIT_BATCH_RECORDS, sizeof(*v));
    struct buf bytes;
    int rc;

    if (l == NULL || v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->a = a;
    l->v = v;
    buf_init(&bytes, READ_MAX);
    rc = state_at(l, spot);
    if (rc == 0) {
        rc = read_batch(l, spot, &bytes);
    }
    if (rc == 0) {
        rc = cut(l);
    }
    if (rc == 0) {
        rc = judge(l, spot->at, out);
    }
    buf_release(&bytes);
    return rc;
}

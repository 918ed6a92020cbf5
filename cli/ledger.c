/* Walking the records. Every error becomes a diagnosis with file and offset. */
#include "cli/ledger.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

static const struct loc NOWHERE = {NULL, 0, 0};

static int damaged(struct diag *d, int rc, const char *store, const char *where)
{
    struct loc at = {store, 0, 0};

    (void)diag_set(d, rc, at, "%s", where);
    if (rc == ERR_STORE_DAMAGED) {
        diag_hint(d, "`proctor verify --full` tells all that is wrong; restore "
                     "the store from a copy");
    }
    return rc;
}

/* Opens a reader; *out NULL when the ledger holds nothing yet. */
static int open_reader(const char *store, uint64_t from,
                       struct wal_reader **out, struct diag *d)
{
    int rc = wal_reader_open(store, from, out);

    if (rc == ERR_NOT_FOUND) {
        *out = NULL;
        return 0;
    }
    if (rc < 0) {
        return damaged(d, rc, store,
                       rc == ERR_STORE_DAMAGED
                           ? "ledger/wal: the first segment is missing or its "
                             "head is damaged"
                           : err_text(rc));
    }
    return 0;
}

uint64_t ledger_last_segment(const char *store)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(mem_freep) uint64_t *firsts = NULL;
    char path[PATH_MAX];
    size_t n = 0;

    if (snprintf(path, sizeof(path), "%s/ledger/wal", store) <
        (int)sizeof(path)) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0 || wal_segments(fd, &firsts, &n) != 0 || n == 0) {
        return 0;
    }
    return firsts[n - 1];
}

int ledger_walk_open(struct ledger_walk *k, const char *store, uint64_t from,
                     struct diag *d)
{
    *k = (struct ledger_walk){.store = store, .from = from};
    return open_reader(store, from, &k->w, d);
}

int ledger_walk_next(struct ledger_walk *k, struct record *r,
                     struct ubytes *entry, struct merkle_hash *leaf,
                     struct diag *d)
{
    int rc;

    if (k->w == NULL) {
        TRY(open_reader(k->store, k->from, &k->w, d));
    }
    if (k->w == NULL) {
        return LEDGER_E_END;
    }
    rc = wal_reader_next(k->w, r, entry, leaf);
    if (rc < 0) {
        return damaged(d, rc, k->store, wal_reader_where(k->w));
    }
    return rc == 0 ? 0 : rc == WAL_E_TORN ? LEDGER_E_TORN : LEDGER_E_END;
}

void ledger_walk_close(struct ledger_walk *k)
{
    wal_reader_close(k->w);
    k->w = NULL;
}

int ledger_each(const char *store, uint64_t from, ledger_fn fn, void *ctx,
                struct ledger_end *out, struct diag *d)
{
    struct ledger_walk k;
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    int rc = ledger_walk_open(&k, store, from, d);

    memset(out, 0, sizeof(*out));
    out->size = from;
    while (rc == 0 && (rc = ledger_walk_next(&k, &r, &entry, &leaf, d)) == 0) {
        out->size = r.seq + 1;
        out->has_batch = 1;
        out->root = wal_reader_batch(k.w)->root;
        memcpy(out->sig, wal_reader_batch(k.w)->sig, sizeof(out->sig));
        rc = fn(ctx, &r, entry, &leaf);
        if (rc != 0) {
            ledger_walk_close(&k);
            return rc;
        }
    }
    ledger_walk_close(&k);
    out->torn = rc == LEDGER_E_TORN;
    return rc < 0 ? rc : 0;
}

void ledger_entry_init(struct ledger_entry *e)
{
    memset(e, 0, sizeof(*e));
    buf_init(&e->bytes, LIMIT_RECORD_BYTES);
}

void ledger_entry_release(struct ledger_entry *e)
{
    buf_release(&e->bytes);
}

struct pick {
    uint64_t seq;
    struct ledger_entry *out;
};

enum {
    PICK_E_FOUND = 1
};

static int pick(void *ctx, const struct record *r, struct ubytes entry,
                const struct merkle_hash *leaf)
{
    struct pick *p = ctx;

    if (r->seq != p->seq) {
        return 0;
    }
    buf_reset(&p->out->bytes);
    TRY(buf_put(&p->out->bytes, entry.p, entry.n));
    TRY(record_decode(buf_bytes(&p->out->bytes), &p->out->r));
    p->out->leaf = *leaf;
    return PICK_E_FOUND;
}

int ledger_get(const char *store, uint64_t seq, struct ledger_entry *out,
               struct diag *d)
{
    struct pick p = {seq, out};
    struct ledger_end end;
    int rc = ledger_each(store, seq, pick, &p, &end, d);

    if (rc == PICK_E_FOUND) {
        return 0;
    }
    if (rc < 0) {
        return d->what[0] != '\0'
                   ? rc
                   : diag_set(d, rc, NOWHERE, "cannot read record %llu",
                              (unsigned long long)seq);
    }
    (void)diag_set(d, ERR_NOT_FOUND, NOWHERE, "there is no record %llu",
                   (unsigned long long)seq);
    diag_hint(d, "`proctor log` lists the records");
    return ERR_NOT_FOUND;
}

int ledger_identity(const char *store, struct ledger_identity *out,
                    struct diag *d)
{
    struct ledger_entry e;
    int rc;

    ledger_entry_init(&e);
    rc = ledger_get(store, 0, &e, d);
    if (rc == ERR_NOT_FOUND) {
        (void)diag_set(d, rc, NOWHERE, "the ledger holds no record yet");
        diag_hint(d, "`proctor run GRAPH` writes the first ones");
    }
    if (rc == 0 && e.r.kind != RECORD_GENESIS) {
        rc = damaged(d, ERR_STORE_DAMAGED, store,
                     "record 0 is not a genesis record");
    }
    if (rc == 0) {
        record_str(&e.r, RF_GENESIS_origin, out->origin, sizeof(out->origin));
        memcpy(out->first_key, record_hash(&e.r, RF_GENESIS_log_key),
               sizeof(out->first_key));
        rc = ledger_key_at(store, out, UINT64_MAX, out->key);
    }
    ledger_entry_release(&e);
    return rc;
}

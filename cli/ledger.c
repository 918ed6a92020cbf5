/* Walking the records. Every error becomes a diagnosis with file and offset. */
#include "cli/ledger.h"

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

int ledger_each(const char *store, uint64_t from, ledger_fn fn, void *ctx,
                struct ledger_end *out, struct diag *d)
{
    struct wal_reader *w = NULL;
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    int rc = open_reader(store, from, &w, d);

    memset(out, 0, sizeof(*out));
    out->size = from;
    if (rc != 0 || w == NULL) {
        return rc;
    }
    while ((rc = wal_reader_next(w, &r, &entry, &leaf)) == 0) {
        out->size = r.seq + 1;
        out->has_batch = 1;
        out->root = wal_reader_batch(w)->root;
        memcpy(out->sig, wal_reader_batch(w)->sig, sizeof(out->sig));
        rc = fn(ctx, &r, entry, &leaf);
        if (rc != 0) {
            wal_reader_close(w);
            return rc;
        }
    }
    if (rc < 0) {
        rc = damaged(d, rc, store, wal_reader_where(w));
    } else {
        out->torn = rc == WAL_E_TORN;
        rc = 0;
    }
    wal_reader_close(w);
    return rc;
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
        memcpy(out->key, record_hash(&e.r, RF_GENESIS_log_key),
               sizeof(out->key));
    }
    ledger_entry_release(&e);
    return rc;
}

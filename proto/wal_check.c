/* Checks write-ahead batches: the one place that says what a right ledger is.
 * Used by the kernel's recovery and by `proctor verify`. Never writes. */
#include "proto/wal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"

void wal_check_init(struct wal_check *c, const struct wal_head *h,
                    const char *origin, const uint8_t key[static 32])
{
    memset(c, 0, sizeof(*c));
    c->size = h->first;
    c->prev = h->prev;
    c->frontier = h->frontier;
    (void)snprintf(c->last.origin, sizeof(c->last.origin), "%s", origin);
    memcpy(c->key, key, sizeof(c->key));
}

static int refuse(struct wal_check *c, uint64_t seq, const char *what)
{
    (void)snprintf(c->what, sizeof(c->what), "record %llu: %s",
                   (unsigned long long)seq, what);
    return ERR_TRACE(ERR_STORE_DAMAGED);
}

int wal_check_signature(struct wal_check *c)
{
    struct buf body;
    int code;

    buf_init(&body, NOTE_BYTES_MAX);
    code = note_body(&body, &c->last);
    if (code == 0 &&
        crypto_sign_verify_detached(c->last_sig, buf_bytes(&body).p,
                                    buf_len(&body), c->key) != 0) {
        code =
            refuse(c, c->last_first, "the batch's signature does not fit");
    }
    buf_release(&body);
    return code;
}

static int signs(struct ubytes sig, struct ubytes text,
                 const uint8_t key[static 32])
{
    return sig.n == crypto_sign_BYTES &&
           crypto_sign_verify_detached(sig.p, text.p, text.n, key) == 0;
}

int wal_check_key(struct wal_check *c, const struct record *r, uint64_t first)
{
    const uint8_t *old_key = record_hash(r, RF_KEY_old_key);
    const uint8_t *new_key = record_hash(r, RF_KEY_new_key);
    struct buf text;
    int code;

    if (first == 0 || r->seq != first + 1) {
        return refuse(c, r->seq, "a key changes in mid-segment");
    }
    if (memcmp(old_key, c->key, 32) != 0 || memcmp(old_key, new_key, 32) == 0) {
        return refuse(c, r->seq, "changes a key that is not the log's");
    }
    buf_init(&text, NOTE_BYTES_MAX);
    code = note_key_change(&text, c->last.origin, first, old_key, new_key);
    if (code == 0 && (!signs(record_bytes(r, RF_KEY_old_signature),
                             buf_bytes(&text), old_key) ||
                      !signs(record_bytes(r, RF_KEY_new_signature),
                             buf_bytes(&text), new_key))) {
        code = refuse(c, r->seq, "a signature of the key change does not fit");
    }
    buf_release(&text);
    if (code == 0) {
        memcpy(c->key, new_key, sizeof(c->key));
    }
    return code;
}

/* Why bytes in a whole batch are no record of ours. */
static int refuse_record(struct wal_check *c, struct ubytes entry)
{
    char what[64] = "malformed";

    if (entry.n > 4 && memcmp(entry.p, "PR", 2) == 0 && entry.p[2] != 1) {
        (void)snprintf(what, sizeof(what),
                       "of version %u; this Proctor reads version 1",
                       entry.p[2]);
    } else if (entry.n > 4 && memcmp(entry.p, "PR", 2) == 0 &&
               record_kind_name((enum record_kind)entry.p[3]) == NULL) {
        (void)snprintf(what, sizeof(what),
                       "of kind %u, which this Proctor does not know",
                       entry.p[3]);
    }
    return refuse(c, c->size, what);
}

static int check_record(struct wal_check *c, struct ubytes entry,
                        struct record *r, struct merkle_hash *leaf)
{
    if (record_decode(entry, r) != 0) {
        return refuse_record(c, entry);
    }
    if (r->seq != c->size) {
        return refuse(c, c->size, "carries another number");
    }
    if (memcmp(r->prev, c->prev.b, sizeof(r->prev)) != 0) {
        return refuse(c, c->size, "does not follow its predecessor");
    }
    *leaf = merkle_leaf(entry);
    merkle_frontier_add(&c->frontier, leaf);
    c->prev = *leaf;
    c->size++;
    return 0;
}

int wal_check_batch(struct wal_check *c, const struct wal_batch *b,
                    wal_record_fn fn, void *ctx)
{
    struct merkle_hash leaf;
    struct merkle_hash root;
    struct ubytes entry;
    struct record r;
    size_t off = 0;
    uint32_t i;

    if (b->first != c->size) {
        return refuse(c, c->size, "the batch starts elsewhere");
    }
    for (i = 0; i < b->n; i++) {
        int code;

        TRY(wal_entry_next(b, &off, &entry));
        TRY(check_record(c, entry, &r, &leaf));
        if (r.kind == RECORD_KEY) {
            TRY(wal_check_key(c, &r, b->first));
        }
        code = fn == NULL ? 0 : fn(ctx, &r, &leaf);
        if (code != 0) {
            return code;
        }
    }
    root = merkle_frontier_root(&c->frontier);
    if (memcmp(root.b, b->root.b, sizeof(root.b)) != 0) {
        return refuse(c, b->first, "the batch's tree root does not fit");
    }
    c->last.size = b->size;
    c->last.root = b->root;
    c->last_first = b->first;
    memcpy(c->last_sig, b->sig, sizeof(c->last_sig));
    return c->defers_signatures ? 0 : wal_check_signature(c);
}

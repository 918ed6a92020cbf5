/* Paths through the tree. Trusts no tile: all leaves are hashed anew. */
#include "cli/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/published.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/tlog_proof.h"

static const struct loc NOWHERE = {NULL, 0, 0};

struct leaves {
    const char *store;
    uint64_t seq;
    struct proof *out;
    struct merkle_hash *v; /* owned */
    uint64_t n;
    uint64_t cap;
};

void proof_init(struct proof *p)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->text, TLOG_PROOF_BYTES_MAX);
    buf_init(&p->entry, LIMIT_RECORD_BYTES);
    buf_init(&p->vkey, NOTE_BYTES_MAX);
}

void proof_release(struct proof *p)
{
    buf_release(&p->text);
    buf_release(&p->entry);
    buf_release(&p->vkey);
}

static int add_leaf(void *ctx, const struct record *r, struct ubytes entry,
                    const struct merkle_hash *leaf)
{
    struct leaves *l = ctx;

    if (l->n == l->cap) {
        uint64_t cap = l->cap == 0 ? 1024 : 2 * l->cap;
        struct merkle_hash *v = reallocarray(l->v, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *leaf;
    if (r->seq == l->seq) {
        l->out->leaf = *leaf;
        return buf_put(&l->out->entry, entry.p, entry.n);
    }
    return 0;
}

static int subtree(void *ctx, unsigned level, uint64_t i,
                   struct merkle_hash *out)
{
    struct leaves *l = ctx;
    uint64_t first = i << level;

    ASSERT(level < 64 && first + ((uint64_t)1 << level) <= l->n);
    *out = merkle_root(l->v + first, (uint64_t)1 << level);
    return 0;
}

/* The checkpoint as published, with what witnesses added to it, when that is this
 * one; else as the log alone signed it. */
static int note_of(const char *store, const struct ledger_identity *id,
                   const struct checkpoint *cp, const uint8_t sig[static 64],
                   struct buf *out)
{
    struct published p;
    struct diag ignored;
    int rc;

    diag_init(&ignored);
    published_init(&p);
    rc = published_read(store, &p, &ignored);
    if (rc == 0 && p.at.size == cp->size &&
        memcmp(p.at.root.b, cp->root.b, sizeof(cp->root.b)) == 0) {
        rc = buf_put(out, buf_bytes(&p.note).p, buf_len(&p.note));
    } else {
        err_trace_clear();
        rc = note_write(out, cp, id->key, sig);
    }
    published_release(&p);
    return rc;
}

static int write_text(struct leaves *l, const struct ledger_identity *id,
                      const struct ledger_end *end)
{
    struct checkpoint cp = {.size = end->size, .root = end->root};
    struct ubytes entry = buf_bytes(&l->out->entry);
    struct tlog_proof p;
    struct buf note;
    int rc;

    memcpy(cp.origin, id->origin, sizeof(cp.origin));
    buf_init(&note, NOTE_BYTES_MAX);
    tlog_proof_init(&p);
    p.index = l->seq;
    rc = note_of(l->store, id, &cp, end->sig, &note);
    if (rc == 0) {
        rc = merkle_prove_inclusion(l->seq, end->size, subtree, l, p.path,
                                    &p.path_n);
    }
    if (rc == 0) {
        rc = buf_put(&p.extra, entry.p, entry.n);
    }
    if (rc == 0) {
        rc = tlog_proof_write(&l->out->text, &p, buf_bytes(&note));
    }
    tlog_proof_release(&p);
    buf_release(&note);
    return rc;
}

int proof_make(const char *store, uint64_t seq, struct proof *out,
               struct diag *d)
{
    struct leaves l = {.store = store, .seq = seq, .out = out};
    struct ledger_identity id;
    struct ledger_end end;
    int rc;

    TRY(ledger_identity(store, &id, d));
    rc = ledger_each(store, 0, add_leaf, &l, &end, d);
    if (rc == 0 && seq >= end.size) {
        rc =
            diag_set(d, ERR_NOT_FOUND, NOWHERE,
                     "there is no record %" PRIu64 "; the last one is %" PRIu64,
                     seq, end.size - 1);
        diag_hint(d, "`proctor log` lists the records");
    }
    if (rc == 0) {
        struct merkle_hash root = merkle_root(l.v, l.n);

        if (memcmp(root.b, end.root.b, sizeof(root.b)) != 0) {
            rc = diag_set(d, ERR_STORE_DAMAGED, (struct loc){store, 0, 0},
                          "the records do not make the tree that was signed");
            diag_hint(d, "`proctor verify --full` tells all that is wrong");
        }
    }
    if (rc == 0) {
        rc = write_text(&l, &id, &end);
    }
    if (rc == 0) {
        rc = note_vkey(&out->vkey, id.origin, id.key);
    }
    out->size = end.size;
    out->root = end.root;
    free(l.v);
    return rc;
}

/* Paths through the tree, and their checks. Trusts no tile: all leaves are hashed anew. */
#include "cli/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/published.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/note_text.h"
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

/* All leaves, and that they make the tree that was signed. */
static int load(const char *store, struct leaves *l, struct ledger_end *end,
                struct diag *d)
{
    struct merkle_hash root;

    TRY(ledger_each(store, 0, add_leaf, l, end, d));
    root = merkle_root(l->v, l->n);
    if (memcmp(root.b, end->root.b, sizeof(root.b)) != 0) {
        (void)diag_set(d, ERR_STORE_DAMAGED, (struct loc){store, 0, 0},
                       "the records do not make the tree that was signed");
        diag_hint(d, "`proctor verify --full` tells all that is wrong");
        return ERR_STORE_DAMAGED;
    }
    return 0;
}

int proof_make(const char *store, uint64_t seq, struct proof *out,
               struct diag *d)
{
    struct leaves l = {.store = store, .seq = seq, .out = out};
    struct ledger_identity id;
    struct ledger_end end;
    int rc;

    TRY(ledger_identity(store, &id, d));
    rc = load(store, &l, &end, d);
    if (rc == 0 && seq >= end.size) {
        rc =
            diag_set(d, ERR_NOT_FOUND, NOWHERE,
                     "there is no record %" PRIu64 "; the last one is %" PRIu64,
                     seq, end.size - 1);
        diag_hint(d, "`proctor log` lists the records");
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

static int write_since(struct leaves *l, const struct checkpoint *old,
                       const struct ledger_identity *id,
                       const struct ledger_end *end, struct buf *out)
{
    struct merkle_hash path[MERKLE_PROOF_MAX];
    struct checkpoint cp = {.size = end->size, .root = end->root};
    size_t n = 0;
    size_t i;

    memcpy(cp.origin, id->origin, sizeof(cp.origin));
    TRY(merkle_prove_consistency(old->size, end->size, subtree, l, path, &n));
    TRY(buf_putf(out, "old %" PRIu64 "\n", old->size));
    for (i = 0; i < n; i++) {
        TRY(note_put_base64(out, path[i].b, sizeof(path[i].b)));
        TRY(buf_put_u8(out, '\n'));
    }
    TRY(buf_put_u8(out, '\n'));
    return note_write(out, &cp, id->key, end->sig);
}

static int judge_old(int rc, const char *origin, const struct checkpoint *out,
                     struct diag *d)
{
    if (rc != 0 || out->size == 0) {
        return diag_set(d, rc == ERR_NOMEM ? rc : ERR_TASK_FAILED, NOWHERE,
                        "the older checkpoint is not one of \"%s\", signed by "
                        "its key",
                        origin);
    }
    return 0;
}

int proof_since_make(const char *store, struct ubytes old_note, struct buf *out,
                     struct diag *d)
{
    struct proof unused = {0};
    struct leaves l = {.seq = UINT64_MAX, .out = &unused};
    struct ledger_identity id;
    struct ledger_end end;
    struct checkpoint old;
    struct merkle_hash root;
    int rc;

    TRY(ledger_identity(store, &id, d));
    TRY(judge_old(ledger_note(store, &id, old_note, &old), id.origin, &old, d));
    rc = load(store, &l, &end, d);
    if (rc == 0 && old.size > end.size) {
        rc =
            diag_set(d, ERR_TASK_FAILED, NOWHERE,
                     "the checkpoint is of %" PRIu64 " records, the ledger has "
                     "%" PRIu64 ": it is an older copy",
                     old.size, end.size);
    }
    if (rc == 0) {
        root = merkle_root(l.v, old.size);
        if (memcmp(root.b, old.root.b, sizeof(root.b)) != 0) {
            rc =
                diag_set(d, ERR_TASK_FAILED, NOWHERE,
                         "this ledger does not go on from that checkpoint: its "
                         "first %" PRIu64 " records are others",
                         old.size);
        }
    }
    if (rc == 0) {
        rc = write_since(&l, &old, &id, &end, out);
    }
    free(l.v);
    return rc;
}

/* "old N", hashes, empty line; *rest: the newer checkpoint. */
static int parse_since(struct note_text *rest, uint64_t *out_old,
                       struct merkle_hash path[static MERKLE_PROOF_MAX],
                       size_t *out_n)
{
    struct note_text line;

    if (!note_take_line(rest, &line) || !note_take_prefix(&line, "old ", 4) ||
        !note_parse_u64(line, out_old)) {
        return 0;
    }
    for (*out_n = 0; note_take_line(rest, &line); (*out_n)++) {
        if (line.n == 0) {
            return 1;
        }
        if (*out_n == MERKLE_PROOF_MAX ||
            !note_parse_hash(line, &path[*out_n])) {
            return 0;
        }
    }
    return 0;
}

int proof_since_check(struct ubytes text, struct ubytes old_note,
                      const char *origin, const uint8_t old_key[static 32],
                      const uint8_t key[static 32],
                      struct checkpoint *out_old, struct checkpoint *out,
                      struct diag *d)
{
    struct merkle_hash path[MERKLE_PROOF_MAX];
    struct note_text rest = {(const char *)text.p, text.n};
    uint8_t sig[64];
    uint64_t old_size;
    size_t n;

    TRY(judge_old(note_read(old_note, origin, old_key, out_old, sig), origin,
                  out_old, d));
    if (!parse_since(&rest, &old_size, path, &n)) {
        return diag_set(d, ERR_TASK_FAILED, NOWHERE,
                        "not a proof that one checkpoint goes on from another");
    }
    if (old_size != out_old->size) {
        return diag_set(d, ERR_TASK_FAILED, NOWHERE,
                        "the proof begins at %" PRIu64 " records, the older "
                        "checkpoint is of %" PRIu64,
                        old_size, out_old->size);
    }
    if (note_read((struct ubytes){(const uint8_t *)rest.p, rest.n}, origin, key,
                  out, sig) != 0) {
        return diag_set(d, ERR_TASK_FAILED, NOWHERE,
                        "the newer checkpoint is not one of \"%s\", signed by "
                        "its key",
                        origin);
    }
    if (!merkle_check_consistency(old_size, out->size, path, n, &out_old->root,
                                  &out->root)) {
        return diag_set(d, ERR_TASK_FAILED, NOWHERE,
                        "the log of %" PRIu64 " records does not go on from "
                        "that of %" PRIu64,
                        out->size, old_size);
    }
    return 0;
}

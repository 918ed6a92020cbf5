/* Opening the ledger: a new one, or recovery of what is there. Kernel process.
 *
 * Must never change a damaged ledger, nor cut what may have been acknowledged:
 * a torn tail is moved aside, and only when no published checkpoint and no
 * later batch says that it was whole once. */
#include "kernel/store/ledger_int.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/wal.h"
#include "kernel/store/store_clock.h"
#include "proto/disk.h"

/* Recovery under way. */
struct recovery {
    struct ledger *l;
    struct diag *d;
    struct signer_public public;
    uint64_t *firsts; /* owned; ascending */
    size_t firsts_n;
    struct ledger_head heads[2]; /* published, seen; size 0 = met or none */
    struct wal_check check;
    uint8_t first_key[32];
    int is_half_turned;  /* the ledger's key is keys/key.new */
    struct torn torn;
    uint64_t end_off;    /* of the last segment's whole batches */
    uint64_t batches_n;  /* of that segment */
};

static int damaged(struct diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int damaged(struct diag *d, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)diag_set(d, ERR_STORE_DAMAGED, (struct loc){.path = NULL}, "%s",
                   text);
    diag_hint(d, "nothing was changed; put back the newest whole copy; "
                 "`proctor verify` tells what is wrong and what to do");
    return ERR_TRACE(ERR_STORE_DAMAGED);
}

/* Everything but damage, in words. */
static int failed(struct diag *d, int code, const char *what)
{
    if (d->code == 0) { /* nothing said, or only of a torn tail */
        (void)diag_set(d, code, (struct loc){.path = NULL}, "%s: %s", what,
                       err_text(code));
        if (code == ERR_SPACE) {
            diag_hint(d, "free some space; what was recorded is safe");
        }
    }
    return ERR_TRACE(code);
}

int ledger_start_signer(struct ledger *l, const char *path,
                        enum ledger_keys with, struct signer_public *out,
                        struct diag *d)
{
    const char *name = with == LEDGER_KEYS_NEXT ? LEDGER_KEY_NEXT : "key";
    int keys CLEANUP(fd_closep) = -1;
    int key CLEANUP(fd_closep) = -1;
    int next CLEANUP(fd_closep) = -1;
    int makes = with == LEDGER_KEYS_NEW || with == LEDGER_KEYS_TURN;
    int code;

    TRY(disk_open_dir(store_dir_fd(l->store), "keys", &keys));
    if (with == LEDGER_KEYS_NEW) {
        TRY(ledger_make_key(keys, name, &key));
    } else {
        code = disk_open(keys, name, O_RDONLY, &key);
        if (code == ERR_NOT_FOUND) {
            return damaged(d, with == LEDGER_KEYS_NEXT
                                  ? "keys/key is not the key that signs this "
                                    "ledger now"
                                  : "keys/key is missing");
        }
        TRY(code);
    }
    if (with == LEDGER_KEYS_TURN) {
        TRY(ledger_make_key(keys, LEDGER_KEY_NEXT, &next));
    }
    TRY(signer_client_start(&l->signer, path, key, next,
                            with == LEDGER_KEYS_NEW, out, d));
    (void)snprintf(l->last.origin, sizeof(l->last.origin), "%s", out->origin);
    memcpy(l->key, out->key, sizeof(l->key));
    l->seed_chain_n = out->chain_n;
    return makes ? disk_sync_dir(keys) : 0;
}

/* No segment is there. That is a new store only when nothing was ever
 * published. */
static int check_unborn(struct ledger *l, struct diag *d)
{
    static const char *const derived[] = {"checkpoint", "vkey"};
    size_t i;

    for (i = 0; i < ARRAY_N(derived); i++) {
        int fd CLEANUP(fd_closep) = -1;
        int code = disk_open(l->ledger_fd, derived[i], O_RDONLY, &fd);

        if (code == 0) {
            return damaged(d,
                           "ledger/wal holds no segment, but ledger/%s is "
                           "there",
                           derived[i]);
        }
        TRY(code == ERR_NOT_FOUND ? 0 : code);
    }
    return 0;
}

static int create(struct ledger *l, const struct ledger_genesis *g,
                  struct diag *d)
{
    struct signer_public public;
    struct record r;
    uint64_t seq;

    TRY(check_unborn(l, d));
    TRY(ledger_start_signer(l, g->signer, LEDGER_KEYS_NEW, &public, d));
    TRY(fold_new(&l->fold));
    wal_check_init(&l->check, &(struct wal_head){.first = 0}, public.origin,
                   public.key);
    TRY(signer_client_begin(&l->signer, &l->check.frontier, NULL));
    record_init(&r, RECORD_GENESIS);
    record_set_str(&r, RF_GENESIS_origin, public.origin);
    record_set_hash(&r, RF_GENESIS_log_key, public.key);
    record_set_hash(&r, RF_GENESIS_seed_anchor, public.anchor);
    record_set_u(&r, RF_GENESIS_seed_chain, public.chain_n);
    record_set_hash(&r, RF_GENESIS_kernel, g->kernel.b);
    record_set_str(&r, RF_GENESIS_classes, g->classes);
    record_set_bytes(&r, RF_GENESIS_images, g->images);
    record_set_hash(&r, RF_GENESIS_policy, g->policy.b);
    TRY(ledger_add(l, &r, &seq));
    return ledger_flush(l);
}

/* The ledger's first record names log and seeds: they must be those that the
 * signer holds. Its key is the first one. */
static int check_genesis(struct recovery *rc)
{
    const struct signer_public *p = &rc->public;
    struct wal_reader *w;
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    char origin[NOTE_ORIGIN_BYTES];
    int code = wal_reader_open_at(rc->l->wal_fd, 0, &w);

    if (code != 0) {
        return code == ERR_STORE_DAMAGED
                   ? damaged(rc->d, "ledger/wal: the first segment is missing "
                                    "or has a damaged head")
                   : code;
    }
    code = wal_reader_next(w, &r, &entry, &leaf);
    if (code != 0 || r.kind != RECORD_GENESIS) {
        wal_reader_close(w);
        return damaged(rc->d, "ledger/wal: record 0 is not a whole genesis");
    }
    record_str(&r, RF_GENESIS_origin, origin, sizeof(origin));
    code =
        strcmp(origin, p->origin) != 0 ||
                memcmp(record_hash(&r, RF_GENESIS_seed_anchor), p->anchor,
                       32) != 0
            ? damaged(rc->d, "keys/key belongs to another ledger")
            : 0;
    memcpy(rc->first_key, record_hash(&r, RF_GENESIS_log_key),
           sizeof(rc->first_key));
    wal_reader_close(w);
    return code;
}

/* Folds the records of the snapshot that starts segment first into *out.
 * ERR_NOT_FOUND: not to be had, an earlier segment must do. */
static int load_snapshot(struct recovery *rc, uint64_t first, struct fold **out)
{
    struct wal_segment s;
    struct wal_batch b;
    struct ubytes entry;
    struct record r;
    struct buf bytes;
    struct cid cid;
    size_t off = 0;
    int code = wal_segment_open(rc->l->wal_fd, first, &s);

    buf_init(&bytes, LIMIT_HELD_BYTES);
    if (code == 0) {
        code = wal_segment_next(&s, &b);
    }
    if (code == 0) {
        code = wal_entry_next(&b, &off, &entry);
    }
    if (code == 0) {
        code = record_decode(entry, &r);
    }
    if (code == 0 && (r.kind != RECORD_CHECKPOINT ||
                      record_u(&r, RF_CHECKPOINT_records) != first)) {
        code = ERR_TRACE(ERR_NOT_FOUND);
    }
    if (code == 0) {
        memcpy(cid.b, record_hash(&r, RF_CHECKPOINT_snapshot), sizeof(cid.b));
        code = store_get(rc->l->store, &cid, &bytes);
    }
    if (code == 0) {
        code = fold_decode(buf_bytes(&bytes), out);
    }
    if (code == 0 && fold_records(*out) != first) {
        fold_free(*out);
        *out = NULL;
        code = ERR_TRACE(ERR_NOT_FOUND);
    }
    buf_release(&bytes);
    wal_segment_close(&s);
    return code == 0 || code == ERR_NOMEM ? code : ERR_NOT_FOUND;
}

/* Both heads lie behind record `first`, where replaying meets them. */
static int heads_follow(const struct recovery *rc, uint64_t first)
{
    return (rc->heads[0].size == 0 || rc->heads[0].size > first) &&
           (rc->heads[1].size == 0 || rc->heads[1].size > first);
}

/* The newest segment whose start is known before both heads, and the state there. */
static int choose_start(struct recovery *rc, size_t *out_i)
{
    size_t i;

    for (i = rc->firsts_n - 1; i > 0; i--) {
        int code = heads_follow(rc, rc->firsts[i])
                       ? load_snapshot(rc, rc->firsts[i], &rc->l->fold)
                       : ERR_NOT_FOUND;

        if (code != ERR_NOT_FOUND) {
            *out_i = i;
            return code;
        }
    }
    *out_i = 0;
    return fold_new(&rc->l->fold);
}

static int fold_one(void *ctx, const struct record *r,
                    const struct merkle_hash *leaf)
{
    (void)leaf;
    return fold_add(ctx, r);
}

static int is_last(const struct recovery *rc, size_t i)
{
    return i + 1 == rc->firsts_n;
}

static const char *head_name(size_t i)
{
    return i == 0 ? "ledger/checkpoint" : "a head seen before";
}

/* The checkpoint file, signed by key, or, when that is not known yet (NULL), by
 * whomever. */
static int read_published(struct recovery *rc, const uint8_t *key,
                          struct checkpoint *out)
{
    int code = note_read_file(rc->l->ledger_fd, "checkpoint",
                              rc->public.origin, key, out);

    return code == ERR_STORE_DAMAGED
               ? damaged(rc->d, "ledger/checkpoint is damaged (it is derived: "
                                "remove it to have it made again)")
               : code;
}

/* A head of this very size must be this very tree. */
static int check_heads(struct recovery *rc)
{
    struct checkpoint published;
    size_t i;

    for (i = 0; i < ARRAY_N(rc->heads); i++) {
        struct ledger_head *h = &rc->heads[i];

        if (h->size != rc->check.size) {
            continue;
        }
        if (memcmp(h->root.b, rc->check.last.root.b, MERKLE_BYTES) != 0) {
            return damaged(rc->d,
                           "%s was signed for another tree of %" PRIu64
                           " records",
                           head_name(i), h->size);
        }
        h->size = 0;
        if (i == 0) {
            TRY(read_published(rc, rc->check.key, &published));
        }
    }
    return 0;
}

/* All whole batches of a segment, checked, folded; the last is signed for all. */
static int replay_batches(struct recovery *rc, struct wal_segment *s,
                          const char *name, int last)
{
    struct wal_batch b;
    int code, bad = 0;

    while ((code = wal_segment_next(s, &b)) == 0 &&
           (bad = wal_check_batch(&rc->check, &b, fold_one, rc->l->fold)) ==
               0) {
        TRY(check_heads(rc));
        rc->batches_n++;
    }
    if (code > 0 && rc->batches_n > 0) {
        bad = wal_check_signature(&rc->check);
    }
    if (bad == ERR_STORE_DAMAGED) {
        return damaged(rc->d, "ledger/wal/%s: %s", name, rc->check.what);
    }
    TRY(bad);
    if (code == WAL_E_END && rc->batches_n > 0) {
        return 0;
    }
    if (code == WAL_E_TORN && last && rc->batches_n > 0) {
        TRY(disk_size(s->fd, &rc->torn.n));
        rc->torn.off = s->off;
        rc->torn.n -= s->off;
        return 0;
    }
    if (code == ERR_STORE_DAMAGED || code > 0) {
        return damaged(rc->d, "ledger/wal/%s: damaged at byte %" PRIu64, name,
                       s->off);
    }
    return code;
}

static int replay_segment(struct recovery *rc, size_t i, int is_first)
{
    struct wal_segment s;
    char name[WAL_NAME_BYTES];
    int code = is_last(rc, i) /* what is not on the disk does not count */
                   ? wal_segment_open_direct(rc->l->wal_fd, rc->firsts[i], &s)
                   : wal_segment_open(rc->l->wal_fd, rc->firsts[i], &s);

    wal_segment_name(rc->firsts[i], name);
    if (code == ERR_STORE_DAMAGED) {
        code = damaged(rc->d, "ledger/wal/%s: the head is damaged", name);
    } else if (code == 0 && is_first) {
        const uint8_t *key = fold_key(rc->l->fold);

        wal_check_init(&rc->check, &s.head, rc->public.origin,
                       key != NULL ? key : rc->first_key);
        rc->check.defers_signatures = 1;
    } else if (code == 0 &&
               (s.head.first != rc->check.size ||
                memcmp(s.head.prev.b, rc->check.prev.b, MERKLE_BYTES) != 0)) {
        code = damaged(rc->d,
                       "ledger/wal/%s: does not follow the segment before it, "
                       "which ends at record %" PRIu64,
                       name, rc->check.size);
    }
    rc->batches_n = 0;
    if (code == 0) {
        code = replay_batches(rc, &s, name, is_last(rc, i));
        rc->end_off = s.off;
    }
    wal_segment_close(&s);
    return code;
}

/* More was acknowledged than survives? Then nothing may be cut or signed. */
static int check_nothing_lost(struct recovery *rc)
{
    uint64_t end = rc->check.size;
    size_t i;

    for (i = 0; i < ARRAY_N(rc->heads); i++) {
        uint64_t size = rc->heads[i].size;

        if (size > end) {
            return damaged(rc->d,
                           "restored from an older copy? ledger/wal ends at "
                           "record %" PRIu64 ", but %s was signed for %" PRIu64
                           ": %" PRIu64 " records are not here",
                           end, head_name(i), size, size - end);
        }
        if (size > 0) {
            return damaged(rc->d,
                           "%s was signed for %" PRIu64
                           " records, but no batch ends there",
                           head_name(i), size);
        }
    }
    return 0;
}

/* Ready to append behind the last whole batch. */
static int open_tail(struct recovery *rc)
{
    struct ledger *l = rc->l;
    char name[WAL_NAME_BYTES];

    l->segment_first = rc->firsts[rc->firsts_n - 1];
    l->segment_off = rc->end_off;
    l->segment_batches_n = rc->batches_n;
    l->last = rc->check.last;
    l->check = rc->check;
    l->check.defers_signatures = 0; /* what is written next is signed, too */
    l->prev = rc->check.prev;
    wal_segment_name(l->segment_first, name);
    TRY(disk_open(l->wal_fd, name, O_WRONLY, &l->segment_fd));
    /* What the last owner wrote but did not sync counts from here on. */
    TRY(disk_sync(l->segment_fd));
    TRY(disk_sync_dir(l->wal_fd));
    TRY(ledger_settle_keys(l, rc->is_half_turned));
    return signer_client_begin(&l->signer, &l->check.frontier,
                               l->check.last_sig);
}

/* What the ledger once held: as published, and as others have seen. */
static int read_heads(struct recovery *rc, const struct ledger_genesis *g)
{
    struct checkpoint c = {.size = 0};
    int code = read_published(rc, NULL, &c);

    TRY(code == ERR_NOT_FOUND ? 0 : code);
    rc->heads[0] = (struct ledger_head){code == 0 ? c.size : 0, c.root};
    rc->heads[1] = g->seen;
    return 0;
}

/* The ledger says which key is its own. That of a change which was cut short lies
 * beside the older one. */
static int find_key(struct recovery *rc, const char *signer)
{
    struct ledger *l = rc->l;

    if (memcmp(rc->check.key, l->key, sizeof(l->key)) == 0) {
        return 0;
    }
    rc->is_half_turned = 1;
    signer_client_stop(&l->signer);
    TRY(ledger_start_signer(l, signer, LEDGER_KEYS_NEXT, &rc->public, rc->d));
    return memcmp(rc->check.key, l->key, sizeof(l->key)) == 0
               ? 0
               : damaged(rc->d, "neither keys/key nor keys/" LEDGER_KEY_NEXT
                                " is the key that signs this ledger now");
}

static int recover_steps(struct recovery *rc, const struct ledger_genesis *g)
{
    size_t start = 0;
    size_t i;

    TRY(check_genesis(rc));
    TRY(read_heads(rc, g));
    TRY(choose_start(rc, &start));
    for (i = start; i < rc->firsts_n; i++) {
        TRY(replay_segment(rc, i, i == start));
    }
    TRY(check_nothing_lost(rc));
    TRY(find_key(rc, g->signer));
    rc->torn.segment = rc->firsts[rc->firsts_n - 1];
    rc->torn.size = rc->check.size;
    TRY(ledger_cut_torn(rc->l, &rc->torn, rc->d));
    return open_tail(rc);
}

static int recover(struct ledger *l, const struct ledger_genesis *g,
                   uint64_t *firsts, size_t firsts_n, struct diag *d)
{
    struct recovery *rc = calloc(1, sizeof(*rc));
    int code;

    if (rc == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    rc->l = l;
    rc->d = d;
    rc->firsts = firsts;
    rc->firsts_n = firsts_n;
    code = ledger_start_signer(l, g->signer, LEDGER_KEYS_OLD, &rc->public, d);
    if (code == 0) {
        code = recover_steps(rc, g);
    }
    free(rc);
    return code;
}

static int open_steps(struct ledger *l, const struct ledger_genesis *g,
                      struct diag *d)
{
    uint64_t *firsts CLEANUP(mem_freep) = NULL;
    size_t n = 0;
    uint8_t *room;

    /* All memory of the append path at once: it cannot fail for it later. */
    buf_init(&l->entry, LIMIT_RECORD_BYTES + 1024);
    buf_init(&l->queue, LIMIT_WAL_BATCH_BYTES);
    buf_init(&l->out, LIMIT_WAL_BATCH_BYTES + 4096);
    l->leaves = calloc(LIMIT_BATCH_RECORDS, sizeof(*l->leaves));
    if (l->leaves == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(buf_extend(&l->entry, LIMIT_RECORD_BYTES + 1024, &room));
    TRY(disk_open_dir(store_dir_fd(l->store), "ledger", &l->ledger_fd));
    TRY(disk_open_dir(l->ledger_fd, "wal", &l->wal_fd));
    TRY(wal_segments(l->wal_fd, &firsts, &n));
    return n == 0 ? create(l, g, d) : recover(l, g, firsts, n, d);
}

int ledger_open(struct store *s, const struct ledger_genesis *g,
                struct ledger **out, struct diag *d)
{
    struct ledger *l = calloc(1, sizeof(*l));
    int code;

    diag_init(d);
    if (l == NULL || sodium_init() < 0) {
        free(l);
        return ERR_TRACE(ERR_NOMEM);
    }
    l->magic = LEDGER_MAGIC;
    l->store = s;
    l->signer.fd = -1;
    l->ledger_fd = l->wal_fd = l->segment_fd = -1;
    l->start_ns = store_clock_mono_ns();
    code = open_steps(l, g, d);
    if (code != 0) {
        (void)failed(d, code, "cannot open the ledger");
        (void)ledger_stop(l, code);
        (void)ledger_close(l);
        return code;
    }
    *out = l;
    return 0;
}

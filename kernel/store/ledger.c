/* Appending to the ledger. Kernel process.
 *
 * Must never acknowledge a record whose bytes, root and signature are not
 * synced, and never write again after a write or sync failed: what the disk
 * holds is then unknown until the store is opened again and read from its
 * start. */
#include "kernel/store/ledger_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/wal.h"
#include "kernel/store/store_clock.h"
#include "proto/disk.h"

/* A tail longer than this is not left to the next open. */
#define CLOSE_TAIL_RECORDS 2048u

int ledger_stop(struct ledger *l, int code)
{
    if (l->stopped == 0) {
        l->stopped = code;
    }
    return ERR_TRACE(code);
}

static int check_alive(const struct ledger *l)
{
    ASSERT(l->magic == LEDGER_MAGIC);
    return l->stopped == 0 ? 0 : ERR_TRACE(ERR_IO);
}

/* Encodes r as the next record into l->entry. */
static int encode(struct ledger *l, struct record *r)
{
    r->seq = l->last.size + l->queued_n;
    memcpy(r->prev, l->prev.b, sizeof(r->prev));
    r->wall_ns = store_clock_wall_ns();
    r->mono_ns = store_clock_mono_ns() - l->start_ns;
    buf_reset(&l->entry);
    return record_encode(r, &l->entry);
}

/* Queues without committing a full queue first; there is room. */
static int enqueue(struct ledger *l, struct record *r, uint64_t *out_seq)
{
    uint64_t seed_i = r->kind == RECORD_COMMIT ? record_u(r, RF_COMMIT_seed_i)
                      : r->kind == RECORD_SPLIT ? record_u(r, RF_SPLIT_seed_i)
                                                : 0;
    struct ubytes entry;

    TRY(encode(l, r));
    entry = buf_bytes(&l->entry);
    TRY(buf_put_bytes16(&l->queue, entry));
    l->prev = merkle_leaf(entry);
    l->leaves[l->queued_n++] = l->prev;
    if (seed_i > l->queued_seed) {
        l->queued_seed = seed_i;
    }
    *out_seq = r->seq;
    return 0;
}

int ledger_add(struct ledger *l, struct record *r, uint64_t *out_seq)
{
    TRY(check_alive(l));
    if (l->queued_n == LIMIT_BATCH_RECORDS ||
        buf_len(&l->queue) + 2 + LIMIT_RECORD_BYTES > LIMIT_WAL_BATCH_BYTES) {
        TRY(ledger_commit(l));
    }
    return enqueue(l, r, out_seq);
}

/* The signer's root and signature, from the leaf hashes made of the entries as
 * they were encoded. */
static int sign_queue(struct ledger *l, struct wal_batch *b)
{
    TRY(signer_client_sign_send(&l->signer, l->last.size, l->leaves, b->n));
    return signer_client_sign_receive(&l->signer, &b->size, &b->root, b->sig);
}

/* The batch at out[at...], from the very bytes that will be written, by the code
 * and the state of recovery: leaves, chain, root and signature. What it would
 * not take is not written, be it for a bit that flipped in any copy. From here
 * on b is what was checked. */
static int check_out(struct ledger *l, size_t at, struct wal_batch *b,
                     struct wal_check *after)
{
    struct ubytes out = buf_bytes(&l->out);
    size_t used;

    *after = l->check;
    if (wal_batch_decode((struct ubytes){out.p + at, out.n - at}, b, &used) !=
            0 ||
        used != out.n - at || wal_check_batch(after, b, NULL, NULL) != 0 ||
        after->size != b->size) {
        return ERR_TRACE(ERR_SIGNER);
    }
    return 0;
}

/* A new segment whose head and first batch appear under its name at once. */
static int write_segment(struct ledger *l, struct wal_batch *b,
                         struct wal_check *after)
{
    struct wal_head head = {.first = b->first,
                            .prev = l->check.prev,
                            .frontier = l->check.frontier};
    char name[WAL_NAME_BYTES];
    size_t at;

    buf_reset(&l->out);
    TRY(wal_head_encode(&l->out, &head));
    at = buf_len(&l->out);
    TRY(wal_batch_encode(&l->out, b));
    TRY(check_out(l, at, b, after));
    wal_segment_name(b->first, name);
    TRY(disk_put(&(struct disk_file){.tmp_fd = store_tmp_fd(l->store),
                                     .dir_fd = l->wal_fd,
                                     .name = name,
                                     .mode = 0644,
                                     .durable = 1},
                 buf_bytes(&l->out)));
    TRY(disk_open(l->wal_fd, name, O_WRONLY, &l->segment_fd));
    l->segment_first = b->first;
    l->segment_off = buf_len(&l->out);
    l->segment_batches_n = 1;
    return 0;
}

static int write_batch(struct ledger *l, struct wal_batch *b,
                       struct wal_check *after)
{
    if (l->segment_fd < 0) {
        return write_segment(l, b, after);
    }
    buf_reset(&l->out);
    TRY(wal_batch_encode(&l->out, b));
    TRY(check_out(l, 0, b, after));
    TRY(disk_write(l->segment_fd, l->segment_off, buf_bytes(&l->out).p,
                   buf_len(&l->out)));
    TRY(disk_sync(l->segment_fd));
    l->segment_off += buf_len(&l->out);
    l->segment_batches_n++;
    return 0;
}

/* Folds what is durable now. */
static int fold_batch(struct ledger *l, const struct wal_batch *b)
{
    struct ubytes entry;
    struct record r;
    size_t off = 0;
    uint32_t i;

    for (i = 0; i < b->n; i++) {
        TRY(wal_entry_next(b, &off, &entry));
        TRY(record_decode(entry, &r));
        TRY(fold_add(l->fold, &r));
    }
    return 0;
}

static int flush_steps(struct ledger *l)
{
    struct wal_batch b = {.first = l->last.size,
                          .n = l->queued_n,
                          .entries = buf_bytes(&l->queue)};
    struct wal_check after;

    TRY(sign_queue(l, &b));
    TRY(write_batch(l, &b, &after));
    l->check = after;
    l->last = after.last;
    TRY(fold_batch(l, &b));
    buf_reset(&l->queue);
    l->queued_n = 0;
    l->queued_seed = 0;
    return 0;
}

int ledger_flush(struct ledger *l)
{
    int code = l->queued_n == 0 ? 0 : flush_steps(l);

    return code == 0 ? 0 : ledger_stop(l, code);
}

static uint64_t tail_n(const struct ledger *l)
{
    return l->last.size - l->segment_first;
}

int ledger_commit(struct ledger *l)
{
    TRY(check_alive(l));
    TRY(ledger_flush(l));
    if (tail_n(l) >= LIMIT_SNAPSHOT_RECORDS ||
        l->segment_batches_n >= LIMIT_SNAPSHOT_BATCHES ||
        l->segment_off >= LIMIT_SEGMENT_BYTES) {
        return ledger_snapshot(l);
    }
    return 0;
}

int ledger_append(struct ledger *l, struct record *r, uint64_t *out_seq,
                  struct merkle_hash *out_leaf)
{
    struct merkle_hash leaf;

    TRY(ledger_add(l, r, out_seq));
    leaf = l->prev;
    TRY(ledger_commit(l));
    if (out_leaf != NULL) {
        *out_leaf = leaf;
    }
    return 0;
}

static int roll_steps(struct ledger *l, struct record *behind,
                      uint64_t *out_seq)
{
    struct buf bytes;
    struct record r;
    struct cid cid;
    int code;

    buf_init(&bytes, LIMIT_HELD_BYTES);
    code = fold_encode(l->fold, &bytes);
    if (code == 0) {
        code = store_put(l->store, buf_bytes(&bytes), &cid);
    }
    buf_release(&bytes);
    TRY(code);
    record_init(&r, RECORD_CHECKPOINT);
    record_set_hash(&r, RF_CHECKPOINT_snapshot, cid.b);
    record_set_u(&r, RF_CHECKPOINT_records, l->last.size);
    TRY(enqueue(l, &r, out_seq));
    if (behind != NULL) {
        TRY(enqueue(l, behind, out_seq));
    }
    fd_closep(&l->segment_fd);
    return ledger_flush(l);
}

int ledger_roll(struct ledger *l, struct record *behind, uint64_t *out_seq)
{
    int code;

    TRY(check_alive(l));
    TRY(ledger_flush(l));
    code = roll_steps(l, behind, out_seq);
    return code == 0 ? 0 : ledger_stop(l, code);
}

int ledger_snapshot(struct ledger *l)
{
    uint64_t seq;

    return ledger_roll(l, NULL, &seq);
}

static void release(struct ledger *l)
{
    signer_client_stop(&l->signer);
    fold_free(l->fold);
    fd_closep(&l->segment_fd);
    fd_closep(&l->wal_fd);
    fd_closep(&l->ledger_fd);
    buf_release(&l->entry);
    buf_release(&l->queue);
    buf_release(&l->out);
    free(l->leaves);
    l->magic = 0;
    free(l);
}

int ledger_close(struct ledger *l)
{
    int code;

    if (l == NULL) {
        return 0;
    }
    ASSERT(l->magic == LEDGER_MAGIC);
    code = l->stopped;
    if (code == 0) {
        code = ledger_flush(l);
    }
    if (code == 0 && tail_n(l) > CLOSE_TAIL_RECORDS) {
        code = ledger_snapshot(l);
    }
    release(l);
    return code;
}

uint64_t ledger_size(const struct ledger *l)
{
    return l->last.size;
}

int ledger_next_seed(const struct ledger *l, uint64_t *out_i)
{
    uint64_t used = fold_seeds_used(l->fold);

    if (l->queued_seed > used) {
        used = l->queued_seed;
    }
    if (used >= l->seed_chain_n) {
        return ERR_TRACE(ERR_SEEDS);
    }
    *out_i = used + 1;
    return 0;
}

int ledger_reveal_seed(struct ledger *l, uint64_t i, uint8_t out[static 32])
{
    TRY(check_alive(l));
    if (i == 0 || i > fold_seeds_used(l->fold)) {
        return ERR_TRACE(ERR_INTERNAL); /* no durable COMMIT claims it */
    }
    return signer_client_reveal(&l->signer, i, out);
}

const struct fold *ledger_fold(const struct ledger *l)
{
    return l->fold;
}

const struct checkpoint *ledger_checkpoint(const struct ledger *l,
                                           uint8_t out_sig[static 64])
{
    memcpy(out_sig, l->check.last_sig, 64);
    return &l->last;
}

const char *ledger_origin(const struct ledger *l)
{
    return l->last.origin;
}

const uint8_t *ledger_key(const struct ledger *l)
{
    return l->key;
}

int ledger_read(struct ledger *l, uint64_t seq, struct buf *out,
                struct record *r, struct merkle_hash *out_leaf)
{
    struct wal_reader *w;
    struct ubytes entry;
    size_t from = buf_len(out);
    int code;

    if (seq >= l->last.size) {
        return ERR_TRACE(ERR_NOT_FOUND);
    }
    TRY(wal_reader_open_at(l->wal_fd, seq, &w));
    code = wal_reader_next(w, r, &entry, out_leaf);
    if (code > 0) {
        code = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (code == 0) {
        code = buf_put(out, entry.p, entry.n);
    }
    if (code == 0) {
        code =
            record_decode((struct ubytes){buf_bytes(out).p + from, entry.n}, r);
    }
    wal_reader_close(w);
    return code;
}

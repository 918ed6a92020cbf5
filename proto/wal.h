/* Reading a ledger's write-ahead segments: shared by the kernel (recovery) and
 * the command line (log, show, verify, prove). Never writes. The byte format is
 * stated here and in docs/man/proctor-store.5.
 *
 * Segment file ledger/wal/%016x.wal (hex of its first sequence number):
 *   head   "PROCTWAL" | u32 version 1 | u64 first seq | 32 bytes leaf hash of
 *          record first - 1 (zero at 0) | u8 n, n * (u8 level, 32 bytes hash):
 *          frontier of size first, ascending levels | 32 bytes SHA-256 of the
 *          head so far
 *   batch  "PBAT" | u32 bytes of what follows up to the digest | u64 first seq |
 *          u32 n | n * (u16 length, record) | u64 size after | 32 bytes root |
 *          64 bytes Ed25519 over the checkpoint body of (origin, size, root) |
 *          32 bytes SHA-256 of the batch so far
 * Torn tail: the last batch of the last segment is incomplete or its digest does
 * not fit, and no later bytes form a batch. Anything else is damage. */
#ifndef PROTO_WAL_H
#define PROTO_WAL_H

#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/record.h"

struct wal_batch {
    uint64_t first;
    uint32_t n;
    struct ubytes entries; /* n * (u16 length, record); borrowed */
    uint64_t size;
    struct merkle_hash root;
    uint8_t sig[64];
};

struct wal_head {
    uint64_t first;
    struct merkle_hash prev;
    struct merkle_frontier frontier;
};

int wal_head_encode(struct buf *out, const struct wal_head *h) MUST_USE;
/* *out_used = bytes of the head. 0 or ERR_ENCODING. */
int wal_head_decode(struct ubytes in, struct wal_head *out, size_t *out_used)
    MUST_USE;
int wal_batch_encode(struct buf *out, const struct wal_batch *b) MUST_USE;
enum { WAL_E_TORN = 1 }; /* incomplete or digest wrong: see above */
int wal_batch_decode(struct ubytes in, struct wal_batch *out, size_t *out_used)
    MUST_USE;
/* i-th entry of a batch, from *off (0 at first); moves *off. 0, ERR_ENCODING. */
int wal_entry_next(const struct wal_batch *b, size_t *off, struct ubytes *out)
    MUST_USE;

/* Streams all records of a store directory in order from seq `from` (whole
 * batches; memory: one batch). */
struct wal_reader;
int wal_reader_open(const char *store_dir, uint64_t from,
                    struct wal_reader **out) MUST_USE;
enum { WAL_E_END = 2 };
/* Next record; r and *out_entry borrow until the next call; *out_leaf its leaf
 * hash. 0, WAL_E_END, WAL_E_TORN (tail; everything before was delivered),
 * ERR_STORE_DAMAGED (wal_reader_where tells), ERR_IO. */
int wal_reader_next(struct wal_reader *w, struct record *r,
                    struct ubytes *out_entry, struct merkle_hash *out_leaf)
    MUST_USE;
/* The batch that the last record came from. */
const struct wal_batch *wal_reader_batch(const struct wal_reader *w);
/* "file:offset: what" of the last error. */
const char *wal_reader_where(const struct wal_reader *w);
void wal_reader_close(struct wal_reader *w);

#endif

/* Reading a ledger's write-ahead segments: shared by the kernel (recovery) and
 * the command line (log, show, verify, prove). Never writes. The byte format
 * is stated here and in docs/man/proctor-store.5.
 *
 * Segment file ledger/wal/%016x.wal (hex of its first sequence number):
 *   head   "PROCTWAL" | u32 version 1 | u64 first seq | 32 bytes leaf hash of
 *          record first - 1 (zero at 0) | u8 n, n * (u8 level, 32 bytes hash):
 *          frontier of size first, ascending levels | 32 bytes BLAKE3 of the
 *          head so far
 *   batch  "PBAT" | u32 bytes of what follows up to the digest | u64 first seq |
 *          u32 n | n * (u16 length, record) | u64 size after | 32 bytes root |
 *          64 bytes Ed25519 over the checkpoint body of (origin, size, root) |
 *          32 bytes BLAKE3 of the batch so far
 * The key of a log may change: record KEY, always the second of a segment, behind
 * its CHECKPOINT. Its batch and all after it carry the new key's signature.
 * Torn tail: the last batch of the last segment is incomplete or its digest
 * does not fit, and no later bytes form a batch. Anything else is damage. */
#ifndef PROTO_WAL_H
#define PROTO_WAL_H

#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/record.h"

#define WAL_BATCH_HEAD_BYTES 20 /* magic, length, first, n */

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
/* i-th entry of a batch, from *off (0 at first); moves *off. 0,
 * ERR_ENCODING. */
int wal_entry_next(const struct wal_batch *b, size_t *off, struct ubytes *out)
    MUST_USE;

/* One segment file, batch by batch. Memory: one batch. */
struct wal_segment {
    int fd; /* owned */
    struct wal_head head;
    uint64_t off;  /* of the next batch */
    uint64_t next; /* sequence number that it must start with */
    struct buf bytes_;
    uint8_t *window_; /* past the page cache: what was read, aligned */
    uint64_t window_off_;
    size_t window_n_;
};

/* Name of a segment in ledger/wal, and back (0 = not one). */
#define WAL_NAME_BYTES 21
void wal_segment_name(uint64_t first, char out[static WAL_NAME_BYTES]);
int wal_segment_name_parse(const char *name, uint64_t *out_first);
/* First sequence numbers of all segments in an open ledger/wal, ascending; the
 * caller frees *out (NULL when none). 0, ERR_NOMEM, ERR_IO. */
int wal_segments(int wal_fd, uint64_t **out, size_t *out_n) MUST_USE;

/* Opens ledger/wal/<first>. 0, ERR_NOT_FOUND, ERR_STORE_DAMAGED (head), ERR_IO,
 * ERR_NOMEM. wal_segment_close is fine after any outcome and on zeroes with
 * fd -1. */
int wal_segment_open(int wal_fd, uint64_t first, struct wal_segment *out)
    MUST_USE;
/* The same, but reads what the disk holds (O_DIRECT), not what the page cache
 * says: after a failed sync, pages that never arrived may look clean. For whom
 * the end of the ledger must be durable, not only readable. Where the file
 * system has no O_DIRECT the cache is asked to forget its clean pages first. */
int wal_segment_open_direct(int wal_fd, uint64_t first,
                            struct wal_segment *out) MUST_USE;
void wal_segment_close(struct wal_segment *s);
/* Next batch; out borrows until the next call. 0; WAL_E_END at the end of the
 * file (calling again later sees what was appended meanwhile); WAL_E_TORN;
 * ERR_STORE_DAMAGED when bytes are wrong and a whole batch follows them, or
 * when a whole batch does not fit here; ERR_IO, ERR_NOMEM. */
enum { WAL_E_END = 2 };
int wal_segment_next(struct wal_segment *s, struct wal_batch *out) MUST_USE;
/* Moves to the batch that holds seq, by batch headers alone. 0, WAL_E_END,
 * WAL_E_TORN, errors as above. */
int wal_segment_seek(struct wal_segment *s, uint64_t seq) MUST_USE;

/* Checks batches as they come: order, each record's number, chain and strict
 * encoding, the tree's root, the signature. Starts at a segment's head. */
struct wal_check {
    uint64_t size;
    struct merkle_hash prev; /* leaf hash of record size - 1 */
    struct merkle_frontier frontier;
    struct checkpoint last; /* of the last batch; its origin is set by init */
    uint8_t last_sig[64];
    uint64_t last_first; /* first record of that batch */
    uint8_t key[32]; /* that signs the last batch; KEY records change it */
    int defers_signatures; /* the caller asks for them: wal_check_signature */
    char what[96]; /* of the last refusal */
};
void wal_check_init(struct wal_check *c, const struct wal_head *h,
                    const char *origin, const uint8_t key[static 32]);
/* Called for each record once it is checked; stops at what it returns if not
 * 0. */
typedef int (*wal_record_fn)(void *ctx, const struct record *r,
                             const struct merkle_hash *leaf);
/* 0, ERR_STORE_DAMAGED (c->what says why), what fn returned. fn may be NULL. It
 * sees records before the batch's signature is checked. */
int wal_check_batch(struct wal_check *c, const struct wal_batch *b,
                    wal_record_fn fn, void *ctx) MUST_USE;
/* A KEY record in a batch that begins at `first`: where one may stand, both
 * signatures good, from c's key to another: then that is c's key. 0,
 * ERR_STORE_DAMAGED, ERR_NOMEM. */
int wal_check_key(struct wal_check *c, const struct record *r, uint64_t first)
    MUST_USE;
/* The signature of the last batch, which covers all records before it. 0,
 * ERR_STORE_DAMAGED, ERR_NOMEM. */
int wal_check_signature(struct wal_check *c) MUST_USE;

/* Streams the records of a store directory in order from seq `from` on (memory:
 * one batch), checking number and chain of each. */
struct wal_reader;
int wal_reader_open(const char *store_dir, uint64_t from,
                    struct wal_reader **out) MUST_USE;
/* The same from an open ledger/wal directory; borrows wal_fd. */
int wal_reader_open_at(int wal_fd, uint64_t from, struct wal_reader **out)
    MUST_USE;
/* Next record; r and *out_entry borrow until the next call; *out_leaf its leaf
 * hash. 0, WAL_E_END (calling again later sees what was appended meanwhile),
 * WAL_E_TORN (tail; everything before was delivered), ERR_STORE_DAMAGED
 * (wal_reader_where tells), ERR_IO. */
int wal_reader_next(struct wal_reader *w, struct record *r,
                    struct ubytes *out_entry, struct merkle_hash *out_leaf)
    MUST_USE;
/* The batch that the last record came from. */
const struct wal_batch *wal_reader_batch(const struct wal_reader *w);
/* Where the last record stands: first record of its segment, and the offset of
 * its length field in that file. entry: as wal_reader_next gave it. */
void wal_reader_place(const struct wal_reader *w, struct ubytes entry,
                      uint64_t *out_segment, uint64_t *out_off);
/* Returns once what was read of the open segment is on the disk: a batch can be
 * read before its writer has synced it. ERR_IO. */
int wal_reader_sync(struct wal_reader *w) MUST_USE;
/* "file:offset: what" of the last error. */
const char *wal_reader_where(const struct wal_reader *w);
void wal_reader_close(struct wal_reader *w);

#endif

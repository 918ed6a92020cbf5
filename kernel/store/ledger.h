/* The append-only ledger. One writer, in the kernel process; the signer signs.
 *
 * ledger_add queues a record and gives it its sequence number; ledger_commit
 * makes all queued ones durable under one signature. A record's effect may be
 * shown only after the commit returned 0 (rule 3). After any failure of write
 * or sync the ledger refuses everything (ERR_IO): reopen the store.
 *
 * Invariants: 1 the write-ahead segments are the truth; tiles and the checkpoint
 * file are derived by the command line and can be lost, but a checkpoint that is
 * there must agree; 2 nothing is written but what recovery's own check accepts,
 * from the very bytes that will be written: the signer's root comes of the first
 * copy of an entry, the check's of the last, so a bit that flips between stops
 * the ledger; 3 the signer never signs a smaller size or another root for a
 * size; 4 state (fold.h) is a function of the records alone. */
#ifndef KERNEL_STORE_LEDGER_H
#define KERNEL_STORE_LEDGER_H

#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/record.h"
#include "proto/diag.h"

struct store;
struct fold;
struct ledger;

/* A tree that was signed once: the records must lead to it. */
struct ledger_head {
    uint64_t size;
    struct merkle_hash root;
};

/* What GENESIS needs beside keys and seeds, where the signer is, and the head that
 * the person has seen: a ledger without it is an old copy. */
struct ledger_genesis {
    const char *signer;  /* path of proctor-signer; NULL = beside this binary */
    struct cid kernel;
    struct cid policy;
    const char *classes; /* "config,program,model,cml" */
    struct ubytes images;/* 32 bytes each */
    struct ledger_head seen; /* size 0 = none */
};

/* Starts the signer (before anything else forks), recovers the tail, folds it.
 * In a new store creates key, seed chain and GENESIS. A torn tail is moved to
 * ledger/wal/torn-* and reported in d (code 0, what != ""). ERR_STORE_DAMAGED
 * (d says which file or record; nothing was changed), ERR_SIGNER, ERR_SPACE,
 * ERR_IO. Cost: 2 us per record since the last snapshot, 0.3 s at creation. */
int ledger_open(struct store *s, const struct ledger_genesis *g,
                struct ledger **out, struct diag *d) MUST_USE;
/* Commits what is queued, takes a snapshot when the tail is long, stops the
 * signer, frees. NULL is fine. Returns the first error: what was committed
 * before stays safe. */
int ledger_close(struct ledger *l);

/* Sets seq, prev and clocks of r, encodes it, queues it. A full queue is
 * committed first. 0, ERR_NOMEM, ERR_LIMIT, ERR_ENCODING (a string that is not
 * UTF-8), ERR_IO (ledger stopped). */
int ledger_add(struct ledger *l, struct record *r, uint64_t *out_seq) MUST_USE;
/* 0, ERR_SPACE, ERR_IO, ERR_SIGNER, ERR_NOMEM; after any error the ledger is
 * stopped. */
int ledger_commit(struct ledger *l) MUST_USE;
/* ledger_add then ledger_commit; *out_leaf (may be NULL) its leaf hash. */
int ledger_append(struct ledger *l, struct record *r, uint64_t *out_seq,
                  struct merkle_hash *out_leaf) MUST_USE;

uint64_t ledger_size(const struct ledger *l); /* durable records */
/* Index of the next seed to reveal, from 1 (for COMMIT), or ERR_SEEDS. Queued
 * COMMITs count. */
int ledger_next_seed(const struct ledger *l, uint64_t *out_i) MUST_USE;
/* x_i from the signer, once the COMMIT that claims seed i is durable. The
 * signer reveals in order and each only once per life of its process. */
int ledger_reveal_seed(struct ledger *l, uint64_t i, uint8_t out[static 32])
    MUST_USE;
/* The state after the last commit: queued records are not in it. */
const struct fold *ledger_fold(const struct ledger *l);
/* The last durable checkpoint and its signature. */
const struct checkpoint *ledger_checkpoint(const struct ledger *l,
                                           uint8_t out_sig[static 64]);
const char *ledger_origin(const struct ledger *l);
const uint8_t *ledger_key(const struct ledger *l); /* 32 bytes */
/* Reads durable record seq; entry bytes appended to out, r borrows from out.
 * ERR_NOT_FOUND, ERR_STORE_DAMAGED. Reads batch headers of its segment: for
 * many records use wal_reader. */
int ledger_read(struct ledger *l, uint64_t seq, struct buf *out,
                struct record *r, struct merkle_hash *out_leaf) MUST_USE;
/* Changes the key: KEY record, signed by both; its batch and all after it carry
 * the new key's signature, and keys/key is the new one. signer: as for
 * ledger_open. After any error the ledger is stopped; the next open finishes the
 * change or drops it. */
int ledger_turn(struct ledger *l, const char *signer, uint64_t *out_seq,
                struct diag *d) MUST_USE;
/* Stores a snapshot of the fold, adds its CHECKPOINT record, rolls the segment.
 * Done by ledger_commit itself every LIMIT_SNAPSHOT_RECORDS records or
 * LIMIT_SNAPSHOT_BATCHES batches. */
int ledger_snapshot(struct ledger *l) MUST_USE;

#endif

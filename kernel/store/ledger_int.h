/* Inside of the ledger, shared by ledger.c (appending), ledger_open.c (creation
 * and recovery), ledger_torn.c and ledger_turn.c (changing the key). */
#ifndef KERNEL_STORE_LEDGER_INT_H
#define KERNEL_STORE_LEDGER_INT_H

#include "proto/limits.h"
#include "proto/note.h"
#include "proto/wal.h"
#include "kernel/store/fold.h"
#include "kernel/store/ledger.h"
#include "kernel/store/signer_client.h"
#include "kernel/store/store.h"

#define LEDGER_MAGIC 0x4c454447u

struct ledger {
    uint32_t magic;
    int stopped; /* 0, or the error after which nothing is accepted */
    struct store *store; /* borrowed */
    struct signer_client signer;
    uint8_t key[32];
    uint64_t seed_chain_n;
    uint64_t start_ns;
    int ledger_fd;
    int wal_fd;

    /* Durable. */
    int segment_fd;
    uint64_t segment_off;   /* where the next batch goes */
    uint64_t segment_first;
    uint64_t segment_batches_n;
    struct checkpoint last; /* origin, size, root */
    struct wal_check check; /* what recovery would know here */
    struct fold *fold;

    /* Queued: bytes and, hashed from another copy of them, leaves. */
    struct buf entry;   /* the one being encoded */
    struct buf queue;   /* n * (u16 length, record) */
    struct buf out;     /* the batch being written */
    struct merkle_hash *leaves; /* LIMIT_BATCH_RECORDS */
    uint32_t queued_n;
    uint64_t queued_seed;      /* highest seed_i of a queued COMMIT */
    struct merkle_hash prev;   /* leaf of the newest record, queued or not */
};

/* Signs the queue and makes it durable in the open segment, or, when there is
 * none (segment_fd < 0), as the first batch of a new one. */
int ledger_flush(struct ledger *l) MUST_USE;
/* Takes a snapshot and begins a segment with its CHECKPOINT record and, in the
 * same batch, behind (NULL: nothing). */
int ledger_roll(struct ledger *l, struct record *behind,
                uint64_t *out_seq) MUST_USE;

/* Key files that a signer is started with. */
enum ledger_keys {
    LEDGER_KEYS_NEW,  /* keys/key is made */
    LEDGER_KEYS_OLD,  /* keys/key */
    LEDGER_KEYS_NEXT, /* keys/key.new, of a change that was cut short */
    LEDGER_KEYS_TURN  /* keys/key, and keys/key.new is made */
};
#define LEDGER_KEY_NEXT "key.new"
/* Sets l's key. Files that are made have durable names then. 0, ERR_SIGNER,
 * ERR_STORE_DAMAGED (d), ERR_SPACE, ERR_IO. */
int ledger_start_signer(struct ledger *l, const char *path,
                        enum ledger_keys with, struct signer_public *out,
                        struct diag *d) MUST_USE;
/* An empty key file; an older one is of what was cut short. */
int ledger_make_key(int keys, const char *name, int *out_fd) MUST_USE;
/* keys/key.new takes the place of keys/key, durably, or is removed. Only when the
 * record that says so is durable. */
int ledger_settle_keys(struct ledger *l, int is_turned) MUST_USE;
/* What stands behind the last whole batch of the last segment. */
struct torn {
    uint64_t segment; /* its first record */
    uint64_t size;    /* records before it */
    uint64_t off;
    uint64_t n; /* bytes; 0 = none */
};
/* Moves it to a file of its own and says so in d, code 0. */
int ledger_cut_torn(struct ledger *l, const struct torn *t,
                    struct diag *d) MUST_USE;
/* Stops the ledger for good; returns code. */
int ledger_stop(struct ledger *l, int code);

#endif

/* Inside of the ledger, shared by ledger.c (appending) and ledger_open.c
 * (creation and recovery). */
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
/* Stops the ledger for good; returns code. */
int ledger_stop(struct ledger *l, int code);

#endif

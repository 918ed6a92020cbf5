/* Single records read where the index says that they stand: one read each,
 * whatever the size of the ledger. A record that is not the one that was indexed
 * (another number, other bytes) is damage. */
#ifndef CLI_RECORDS_H
#define CLI_RECORDS_H

#include "cli/index_rows.h"
#include "proto/diag.h"

struct records {
    int wal_fd;
    int segment_fd;
    uint64_t segment; /* that segment_fd is */
    uint8_t *bytes;   /* owned; one record */
};

/* records_close is fine after any outcome, and on zeroes with both fd -1. */
int records_open(struct records *x, const char *store, struct diag *d) MUST_USE;
void records_close(struct records *x);
/* leaf_part: of the index. r borrows until the next call. ERR_STORE_DAMAGED
 * (d says where), ERR_IO. */
struct record_at {
    uint64_t seq;
    uint64_t segment;
    uint64_t off;
    int64_t leaf_part;
};
int records_get(struct records *x, const struct record_at *at, struct record *r,
                struct merkle_hash *out_leaf, struct diag *d) MUST_USE;

#endif

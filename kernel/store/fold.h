/* What the kernel remembers: a pure function of the ledger's records. Look-ups
 * borrow until the next record is added. */
#ifndef KERNEL_STORE_FOLD_H
#define KERNEL_STORE_FOLD_H

#include "proto/record.h"

#include "evidence.pb-c.h"

struct fold;

int fold_new(struct fold **out) MUST_USE;
void fold_free(struct fold *f);
int fold_add(struct fold *f, const struct record *r) MUST_USE;
/* Canonical Snapshot bytes (evidence.proto) and back. */
int fold_encode(const struct fold *f, struct buf *out) MUST_USE;
int fold_decode(struct ubytes in, struct fold **out) MUST_USE;

/* A ref's target. True when it exists. */
int fold_ref(const struct fold *f, const char *name, struct cid *out);

struct fold_verdict {
    uint64_t seq;    /* of the VERDICT record */
    uint32_t verdict;/* enum verdict */
    int revoked;
};
/* The verdict that this candidate already has in this exam, if any. */
int fold_verdict(const struct fold *f, const struct cid *exam,
                 const struct cid *candidate, struct fold_verdict *out);
/* Candidates committed so far for an exam: the next one is the (n+1)-th. A
 * COMMIT whose VERDICT never came counts. */
uint64_t fold_committed(const struct fold *f, const struct cid *exam);
/* Disclosed inputs of an exam (objects: Counterexample), at most max. */
size_t fold_burnt(const struct fold *f, const struct cid *exam, struct cid *out,
                  size_t max);
uint64_t fold_seeds_used(const struct fold *f);
/* The last run if it can be resumed: not ended, ended with tasks parked, or
 * aborted by request. Borrowed; NULL = none. */
const Proctor__RunState *fold_last_run(const struct fold *f);

#endif

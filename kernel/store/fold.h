/* What the kernel remembers: a pure function of the ledger's records. Look-ups
 * borrow until the next record is added. */
#ifndef KERNEL_STORE_FOLD_H
#define KERNEL_STORE_FOLD_H

#include "proto/record.h"

#include "evidence.pb-c.h"

struct fold;

int fold_new(struct fold **out) MUST_USE;
void fold_free(struct fold *f);
/* Takes any record: what names an unknown run, exam or task changes nothing but
 * the count. 0 or ERR_NOMEM (then f must not be used any more). */
int fold_add(struct fold *f, const struct record *r) MUST_USE;
/* Canonical Snapshot bytes (evidence.proto) and back. Encoding sorts what f
 * holds: borrowed pointers into it stay good, the order of tasks does not.
 * fold_decode: 0, ERR_ENCODING (also when not sorted), ERR_LIMIT, ERR_NOMEM. */
int fold_encode(struct fold *f, struct buf *out) MUST_USE;
int fold_decode(struct ubytes in, struct fold **out) MUST_USE;
/* Records folded so far. */
uint64_t fold_records(const struct fold *f);

/* A ref's target. True when it exists. */
int fold_ref(const struct fold *f, const char *name, struct cid *out);
/* Its last record, and how often it moved; NULL: never. Of a ref of CML: the bundle
 * that the last SET or UPDATE named, none after DELETE; the last ASSERT; how many.
 * Of a RECONCILE's key: the status, the record. */
const Proctor__RefState *fold_ref_state(const struct fold *f, const char *name);

/* What a candidate is known by: identity in VERDICT, REVOKE; without one, its CID. */
const uint8_t *fold_identity(const struct record *r);
struct fold_verdict {
    uint64_t seq;    /* of the VERDICT record */
    uint32_t verdict;/* enum verdict */
    int revoked;
};
/* The verdict that a candidate of this identity already has in this exam, if
 * any. */
int fold_verdict(const struct fold *f, const struct cid *exam,
                 const struct cid *identity, struct fold_verdict *out);
/* Candidates committed so far for an exam: the next one is the (n+1)-th. A
 * COMMIT whose VERDICT never came counts. */
uint64_t fold_committed(const struct fold *f, const struct cid *exam);
/* Disclosed inputs of an exam (objects: Counterexample), sorted, at most max;
 * only the first LIMIT_BURNT of an exam are kept. */
size_t fold_burnt(const struct fold *f, const struct cid *exam, struct cid *out,
                  size_t max);
uint64_t fold_seeds_used(const struct fold *f);
/* The log's key by the last KEY record, NULL when there is none. */
const uint8_t *fold_key(const struct fold *f);
/* The SPLIT record that drew a data file. True when there is one: no other ever
 * counts. */
int fold_split(const struct fold *f, const struct cid *file, uint64_t *out_seq);
uint64_t fold_looks(const struct fold *f, const struct cid *split);
/* The LOOK by that metric at a candidate, or the last one (NULL). True when there
 * is one. */
int fold_look(const struct fold *f, const struct cid *split, unsigned metric,
              const struct cid *candidate, uint64_t *out_seq);
/* A series: INPUTS and OUTPUTS records take turns, so one count says the lengths
 * of both lists: inputs (n + 1) / 2, outputs n / 2; odd: its last run is open.
 * A record out of turn or place counts nothing. *out_seq: the last that counts. */
uint64_t fold_series(const struct fold *f, const char *name, uint64_t *out_seq);
/* The newest TRAINED record that a training can go on from; false when there is none,
 * or it came to its end since. */
int fold_training(const struct fold *f, const struct cid *training,
                  uint64_t *out_seq);
/* The last run if it can be resumed: not ended, ended with tasks parked, or
 * aborted by request. A RUN that names it in resumes_ref takes over the states
 * of its tasks. A CRASH changes nothing: what ran then still says RUNNING. The
 * order of tasks means nothing. Borrowed; NULL = none. */
const Proctor__RunState *fold_last_run(const struct fold *f);
/* One task of that run, or NULL. O(1). */
const Proctor__TaskState *fold_task(const struct fold *f, const char *id);

#endif

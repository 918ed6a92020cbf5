/* Assertions about refs of CML (M4): who says what about which name, as the
 * how many-th of them. An assertion is named by the hash of its statement, which
 * is also what a writer signs:
 *
 *   proctor cml assertion v1\n DID \n PATH \n OPERATION \n PAYLOAD \n N \n PREV \n
 *
 * with PATH as the writer calls it (refs/cml/...), PAYLOAD and PREV in hex or "-".
 * In another's store the path is refs/cml/remotes/DID/..., so a path says whose it
 * is. DIDs are did:key of Ed25519. Source: spec cml section 11, X17, X18, X27. */
#ifndef PROTO_ASSERTION_H
#define PROTO_ASSERTION_H

#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/limits.h"

#define ASSERTION_ROOT "refs/cml/"
#define ASSERTION_REMOTES ASSERTION_ROOT "remotes/"
#define ASSERTION_OPERATION_BYTES 64
#define DID_BYTES 57 /* of did:key:z6Mk..., with the terminating NUL */

struct record;
struct Proctor__AssertSpec;
struct Proctor__ReconcileSpec;

/* "did:key:z6Mk..." of a key and back. ERR_INPUT: none of an Ed25519 key. */
void did_text(const uint8_t key[static 32], char out[static DID_BYTES]);
int did_parse(const char *text, uint8_t out_key[static 32]) MUST_USE;

/* RECONCILE.key, of unit, desired and observed. */
#define RECONCILE_KEY_BYTES (sizeof(ASSERTION_ROOT) + CID_TEXT_BYTES)
void reconcile_key(const struct cid three[static 3],
                   char out[static RECONCILE_KEY_BYTES]);

/* RECONCILE.state of the same three: what the CIDs alone say; with a unit, that it
 * says more, if both are there. */
unsigned reconcile_state(const struct cid three[static 3]);

struct assertion {
    char did[DID_BYTES];
    char path[LIMIT_REF_BYTES + 1];
    char operation[ASSERTION_OPERATION_BYTES + 1];
    struct cid payload; /* zero: DELETE */
    uint64_t n;         /* from 1 */
    struct cid prev;    /* zero: n = 1 */
};

/* Copies the three texts. ERR_LIMIT: one is too long for any good one. */
int assertion_init(struct assertion *a, const char *did, const char *path,
                   const char *operation) MUST_USE;
/* Into an ASSERT record, which borrows the texts. */
void assertion_put(const struct assertion *a, struct record *r);
/* Of an ASSERT record. ERR_ENCODING: none that a kernel writes. */
int assertion_of(const struct record *r, struct assertion *out) MUST_USE;
/* What is wrong with path (and whose it is), or operation; NULL: nothing. own: the
 * store's DID, or NULL: not known here. */
const char *assertion_problem(const struct assertion *a, const char *own);
/* The same for what a task says, without the ledger; also payloads, signatures. */
const char *assertion_spec_problem(const struct Proctor__AssertSpec *s);
const char *assertion_reconcile_problem(const struct Proctor__ReconcileSpec *s);
/* SET_x and UPDATE_x: x; else "". */
const char *assertion_field(const char *operation);
/* The path as its writer calls it. */
void assertion_own_path(const struct assertion *a,
                        char out[static LIMIT_REF_BYTES + 1]);

/* CID of a bundle's last node (cml.h), its root: what a payload is called. By the
 * lengths alone: whether the nodes are any is for cml_bundle_read. ERR_ENCODING. */
int assertion_payload(struct ubytes bundle, struct cid *out) MUST_USE;

/* Where a stands behind head (n 0: there is none; else the last about this path, or
 * the one that has a's number). n 0: the store's own, which gets number and prev;
 * expect: how many must stand there, plus one, 0: any. NULL, or why it cannot
 * stand there; *out_there: it does already. */
const char *assertion_follow(const struct assertion *head, struct assertion *a,
                             uint64_t expect, int *out_there);

int assertion_statement(const struct assertion *a, struct buf *out) MUST_USE;
int assertion_hash(const struct assertion *a, struct cid *out) MUST_USE;
/* Did the holder of the DID's key sign it? */
int assertion_is_signed(const struct assertion *a, struct ubytes signature);

#endif

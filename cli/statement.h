/* An in-toto Statement (v1) about a verdict: the candidate's files as subjects, a
 * test-result predicate, and under "proctor" what the ledger says, with all that
 * it takes to derive it again: the proof, which holds the record, and the objects
 * that the record names.
 *
 * One rule: a statement is a function of proof, objects and files, so who has
 * them can write it again and compare bytes. That is what checking one means. */
#ifndef CLI_STATEMENT_H
#define CLI_STATEMENT_H

#include "proto/cid.h"
#include "proto/record.h"
#include "proto/tlog_proof.h"

#include "evidence.pb-c.h"

#define STATEMENT_OBJECT_BYTES ((size_t)4 << 20)

enum statement_object {
    STATEMENT_CANDIDATE,
    STATEMENT_EXAM,
    STATEMENT_EVIDENCE,
    STATEMENT_OBJECTS_N
};
const char *statement_object_name(enum statement_object o);

/* A file that the verdict is about. */
struct statement_subject {
    const char *name; /* borrowed from the candidate */
    struct cid cid;
    uint8_t sha256[32];
    int has_sha256;
};

struct statement {
    struct buf proof_text;
    struct tlog_proof proof;
    struct record r; /* borrows from proof.extra */
    struct buf objects[STATEMENT_OBJECTS_N];
    Proctor__Runnable *candidate;
    Proctor__Evidence *evidence;
    struct statement_subject *subjects; /* owned */
    size_t subjects_n;
};

void statement_init(struct statement *s);
void statement_release(struct statement *s);

/* Step 1: the proof in proof_text, checked under the log's name and key, must be
 * of a VERDICT record. 0, ERR_TASK_FAILED with d, ERR_INPUT (another kind of
 * record), ERR_NOMEM. */
int statement_take_proof(struct statement *s, const char *origin,
                         const uint8_t key[static 32], struct diag *d) MUST_USE;
/* CID under which the record names that object. */
struct cid statement_object_cid(const struct statement *s,
                                enum statement_object o);
/* Step 2: objects[] hold the bytes; they must be what the record names. Fills
 * subjects, without their SHA-256. 0, ERR_TASK_FAILED with d, ERR_NOMEM. */
int statement_take_objects(struct statement *s, struct diag *d) MUST_USE;
/* Step 3: both digests of a file's bytes. Gives the first subject with that CID
 * that has no SHA-256 yet its SHA-256; all with the same CID. False: none. */
int statement_give_digests(struct statement *s, const struct cid *c,
                           const uint8_t sha256[static 32]);
/* The first subject without, or NULL: all is there. */
const struct statement_subject *statement_missing(const struct statement *s);
/* Step 4: appends the JSON. All steps before are done. */
int statement_write(const struct statement *s, struct buf *out) MUST_USE;

/* BLAKE3 and SHA-256 of an open file, in one reading. */
int statement_digest_file(int fd, struct cid *out_cid,
                          uint8_t out_sha256[static 32]) MUST_USE;

#endif

/* Making a tlog-proof from the ledger: the record's path to the root that was
 * signed with the newest batch. Memory: 32 bytes per record. */
#ifndef CLI_PROOF_H
#define CLI_PROOF_H

#include "proto/buf.h"
#include "proto/diag.h"
#include "proto/note.h"

struct proof {
    struct buf text;  /* the .tlog-proof file; the record stands in it */
    struct buf entry; /* the record's bytes */
    struct buf vkey;  /* line for the other side, without newline */
    uint64_t size;
    struct merkle_hash leaf;
    struct merkle_hash root;
};

void proof_init(struct proof *p);
void proof_release(struct proof *p);
/* ERR_NOT_FOUND, ERR_STORE_DAMAGED (the tree of the records is not the signed
 * one), ERR_NOMEM, ERR_IO; d says. */
int proof_make(const char *store, uint64_t seq, struct proof *out,
               struct diag *d) MUST_USE;
/* That the ledger goes on from an older checkpoint of its (a signed note):
 * appends "old N", the consistency path, an empty line and the newest checkpoint,
 * which is also what a tlog-witness is asked with. ERR_TASK_FAILED: it does not,
 * or the note is none of this log's; d says. */
int proof_since_make(const char *store, struct ubytes old_note, struct buf *out,
                     struct diag *d) MUST_USE;
/* The check, without a store. 0 or ERR_TASK_FAILED with d. */
int proof_since_check(struct ubytes text, struct ubytes old_note,
                      const char *origin, const uint8_t old_key[static 32],
                      const uint8_t key[static 32],
                      struct checkpoint *out_old, struct checkpoint *out,
                      struct diag *d) MUST_USE;

#endif

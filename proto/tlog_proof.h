/* Proof files (c2sp.org/tlog-proof@v1, ".tlog-proof"): that a log holds an entry,
 * for somebody who has the log's public key and nothing else. In ours the entry
 * itself stands in the file's "extra" line: it need not be trusted, as its hash
 * must lead to the signed root. Reads what others wrote, says which line is
 * wrong; holds no secret key. */
#ifndef PROTO_TLOG_PROOF_H
#define PROTO_TLOG_PROOF_H

#include "proto/diag.h"
#include "proto/note.h"

#define TLOG_PROOF_EXTRA_MAX 65535 /* an entry of a tlog-tiles log */
#define TLOG_PROOF_BYTES_MAX                                                   \
    (NOTE_BYTES_MAX + 4 * (TLOG_PROOF_EXTRA_MAX / 3) + 64 * 45 + 128)

struct tlog_proof {
    uint64_t index;
    struct merkle_hash path[MERKLE_PROOF_MAX]; /* leaf's sibling first */
    size_t path_n;
    struct buf extra; /* owned; empty = no such line */
    struct checkpoint checkpoint;
};

void tlog_proof_init(struct tlog_proof *p);
void tlog_proof_release(struct tlog_proof *p);

/* Appends the text; checkpoint_note goes in as it is, p->checkpoint is not
 * looked at. 0, ERR_NOMEM, ERR_LIMIT. */
int tlog_proof_write(struct buf *out, const struct tlog_proof *p,
                     struct ubytes checkpoint_note) MUST_USE;

enum {
    TLOG_PROOF_E_FORM = 1,      /* no such file, or a field is malformed */
    TLOG_PROOF_E_SIGNER = 2,    /* another log's, or signed by another key */
    TLOG_PROOF_E_SIGNATURE = 3, /* the key's signature is not over this */
    TLOG_PROOF_E_PATH = 4       /* does not lead from the entry to the root */
};
/* Parses, and checks the checkpoint under the log's name and key. out is
 * initialised. 0, TLOG_PROOF_E_FORM, _SIGNER, _SIGNATURE (d: line and what is
 * wrong there), ERR_NOMEM. */
int tlog_proof_read(struct ubytes in, const char *origin,
                    const uint8_t key[static 32], struct tlog_proof *out,
                    struct diag *d) MUST_USE;
/* The checkpoint's note in a proof file; empty when there is none. Borrows. */
struct ubytes tlog_proof_note(struct ubytes in);
/* Does it prove the entry of that leaf hash? 0 or TLOG_PROOF_E_PATH with d. */
int tlog_proof_check(const struct tlog_proof *p, const struct merkle_hash *leaf,
                     struct diag *d) MUST_USE;

#endif

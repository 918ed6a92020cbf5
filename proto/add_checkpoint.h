/* The body of a witness's add-checkpoint request (C2SP tlog-witness): "old N", the
 * consistency proof from N, an empty line, the checkpoint's note. Shared by the
 * witness and those who ask it; reads foreign bytes. */
#ifndef PROTO_ADD_CHECKPOINT_H
#define PROTO_ADD_CHECKPOINT_H

#include "proto/note.h"

#define ADD_CHECKPOINT_PROOF_MAX 63
#define ADD_CHECKPOINT_BYTES_MAX                                               \
    (NOTE_BYTES_MAX + 32 + (ADD_CHECKPOINT_PROOF_MAX + 1) * 45)

struct add_checkpoint {
    uint64_t old_size;
    struct merkle_hash proof[ADD_CHECKPOINT_PROOF_MAX];
    size_t proof_n;
    struct ubytes note;   /* borrowed; its signatures are not looked at */
    struct ubytes body;   /* of the note: what is signed */
    struct checkpoint at; /* what it says */
};

/* note is the one part that is read of in. 0, ERR_NOMEM, ERR_LIMIT. */
int add_checkpoint_write(struct buf *out,
                         const struct add_checkpoint *in) MUST_USE;
/* 0 or ERR_ENCODING; out borrows from in. */
int add_checkpoint_read(struct ubytes in, struct add_checkpoint *out) MUST_USE;

#endif

/* What a training run goes on from: the envelope around what a fit saves. It says
 * whose state it is, so that one of another model, recipe or data is refused by
 * name, and carries a checksum, so that a damaged one is, too.
 *
 * Bytes, big-endian: "PTRAIN" and u16 version; three digests (BLAKE3): of the
 * model, of the recipe, of the data; u64 steps made; u8 1 if it waits for the measure
 * of the epoch that just ended; u64 length and body; BLAKE3 of all before. Worker train only. */
#ifndef WORKERS_TRAIN_STATE_H
#define WORKERS_TRAIN_STATE_H

#include "proto/blake3.h"
#include "proto/buf.h"
#include "proto/diag.h"

#include "train.pb-c.h"

#define STATE_VERSION 1u
#define STATE_HEAD_BYTES (8 + 3 * BLAKE3_BYTES + 8 + 1 + 8)
#define STATE_BYTES_MORE (STATE_HEAD_BYTES + BLAKE3_BYTES) /* than the body */

struct state_owner {
    uint8_t model[BLAKE3_BYTES];
    uint8_t recipe[BLAKE3_BYTES];
    uint8_t data[BLAKE3_BYTES];
};

/* fit: the fit's name; parameters: of the model. checked: rows measured on. 0 or
 * ERR_NOMEM. */
int state_owner_of(const char *fit, uint64_t parameters,
                   const Proctor__Recipe *recipe, const Proctor__Dataset *data,
                   uint64_t checked, struct state_owner *out) MUST_USE;

struct state_at {
    uint64_t step; /* steps made */
    int waits;
};

/* A state into ${out}: begin, the body, end. begin and end: 0, ERR_NOMEM,
 * ERR_LIMIT. start: begin's, where the state starts. */
int state_begin(struct buf *out, const struct state_owner *owner,
                const struct state_at *at, size_t *start) MUST_USE;
int state_end(struct buf *out, size_t start) MUST_USE;

/* 0, or ERR_INPUT with ${d} set: no state, another version, damaged, of another
 * model, recipe or data. The body borrows ${in}; it may still be anything. */
int state_open(struct ubytes in, const struct state_owner *owner,
               struct ubytes *out_body, struct state_at *out_at,
               struct diag *d) MUST_USE;

/* ERR_INPUT, with ${d} set: the checksum is right, what it covers is not. */
int state_is_damaged(struct diag *d);

#endif

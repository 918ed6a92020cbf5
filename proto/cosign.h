/* Cosignatures (C2SP tlog-cosignature, Ed25519): a witness says "at this time,
 * the largest tree of this log that I have seen, and that follows from all that I
 * saw before, is this one", as one more signature line of the checkpoint's note.
 * Any process; the secret key comes in as an argument. */
#ifndef PROTO_COSIGN_H
#define PROTO_COSIGN_H

#include "proto/note.h"

/* Who cosigns: a key of type NOTE_COSIGNATURE. */
struct cosigner {
    char name[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
};

/* "name+hash+key" line, without newline; and back: ERR_ENCODING. */
int cosigner_vkey(struct buf *out, const struct cosigner *c) MUST_USE;
int cosigner_parse(const char *vkey, struct cosigner *out) MUST_USE;

/* Appends c's signature line over a note's body. time_s: seconds since 1970. */
int cosign_line(struct buf *out, const struct cosigner *c,
                const uint8_t secret[static 64], uint64_t time_s,
                struct ubytes body) MUST_USE;

/* c's cosignature in a note. 0 with the newest *out_time_s; COSIGN_E_NONE (none
 * of that key), COSIGN_E_BAD (one of that key is not its signature),
 * ERR_ENCODING (no note). Lines of other keys are nobody's business here. */
enum {
    COSIGN_E_NONE = 1,
    COSIGN_E_BAD
};
int cosign_check(struct ubytes note, const struct cosigner *c,
                 uint64_t *out_time_s) MUST_USE;

/* Appends to out the lines of `lines` that are c's good cosignatures over body,
 * as they stand; *out_n counts them. For a witness's answer, of which nothing
 * else may be believed. ERR_ENCODING when it is no sequence of signature lines,
 * COSIGN_E_BAD as above. */
int cosign_pick(struct ubytes lines, struct ubytes body,
                const struct cosigner *c, struct buf *out,
                unsigned *out_n) MUST_USE;

/* The note without the lines of that key. */
int cosign_strip(struct ubytes note, const struct cosigner *c,
                 struct buf *out) MUST_USE;

#endif

/* Content identifiers: CID = BLAKE3-256 of the bytes, as text 64 lower-case hex
 * digits. The same rule as CML's. */
#ifndef PROTO_CID_H
#define PROTO_CID_H

#include "proto/base.h"

#define CID_BYTES 32
#define CID_TEXT_BYTES 65 /* with the terminating NUL */

struct cid {
    uint8_t b[CID_BYTES];
};

struct cid cid_of(struct ubytes bytes);
int cid_is_equal(const struct cid *a, const struct cid *b);
int cid_is_zero(const struct cid *a);
void cid_text(const struct cid *c, char out[static CID_TEXT_BYTES]);
/* Exactly 64 lower-case hex digits, else ERR_INPUT. */
int cid_parse(const char *text, struct cid *out) MUST_USE;

/* Plain hex, lower case; out has 2n + 1 bytes. */
void hex_text(const uint8_t *p, size_t n, char *out);
int hex_parse(const char *text, size_t text_n, uint8_t *out) MUST_USE;

#endif

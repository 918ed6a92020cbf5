/* DSSE envelopes (secure-systems-lab/dsse, version 1): a payload, its type, and
 * signatures over both. One payload type, in-toto statements; Ed25519. */
#ifndef CLI_DSSE_H
#define CLI_DSSE_H

#include "cli/pem.h"
#include "proto/buf.h"

#define DSSE_PAYLOAD_TYPE "application/vnd.in-toto+json"
#define DSSE_PAYLOAD_BYTES ((size_t)32 << 20)
#define DSSE_ENVELOPE_BYTES ((size_t)48 << 20)
#define DSSE_SIGNATURES_MAX 64

/* What is signed: "DSSEv1", type and payload, each with its length. */
int dsse_pae(struct ubytes payload, struct buf *out) MUST_USE;
/* Appends the envelope as JSON with one signature. */
int dsse_write(struct ubytes payload, const struct pem_public *signer,
               const uint8_t sig[static 64], struct buf *out) MUST_USE;

enum {
    DSSE_E_FORM = 1,     /* no envelope, or of another payload type */
    DSSE_E_SIGNATURE = 2 /* none by that key holds */
};
/* Appends the payload of an envelope that the key signed; other keys' signatures
 * are not looked at. 0, an outcome, ERR_NOMEM. */
int dsse_read(struct ubytes envelope, const struct pem_public *signer,
              struct buf *out) MUST_USE;

#endif

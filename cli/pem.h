/* A person's Ed25519 key in PEM (RFC 8410), as OpenSSL writes it: what signs an
 * exported statement. Not the log's key, which never leaves the signer. */
#ifndef CLI_PEM_H
#define CLI_PEM_H

#include "proto/base.h"

struct pem_public {
    uint8_t key[32];
    char id[65]; /* SHA-256 of the SubjectPublicKeyInfo, hex */
};
/* From a public key's file. ERR_INPUT (not one), ERR_NOT_FOUND, ERR_ACCESS,
 * ERR_IO. */
int pem_read_public(const char *path, struct pem_public *out) MUST_USE;
/* A signature by the private key in the file at path. Same errors. */
int pem_sign(const char *path, struct ubytes text, uint8_t out_sig[static 64],
             struct pem_public *out) MUST_USE;
/* A new pair: path (only its owner may read it) and path.pub. ERR_EXISTS when
 * one is there: no key is ever overwritten. */
int pem_make(const char *path) MUST_USE;

#endif

/* SHA-256 as the ledger's formats use it. Who computes it is settled where a
 * program is linked (proto/CMakeLists.txt): the kernel, the signer and the
 * replayer by libsodium (proto/sha256.c), `proctor` by nettle
 * (cli/nettle/sha256.c), which uses the processor's instructions for it. So what
 * the one signed is checked by an implementation of somebody else. */
#ifndef PROTO_SHA256_H
#define PROTO_SHA256_H

#include "proto/base.h"

#define SHA256_BYTES 32

/* Of the n parts, one after the other. */
void sha256_of(const struct ubytes *parts, size_t n,
               uint8_t out[static SHA256_BYTES]);
/* The library's name, for people. */
const char *sha256_by(void);

#endif

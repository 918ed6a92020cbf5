/* SHA-256 by libsodium: in every process but `proctor`. */
#include "proto/sha256.h"

#include <sodium.h>

void sha256_of(const struct ubytes *parts, size_t n,
               uint8_t out[static SHA256_BYTES])
{
    crypto_hash_sha256_state state;
    size_t i;

    crypto_hash_sha256_init(&state);
    for (i = 0; i < n; i++) {
        if (parts[i].n > 0) {
            crypto_hash_sha256_update(&state, parts[i].p, parts[i].n);
        }
    }
    crypto_hash_sha256_final(&state, out);
}

const char *sha256_by(void)
{
    return "libsodium";
}

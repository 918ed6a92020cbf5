/* SHA-256 by nettle, in `proctor` only (proto/sha256.h). */
#include "proto/sha256.h"

#include <nettle/sha2.h>

void sha256_of(const struct ubytes *parts, size_t n,
               uint8_t out[static SHA256_BYTES])
{
    struct sha256_ctx state;
    size_t i;

    sha256_init(&state);
    for (i = 0; i < n; i++) {
        if (parts[i].n > 0) {
            sha256_update(&state, parts[i].n, parts[i].p);
        }
    }
    sha256_digest(&state, SHA256_BYTES, out);
}

const char *sha256_by(void)
{
    return "nettle";
}

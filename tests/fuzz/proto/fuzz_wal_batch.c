/* Batches. The harness mends length and digest, so that inputs get past them;
 * the checker then runs over what was accepted. */
#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct wal_batch *b)
{
    struct wal_head h = {.first = b->first};
    struct wal_check c;
    static const uint8_t key[32];

    h.frontier.size = b->first;
    wal_check_init(&c, &h, "proctor/0123456789abcdef", key);
    if (wal_check_batch(&c, b, NULL, NULL) == 0) {
        abort(); /* no signature verifies under the zero key */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct wal_batch b;
    struct buf in;
    struct buf again;
    uint8_t digest[32];
    size_t used;

    if (n > 100000) {
        return 0;
    }
    buf_init(&in, 1u << 20);
    buf_init(&again, 1u << 20);
    if (buf_put(&in, "PBAT", 4) != 0 || buf_put_u32(&in, (uint32_t)n) != 0 ||
        buf_put(&in, data, n) != 0) {
        abort();
    }
    blake3(buf_bytes(&in).p, buf_len(&in), digest);
    if (buf_put(&in, digest, 32) != 0) {
        abort();
    }
    if (wal_batch_decode(buf_bytes(&in), &b, &used) == 0) {
        if (used != buf_len(&in) || wal_batch_encode(&again, &b) != 0 ||
            buf_len(&again) != used ||
            memcmp(buf_bytes(&again).p, buf_bytes(&in).p, used) != 0) {
            abort();
        }
        check(&b);
    }
    buf_release(&in);
    buf_release(&again);
    return 0;
}

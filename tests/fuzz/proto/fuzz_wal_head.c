/* Segment heads. The harness adds the digest, so that inputs get past it; a
 * head may end earlier, as batches follow it in a file. */
#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct wal_head h;
    struct buf in;
    struct buf again;
    uint8_t digest[32];
    size_t used;

    if (n > 4000) {
        return 0;
    }
    buf_init(&in, 8000);
    buf_init(&again, 8000);
    blake3(data, n, digest);
    if (buf_put(&in, data, n) != 0 || buf_put(&in, digest, 32) != 0) {
        abort();
    }
    if (wal_head_decode(buf_bytes(&in), &h, &used) == 0 &&
        (used > buf_len(&in) || wal_head_encode(&again, &h) != 0 ||
         buf_len(&again) != used ||
         memcmp(buf_bytes(&again).p, buf_bytes(&in).p, used) != 0)) {
        abort();
    }
    buf_release(&in);
    buf_release(&again);
    return 0;
}

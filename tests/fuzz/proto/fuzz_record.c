/* Ledger records: what is accepted re-encodes to the same bytes and has
 * JSON. */
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t leaf[32];
    struct record r;
    struct buf b;

    if (record_decode((struct ubytes){data, n}, &r) != 0) {
        return 0;
    }
    buf_init(&b, 16u << 20);
    if (record_encode(&r, &b) != 0 || buf_len(&b) != n ||
        memcmp(buf_bytes(&b).p, data, n) != 0) {
        abort();
    }
    buf_reset(&b);
    if (record_put_json(&b, &r, leaf) != 0) {
        abort();
    }
    buf_release(&b);
    return 0;
}

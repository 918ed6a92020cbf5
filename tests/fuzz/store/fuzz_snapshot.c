/* Snapshots of kernel state: what is accepted encodes to the same bytes, and
 * takes records. */
#include <stdlib.h>
#include <string.h>

#include "kernel/store/fold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A record of each kind that has an effect, on made-up names. */
static void use(struct fold *f)
{
    static const enum record_kind kinds[] = {RECORD_COMMIT, RECORD_VERDICT,
                                             RECORD_REF,    RECORD_TASK,
                                             RECORD_RUN,    RECORD_END,
                                             RECORD_SPLIT,  RECORD_LOOK,
                                             RECORD_INPUTS, RECORD_OUTPUTS};
    struct buf b;
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct record r;

        record_init(&r, kinds[i]);
        if (fold_add(f, &r) != 0) {
            abort();
        }
    }
    buf_init(&b, 64u << 20);
    if (fold_encode(f, &b) != 0) {
        abort();
    }
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fold *f;
    struct buf b;

    if (fold_decode((struct ubytes){data, n}, &f) != 0) {
        return 0;
    }
    buf_init(&b, 64u << 20);
    if (fold_encode(f, &b) != 0 || buf_len(&b) != n ||
        (n > 0 && memcmp(buf_bytes(&b).p, data, n) != 0)) {
        abort();
    }
    use(f);
    buf_release(&b);
    fold_free(f);
    return 0;
}

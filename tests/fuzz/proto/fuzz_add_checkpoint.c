/* add-checkpoint bodies: what is accepted writes back to the same bytes. */
#include "fuzz.h"

#include "proto/add_checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct add_checkpoint q;
    struct ubytes in = {data, n};
    struct buf again;

    if (n > ADD_CHECKPOINT_BYTES_MAX || add_checkpoint_read(in, &q) != 0) {
        return 0;
    }
    REQUIRE(q.proof_n <= ADD_CHECKPOINT_PROOF_MAX);
    REQUIRE(q.body.p == q.note.p && q.body.n < q.note.n);
    buf_init(&again, 2 * ADD_CHECKPOINT_BYTES_MAX);
    REQUIRE(add_checkpoint_write(&again, &q) == 0);
    REQUIRE(same_bytes(in, buf_bytes(&again)));
    buf_release(&again);
    return 0;
}

/* Proof files: a head from the input, then a checkpoint of three leaves that
 * is right. Only proofs of a leaf of that tree may be accepted, each in the
 * one form that note_proof_write gives it. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/note.h"

#define ORIGIN "proctor/0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put_checkpoint(struct buf *out, const struct merkle_hash *leaves,
                           const uint8_t *pk, const uint8_t *sk)
{
    struct checkpoint c = {.origin = ORIGIN, .size = 3};
    uint8_t sig[64];
    struct buf body;

    c.root = merkle_root(leaves, 3);
    buf_init(&body, 1000);
    if (note_body(&body, &c) != 0) {
        abort();
    }
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               sk);
    if (note_write(out, &c, pk, sig) != 0) {
        abort();
    }
    buf_release(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t seed[32] = {1};
    struct merkle_hash leaves[3];
    struct checkpoint c;
    struct buf file;
    uint8_t pk[32];
    uint8_t sk[64];
    uint64_t index;
    uint8_t i;

    if (n > 20000) {
        return 0;
    }
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    for (i = 0; i < 3; i++) {
        leaves[i] = merkle_leaf((struct ubytes){&i, 1});
    }
    buf_init(&file, 1u << 20);
    if (buf_put(&file, data, n) != 0) {
        abort();
    }
    put_checkpoint(&file, leaves, pk, sk);
    for (i = 0; i < 3; i++) {
        if (note_proof_check(buf_bytes(&file), ORIGIN, pk, &leaves[i], &index,
                             &c) == 0 &&
            (index != i || c.size != 3)) {
            abort();
        }
    }
    /* And the input alone, as it came. */
    if (note_proof_check((struct ubytes){data, n}, ORIGIN, pk, &leaves[0],
                         &index, &c) == 0) {
        abort();
    }
    buf_release(&file);
    return 0;
}

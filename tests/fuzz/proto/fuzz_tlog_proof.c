/* Proof files: a head from the input, then a checkpoint of three leaves that
 * is right. Only proofs of a leaf of that tree may be accepted, each in the
 * one form that tlog_proof_write gives it. */
#include "fuzz.h"

#include <sodium.h>

#include "proto/tlog_proof.h"

#define ORIGIN "proctor/0123456789abcdef"

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

/* Is the text a proof of that leaf? What was accepted must be written alike. */
static int proves(struct ubytes text, const uint8_t *pk,
                  const struct merkle_hash *leaf, struct ubytes note,
                  uint64_t *out_index)
{
    struct tlog_proof p;
    struct diag d;
    struct buf again;
    int good;

    diag_init(&d);
    tlog_proof_init(&p);
    good = tlog_proof_read(text, ORIGIN, pk, &p, &d) == 0;
    if (good) {
        buf_init(&again, TLOG_PROOF_BYTES_MAX);
        REQUIRE(tlog_proof_write(&again, &p, note) == 0);
        REQUIRE(same_bytes(buf_bytes(&again), text));
        buf_release(&again);
        good = tlog_proof_check(&p, leaf, &d) == 0;
        *out_index = p.index;
    }
    REQUIRE(good || d.what[0] != '\0');
    tlog_proof_release(&p);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t seed[32] = {1};
    struct merkle_hash leaves[3];
    struct buf file;
    struct buf note;
    uint8_t pk[32];
    uint8_t sk[64];
    uint64_t index = 0;
    uint8_t i;

    if (n > 20000) {
        return 0;
    }
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    for (i = 0; i < 3; i++) {
        leaves[i] = merkle_leaf((struct ubytes){&i, 1});
    }
    buf_init(&note, NOTE_BYTES_MAX);
    put_checkpoint(&note, leaves, pk, sk);
    buf_init(&file, 1u << 20);
    REQUIRE(buf_put(&file, data, n) == 0);
    REQUIRE(buf_put(&file, buf_bytes(&note).p, buf_len(&note)) == 0);
    for (i = 0; i < 3; i++) {
        if (proves(buf_bytes(&file), pk, &leaves[i], buf_bytes(&note),
                   &index)) {
            REQUIRE(index == i);
        }
    }
    /* And the input alone, as it came. */
    REQUIRE(!proves((struct ubytes){data, n}, pk, &leaves[0], buf_bytes(&note),
                    &index));
    buf_release(&note);
    buf_release(&file);
    return 0;
}

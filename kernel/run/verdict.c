/* Seeds and proof hashes. Kernel process. */
#include "kernel/run/verdict.h"

#include <sodium.h>
#include <string.h>

#include "proto/record.h"

static const char tag[] = "gate-v1";

void verdict_seed(const uint8_t x[static 32], const struct merkle_hash *commit,
                  uint8_t out_seed[static 32])
{
    crypto_generichash_state st;

    ASSERT(crypto_generichash_init(&st, x, 32, 32) == 0);
    ASSERT(crypto_generichash_update(&st, (const uint8_t *)tag,
                                     sizeof(tag) - 1) == 0);
    ASSERT(crypto_generichash_update(&st, commit->b, sizeof(commit->b)) == 0);
    ASSERT(crypto_generichash_final(&st, out_seed, 32) == 0);
}

void verdict_proof(const struct cid *candidate, const struct cid *exam,
                   const uint8_t seed[static 32], const Proctor__Evidence *e,
                   uint8_t out[static 32])
{
    crypto_hash_sha256_state st;

    memset(out, 0, 32);
    if (e->verdict != VERDICT_ADMIT || e->level != LEVEL_PROVEN) {
        return;
    }
    crypto_hash_sha256_init(&st);
    crypto_hash_sha256_update(&st, candidate->b, sizeof(candidate->b));
    crypto_hash_sha256_update(&st, exam->b, sizeof(exam->b));
    crypto_hash_sha256_update(&st, seed, 32);
    crypto_hash_sha256_update(&st, e->results_root.data, e->results_root.len);
    crypto_hash_sha256_final(&st, out);
}

const Proctor__Counterexample *verdict_burnt(const Proctor__Evidence *e,
                                             int is_drawn)
{
    if (e->verdict != VERDICT_REJECT || !is_drawn) {
        return NULL;
    }
    return e->shrunk;
}

/* The arithmetic that binds a verdict: seeds out of the reverse hash chain, the
 * proof hash. Pure. */
#ifndef KERNEL_RUN_VERDICT_H
#define KERNEL_RUN_VERDICT_H

#include "proto/cid.h"
#include "proto/merkle.h"

#include "evidence.pb-c.h"

/* BLAKE2b-256(key x_i, "gate-v1" || leaf hash of COMMIT). */
void verdict_seed(const uint8_t x[static 32], const struct merkle_hash *commit,
                  uint8_t out_seed[static 32]);
/* SHA-256(candidate || exam || seed || results root); zero unless e is an ADMIT
 * at level proven. */
void verdict_proof(const struct cid *candidate, const struct cid *exam,
                   const uint8_t seed[static 32], const Proctor__Evidence *e,
                   uint8_t out[static 32]);
/* The input that a verdict discloses: that of a REJECT after a draw; NULL for
 * none. Borrowed from e. */
const Proctor__Counterexample *verdict_burnt(const Proctor__Evidence *e,
                                             int is_drawn);

#endif

/* A stream of random bytes that anybody can recompute: the ChaCha20 key stream
 * of RFC 8439 under an exam's seed. Nonce: u32 lane, u64 k, both big-endian;
 * block counter from `sub` << 26, so that each sub-stream has 4 GiB of its own.
 * Numbers are read big-endian. Kernel only; holds no state but its own. */
#ifndef KERNEL_EXAM_STREAM_H
#define KERNEL_EXAM_STREAM_H

#include "proto/base.h"

#define STREAM_SUBS 64u
/* Lanes: strata are 0..; these are for everything that is not an instance. */
#define STREAM_LANE_ORDER 0x100u  /* draw order */
#define STREAM_LANE_REPEAT 0x101u /* the candidate's second run; k = chunk */
#define STREAM_LANE_ORACLE 0x102u /* the positive control; k = chunk */
#define STREAM_LANE_SHIFT 0x103u  /* permuted outputs; k = chunk */
#define STREAM_LANE_HUNT 0x104u   /* mutations; k = input looked at */
#define STREAM_LANE_MUTANTS 0x105u /* which mutants of a unit */

struct stream {
    uint8_t key_[32];
    uint8_t nonce_[12];
    uint32_t block_; /* next block of the key stream */
    uint32_t at_;
    uint32_t have_;
    uint8_t ready_[256];
};

void stream_init(struct stream *s, const uint8_t seed[static 32], uint32_t lane,
                 uint64_t k);
/* Goes to the start of sub-stream i < STREAM_SUBS. */
void stream_sub(struct stream *s, uint32_t i);
void stream_fill(struct stream *s, uint8_t *out, size_t n);
uint64_t stream_u64(struct stream *s);
/* Uniform in [0, n), by rejection; n = 0 stands for 2^64. */
uint64_t stream_below(struct stream *s, uint64_t n);
/* Log-uniform in [0, max]: a uniform bit length, then a number of that length;
 * again if it is over max. */
uint64_t stream_magnitude(struct stream *s, uint64_t max);
/* A uniform permutation of 0..n-1 (Fisher and Yates). */
void stream_shuffle(struct stream *s, uint32_t *out, uint32_t n);

/* Bits needed to write v; 0 for 0. */
static inline unsigned bit_length(uint64_t v)
{
    return v == 0 ? 0 : 64u - (unsigned)__builtin_clzll(v);
}

#endif

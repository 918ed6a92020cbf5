/* Random streams of an exam: docs/exam.md section 4. */
#ifndef REPLAY_CHANCE_H
#define REPLAY_CHANCE_H

#include "proto/base.h"

enum lane {
    LANE_LITERALS = 5, /* below: the strata */
    LANE_ORDER = 0x100,
    LANE_AGAIN = 0x101,
    LANE_ORACLE = 0x102,
    LANE_SHIFT = 0x103,
    LANE_HUNT = 0x104,
    LANE_MUTANTS = 0x105
};

struct chance {
    uint8_t key_[32];
    uint8_t nonce_[12];
    uint32_t block_; /* the next one of the key stream */
    size_t at_;
    uint8_t ready_[256];
};

void chance_open(struct chance *c, const uint8_t seed[static 32], uint32_t lane,
                 uint64_t k);
/* The start of sub-stream i. */
void chance_sub(struct chance *c, uint32_t i);
void chance_bytes(struct chance *c, uint8_t *out, size_t n);
uint64_t chance_u64(struct chance *c);
uint64_t chance_below(struct chance *c, uint64_t n); /* 0 stands for 2^64 */
uint64_t chance_magnitude(struct chance *c, uint64_t max);
void chance_shuffle(struct chance *c, uint32_t *out, uint32_t n);

/* Binary digits of v. */
static inline uint64_t chance_bits(uint64_t v)
{
    return v == 0 ? 0 : 64u - (uint64_t)__builtin_clzll(v);
}

#endif

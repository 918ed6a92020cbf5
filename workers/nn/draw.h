/* Counter-based random numbers: number i of stream (seed, stream) is a function
 * of the three and nothing else, so that order and machine do not matter.
 * Source: the output function of SplitMix64 (Steele, Lea, Flood 2014) over a
 * key that is two of its outputs. No cryptography: for made-up weights. Pure.
 * Workers only. */
#ifndef WORKERS_NN_DRAW_H
#define WORKERS_NN_DRAW_H

#include "proto/base.h"

struct draw {
    uint64_t key_;
};

static inline uint64_t draw_mix_(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline struct draw draw_init(uint64_t seed, uint64_t stream)
{
    uint64_t key = draw_mix_(seed + UINT64_C(0x9e3779b97f4a7c15));

    return (struct draw){
        draw_mix_(key ^ (stream + 1) * UINT64_C(0xd1342543de82ef95))};
}

static inline uint64_t draw_u64(const struct draw *d, uint64_t i)
{
    return draw_mix_(d->key_ + (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* In (-1, 1), never 0: an odd multiple of 2^-23. */
static inline float draw_f32(const struct draw *d, uint64_t i)
{
    int32_t v = (int32_t)(draw_u64(d, i) >> 41); /* 23 bits */

    return (float)(2 * v + 1 - (1 << 23)) * 0x1p-23f;
}

/* Below n, n >= 1: the bias is under n / 2^32. */
static inline uint32_t draw_below(const struct draw *d, uint64_t i, uint32_t n)
{
    return (uint32_t)((draw_u64(d, i) >> 32) * n >> 32);
}

#endif

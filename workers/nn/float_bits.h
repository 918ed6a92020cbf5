/* A float's or a double's bits, and back. Workers and their tests only. */
#ifndef WORKERS_NN_FLOAT_BITS_H
#define WORKERS_NN_FLOAT_BITS_H

#include <stdint.h>
#include <string.h>

/* Always inlined: compiled for the instructions that the caller is. */
static inline __attribute__((always_inline)) uint32_t bits_of(float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static inline __attribute__((always_inline)) float float_of(uint32_t bits)
{
    float v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline __attribute__((always_inline)) uint64_t bits_of_double(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static inline __attribute__((always_inline)) double double_of(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

#endif

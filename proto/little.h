/* Numbers of an array of little-endian bytes, wherever it lies: columns of data
 * sets, predictions, tokens. What has a length and a layout is read by buf.h.
 * Any process. */
#ifndef PROTO_LITTLE_H
#define PROTO_LITTLE_H

#include <string.h>

#include "proto/base.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "numbers are read as they lie");

/* Number i of the array at p, which needs no alignment; the caller knows that it
 * holds more than i of them. Always inlined: compiled for the instructions that
 * the caller is. */
static inline __attribute__((always_inline)) uint32_t
little_u32(const uint8_t *p, uint64_t i)
{
    uint32_t v;

    memcpy(&v, p + sizeof(v) * i, sizeof(v));
    return v;
}

static inline __attribute__((always_inline)) float
little_f32(const uint8_t *p, uint64_t i)
{
    float v;

    memcpy(&v, p + sizeof(v) * i, sizeof(v));
    return v;
}

static inline __attribute__((always_inline)) double
little_f64(const uint8_t *p, uint64_t i)
{
    double v;

    memcpy(&v, p + sizeof(v) * i, sizeof(v));
    return v;
}

#endif

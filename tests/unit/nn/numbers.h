/* Random numbers and bits for the tests of numerics. */
#ifndef TESTS_UNIT_NN_NUMBERS_H
#define TESTS_UNIT_NN_NUMBERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base.h"
#include "workers/nn/float_bits.h"

static uint64_t numbers_state = 42;

static UNUSED uint64_t draw(void)
{
    numbers_state ^= numbers_state << 13;
    numbers_state ^= numbers_state >> 7;
    numbers_state ^= numbers_state << 17;
    return numbers_state >> 8;
}

static UNUSED size_t below(size_t n)
{
    return (size_t)(draw() % n);
}

/* Both signs, exponents of 2^-8 to 2^7, now and then 0. */
static UNUSED float draw_number(void)
{
    uint64_t v = draw();

    return v % 61 == 0 ? 0.0f
                       : float_of((uint32_t)(v & 0x807fffff) |
                                  (uint32_t)(119 + (v >> 40) % 16) << 23);
}

/* n floats; free. */
static UNUSED float *draw_numbers(size_t n)
{
    float *v = malloc((n + 1) * sizeof(*v));

    assert_non_null(v);
    for (size_t i = 0; i < n; i++) {
        v[i] = draw_number();
    }
    return v;
}

static UNUSED int is_full(void)
{
    return getenv("PROCTOR_FULL") != NULL;
}

#endif

/* Random domains of every shape, for comparing two implementations. */
#ifndef TESTS_UNIT_REPLAY_DOMAINS_H
#define TESTS_UNIT_REPLAY_DOMAINS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "proto/domain.h"
#include "proto/err.h"
#include "proto/value.h"

#define OK(call) assert_int_equal((call), 0)

/* Setup of a group of tests. */
static inline int sodium_start(void **state)
{
    (void)state;
    return sodium_init() < 0;
}

/* xorshift64*: any generator but the one under test. */
static uint64_t dice_state = 1;

static inline uint64_t dice(uint64_t n)
{
    dice_state ^= dice_state >> 12;
    dice_state ^= dice_state << 25;
    dice_state ^= dice_state >> 27;
    return (dice_state * 0x2545f4914f6cdd1du >> 16) % n;
}

static inline uint64_t dice_wide(void)
{
    uint64_t v = dice(1u << 16) << 48 | dice(1u << 24) << 24 | dice(1u << 24);

    return v >> dice(64);
}

static inline void domain_int(struct buf *b)
{
    static const uint8_t codes[] = {1, 2, 4, 8, 0x81, 0x82, 0x84, 0x88};
    uint8_t code = codes[dice(8)];
    unsigned shift = 64 - 8u * (code & 15u);
    uint64_t v[2];

    for (unsigned i = 0; i < 2; i++) {
        uint64_t raw = (dice(2) ? dice_wide() : 0 - dice_wide()) << shift;

        v[i] = (code & 0x80) != 0 ? raw >> shift
                                  : (uint64_t)((int64_t)raw >> shift);
    }
    if ((code & 0x80) != 0 ? v[0] > v[1] : (int64_t)v[0] > (int64_t)v[1]) {
        uint64_t t = v[0];

        v[0] = v[1];
        v[1] = t;
    }
    OK(buf_put_u8(b, DOMAIN_INT));
    OK(buf_put_u8(b, code));
    OK(buf_put_u64(b, v[0]));
    OK(buf_put_u64(b, v[1]));
}

static inline void domain_float(struct buf *b)
{
    static const double scales[] = {1e-3, 1.0, 1e30, 0x1p-1060, 0x1p1000};
    double v[2];
    float f[2];
    uint64_t bits[2];

    for (unsigned i = 0; i < 2; i++) {
        v[i] = ((double)dice(2001) - 1000.0) * scales[dice(3)];
    }
    if (dice(4) == 0) {
        v[0] = -0.0;
        v[1] = scales[dice(5)];
    }
    if (v[0] > v[1]) {
        double t = v[0];

        v[0] = v[1];
        v[1] = t;
    }
    OK(buf_put_u8(b, DOMAIN_FLOAT));
    f[0] = (float)v[0];
    f[1] = (float)v[1];
    if (dice(2) && f[1] < 3e38f) {
        uint32_t narrow[2];

        memcpy(narrow, f, sizeof(narrow));
        bits[0] = narrow[0];
        bits[1] = narrow[1];
        OK(buf_put_u8(b, 4));
    } else {
        memcpy(bits, v, sizeof(bits));
        OK(buf_put_u8(b, 8));
    }
    OK(buf_put_u64(b, bits[0]));
    OK(buf_put_u64(b, bits[1]));
}

static inline void domain_lengths(struct buf *b, uint8_t tag, uint64_t max)
{
    uint32_t lo = (uint32_t)dice(4);

    OK(buf_put_u8(b, tag));
    OK(buf_put_u32(b, lo));
    OK(buf_put_u32(b, lo + (uint32_t)dice(dice(3) ? 10 : max)));
}

static inline void domain_string(struct buf *b)
{
    uint32_t n = dice(2) ? 0 : 1 + (uint32_t)dice(6);
    uint32_t cp = 0;

    domain_lengths(b, DOMAIN_STRING, 300);
    OK(buf_put_u32(b, n));
    for (uint32_t i = 0; i < n; i++) {
        cp += 1 + (uint32_t)dice(dice(2) ? 40 : 9000);
        OK(buf_put_u32(b, cp));
    }
}

/* A choice of u16 values. */
static inline void domain_choice(struct buf *b)
{
    uint32_t n = 1 + (uint32_t)dice(5);

    OK(buf_put_u8(b, DOMAIN_CHOICE));
    OK(buf_put_u8(b, TYPE_INT));
    OK(buf_put_u8(b, 0x82));
    OK(buf_put_u32(b, n));
    for (uint32_t i = 0; i < n; i++) {
        uint8_t v[4] = {3, 0x82, (uint8_t)i, (uint8_t)dice(256)};

        OK(buf_put_bytes32(b, (struct ubytes){v, sizeof(v)}));
    }
}

/* One domain, nested at most so deep. */
static inline void domain_any(struct buf *b, unsigned depth)
{
    uint64_t n;

    switch (dice(depth > 0 ? 9 : 7)) {
    case 0:
        OK(buf_put_u8(b, DOMAIN_BOOL));
        return;
    case 1:
    case 2:
        domain_int(b);
        return;
    case 3:
        domain_float(b);
        return;
    case 4:
        domain_string(b);
        return;
    case 5:
        domain_lengths(b, DOMAIN_BYTES, 600);
        return;
    case 6:
        domain_choice(b);
        return;
    case 7:
        domain_lengths(b, DOMAIN_LIST, 40);
        domain_any(b, depth - 1);
        return;
    default:
        n = dice(4);
        OK(buf_put_u8(b, DOMAIN_TUPLE));
        OK(buf_put_u8(b, (uint8_t)n));
        while (n-- > 0) {
            domain_any(b, depth - 1);
        }
        return;
    }
}

/* Arguments of a function: a tuple. False when it would be over a limit. */
static inline int domain_arguments(struct buf *b, struct type *out)
{
    uint64_t n = dice(4);

    buf_reset(b);
    OK(buf_put_u8(b, DOMAIN_TUPLE));
    OK(buf_put_u8(b, (uint8_t)n));
    while (n-- > 0) {
        domain_any(b, (unsigned)dice(4));
    }
    return domain_check(buf_bytes(b), out) == 0;
}

static inline void same_bytes(const struct buf *a, const struct buf *b)
{
    assert_int_equal(buf_len(a), buf_len(b));
    if (buf_len(a) > 0) {
        assert_memory_equal(buf_bytes(a).p, buf_bytes(b).p, buf_len(a));
    }
}

#endif

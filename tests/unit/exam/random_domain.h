/* Domains by hand and at random. For test_draw.c. */
#ifndef TESTS_UNIT_EXAM_RANDOM_DOMAIN_H
#define TESTS_UNIT_EXAM_RANDOM_DOMAIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/exam/draw.h"
#include "kernel/exam/stream.h"
#include "proto/cid.h"
#include "proto/err.h"
#include "proto/limits.h"

#define OK(call) assert_int_equal((call), 0)

static void put_int(struct buf *b, uint8_t code, uint64_t lo, uint64_t hi)
{
    OK(buf_put_u8(b, DOMAIN_INT));
    OK(buf_put_u8(b, code));
    OK(buf_put_u64(b, lo));
    OK(buf_put_u64(b, hi));
}

static void put_float(struct buf *b, uint8_t width, uint64_t lo, uint64_t hi)
{
    OK(buf_put_u8(b, DOMAIN_FLOAT));
    OK(buf_put_u8(b, width));
    OK(buf_put_u64(b, lo));
    OK(buf_put_u64(b, hi));
}

static void put_lengths(struct buf *b, uint8_t tag, uint32_t lo, uint32_t hi)
{
    OK(buf_put_u8(b, tag));
    OK(buf_put_u32(b, lo));
    OK(buf_put_u32(b, hi));
    if (tag == DOMAIN_STRING) {
        OK(buf_put_u32(b, 0));
    }
}

static void put_tuple(struct buf *b, uint8_t n)
{
    OK(buf_put_u8(b, DOMAIN_TUPLE));
    OK(buf_put_u8(b, n));
}

static struct draw_source source_of(const struct buf *domain, uint8_t seed)
{
    struct draw_source src = {.of.domain = buf_bytes(domain)};

    memset(src.seed, seed, sizeof(src.seed));
    return src;
}

/* --- random domains ----------------------------------------------------- */

static uint64_t f64_bits(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static void random_int(struct buf *b, struct stream *r)
{
    static const uint8_t codes[] = {1, 2, 4, 8, 0x81, 0x82, 0x84, 0x88};
    uint8_t code = codes[stream_below(r, ARRAY_N(codes))];
    unsigned shift = 64 - 8u * (code & 15u);
    uint64_t v[2];

    for (unsigned i = 0; i < 2; i++) {
        uint64_t raw = stream_below(r, 2) ? stream_u64(r)
                                          : stream_magnitude(r, UINT64_MAX);

        raw <<= shift;
        v[i] = (code & 0x80) != 0 ? raw >> shift
                                  : (uint64_t)((int64_t)raw >> shift);
    }
    if ((code & 0x80) != 0 ? v[0] > v[1] : (int64_t)v[0] > (int64_t)v[1]) {
        put_int(b, code, v[1], v[0]);
    } else {
        put_int(b, code, v[0], v[1]);
    }
}

static void random_float(struct buf *b, struct stream *r)
{
    double v[2];

    for (unsigned i = 0; i < 2; i++) {
        v[i] = ((double)stream_below(r, 2000) - 1000) *
               (stream_below(r, 2) ? 1e30 : 1e-3);
    }
    if (v[0] > v[1]) {
        double t = v[0];

        v[0] = v[1];
        v[1] = t;
    }
    if (stream_below(r, 2)) {
        float narrow[2] = {(float)v[0], (float)v[1]};
        uint32_t bits[2];

        memcpy(bits, narrow, sizeof(bits));
        put_float(b, 4, bits[0], bits[1]);
    } else {
        put_float(b, 8, f64_bits(v[0]), f64_bits(v[1]));
    }
}

static void random_string(struct buf *b, struct stream *r)
{
    uint32_t lo = (uint32_t)stream_below(r, 4);
    uint32_t n = (uint32_t)stream_below(r, 6);
    uint32_t cp = 0;

    OK(buf_put_u8(b, DOMAIN_STRING));
    OK(buf_put_u32(b, lo));
    OK(buf_put_u32(b, lo + (uint32_t)stream_below(r, 20)));
    OK(buf_put_u32(b, n));
    for (uint32_t i = 0; i < n; i++) {
        cp += 1 + (uint32_t)stream_magnitude(r, 0x900);
        cp = cp >= 0xd800 && cp < 0xe000 ? 0xe000 : cp;
        OK(buf_put_u32(b, cp));
    }
}

static void random_choice(struct buf *b, struct stream *r)
{
    uint32_t n = 1 + (uint32_t)stream_below(r, 5);

    OK(buf_put_u8(b, DOMAIN_CHOICE));
    OK(buf_put_u16(b, 0x0381)); /* u8 */
    OK(buf_put_u32(b, n));
    for (uint32_t i = 0; i < n; i++) {
        uint8_t v[3] = {3, 0x81, (uint8_t)(i * 7)};

        OK(buf_put_bytes32(b, (struct ubytes){v, sizeof(v)}));
    }
}

static void random_domain(struct buf *b, struct stream *r, unsigned depth)
{
    uint64_t kind = stream_below(r, depth < 3 ? 9 : 7);
    uint32_t lo = (uint32_t)stream_below(r, 3);

    if (kind == 0) {
        OK(buf_put_u8(b, DOMAIN_BOOL));
    } else if (kind <= 2) {
        random_int(b, r);
    } else if (kind == 3) {
        random_float(b, r);
    } else if (kind == 4) {
        random_string(b, r);
    } else if (kind == 5) {
        put_lengths(b, DOMAIN_BYTES, lo, lo + (uint32_t)stream_below(r, 40));
    } else if (kind == 6) {
        random_choice(b, r);
    } else if (kind == 7) {
        put_lengths(b, DOMAIN_LIST, lo, lo + (uint32_t)stream_below(r, 12));
        random_domain(b, r, depth + 1);
    } else {
        uint8_t n = (uint8_t)stream_below(r, 5);

        put_tuple(b, n);
        for (uint8_t i = 0; i < n; i++) {
            random_domain(b, r, depth + 1);
        }
    }
}

#endif

/* Random types, values and bytes for property tests. Every draw comes from one
 * seed, which is printed when a check fails: PROCTOR_TEST_SEED repeats it. */
#ifndef TESTS_UNIT_PROTO_GEN_H
#define TESTS_UNIT_PROTO_GEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "proto/value.h"

struct gen {
    uint64_t seed;
    uint64_t state;
};

static inline uint64_t gen_u64(struct gen *g)
{
    uint64_t z = (g->state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline uint32_t gen_below(struct gen *g, uint32_t n)
{
    return (uint32_t)(gen_u64(g) % n);
}

static inline struct gen gen_start(void)
{
    const char *text = getenv("PROCTOR_TEST_SEED");
    struct gen g = {0, 0};

    if (text != NULL) {
        g.seed = strtoull(text, NULL, 0);
    } else {
        g.seed = (uint64_t)(uintptr_t)&g ^ ((uint64_t)getpid() << 40);
    }
    g.state = g.seed;
    return g;
}

/* assert_true that names the seed. */
#define CHECK(g, condition)                                                    \
    do {                                                                       \
        if (!(condition)) {                                                    \
            print_error("PROCTOR_TEST_SEED=%llu\n",                            \
                        (unsigned long long)(g)->seed);                        \
            fail_msg("%s", #condition);                                        \
        }                                                                      \
    } while (0)

/* Appends the canonical bytes of a random type to b. */
static inline void gen_type_bytes(struct gen *g, struct buf *b, unsigned depth)
{
    static const uint8_t ints[] = {1, 2, 4, 8, 0x81, 0x82, 0x84, 0x88};
    static const uint8_t tags[] = {1, 3, 3, 4, 5, 6, 8, 9};
    uint8_t tag = tags[gen_below(g, depth < TYPE_DEPTH_MAX ? 8 : 6)];
    unsigned children = 0;

    assert_int_equal(buf_put_u8(b, tag), 0);
    if (tag == TYPE_INT) {
        assert_int_equal(buf_put_u8(b, ints[gen_below(g, 8)]), 0);
    } else if (tag == TYPE_FLOAT) {
        assert_int_equal(buf_put_u8(b, gen_below(g, 2) ? 4 : 8), 0);
    } else if (tag == TYPE_LIST) {
        children = 1;
    } else if (tag == TYPE_TUPLE) {
        children = gen_below(g, 4);
        assert_int_equal(buf_put_u8(b, (uint8_t)children), 0);
    }
    for (unsigned i = 0; i < children; i++) {
        gen_type_bytes(g, b, depth + 1);
    }
}

static inline struct type gen_type(struct gen *g)
{
    struct type t;
    struct buf b;
    int code;

    do {
        buf_init(&b, 1u << 20);
        gen_type_bytes(g, &b, 1);
        code = type_decode(buf_bytes(&b), &t);
        CHECK(g, code == 0 || buf_len(&b) > TYPE_BYTES_MAX);
        buf_release(&b);
    } while (code != 0);
    return t;
}

static inline double gen_f64(struct gen *g)
{
    uint64_t bits = gen_u64(g);
    double v;

    switch (gen_below(g, 4)) {
    case 0:
        return (double)(int32_t)gen_u64(g);
    case 1:
        return (double)(int32_t)gen_u64(g) / 100.0;
    case 2:
        bits &= UINT64_C(0x800fffffffffffff); /* subnormal */
        break;
    default:
        break;
    }
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline float gen_f32(struct gen *g)
{
    uint32_t bits = (uint32_t)gen_u64(g);
    float v;

    if (gen_below(g, 4) == 0) {
        bits &= UINT32_C(0x807fffff); /* subnormal */
    }
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline void gen_string(struct gen *g, struct buf *b)
{
    static const uint32_t top[] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
    uint8_t text[4 * 12];
    size_t n = 0;

    for (uint32_t i = gen_below(g, 13); i > 0; i--) {
        uint32_t cp = 1 + gen_below(g, top[gen_below(g, 4)]);

        if (cp >= 0xd800 && cp <= 0xdfff) {
            cp = 'x';
        }
        n += utf8_put(cp, text + n);
    }
    assert_int_equal(value_put_string(b, (struct ubytes){text, n}), 0);
}

/* Appends a random value of the type at off of t. */
static inline void gen_value(struct gen *g, const struct type *t, size_t off,
                             struct buf *b)
{
    struct type one = type_sub(t, off);
    uint64_t bytes[4] = {gen_u64(g), gen_u64(g), gen_u64(g), gen_u64(g)};
    unsigned n;

    switch (type_tag_at(t, off)) {
    case TYPE_BOOL:
        assert_int_equal(value_put_bool(b, (int)gen_below(g, 2)), 0);
        return;
    case TYPE_INT:
        assert_int_equal(value_put_int(b, &one, gen_u64(g)), 0);
        return;
    case TYPE_FLOAT:
        assert_int_equal(one.b[1] == 4 ? value_put_f32(b, gen_f32(g))
                                       : value_put_f64(b, gen_f64(g)),
                         0);
        return;
    case TYPE_STRING:
        gen_string(g, b);
        return;
    case TYPE_BYTES:
        assert_int_equal(value_put_bytes(b, (struct ubytes){(uint8_t *)bytes,
                                                            gen_below(g, 33)}),
                         0);
        return;
    case TYPE_LIST:
        n = gen_below(g, 4);
        assert_int_equal(value_put_list(b, n), 0);
        for (unsigned i = 0; i < n; i++) {
            gen_value(g, t, off + 1, b);
        }
        return;
    case TYPE_TUPLE:
        n = t->b[off + 1];
        assert_int_equal(value_put_tuple(b, n), 0);
        off += 2;
        for (unsigned i = 0; i < n; i++) {
            gen_value(g, t, off, b);
            off = type_skip(t, off);
        }
        return;
    default:
        fail();
    }
}

/* Changes, drops, doubles or inserts one byte. Returns the new length; p has
 * room for n + 1. */
static inline size_t gen_damage(struct gen *g, uint8_t *p, size_t n)
{
    size_t at = n > 0 ? gen_below(g, (uint32_t)n) : 0;

    switch (gen_below(g, 3)) {
    case 0:
        if (n > 0) {
            p[at] ^= (uint8_t)(1u << gen_below(g, 8));
        }
        return n;
    case 1:
        if (n > 0) {
            memmove(p + at, p + at + 1, n - at - 1);
            return n - 1;
        }
        return n;
    default:
        memmove(p + at + 1, p + at, n - at);
        p[at] = (uint8_t)gen_u64(g);
        return n + 1;
    }
}

#endif

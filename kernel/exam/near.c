/* Values that are equal but for floats a few units in the last place apart
 * (docs/exam.md section 3). Must only see checked values of one type. Kernel
 * process. */
#include "kernel/exam/machine.h"

#include <string.h>

/* A float's bits in an order in which neighbours differ by one and the two zeros
 * are one. */
static int64_t float_order(uint64_t bits, unsigned width)
{
    uint64_t sign = 1ull << (8 * width - 1);
    int64_t magnitude = (int64_t)(bits & (sign - 1));

    return (bits & sign) != 0 ? -magnitude : magnitude;
}

static uint64_t read_bits(struct rd *r, unsigned width)
{
    return width == 4 ? rd_u32(r) : rd_u64(r);
}

static int floats_are_near(struct rd *a, struct rd *b, uint64_t ulps)
{
    unsigned width = rd_u8(a);
    int64_t left;
    int64_t right;

    if (rd_u8(b) != width) {
        return 0;
    }
    left = float_order(read_bits(a, width), width);
    right = float_order(read_bits(b, width), width);
    return (left > right ? (uint64_t)left - (uint64_t)right
                         : (uint64_t)right - (uint64_t)left) <= ulps;
}

int values_are_near(struct ubytes a, struct ubytes b, uint64_t ulps)
{
    struct rd left;
    struct rd right;

    rd_init(&left, a);
    rd_init(&right, b);
    while (rd_left(&left) > 0 && rd_left(&right) > 0) {
        uint8_t tag = rd_u8(&left);
        size_t n = 0;
        struct ubytes rest;

        if (rd_u8(&right) != tag) {
            return 0;
        }
        if (tag == TYPE_FLOAT) {
            if (!floats_are_near(&left, &right, ulps)) {
                return 0;
            }
            continue;
        }
        rest = (struct ubytes){a.p + rd_off(&left), rd_left(&left)};
        if (tag == TYPE_INT) {
            n = 1 + (rest.p[0] & (size_t)~TYPE_UNSIGNED);
        } else if (tag != VALUE_FALSE && tag != VALUE_TRUE) {
            struct rd head;

            rd_init(&head, rest);
            n = rd_u32(&head);
            n = 4 + (tag == TYPE_STRING || tag == TYPE_BYTES ? n : 0);
        }
        rest = rd_take(&left, n);
        if (rd_left(&right) < n ||
            (n > 0 && memcmp(rd_take(&right, n).p, rest.p, n) != 0)) {
            return 0;
        }
    }
    ASSERT(!rd_is_bad(&left) && !rd_is_bad(&right));
    return rd_left(&left) == 0 && rd_left(&right) == 0;
}

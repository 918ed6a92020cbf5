/* The order of simplicity among values (edit.h). Reads checked values only; a
 * malformed one is our own mistake. Runs in the confined `config` worker. */
#include "workers/config/edit.h"

#include "proto/err.h"

#define F64_MANTISSA 52u
#define F32_MANTISSA 23u

static uint64_t read_number(struct rd *r, unsigned width)
{
    uint64_t v = 0;

    ASSERT(width >= 1 && width <= 8);
    for (unsigned i = 0; i < width; i++) {
        v = v << 8 | rd_u8(r);
    }
    return v;
}

static int put_int_key(struct rd *r, struct buf *out)
{
    uint8_t code = rd_u8(r);
    unsigned width = code & (unsigned)~TYPE_UNSIGNED;
    uint64_t v = read_number(r, width);
    int is_negative =
        (code & TYPE_UNSIGNED) == 0 && (v >> (8 * width - 1) & 1) != 0;

    if (is_negative) {
        v = 0 - v;
        v = width == 8 ? v : v & ((1ull << 8 * width) - 1);
    }
    TRY(buf_put_u64(out, v));
    return buf_put_u8(out, is_negative ? 1 : 0);
}

static int put_float_key(struct rd *r, struct buf *out)
{
    unsigned width = rd_u8(r);
    unsigned digits = width == 4 ? F32_MANTISSA : F64_MANTISSA;
    uint32_t bias = width == 4 ? 127 : 1023;
    uint64_t v = read_number(r, width);
    uint64_t mantissa = v & ((1ull << digits) - 1);
    uint32_t exponent = (uint32_t)(v >> digits) & (2 * bias + 1);
    uint64_t sign = v >> (8 * width - 1);
    unsigned used =
        mantissa == 0 ? 0 : digits - (unsigned)__builtin_ctzll(mantissa);
    int is_zero = exponent == 0 && mantissa == 0;

    TRY(buf_put_u8(out, (uint8_t)used));
    TRY(buf_put_u32(out, is_zero            ? 0
                         : exponent >= bias ? 1 + exponent - bias
                                            : 1 + bias - exponent));
    TRY(buf_put_u64(out, mantissa));
    TRY(buf_put_u32(out, exponent));
    return buf_put_u8(out, (uint8_t)sign);
}

int edit_key(struct ubytes v, struct buf *out)
{
    struct rd r;

    rd_init(&r, v);
    while (rd_left(&r) > 0) {
        uint8_t tag = rd_u8(&r);
        struct ubytes text = {NULL, 0};

        if (tag == TYPE_INT) {
            TRY(put_int_key(&r, out));
        } else if (tag == TYPE_FLOAT) {
            TRY(put_float_key(&r, out));
        } else if (tag == TYPE_STRING || tag == TYPE_BYTES) {
            text = rd_bytes32(&r);
            TRY(buf_put_bytes32(out, text));
        } else if (tag == TYPE_LIST || tag == TYPE_TUPLE) {
            TRY(buf_put_u32(out, rd_u32(&r)));
        } else {
            TRY(buf_put_u8(out, tag)); /* false 01, true 02 */
        }
        ASSERT(!rd_is_bad(&r));
    }
    return 0;
}

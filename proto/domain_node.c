/* One node of a domain. Runs in every process, on hostile bytes. */
#include "proto/domain_node.h"

#include <string.h>

#include "proto/utf8.h"
#include "proto/value.h"

int64_t domain_float_order(uint64_t bits, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width * 8 - 1);
    uint64_t magnitude = bits & (sign - 1);

    return (bits & sign) != 0 ? -1 - (int64_t)magnitude : (int64_t)magnitude;
}

static int float_is_finite(uint64_t bits, unsigned width)
{
    uint64_t exponent =
        width == 4 ? UINT64_C(0x7f800000) : UINT64_C(0x7ff0000000000000);

    return (bits & exponent) != exponent;
}

static int int_fits(uint64_t bits, uint8_t code)
{
    unsigned width = code & ~(unsigned)TYPE_UNSIGNED;
    int64_t v = (int64_t)bits;

    if (width == 8) {
        return 1;
    }
    if ((code & TYPE_UNSIGNED) != 0) {
        return bits >> (width * 8) == 0;
    }
    return v >= -(INT64_C(1) << (width * 8 - 1)) && v < INT64_C(1)
                                                            << (width * 8 - 1);
}

/* The scalar type with this tag and code; fails r if there is none. */
static void scalar_type(struct rd *r, struct domain_node *n)
{
    uint8_t bytes[2] = {n->tag, n->code};
    size_t bytes_n = n->tag == DOMAIN_INT || n->tag == DOMAIN_FLOAT ? 2 : 1;

    if (type_decode((struct ubytes){bytes, bytes_n}, &n->type) < 0) {
        rd_fail(r);
    }
}

static void read_number(struct rd *r, struct domain_node *n)
{
    n->code = rd_u8(r);
    n->lo = rd_u64(r);
    n->hi = rd_u64(r);
    scalar_type(r, n);
    if (rd_is_bad(r)) {
        return;
    }
    if (n->tag == DOMAIN_FLOAT) {
        if (!float_is_finite(n->lo, n->code) ||
            !float_is_finite(n->hi, n->code) ||
            (n->code == 4 && (n->lo > UINT32_MAX || n->hi > UINT32_MAX)) ||
            domain_float_order(n->lo, n->code) >
                domain_float_order(n->hi, n->code)) {
            rd_fail(r);
        }
    } else if (!int_fits(n->lo, n->code) || !int_fits(n->hi, n->code) ||
               ((n->code & TYPE_UNSIGNED) != 0
                    ? n->lo > n->hi
                    : (int64_t)n->lo > (int64_t)n->hi)) {
        rd_fail(r);
    }
}

static void read_lengths(struct rd *r, struct domain_node *n)
{
    n->lo = rd_u32(r);
    n->hi = rd_u32(r);
    if (n->lo > n->hi) {
        rd_fail(r);
    }
}

static void read_alphabet(struct rd *r, struct domain_node *n)
{
    uint32_t last = 0; /* NUL is in no string */
    struct rd items;

    n->n = rd_u32(r);
    n->bytes_max = n->n == 0 ? 4 : 1;
    n->items = rd_take(r, (size_t)n->n * 4);
    rd_init(&items, n->items);
    for (uint32_t i = 0; i < n->n && !rd_is_bad(r); i++) {
        uint32_t cp = rd_u32(&items);
        uint8_t bytes[4];
        uint32_t bytes_n;

        if (cp <= last || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
            rd_fail(r);
            return;
        }
        bytes_n = (uint32_t)utf8_put(cp, bytes);
        n->bytes_max = bytes_n > n->bytes_max ? bytes_n : n->bytes_max;
        last = cp;
    }
}

static void read_choice(struct rd *r, struct domain_node *n)
{
    struct rd again;

    if (type_read(r, &n->type) < 0) {
        return;
    }
    n->n = rd_u32(r);
    if (n->n == 0) {
        rd_fail(r);
    }
    again = *r;
    for (uint32_t i = 0; i < n->n && !rd_is_bad(r); i++) {
        struct ubytes v = rd_bytes32(r);

        if (rd_is_bad(r) || value_check_exact(v, &n->type) < 0) {
            rd_fail(r);
            return;
        }
        n->bytes_max = v.n > n->bytes_max ? (uint32_t)v.n : n->bytes_max;
    }
    n->items = rd_take(&again, rd_off(r) - rd_off(&again));
}

void domain_node_read(struct rd *r, struct domain_node *n)
{
    memset(n, 0, sizeof(*n));
    n->tag = rd_u8(r);
    switch (n->tag) {
    case DOMAIN_BOOL:
        scalar_type(r, n);
        break;
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        read_number(r, n);
        break;
    case DOMAIN_STRING:
        read_lengths(r, n);
        read_alphabet(r, n);
        scalar_type(r, n);
        break;
    case DOMAIN_BYTES:
        read_lengths(r, n);
        n->bytes_max = 1;
        scalar_type(r, n);
        break;
    case DOMAIN_LIST:
        read_lengths(r, n);
        n->children = 1;
        break;
    case DOMAIN_TUPLE:
        n->n = rd_u8(r);
        n->children = n->n;
        if (n->n > TYPE_TUPLE_MAX) {
            rd_fail(r);
        }
        break;
    case DOMAIN_CHOICE:
        read_choice(r, n);
        break;
    case DOMAIN_CORPUS:
        if (type_read(r, &n->type) == 0) {
            n->file = rd_u16(r);
        }
        break;
    default:
        rd_fail(r);
    }
}

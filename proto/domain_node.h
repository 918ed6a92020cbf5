/* One node of a domain's canonical bytes (domain.h), for code that walks them:
 * the checks, the size, the text, the draw. */
#ifndef PROTO_DOMAIN_NODE_H
#define PROTO_DOMAIN_NODE_H

#include "proto/domain.h"

/* Code points that a string may hold: scalar values but NUL. */
#define DOMAIN_SCALAR_VALUES (UINT64_C(0x110000) - 0x800 - 1)

struct domain_node {
    uint8_t tag;
    uint8_t code;  /* INT, FLOAT */
    uint16_t file; /* CORPUS */
    uint64_t lo;   /* bounds, or lengths */
    uint64_t hi;
    uint32_t n; /* CHOICE: values; STRING: code points; TUPLE: members */
    struct ubytes items; /* CHOICE: n * (u32 length, value); STRING: n * u32 */
    uint32_t bytes_max;  /* CHOICE: longest value; STRING: longest code point */
    unsigned children;   /* domains that follow inside it */
    struct type type;    /* CHOICE, CORPUS, and scalars */
};

/* Reads one node (of a list or tuple only its head); r is bad afterwards if it
 * is not in canonical form. items borrows r's bytes. */
void domain_node_read(struct rd *r, struct domain_node *n);

/* Bits of a finite float of 4 or 8 bytes as an integer of the same order: -0.0
 * is -1, 0.0 is 0. */
int64_t domain_float_order(uint64_t bits, unsigned width);

#endif

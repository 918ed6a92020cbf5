/* A network as it stands in memory. Shared by automaton.c and automaton_read.c
 * only. */
#ifndef PROTO_AUTOMATON_INT_H
#define PROTO_AUTOMATON_INT_H

#include "proto/automaton.h"

struct range {
    uint8_t first;
    uint8_t last;
    uint16_t to;
};

struct call {
    uint16_t callee;
    uint16_t back;
};

/* Its ranges and calls end where those of the next state begin. */
struct state {
    uint32_t range;
    uint32_t call;
    uint8_t final;
};

struct automaton {
    uint32_t n;
    struct state *states; /* n + 1 */
    struct range *ranges;
    struct call *calls;
    struct automaton_at start;
};

/* Adds all that calls and returns lead to, then drops what stands nowhere. 0,
 * ERR_NOT_FOUND if nothing is left, ERR_LIMIT. */
int automaton_close(const struct automaton *a,
                    struct automaton_at *at) MUST_USE;

#endif

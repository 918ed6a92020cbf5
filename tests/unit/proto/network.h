/* Networks as tests write them down, their bytes, and a matcher that knows
 * nothing of stacks: which parts of a text belong to which state, by fixpoint. */
#ifndef TESTS_UNIT_PROTO_NETWORK_H
#define TESTS_UNIT_PROTO_NETWORK_H

#include <string.h>

#include "proto/automaton.h"
#include "proto/buf.h"
#include "proto/err.h"

#define NET_STATES 12
#define NET_EDGES 6
#define NET_TEXT 12

struct net_edge {
    uint8_t first, last; /* a range; a call has first > last */
    uint16_t to;         /* of a call: back */
    uint16_t callee;
};

struct net {
    uint16_t n;
    struct net_state {
        uint8_t final;
        uint16_t edges_n;
        struct net_edge edges[NET_EDGES]; /* ranges first */
    } states[NET_STATES];
};

static inline int net_is_call(const struct net_edge *e)
{
    return e->first > e->last;
}

/* Numbers the states as they are first met; those that are not met go. Calls
 * stay in their order: false if that is not the one that the format wants. */
static inline int net_number(const struct net *in, struct net *out)
{
    uint16_t of[NET_STATES];
    uint16_t is[NET_STATES];
    uint16_t met = 1;

    memset(of, 0xff, sizeof(of));
    memset(out, 0, sizeof(*out));
    of[0] = 0;
    is[0] = 0;
    for (uint16_t s = 0; s < met; s++) {
        struct net_state *to = &out->states[s];
        uint16_t last = 0;

        *to = in->states[is[s]];
        for (uint16_t i = 0; i < to->edges_n; i++) {
            struct net_edge *e = &to->edges[i];
            uint16_t *targets[2] = {&e->callee, &e->to};

            for (int k = net_is_call(e) ? 0 : 1; k < 2; k++) {
                if (of[*targets[k]] == UINT16_MAX) {
                    is[met] = *targets[k];
                    of[*targets[k]] = met++;
                }
                *targets[k] = of[*targets[k]];
            }
            if (net_is_call(e) && i > 0 && net_is_call(e - 1) &&
                e->callee <= last) {
                return 0;
            }
            last = e->callee;
        }
    }
    out->n = met;
    return 1;
}

static inline void net_bytes(const struct net *net, struct buf *out)
{
    int code = buf_put(out, "PAU1", 4) | buf_put_u16(out, net->n);

    for (uint16_t s = 0; s < net->n; s++) {
        const struct net_state *now = &net->states[s];
        uint16_t calls = 0;

        for (uint16_t i = 0; i < now->edges_n; i++) {
            calls = (uint16_t)(calls + net_is_call(&now->edges[i]));
        }
        code |= buf_put_u8(out, now->final);
        code |= buf_put_u16(out, (uint16_t)(now->edges_n - calls));
        code |= buf_put_u16(out, calls);
        for (uint16_t i = 0; i < now->edges_n; i++) {
            const struct net_edge *e = &now->edges[i];

            if (net_is_call(e)) {
                code |= buf_put_u16(out, e->callee);
            } else {
                code |= buf_put_u8(out, e->first);
                code |= buf_put_u8(out, e->last);
            }
            code |= buf_put_u16(out, e->to);
        }
    }
    ASSERT(code == 0);
}

/* part[s][i] bit j: text[i, j) belongs to state s. prefix[s][i]: text[i, n) is
 * the beginning of one that does (if every state has a text). */
struct net_parts {
    uint32_t part[NET_STATES][NET_TEXT + 1];
    uint8_t prefix[NET_STATES][NET_TEXT + 1];
};

static inline void net_match(const struct net *net, const uint8_t *text,
                             size_t n, struct net_parts *p)
{
    int changed = 1;

    memset(p, 0, sizeof(*p));
    while (changed) {
        changed = 0;
        for (uint16_t s = 0; s < net->n; s++) {
            for (size_t i = 0; i <= n; i++) {
                uint32_t set = net->states[s].final ? 1u << i : 0;
                uint8_t prefix = i == n;

                for (uint16_t k = 0; k < net->states[s].edges_n; k++) {
                    const struct net_edge *e = &net->states[s].edges[k];

                    if (!net_is_call(e)) {
                        if (i < n && e->first <= text[i] && text[i] <= e->last) {
                            set |= p->part[e->to][i + 1];
                            prefix |= p->prefix[e->to][i + 1];
                        }
                        continue;
                    }
                    prefix |= p->prefix[e->callee][i];
                    for (size_t j = i; j <= n; j++) {
                        if (p->part[e->callee][i] >> j & 1) {
                            set |= p->part[e->to][j];
                            prefix |= p->prefix[e->to][j];
                        }
                    }
                }
                changed |= set != p->part[s][i] || prefix != p->prefix[s][i];
                p->part[s][i] = set;
                p->prefix[s][i] = prefix;
            }
        }
    }
}

/* Has every state a text? */
static inline int net_is_productive(const struct net *net)
{
    uint8_t has[NET_STATES] = {0};

    for (uint16_t round = 0; round < net->n; round++) {
        for (uint16_t s = 0; s < net->n; s++) {
            has[s] |= net->states[s].final;
            for (uint16_t k = 0; k < net->states[s].edges_n; k++) {
                const struct net_edge *e = &net->states[s].edges[k];

                has[s] |= has[e->to] && (!net_is_call(e) || has[e->callee]);
            }
        }
    }
    for (uint16_t s = 0; s < net->n; s++) {
        if (!has[s]) {
            return 0;
        }
    }
    return 1;
}

#endif

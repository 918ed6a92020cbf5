/* Recursive transition networks over bytes: the reader. Runs in the kernel and in
 * workers on hostile bytes. Must never recurse or trust a number before it is
 * checked; what it lets through, automaton.c steps without a check. */
#include <stdlib.h>

#include "proto/automaton_int.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/limits.h"

#define MAGIC 0x50415531u /* PAU1 */

/* `met`: states that the bytes have named so far. */
static uint16_t read_target(struct rd *r, uint32_t *met)
{
    uint16_t to = rd_u16(r);

    if (to > *met) {
        rd_fail(r);
    }
    *met += to == *met;
    return to;
}

static void read_state(struct automaton *a, uint32_t s, struct rd *r,
                       uint32_t *met)
{
    struct state *now = &a->states[s];
    uint8_t final = rd_u8(r);
    uint32_t ranges = rd_u16(r);
    uint32_t calls = rd_u16(r);
    struct range *x = a->ranges + now->range;
    struct call *c = a->calls + now->call;

    if (s >= *met || final > 1 || rd_left(r) < 4 * ((size_t)ranges + calls)) {
        rd_fail(r);
        return;
    }
    now[0].final = final;
    now[1].range = now->range + ranges;
    now[1].call = now->call + calls;
    for (uint32_t i = 0; i < ranges; i++, x++) {
        x->first = rd_u8(r);
        x->last = rd_u8(r);
        x->to = read_target(r, met);
        if (x->first > x->last ||
            (i > 0 && (x->first <= x[-1].last ||
                       (x->first == x[-1].last + 1 && x->to == x[-1].to)))) {
            rd_fail(r);
        }
    }
    for (uint32_t i = 0; i < calls; i++, c++) {
        c->callee = read_target(r, met);
        c->back = read_target(r, met);
        if (i > 0 && c->callee <= c[-1].callee) {
            rd_fail(r);
        }
    }
}

/* What refuse_loops knows of a state. */
struct look {
    uint32_t call;  /* next one to follow */
    uint16_t below; /* on the path to it, the state before */
    uint8_t mark;
    uint8_t empty; /* it can reach a final state without a byte */
};

enum mark {
    MARK_NEW,
    MARK_OPEN,
    MARK_DONE
};

/* A walk over all that is reached without a byte: a callee, and where a call
 * goes back to if its callee can be empty. One that meets its own path is a
 * loop. */
static int refuse_loops(const struct automaton *a, struct look *at)
{
    for (uint32_t root = 0; root < a->n; root++) {
        uint32_t s = root;

        while (at[root].mark != MARK_DONE) {
            struct look *now = &at[s];
            const struct call *c = a->calls + now->call;
            uint32_t next = s;

            if (now->mark == MARK_NEW) {
                *now = (struct look){a->states[s].call, now->below, MARK_OPEN,
                                     a->states[s].final};
                continue;
            }
            if (now->call == a->states[s + 1].call) {
                now->mark = MARK_DONE;
                s = now->below;
                continue;
            }
            if (at[c->callee].mark != MARK_DONE) {
                next = c->callee;
            } else if (at[c->callee].empty && at[c->back].mark != MARK_DONE) {
                next = c->back;
            } else {
                now->empty |= at[c->callee].empty & at[c->back].empty;
                now->call++;
                continue;
            }
            if (at[next].mark == MARK_OPEN) {
                return ERR_INPUT;
            }
            at[next].below = (uint16_t)s;
            s = next;
        }
    }
    return 0;
}

static int read_all(struct automaton *a, struct rd *r)
{
    CLEANUP(mem_freep) struct look *look = calloc(a->n, sizeof(*look));
    uint32_t met = 1;

    if (look == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t s = 0; s < a->n && !rd_is_bad(r); s++) {
        read_state(a, s, r, &met);
    }
    if (rd_end(r) < 0 || met != a->n) {
        return ERR_ENCODING;
    }
    TRY(refuse_loops(a, look));
    a->start.n_ = 1;
    a->start.stack_[0].n_ = 1;
    /* A start that leads nowhere is a language without a text. */
    return automaton_close(a, &a->start) == ERR_LIMIT ? ERR_LIMIT
           : a->start.n_ == 0                    ? ERR_ENCODING
                                                 : 0;
}

int automaton_read(struct ubytes bytes, struct automaton **out)
{
    CLEANUP(automaton_freep) struct automaton *a = calloc(1, sizeof(*a));
    size_t edges = bytes.n / 4 + 1;
    struct rd r;

    *out = NULL;
    if (a == NULL) {
        return ERR_NOMEM;
    }
    if (bytes.n > LIMIT_AUTOMATON_BYTES) {
        return ERR_LIMIT;
    }
    rd_init(&r, bytes);
    if (rd_u32(&r) != MAGIC) {
        return ERR_ENCODING;
    }
    a->n = rd_u16(&r);
    if (a->n == 0 || rd_left(&r) < (size_t)a->n * 5) {
        return ERR_ENCODING;
    }
    a->states = calloc(a->n + 1, sizeof(*a->states));
    a->ranges = calloc(edges, sizeof(*a->ranges));
    a->calls = calloc(edges, sizeof(*a->calls));
    if (a->states == NULL || a->ranges == NULL || a->calls == NULL) {
        return ERR_NOMEM;
    }
    TRY(read_all(a, &r));
    *out = a;
    a = NULL;
    return 0;
}

void automaton_free(struct automaton *a)
{
    if (a != NULL) {
        free(a->states);
        free(a->ranges);
        free(a->calls);
        free(a);
    }
}

void automaton_freep(struct automaton **a)
{
    automaton_free(*a);
}

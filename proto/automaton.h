/* Grammars that were compiled to bytes: a byte-level recursive transition
 * network, and where a text stands in one. The kernel steps it over every byte
 * that a model proposes, so no text outside of the language gets out, however
 * its bytes are cut into tokens; workers step it to know what may come next.
 *
 *   network = "PAU1" u16 n, n * state          1 <= n; numbers big-endian
 *   state   = u8 final, u16 ranges, u16 calls, ranges * range, calls * call
 *   range   = u8 first, u8 last, u16 to        a byte in [first, last] leads there
 *   call    = u16 callee, u16 back             a text of callee, then on at back
 *
 * A text is in the language of state s if a path of ranges and calls spells it
 * from s to a final state; the network's language is that of state 0. There is
 * one encoding: ranges ascend, do not overlap, and two that touch differ in
 * `to`; callees of a state ascend, each once; every state can be reached, and
 * they are numbered in the order in which a reader of the bytes first meets
 * them. A network in which calls come back to where they were without a byte
 * (left recursion, empty loops) is refused. A network without calls needs one
 * stack of one state; the compilers make regular grammars so.
 *
 * Pure; runs in the kernel and in workers; networks are hostile bytes. Nothing
 * but automaton_read allocates, nothing recurses. */
#ifndef PROTO_AUTOMATON_H
#define PROTO_AUTOMATON_H

#include "proto/base.h"

#define AUTOMATON_STACKS 32 /* readings of an ambiguous text at once */
#define AUTOMATON_DEPTH 63  /* states of one: calls open, and where it stands */

struct automaton; /* immutable */

/* A place: all readings of the text so far, each the states to come back to,
 * the innermost last. Plain data of fixed size; belongs to one network. */
struct automaton_at {
    uint16_t n_; /* in a fixed order; never none */
    struct automaton_stack {
        uint16_t n_;
        uint16_t state_[AUTOMATON_DEPTH];
    } stack_[AUTOMATON_STACKS];
};

/* 0; ERR_ENCODING: not the one encoding of a network; ERR_INPUT: a call comes
 * back to itself without a byte; ERR_LIMIT: the empty text needs more readings
 * or depth than there are, or more than LIMIT_AUTOMATON_BYTES; ERR_NOMEM.
 * *out is NULL then. O(bytes). */
int automaton_read(struct ubytes bytes, struct automaton **out) MUST_USE;
void automaton_free(struct automaton *a);
void automaton_freep(struct automaton **a);

void automaton_start(const struct automaton *a, struct automaton_at *out_at);

/* *out_at = where byte leads from at; not the same object. 0; ERR_NOT_FOUND:
 * nothing in the language goes on so; ERR_LIMIT: it needs more readings or depth
 * than there are. *out_at is undefined then. Bounded by AUTOMATON_STACKS squared
 * times AUTOMATON_DEPTH; without calls one binary search. */
int automaton_next(const struct automaton *a, const struct automaton_at *at,
                   uint8_t byte, struct automaton_at *out_at) MUST_USE;
/* The same in place; after an error at is unchanged. */
int automaton_step(const struct automaton *a, struct automaton_at *at,
                   uint8_t byte) MUST_USE;

/* Is the text so far in the language? Does a byte lead on? Both may hold; one
 * of them does at every place that a step without error led to. */
int automaton_accepts(const struct automaton *a, const struct automaton_at *at);
int automaton_can_go_on(const struct automaton *a,
                        const struct automaton_at *at);

/* As assignment, but only of what is in use. */
void automaton_copy(struct automaton_at *to, const struct automaton_at *from);
/* Equal places go on alike. The hash is for tables in memory only. */
int automaton_is_same(const struct automaton_at *x,
                      const struct automaton_at *y);
uint64_t automaton_hash(const struct automaton_at *at);

/* Is a place that came from outside one of this network's? */
int automaton_has(const struct automaton *a, const struct automaton_at *at);

#endif

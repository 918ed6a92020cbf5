/* A domain as a tree, and what can be said of it without drawing: how many
 * members, which is the k-th, is a value one (docs/exam.md sections 5 and 7).
 * Domains nest at most as deep as types, so all of this recurses. */
#ifndef REPLAY_SHAPE_H
#define REPLAY_SHAPE_H

#include "proto/domain_node.h"
#include "proto/value.h"

struct shape {
    struct domain_node n;
    struct shape *kids; /* owned; n.children of them */
    /* INT, FLOAT: keys in the order of values. origin: of the member nearest to
     * zero. */
    uint64_t lo, hi, origin;
    /* CHOICE: its values, owned. CORPUS: borrowed. */
    struct ubytes *choices;
    const struct values *corpus;
    uint64_t size; /* members; UINT64_MAX when that many or more */
};

/* The domain was checked (domain_check); corpora and in are borrowed. 0,
 * ERR_NOMEM, ERR_ENCODING. Release in any case; out begins as zeroes. */
int shape_read(struct ubytes in, const struct values *corpora, size_t corpora_n,
               struct shape *out) MUST_USE;
void shape_release(struct shape *s);

/* INT, FLOAT: bits to key and back. */
uint64_t shape_key(const struct shape *s, uint64_t bits);
uint64_t shape_bits(const struct shape *s, uint64_t key);
unsigned shape_width(const struct shape *s); /* in bits */
int shape_is_signed(const struct shape *s);  /* an INT */
/* STRING, BYTES: symbols of the alphabet, code point of one, and back
 * (UINT32_MAX: not in it). */
uint32_t shape_symbols_n(const struct shape *s);
uint32_t shape_symbol(const struct shape *s, uint32_t i);
uint32_t shape_symbol_index(const struct shape *s, uint32_t cp);
/* CHOICE, CORPUS. */
uint32_t shape_values_n(const struct shape *s);
struct ubytes shape_value(const struct shape *s, uint32_t i);

/* Append the value of a key, of a symbol. */
int shape_put_number(const struct shape *s, uint64_t key,
                     struct buf *out) MUST_USE;
int shape_put_symbol(const struct shape *s, uint32_t i,
                     struct buf *out) MUST_USE;
/* Appends the k-th member, k < size. */
int shape_member(const struct shape *s, uint64_t k, struct buf *out) MUST_USE;
/* True if the checked value v is a member. */
int shape_has(const struct shape *s, struct ubytes v);
/* Of a member, from the front of r: its next value, as shape_has sees it. */
int shape_take(const struct shape *s, struct rd *r);

#endif

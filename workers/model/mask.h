/* Which tokens may come next where a text stands in a grammar: a tree of the
 * vocabulary's bytes, walked with the automaton, pruned where a byte leads
 * nowhere. Costs what is walked: a few nodes where the grammar says much, the
 * tree where it says little; places of the latter kind are remembered.
 *
 * struct mask is immutable and of one model; struct mask_grammar is of one
 * automaton and one user at a time. Worker only; no memory after _new. */
#ifndef WORKERS_MODEL_MASK_H
#define WORKERS_MODEL_MASK_H

#include "proto/automaton.h"

struct mask;
struct mask_grammar;
struct tokenizer;

struct mask_token {
    struct ubytes text; /* what it writes; none: it never may come, ... */
    int ends;           /* ... but where a text may end, if it ends texts */
};

/* The tokens 0 .. n - 1; copies their texts. 0, ERR_NOMEM, or ERR_LIMIT: a text
 * of more than MASK_TOKEN_BYTES_MAX. */
#define MASK_TOKEN_BYTES_MAX 1024u
int mask_make(const struct mask_token *tokens, uint32_t n,
              struct mask **out) MUST_USE;
/* Those of a tokenizer: control tokens write nothing. */
int mask_new(const struct tokenizer *t, struct mask **out) MUST_USE;
void mask_free(struct mask *m);
/* Bytes of a set of tokens. */
size_t mask_bytes(const struct mask *m);

/* Borrows both. 0 or ERR_NOMEM. */
int mask_grammar_new(const struct mask *m, const struct automaton *a,
                     struct mask_grammar **out) MUST_USE;
void mask_grammar_free(struct mask_grammar *g);

/* Bit i % 8 of bits[i / 8] = token i may come next; mask_bytes of them. 0;
 * ERR_NOT_FOUND: none may; ERR_LIMIT: none may, and some only for a limit of the
 * stepper (automaton.h). */
int mask_allowed(struct mask_grammar *g, const struct automaton_at *at,
                 uint8_t *bits) MUST_USE;

#endif

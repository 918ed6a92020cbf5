/* What the tokenizer's files share. */
#ifndef WORKERS_NN_TOKENIZER_INT_H
#define WORKERS_NN_TOKENIZER_INT_H

#include "workers/nn/tokenizer.h"
#include "workers/nn/tokenizer_pre.h"

/* A hash table of numbers whose keys lie elsewhere. No key is looked for at more
 * than so many places, so that no file can make it slow. */
struct index {
    uint32_t *slots; /* owned; TOKENIZER_NONE = free */
    size_t mask;
    uint64_t seed;
};

struct entry {
    size_t off; /* of its text in the pool */
    uint32_t bytes;
    float score;
    uint8_t kind; /* enum token_kind */
    uint8_t is_end;
    uint8_t is_matched; /* normal, and text can give it */
    uint8_t byte;       /* of kind BYTE */
};

struct merge {
    uint32_t left, right, gives;
};

struct tokenizer {
    struct entry *entries; /* owned */
    uint32_t n;
    uint8_t *pool;             /* owned */
    const struct pre_rule *pre; /* NULL: pieces with scores */
    struct index matched;      /* of entries by text: what text can give */
    struct index others;       /* all other entries */
    struct merge *merges;      /* owned; by rank */
    uint32_t merges_n;
    struct index pairs;      /* of merges by left and right */
    uint32_t *users;         /* owned; USER tokens, sorted by text */
    size_t users_n;
    uint8_t user_first[256]; /* does one begin so? */
    uint32_t bytes[256];     /* the token of a byte alone */
    size_t longest;          /* bytes of a matched token */
    uint32_t bos, eos;
    int adds_bos, adds_space;
};

static inline struct ubytes entry_text(const struct tokenizer *t, uint32_t id)
{
    return (struct ubytes){t->pool + t->entries[id].off, t->entries[id].bytes};
}

/* tokenizer_index.c */
uint64_t index_hash(uint64_t seed, struct ubytes key);
int index_init(struct index *x, size_t n) MUST_USE; /* 0, ERR_NOMEM */
void index_release(struct index *x);
/* The entry with this text, or TOKENIZER_NONE. */
uint32_t index_find(const struct index *x, const struct tokenizer *t,
                    struct ubytes text);
uint32_t index_pair(const struct index *x, const struct tokenizer *t,
                    uint32_t left, uint32_t right);
enum {
    INDEX_E_TWICE = 1, /* one with this key stands there */
    INDEX_E_FULL = 2   /* too many of one hash: a crafted table */
};
/* Adds entry id by its text, or merge rank by its pair. 0, INDEX_E_*. */
int index_add(struct index *x, const struct tokenizer *t, uint32_t id) MUST_USE;
int index_add_pair(struct index *x, const struct tokenizer *t,
                   uint32_t rank) MUST_USE;

/* tokenizer_join.c: the tokens of one stretch of text (a word, or all between two
 * USER tokens), spaced: a space before it. Scratch is kept from call to call. */
struct join {
    const struct tokenizer *t;
    struct symbol *symbols; /* owned */
    size_t symbols_cap;
    struct offer *heap; /* owned; the best first */
    size_t heap_n, heap_cap;
};
void join_release(struct join *j);
/* 0, ERR_NOMEM, or ERR_INPUT: a byte without a token, *out_bad is its place. */
int join_pieces(struct join *j, struct ubytes text, struct tokens *out,
                size_t *out_bad) MUST_USE;
int join_pairs(struct join *j, struct ubytes word, struct tokens *out,
               size_t *out_bad) MUST_USE;

#endif

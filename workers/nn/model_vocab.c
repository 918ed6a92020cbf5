/* Made-up vocabularies. Runs in workers. Must never make the same token twice:
 * tokenizers take a vocabulary as a set. */
#include "workers/nn/model_vocab.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/draw.h"
#include "workers/nn/vocab.h"

enum {
    PIECE_BYTES = 8, /* of one made-up token, at most */
    TRIES_MAX = 64   /* per token; then a longer letter pair is searched */
};

/* The most frequent of English first: prompts shall meet the merges. */
static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz ";

/* A piece: up to 8 bytes, the first lowest, the rest 0. No byte of it is 0. */
struct pieces {
    uint64_t *v;            /* owned */
    uint64_t *table;        /* owned; open addressing, 0 = free */
    uint32_t *left, *right; /* owned; what a merge is made of */
    uint32_t n, table_n;
};

static void pieces_release(struct pieces *p)
{
    free(p->v);
    free(p->table);
    free(p->left);
    free(p->right);
}

static size_t piece_n(uint64_t piece)
{
    size_t n = 0;

    for (; piece != 0; piece >>= 8) {
        n++;
    }
    return n;
}

/* Returns whether it is new. */
static int pieces_add(struct pieces *p, uint64_t piece, uint32_t left,
                      uint32_t right)
{
    uint32_t at = (uint32_t)(draw_mix_(piece) & (p->table_n - 1));

    while (p->table[at] != 0) {
        if (p->table[at] == piece) {
            return 0;
        }
        at = (at + 1) & (p->table_n - 1);
    }
    p->table[at] = piece;
    p->v[p->n] = piece;
    p->left[p->n] = left;
    p->right[p->n++] = right;
    return 1;
}

static int pieces_init(struct pieces *p, uint32_t cap)
{
    p->table_n = 64;
    while (p->table_n < 2 * cap) {
        p->table_n *= 2;
    }
    p->v = calloc(cap, sizeof(*p->v));
    p->left = calloc(cap, sizeof(*p->left));
    p->right = calloc(cap, sizeof(*p->right));
    p->table = calloc(p->table_n, sizeof(*p->table));
    if (p->v == NULL || p->left == NULL || p->right == NULL ||
        p->table == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i + 1 < sizeof(letters); i++) {
        (void)pieces_add(p, (uint8_t)letters[i], UINT32_MAX, UINT32_MAX);
    }
    return 0;
}

enum {
    LETTERS_N = sizeof(letters) - 1
};

/* A merge of two pieces, where that is a new piece of fitting length. A space
 * stands at the front only: pre-tokenizers cut before it. */
static int try_merge(struct pieces *p, uint32_t a, uint32_t b)
{
    size_t a_n = piece_n(p->v[a]), b_n = piece_n(p->v[b]);

    if (a_n + b_n > PIECE_BYTES || (p->v[b] & 0xff) == ' ') {
        return 0;
    }
    return pieces_add(p, p->v[a] | p->v[b] << 8 * a_n, a, b);
}

/* Low numbers are likelier: short pieces of frequent letters. */
static uint32_t pick(const struct draw *d, uint64_t *i, uint32_t n)
{
    uint32_t a = draw_below(d, (*i)++, n);
    uint32_t b = draw_below(d, (*i)++, n);

    return a < b ? a : b;
}

/* n pieces more, all merges. They cannot run out: two letters and more give
 * over 26^4 of them, MODEL_VOCAB_MAX is 2^20 and lengths go to 8. */
static void grow(struct pieces *p, uint32_t n, uint64_t seed)
{
    struct draw d = draw_init(seed, UINT64_C(1) << 32);
    uint64_t i = 0;
    uint32_t end = p->n + n;

    while (p->n < end) {
        uint32_t tries = 0;

        while (tries < TRIES_MAX) {
            uint32_t a = pick(&d, &i, p->n);

            if (try_merge(p, a, pick(&d, &i, p->n))) {
                break;
            }
            tries++;
        }
        for (uint32_t k = 0; tries == TRIES_MAX && k < p->n; k++) {
            if (try_merge(p, k, draw_below(&d, i++, LETTERS_N - 1))) {
                break;
            }
        }
    }
}

/* The bytes of a piece. */
static struct ubytes piece_bytes(uint64_t piece,
                                 uint8_t out[static PIECE_BYTES])
{
    size_t n = piece_n(piece);

    for (size_t i = 0; i < n; i++, piece >>= 8) {
        out[i] = (uint8_t)piece;
    }
    return (struct ubytes){out, n};
}

static int put_controls(struct vocab *v)
{
    static const char *const names[] = {"<|bos|>", "<|eos|>", "<|fact|>",
                                        "<|/fact|>"};

    for (size_t i = 0; i < ARRAY_N(names); i++) {
        TRY(vocab_put_special(v, names[i], TOKEN_CONTROL));
    }
    return 0;
}

static int put_pieces(struct vocab *v, const struct pieces *p, uint32_t first,
                      uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++) {
        uint8_t text[PIECE_BYTES], left[PIECE_BYTES], right[PIECE_BYTES];

        TRY(vocab_put_piece(v, piece_bytes(p->v[i], text),
                            v->spm ? -(float)(i + 1) : 0.0f));
        if (!v->spm) {
            TRY(vocab_put_merge(v, piece_bytes(p->v[p->left[i]], left),
                                piece_bytes(p->v[p->right[i]], right)));
        }
    }
    return 0;
}

static int make_vocab(struct vocab *v, struct pieces *p, uint32_t size,
                      uint64_t seed)
{
    uint32_t n = size - (v->spm ? 261 : 260);
    uint32_t first = v->spm ? 0 : LETTERS_N; /* gpt2 has its letters as bytes */

    TRY(pieces_init(p, n + LETTERS_N));
    if (first + n > LETTERS_N) {
        grow(p, first + n - LETTERS_N, seed);
    }
    if (v->spm) {
        TRY(vocab_put_special(v, "<unk>", TOKEN_UNKNOWN));
        TRY(put_controls(v));
    }
    TRY(vocab_put_bytes(v));
    if (!v->spm) {
        TRY(put_controls(v));
    }
    return put_pieces(v, p, first, n);
}

int model_vocab_add(struct gguf_writer *w, uint32_t vocab, uint64_t seed,
                    int spm)
{
    struct pieces p CLEANUP(pieces_release) = {0};
    struct vocab v CLEANUP(vocab_release);

    vocab_init(&v, spm);
    TRY(make_vocab(&v, &p, vocab, seed));
    vocab_write(&v, w, spm ? 1 : 256);
    return 0;
}

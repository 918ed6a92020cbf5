/* Made-up vocabularies. Runs in workers. Must never make the same token twice:
 * tokenizers take a vocabulary as a set. */
#include "workers/nn/model_vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/nn/draw.h"

enum {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_BYTE = 6,
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

/* One byte as gpt2's vocabulary writes it: a printable character. */
static size_t put_gpt2_byte(uint8_t byte, uint8_t out[static 4])
{
    uint32_t shift = 0;

    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
        byte >= 174) {
        return utf8_put(byte, out);
    }
    for (uint32_t b = 0; b < byte; b++) {
        shift += b < 33 || (b > 126 && b < 161) || b == 173;
    }
    return utf8_put(256 + shift, out);
}

/* A piece's text; returns its bytes. */
static size_t piece_text(uint64_t piece, int spm, uint8_t *out)
{
    size_t n = 0;

    for (; piece != 0; piece >>= 8) {
        uint8_t byte = (uint8_t)piece;

        if (spm) {
            n += utf8_put(byte == ' ' ? 0x2581u : byte, out + n);
        } else {
            n += put_gpt2_byte(byte, out + n);
        }
    }
    return n;
}

struct tables {
    struct buf tokens, types, scores, merges;
};

static void tables_release(struct tables *t)
{
    buf_release(&t->tokens);
    buf_release(&t->types);
    buf_release(&t->scores);
    buf_release(&t->merges);
}

static int put_token(struct tables *t, struct ubytes text, uint32_t type,
                     float score)
{
    uint32_t bits;

    memcpy(&bits, &score, sizeof(bits));
    TRY(gguf_put_string(&t->tokens, text));
    TRY(gguf_put_number(&t->types, type, 4));
    return gguf_put_number(&t->scores, bits, 4);
}

static int put_text(struct tables *t, const char *text, uint32_t type)
{
    return put_token(t, (struct ubytes){(const uint8_t *)text, strlen(text)},
                     type, 0.0f);
}

static int put_controls(struct tables *t)
{
    static const char *const names[] = {"<|bos|>", "<|eos|>", "<|fact|>",
                                        "<|/fact|>"};

    for (size_t i = 0; i < ARRAY_N(names); i++) {
        TRY(put_text(t, names[i], TOKEN_CONTROL));
    }
    return 0;
}

static int put_bytes(struct tables *t, int spm)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t text[8];
        size_t n;

        if (spm) {
            n = (size_t)snprintf((char *)text, sizeof(text), "<0x%02X>", i);
        } else {
            n = put_gpt2_byte((uint8_t)i, text);
        }
        TRY(put_token(t, (struct ubytes){text, n},
                      spm ? TOKEN_BYTE : TOKEN_NORMAL, 0.0f));
    }
    return 0;
}

/* "left right", as merges are listed. */
static int put_merge(struct tables *t, const struct pieces *p, uint32_t i)
{
    uint8_t text[2 * 4 * PIECE_BYTES + 1];
    size_t n = piece_text(p->v[p->left[i]], 0, text);

    text[n++] = ' ';
    n += piece_text(p->v[p->right[i]], 0, text + n);
    return gguf_put_string(&t->merges, (struct ubytes){text, n});
}

static int put_pieces(struct tables *t, const struct pieces *p, uint32_t first,
                      uint32_t n, int spm)
{
    for (uint32_t i = first; i < first + n; i++) {
        uint8_t text[4 * PIECE_BYTES];
        size_t bytes = piece_text(p->v[i], spm, text);

        TRY(put_token(t, (struct ubytes){text, bytes}, TOKEN_NORMAL,
                      spm ? -(float)(i + 1) : 0.0f));
        if (!spm) {
            TRY(put_merge(t, p, i));
        }
    }
    return 0;
}

static int make_tables(struct tables *t, struct pieces *p, uint32_t vocab,
                       uint64_t seed, int spm)
{
    uint32_t fixed = spm ? 261 : 260;
    uint32_t n = vocab - fixed;
    uint32_t first = spm ? 0 : LETTERS_N; /* gpt2 has its letters as bytes */

    TRY(pieces_init(p, n + LETTERS_N));
    if (first + n > LETTERS_N) {
        grow(p, first + n - LETTERS_N, seed);
    }
    if (spm) {
        TRY(put_text(t, "<unk>", TOKEN_UNKNOWN));
        TRY(put_controls(t));
    }
    TRY(put_bytes(t, spm));
    if (!spm) {
        TRY(put_controls(t));
    }
    return put_pieces(t, p, first, n, spm);
}

static void add_tables(struct gguf_writer *w, const struct tables *t,
                       uint32_t vocab, int spm)
{
    uint32_t bos = spm ? 1 : 256;

    gguf_writer_string(w, "tokenizer.ggml.model", spm ? "llama" : "gpt2");
    if (!spm) {
        gguf_writer_string(w, "tokenizer.ggml.pre", "gpt-2");
    }
    gguf_writer_array(w, "tokenizer.ggml.tokens", GGUF_STRING, vocab,
                      buf_bytes(&t->tokens));
    gguf_writer_array(w, "tokenizer.ggml.token_type", GGUF_I32, vocab,
                      buf_bytes(&t->types));
    if (spm) {
        gguf_writer_array(w, "tokenizer.ggml.scores", GGUF_F32, vocab,
                          buf_bytes(&t->scores));
        gguf_writer_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    } else {
        gguf_writer_array(w, "tokenizer.ggml.merges", GGUF_STRING, vocab - 260,
                          buf_bytes(&t->merges));
    }
    gguf_writer_u32(w, "tokenizer.ggml.bos_token_id", bos);
    gguf_writer_u32(w, "tokenizer.ggml.eos_token_id", bos + 1);
    gguf_writer_bool(w, "tokenizer.ggml.add_bos_token", 1);
}

int model_vocab_add(struct gguf_writer *w, uint32_t vocab, uint64_t seed,
                    int spm)
{
    struct pieces p CLEANUP(pieces_release) = {0};
    struct tables t CLEANUP(tables_release);

    buf_init(&t.tokens, GGUF_HEAD_BYTES_MAX);
    buf_init(&t.types, GGUF_HEAD_BYTES_MAX);
    buf_init(&t.scores, GGUF_HEAD_BYTES_MAX);
    buf_init(&t.merges, GGUF_HEAD_BYTES_MAX);
    TRY(make_tables(&t, &p, vocab, seed, spm));
    add_tables(w, &t, vocab, spm);
    return 0;
}

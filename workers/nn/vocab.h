/* Vocabularies for GGUF files, token by token: made up (model_vocab.h) or learnt
 * from a text. What is written, tokenizer_new reads. Pure. Workers only. */
#ifndef WORKERS_NN_VOCAB_H
#define WORKERS_NN_VOCAB_H

#include "workers/nn/gguf_write.h"
#include "workers/nn/tokenizer.h"

#define VOCAB_PIECE_BYTES TOKENIZER_TOKEN_BYTES_MAX

struct vocab {
    struct buf tokens, types, scores, merges; /* owned: elements of arrays */
    uint32_t n, merges_n;
    int spm; /* "llama": pieces with scores; else "gpt2": merges of bytes */
};

void vocab_init(struct vocab *v, int spm);
void vocab_release(struct vocab *v);

/* All add at the end, and return 0, ERR_NOMEM or ERR_LIMIT. No token may be added
 * twice. */
/* The 256 bytes. */
int vocab_put_bytes(struct vocab *v) MUST_USE;
int vocab_put_special(struct vocab *v, const char *text,
                      enum token_kind kind) MUST_USE;
/* Of plain bytes; at most VOCAB_PIECE_BYTES / 4. */
int vocab_put_piece(struct vocab *v, struct ubytes piece, float score) MUST_USE;
/* gpt2: joins two tokens to one, each of which there is. */
int vocab_put_merge(struct vocab *v, struct ubytes left,
                    struct ubytes right) MUST_USE;

/* The pairs tokenizer.ggml.*. bos + 1 ends a text; spm: token 0 is the unknown
 * one. */
void vocab_write(const struct vocab *v, struct gguf_writer *w, uint32_t bos);

#endif

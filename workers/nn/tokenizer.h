/* Text to tokens and back, by the tables of a GGUF file. Two kinds:
 *   "llama"  pieces with scores, as SentencePiece makes them: the text is cut
 *            into characters, the neighbours whose union is the best token are
 *            joined first (equal scores: the leftmost); what is no token in the
 *            end becomes the tokens of its bytes. A space stands in a token as
 *            U+2581.
 *   "gpt2"   merges of byte pairs in their order, inside the words that a
 *            pre-tokenizer (tokenizer_pre.h) cuts the text into.
 * Text never gives a control token, nor one of kind UNKNOWN, UNUSED, not by their
 * literal text either: only tokenizer_find knows those. Tokens of kind USER stand
 * in text as they are, the leftmost and longest first. O(n log n) in the text.
 *
 * A table that contradicts itself is refused: tokens that stand twice, merges
 * that name or give what is no normal token, scores that are no numbers.
 * Immutable once made. Workers only. */
#ifndef WORKERS_NN_TOKENIZER_H
#define WORKERS_NN_TOKENIZER_H

#include "proto/diag.h"

#define TOKENIZER_TOKENS_MAX (1u << 22)
#define TOKENIZER_MERGES_MAX (1u << 23)
#define TOKENIZER_TOKEN_BYTES_MAX 1024u
#define TOKENIZER_TEXT_BYTES_MAX (64u << 20)
#define TOKENIZER_NONE UINT32_MAX

struct buf;
struct gguf;
struct tokenizer;

enum token_kind {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN,
    TOKEN_CONTROL,
    TOKEN_USER,
    TOKEN_UNUSED,
    TOKEN_BYTE
};

struct tokens {
    uint32_t *v; /* owned */
    size_t n;
    size_t cap;
};

int tokens_add(struct tokens *t, uint32_t id) MUST_USE; /* 0, ERR_NOMEM */
void tokens_release(struct tokens *t);                  /* then it is empty */

/* *out NULL with 0: the file has none (tokenizer.ggml.model is missing, no_vocab
 * or none). 0, ERR_NOMEM, or ERR_INPUT or ERR_LIMIT with ${d} set. g may go
 * afterwards. */
int tokenizer_new(const struct gguf *g, struct tokenizer **out,
                  struct diag *d) MUST_USE;
void tokenizer_free(struct tokenizer *t); /* NULL is fine */
uint32_t tokenizer_n(const struct tokenizer *t);
/* "llama", or the name of the pre-tokenizer's rule: "qwen2". */
const char *tokenizer_rule(const struct tokenizer *t);

/* Appends the tokens of plain text. 0, ERR_NOMEM, or with ${d} set and nothing
 * appended ERR_INPUT (no UTF-8 at a byte, which is named; a byte that is no token
 * of the file's) and ERR_LIMIT (longer than TOKENIZER_TEXT_BYTES_MAX). */
int tokenizer_encode(const struct tokenizer *t, struct ubytes text,
                     struct tokens *out, struct diag *d) MUST_USE;
/* Appends what a whole text's tokens write, without the space that the encoder
 * put before it (and behind each USER token) where the file asks for one: so that
 * it gives back what was encoded. 0, ERR_NOMEM, ERR_LIMIT (of out), or ERR_INPUT
 * with ${d} set: an id that is no token. */
int tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t n,
                     struct buf *out, struct diag *d) MUST_USE;

/* What it writes, as bytes; nothing for control, unknown and unused ones.
 * Borrowed. id < tokenizer_n. */
struct ubytes tokenizer_bytes(const struct tokenizer *t, uint32_t id);
/* Its text as the file has it, for people (a normal token: what it writes). */
struct ubytes tokenizer_text(const struct tokenizer *t, uint32_t id);
enum token_kind tokenizer_kind(const struct tokenizer *t, uint32_t id);
/* A control or user token by its text. 0 or ERR_NOT_FOUND. */
int tokenizer_find(const struct tokenizer *t, const char *text,
                   uint32_t *out) MUST_USE;

/* TOKENIZER_NONE: there is none. */
uint32_t tokenizer_bos(const struct tokenizer *t);
uint32_t tokenizer_eos(const struct tokenizer *t);
int tokenizer_adds_bos(const struct tokenizer *t);
int tokenizer_adds_space(const struct tokenizer *t); /* before a text */
/* Does it end what a model writes? eos, eot, eom, by key or by known name. */
int tokenizer_is_end(const struct tokenizer *t, uint32_t id);
/* Of the 243 bytes that UTF-8 is made of, how many no token stands for: text with
 * them is refused. */
unsigned tokenizer_missing_bytes(const struct tokenizer *t);

#endif

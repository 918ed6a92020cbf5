/* Vocabularies for tests: collected token by token, written as a GGUF file that
 * holds nothing else, read by tokenizer_new. */
#ifndef TESTS_UNIT_NN_VOCABULARY_H
#define TESTS_UNIT_NN_VOCABULARY_H

#include "tests/unit/nn/model_file.h"
#include "workers/nn/tokenizer.h"

struct vocabulary {
    struct buf tokens, kinds, scores, merges;
    uint64_t tokens_n, merges_n;
    struct model_file file;
};

static inline void vocabulary_init(struct vocabulary *v)
{
    memset(v, 0, sizeof(*v));
    buf_init(&v->tokens, 1u << 28);
    buf_init(&v->kinds, 1u << 28);
    buf_init(&v->scores, 1u << 28);
    buf_init(&v->merges, 1u << 28);
}

static inline void vocabulary_release(struct vocabulary *v)
{
    buf_release(&v->tokens);
    buf_release(&v->kinds);
    buf_release(&v->scores);
    buf_release(&v->merges);
    model_file_release(&v->file);
}

static inline struct ubytes text_of(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static inline void must(int code)
{
    if (code != 0) {
        abort();
    }
}

static inline uint32_t vocabulary_put(struct vocabulary *v, unsigned kind,
                                      float score, struct ubytes text)
{
    uint32_t bits;

    memcpy(&bits, &score, sizeof(bits));
    must(gguf_put_string(&v->tokens, text));
    must(gguf_put_number(&v->kinds, kind, 4));
    must(gguf_put_number(&v->scores, bits, 4));
    return (uint32_t)v->tokens_n++;
}

static inline uint32_t vocabulary_add(struct vocabulary *v, unsigned kind,
                                      float score, const char *text)
{
    return vocabulary_put(v, kind, score, text_of(text));
}

static inline void vocabulary_merge(struct vocabulary *v, const char *text)
{
    must(gguf_put_string(&v->merges, text_of(text)));
    v->merges_n++;
}

/* The token of a byte in byte-level BPE's alphabet. */
static inline void vocabulary_letter(struct vocabulary *v, unsigned b)
{
    unsigned n = 0;
    unsigned cp = b;
    uint8_t out[2];

    if (b < 0x21 || (b > 0x7e && b < 0xa1) || b == 0xad) {
        for (unsigned c = 0; c < b; c++) {
            n += c < 0x21 || (c > 0x7e && c < 0xa1) || c == 0xad;
        }
        cp = 0x100 + n;
    }
    out[0] = (uint8_t)(cp < 0x80 ? cp : 0xc0 | cp >> 6);
    out[1] = (uint8_t)(0x80 | (cp & 0x3f));
    (void)vocabulary_put(v, TOKEN_NORMAL, 0,
                         (struct ubytes){out, cp < 0x80 ? 1 : 2});
}

static inline void vocabulary_bytes(struct vocabulary *v)
{
    for (unsigned b = 0; b < 256; b++) {
        char text[8];

        (void)snprintf(text, sizeof(text), "<0x%02X>", b);
        (void)vocabulary_add(v, TOKEN_BYTE, 0, text);
    }
}

/* The pairs of a file, so far; more may follow, then vocabulary_read. */
static inline struct gguf_writer *vocabulary_write(struct vocabulary *v,
                                                   const char *model,
                                                   const char *pre)
{
    struct gguf_writer *w;

    must(gguf_writer_new(&w));
    gguf_writer_string(w, "tokenizer.ggml.model", model);
    if (pre != NULL) {
        gguf_writer_string(w, "tokenizer.ggml.pre", pre);
    }
    gguf_writer_array(w, "tokenizer.ggml.tokens", GGUF_STRING, v->tokens_n,
                      buf_bytes(&v->tokens));
    if (strcmp(model, "gpt2") == 0) {
        gguf_writer_array(w, "tokenizer.ggml.merges", GGUF_STRING, v->merges_n,
                          buf_bytes(&v->merges));
    }
    return w;
}

static inline void vocabulary_kinds(struct vocabulary *v, struct gguf_writer *w)
{
    gguf_writer_array(w, "tokenizer.ggml.token_type", GGUF_I32, v->tokens_n,
                      buf_bytes(&v->kinds));
    gguf_writer_array(w, "tokenizer.ggml.scores", GGUF_F32, v->tokens_n,
                      buf_bytes(&v->scores));
}

/* Ends the file and reads it. What tokenizer_new says. */
static inline int vocabulary_read(struct vocabulary *v, struct gguf_writer *w,
                                  struct tokenizer **out, struct diag *d)
{
    must(gguf_writer_begin(w, model_file_sink, &v->file));
    must(gguf_writer_end(w));
    gguf_writer_free(w);
    diag_init(d);
    must(model_file_open(&v->file, d));
    return tokenizer_new(&v->file.g, out, d);
}

#endif

/* Writes vocabularies. Runs in workers. */
#include "workers/nn/vocab.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"

void vocab_init(struct vocab *v, int spm)
{
    *v = (struct vocab){.spm = spm};
    buf_init(&v->tokens, GGUF_HEAD_BYTES_MAX);
    buf_init(&v->types, GGUF_HEAD_BYTES_MAX);
    buf_init(&v->scores, GGUF_HEAD_BYTES_MAX);
    buf_init(&v->merges, GGUF_HEAD_BYTES_MAX);
}

void vocab_release(struct vocab *v)
{
    buf_release(&v->tokens);
    buf_release(&v->types);
    buf_release(&v->scores);
    buf_release(&v->merges);
}

/* One byte as gpt2's vocabulary writes it: a printable character. */
static size_t put_letter(uint8_t byte, uint8_t out[static 4])
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

/* A piece as the file has it: spm writes a space as U+2581. */
static size_t piece_text(const struct vocab *v, struct ubytes piece,
                         uint8_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < piece.n; i++) {
        uint8_t byte = piece.p[i];

        if (!v->spm) {
            n += put_letter(byte, out + n);
        } else if (byte == ' ') {
            n += utf8_put(0x2581u, out + n);
        } else {
            out[n++] = byte;
        }
    }
    return n;
}

static int put_token(struct vocab *v, struct ubytes text, enum token_kind kind,
                     float score)
{
    uint32_t bits;

    memcpy(&bits, &score, sizeof(bits));
    TRY(gguf_put_string(&v->tokens, text));
    TRY(gguf_put_number(&v->types, (uint64_t)kind, 4));
    TRY(gguf_put_number(&v->scores, bits, 4));
    v->n++;
    return 0;
}

int vocab_put_special(struct vocab *v, const char *text, enum token_kind kind)
{
    const struct ubytes bytes = {(const uint8_t *)text, strlen(text)};

    return put_token(v, bytes, kind, 0.0f);
}

int vocab_put_bytes(struct vocab *v)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t text[8];
        size_t n;

        if (v->spm) {
            n = (size_t)snprintf((char *)text, sizeof(text), "<0x%02X>", i);
        } else {
            n = put_letter((uint8_t)i, text);
        }
        TRY(put_token(v, (struct ubytes){text, n},
                      v->spm ? TOKEN_BYTE : TOKEN_NORMAL, 0.0f));
    }
    return 0;
}

int vocab_put_piece(struct vocab *v, struct ubytes piece, float score)
{
    uint8_t text[VOCAB_PIECE_BYTES];

    if (piece.n > sizeof(text) / 4) {
        return ERR_TRACE(ERR_LIMIT);
    }
    return put_token(v, (struct ubytes){text, piece_text(v, piece, text)},
                     TOKEN_NORMAL, score);
}

int vocab_put_merge(struct vocab *v, struct ubytes left, struct ubytes right)
{
    uint8_t text[2 * VOCAB_PIECE_BYTES + 1];
    size_t n;

    if (left.n > VOCAB_PIECE_BYTES / 4 || right.n > VOCAB_PIECE_BYTES / 4) {
        return ERR_TRACE(ERR_LIMIT);
    }
    n = piece_text(v, left, text);
    text[n++] = ' ';
    n += piece_text(v, right, text + n);
    TRY(gguf_put_string(&v->merges, (struct ubytes){text, n}));
    v->merges_n++;
    return 0;
}

void vocab_write(const struct vocab *v, struct gguf_writer *w, uint32_t bos)
{
    gguf_writer_string(w, "tokenizer.ggml.model", v->spm ? "llama" : "gpt2");
    if (!v->spm) {
        gguf_writer_string(w, "tokenizer.ggml.pre", "gpt-2");
    }
    gguf_writer_array(w, "tokenizer.ggml.tokens", GGUF_STRING, v->n,
                      buf_bytes(&v->tokens));
    gguf_writer_array(w, "tokenizer.ggml.token_type", GGUF_I32, v->n,
                      buf_bytes(&v->types));
    if (v->spm) {
        gguf_writer_array(w, "tokenizer.ggml.scores", GGUF_F32, v->n,
                          buf_bytes(&v->scores));
        gguf_writer_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    } else {
        gguf_writer_array(w, "tokenizer.ggml.merges", GGUF_STRING, v->merges_n,
                          buf_bytes(&v->merges));
    }
    gguf_writer_u32(w, "tokenizer.ggml.bos_token_id", bos);
    gguf_writer_u32(w, "tokenizer.ggml.eos_token_id", bos + 1);
    gguf_writer_bool(w, "tokenizer.ggml.add_bos_token", 1);
}

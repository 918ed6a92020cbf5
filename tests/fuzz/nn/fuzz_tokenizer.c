/* tokenizer*.c: any file, any text. What is accepted comes back as it was and
 * never is a control token; a rule's words put together are the text. Input: two
 * bytes, how long the text is, then the text, then the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/utf8.h"
#include "workers/nn/gguf.h"
#include "workers/nn/tokenizer.h"
#include "workers/nn/tokenizer_pre.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good)
{
    if (!good) {
        abort();
    }
}

static void words(struct ubytes text, uint8_t which)
{
    static const char *const names[] = {"default", "gpt-2",     "starcoder",
                                        "falcon",  "llama-bpe", "qwen2",
                                        "gpt-4o",  "tekken",    "minicpm5"};
    const char *name = names[which % (sizeof(names) / sizeof(names[0]))];
    struct pre_words w;
    struct ubytes word;
    size_t at = 0;

    pre_words_init(&w,
                   pre_rule_find((struct ubytes){(const uint8_t *)name,
                                                 strlen(name)}),
                   text);
    while (pre_words_next(&w, &word)) {
        must(word.n > 0 && word.p == text.p + at);
        at += word.n;
    }
    must(at == text.n);
}

static void round_trip(const struct tokenizer *t, struct ubytes text)
{
    struct tokens ids = {NULL, 0, 0};
    struct buf back;
    struct diag d;

    buf_init(&back, 1u << 24);
    diag_init(&d);
    if (tokenizer_encode(t, text, &ids, &d) == 0) {
        for (size_t i = 0; i < ids.n; i++) {
            enum token_kind kind = tokenizer_kind(t, ids.v[i]);

            must(kind == TOKEN_NORMAL || kind == TOKEN_USER ||
                 kind == TOKEN_BYTE);
        }
        must(tokenizer_decode(t, ids.v, ids.n, &back, &d) == 0);
        must(buf_len(&back) == text.n &&
             (text.n == 0 ||
              memcmp(buf_bytes(&back).p, text.p, text.n) == 0));
    } else {
        must(ids.n == 0);
    }
    buf_release(&back);
    tokens_release(&ids);
}

static void all_tokens(const struct tokenizer *t)
{
    for (uint32_t id = 0; id < tokenizer_n(t); id++) {
        struct ubytes b = tokenizer_bytes(t, id);

        must(tokenizer_kind(t, id) != TOKEN_CONTROL || b.n == 0);
        must(b.n <= tokenizer_text(t, id).n);
        (void)tokenizer_is_end(t, id);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes text;
    struct tokenizer *t;
    struct gguf g;
    struct diag d;
    size_t text_n;
    void *copy; /* of exactly this size: one byte too far is found */

    if (size < 2) {
        return 0;
    }
    text_n = (size_t)data[0] | (size_t)data[1] << 8;
    data += 2;
    size -= 2;
    text_n = text_n < size ? text_n : size;
    text = (struct ubytes){data, text_n};
    if (utf8_is_valid(text)) {
        words(text, (uint8_t)size);
    }
    size -= text_n;
    if (posix_memalign(&copy, 64, size + (size == 0)) != 0) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, data + text_n, size);
    }
    diag_init(&d);
    if (gguf_open((struct ubytes){copy, size}, &g, &d) == 0) {
        if (tokenizer_new(&g, &t, &d) == 0 && t != NULL) {
            all_tokens(t);
            round_trip(t, text);
            tokenizer_free(t);
        }
        gguf_release(&g);
    }
    free(copy);
    return 0;
}

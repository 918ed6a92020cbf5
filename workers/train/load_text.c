/* Texts to rows of tokens, with the tokenizer that made them. Byte pairs are learnt
 * from all the files; each is then encoded by the same code that will encode
 * prompts, behind a <|bos|>. Runs in the train worker; files may be anything. Must
 * never write a tokenizer that tokenizer_new has not read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/nn/tokenizer.h"
#include "workers/train/bpe.h"
#include "workers/train/load.h"

/* A GGUF file in memory, as gguf_open wants it. */
struct file {
    uint8_t *p; /* owned; aligned */
    size_t n, cap;
    struct gguf g;
};

static void file_release(struct file *f)
{
    gguf_release(&f->g);
    free(f->p);
}

static int file_sink(void *ctx, struct ubytes bytes)
{
    struct file *f = ctx;

    if (bytes.n > f->cap - f->n) {
        return ERR_TRACE(ERR_LIMIT);
    }
    memcpy(f->p + f->n, bytes.p, bytes.n);
    f->n += bytes.n;
    return 0;
}

static void writer_freep(struct gguf_writer **w)
{
    gguf_writer_free(*w);
}

/* The vocabulary as a file without tensors. */
static int write_file(const struct vocab *v, struct file *f)
{
    struct gguf_writer *w CLEANUP(writer_freep) = NULL;

    TRY(gguf_writer_new(&w));
    vocab_write(v, w, BPE_BOS);
    f->cap = (gguf_writer_bytes(w) + LOAD_ALIGN - 1) / LOAD_ALIGN * LOAD_ALIGN;
    f->p = aligned_alloc(LOAD_ALIGN, f->cap);
    if (f->p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(gguf_writer_begin(w, file_sink, f));
    return gguf_writer_end(w);
}

/* The first byte that is no UTF-8, by its line. */
static int fail_utf8(struct load *l, size_t i)
{
    struct ubytes rest = l->files[i];
    uint32_t line = 1, col = 1, cp = 0;

    while (rest.n > 0) {
        size_t n = utf8_next(rest, &cp);

        if (n == 0) {
            break;
        }
        col = cp == '\n' ? 1 : col + (uint32_t)n;
        line += cp == '\n';
        rest = (struct ubytes){rest.p + n, rest.n - n};
    }
    (void)load_fail(l, ERR_INPUT, i, line, col,
                    "no UTF-8: byte 0x%02x does not belong there",
                    rest.n > 0 ? rest.p[0] : 0u);
    load_hint(l, "texts are UTF-8; convert the file, or leave it out");
    return ERR_INPUT;
}

static int check_texts(struct load *l)
{
    const Proctor__TextSpec *s = l->spec->text;
    uint64_t bytes = 0;

    if (s == NULL || s->context == 0 || s->vocab > TOKENIZER_TOKENS_MAX) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "expected a context of at least 1, and a vocabulary");
    }
    for (size_t i = 0; i < l->files_n; i++) {
        if (l->files[i].n > TOKENIZER_TEXT_BYTES_MAX) {
            return load_fail(l, ERR_LIMIT, i, 0, 0,
                             "%zu bytes; one text has at most %u",
                             l->files[i].n, TOKENIZER_TEXT_BYTES_MAX);
        }
        if (!utf8_is_valid(l->files[i])) {
            return fail_utf8(l, i);
        }
        bytes += l->files[i].n;
    }
    if (bytes == 0) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "the text is empty: nothing to learn from");
    }
    return 0;
}

/* Learns a vocabulary and opens it as a model's reader would. */
static int make_tokenizer(struct load *l, struct file *f,
                          struct tokenizer **out)
{
    uint32_t wanted = l->spec->text->vocab;
    struct vocab v CLEANUP(vocab_release);

    vocab_init(&v, 0);
    TRY(bpe_learn(l->files, l->files_n, wanted < BPE_BASE ? BPE_BASE : wanted,
                  &v));
    TRY(write_file(&v, f));
    TRY(gguf_open((struct ubytes){f->p, f->n}, &f->g, &l->d));
    TRY(tokenizer_new(&f->g, out, &l->d));
    l->data.classes = v.n;
    return v.n < wanted ? load_note(l,
                                    "%u tokens, not %u: no pair of them "
                                    "stands twice in the text",
                                    v.n, wanted)
                        : 0;
}

/* All files, each behind a <|bos|>. */
static int encode(struct load *l, const struct tokenizer *t, struct tokens *out)
{
    for (size_t i = 0; i < l->files_n; i++) {
        TRY(tokens_add(out, BPE_BOS));
        TRY(tokenizer_encode(t, l->files[i], out, &l->d));
    }
    return 0;
}

static int put_rows(struct load *l, const struct tokens *t)
{
    const Proctor__TextSpec *s = l->spec->text;
    uint64_t width = (uint64_t)s->context + 1, rows;
    uint64_t stride = s->stride == 0 ? s->context : s->stride;
    uint8_t *p;

    if (t->n < width) {
        (void)load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                        "the text has %zu tokens, one row takes %" PRIu64, t->n,
                        width);
        load_hint(l, "give more text, or lower context");
        return ERR_INPUT;
    }
    rows = (t->n - width) / stride + 1;
    TRY(load_room(l, rows, width, PROCTOR__DATA_TYPE__DATA_U32));
    p = l->x;
    for (uint64_t i = 0; i < rows; i++) {
        for (uint64_t k = 0; k < width; k++, p += 4) {
            load_put_u32(p, t->v[i * stride + k]);
        }
    }
    return stride < s->context
               ? load_note(l,
                           "rows overlap by %" PRIu64 " tokens: a part that is "
                           "held out of them is not unseen",
                           width - stride)
               : 0;
}

static int put_tokenizer(struct load *l, const struct file *f)
{
    uint8_t *p = load_tokenizer(l, f->n);

    if (p == NULL) {
        (void)load_fail(l, ERR_LIMIT, SIZE_MAX, 0, 0,
                        "the tokenizer's %zu bytes do not fit beside the rows",
                        f->n);
        load_hint(l, "raise limits.memory in the policy, or lower vocab");
        return ERR_LIMIT;
    }
    memcpy(p, f->p, f->n);
    l->tokenizer_bytes = f->n;
    return 0;
}

static void tokenizer_freep(struct tokenizer **t)
{
    tokenizer_free(*t);
}

int load_text(struct load *l)
{
    struct file f CLEANUP(file_release) = {0};
    struct tokenizer *t CLEANUP(tokenizer_freep) = NULL;
    struct tokens tokens CLEANUP(tokens_release) = {0};

    TRY(check_texts(l));
    TRY(make_tokenizer(l, &f, &t));
    TRY(encode(l, t, &tokens));
    TRY(put_rows(l, &tokens));
    return put_tokenizer(l, &f);
}

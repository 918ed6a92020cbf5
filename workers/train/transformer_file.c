/* A trained transformer as a GGUF file, and its numbers from one. Runs in worker
 * train. Must never take numbers of another shape for its own. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/math.h"
#include "workers/nn/model_keys_write.h"
#include "workers/nn/narrow.h"
#include "workers/train/transformer.h"

static const struct loc nowhere = {NULL, 0, 0};

static int load_tensor(const struct gguf *g, const struct text_tensor *t,
                       float *params, struct diag *d)
{
    const struct gguf_tensor *from = gguf_tensor(g, t->name);
    uint64_t dimensions[3] = {1, 1, 1};
    int fits = from != NULL;

    (void)part_dimensions(&t->shape, dimensions);
    for (size_t i = 0; fits && i < ARRAY_N(dimensions); i++) {
        fits = from->dimensions[i] == dimensions[i];
    }
    if (!fits) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "tensor %s is missing or of another shape", t->name);
    }
    widen_floats(from->type, from->data, t->n, params + t->at);
    if (!nn_is_finite(params + t->at, t->n)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "tensor %s: a number is not finite", t->name);
    }
    return 0;
}

int text_load(struct learner *base, const struct gguf *g, float *params,
              struct diag *d)
{
    const struct text_learner *l = text_of(base);
    struct model_shape s;

    TRY(model_shape_read(g, &s, d));
    s.context = l->shape.context; /* no number hangs on it */
    if (memcmp(&s, &l->shape, sizeof(s)) != 0 ||
        (gguf_tensor(g, "output.weight") == NULL) != l->tied) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "weights of another model: %s, %u blocks of %u, %u "
                        "heads, vocabulary %u",
                        model_arch_name(s.arch), s.layers, s.width, s.heads,
                        s.vocab);
    }
    for (size_t i = 0; i < text_tensors_n(l); i++) {
        const struct text_tensor t = text_tensor(l, i);

        TRY(load_tensor(g, &t, params, d));
    }
    return 0;
}

/* The pairs of the tokenizer's file. */
static void put_tokenizer(struct gguf_writer *w, const struct gguf *g)
{
    static const char prefix[] = "tokenizer.";

    for (uint32_t i = 0; i < g->pairs_n; i++) {
        const struct gguf_pair *p = &g->pairs[i];

        if (p->key.n >= sizeof(prefix) - 1 &&
            memcmp(p->key.p, prefix, sizeof(prefix) - 1) == 0) {
            gguf_writer_pair(w, p);
        }
    }
}

static int write_head(const struct text_learner *l, struct gguf_writer *w)
{
    struct gguf g = {0};
    struct diag d;

    model_keys_write(w, &l->shape, "trained", GGUF_TENSOR_F32);
    diag_init(&d);
    TRY(gguf_open(l->tokenizer, &g, &d));
    put_tokenizer(w, &g);
    gguf_release(&g);
    for (size_t i = 0; i < text_tensors_n(l); i++) {
        const struct text_tensor t = text_tensor(l, i);
        uint64_t dimensions[3];
        uint32_t n = part_dimensions(&t.shape, dimensions);

        gguf_writer_tensor(w, t.name, GGUF_TENSOR_F32, n, dimensions);
    }
    return 0;
}

static int write_numbers(const struct text_learner *l, struct gguf_writer *w,
                         const float *params, gguf_sink *sink, void *ctx)
{
    TRY(gguf_writer_begin(w, sink, ctx));
    for (size_t i = 0; i < text_tensors_n(l); i++) {
        const struct text_tensor t = text_tensor(l, i);
        const struct ubytes bytes = {(const uint8_t *)(params + t.at),
                                     t.n * sizeof(*params)};

        TRY(gguf_writer_data(w, bytes));
    }
    return gguf_writer_end(w);
}

int text_write(struct learner *base, const float *params, uint64_t max_bytes,
               gguf_sink *sink, void *ctx, uint64_t *out_bytes)
{
    struct gguf_writer *w;
    int code = gguf_writer_new(&w);

    *out_bytes = 0;
    if (code == 0) {
        code = write_head(text_of(base), w);
    }
    if (code == 0) {
        *out_bytes = gguf_writer_bytes(w);
        code = *out_bytes > max_bytes
                   ? ERR_TRACE(ERR_LIMIT)
                   : write_numbers(text_of(base), w, params, sink, ctx);
    }
    gguf_writer_free(w);
    return code;
}

/* Small transformers over made-up texts, for tests of their training. */
#ifndef TESTS_UNIT_TRAIN_TEXT_WORLD_H
#define TESTS_UNIT_TRAIN_TEXT_WORLD_H

#include <math.h>
#include <stdio.h>

#include "tests/unit/nn/model_file.h"
#include "tests/unit/nn/numbers.h"
#include "workers/nn/panel.h"
#include "workers/train/rows.h"
#include "workers/train/transformer.h"

struct text_form {
    const char *arch;
    uint32_t blocks, width, heads, kv_heads, ffn, experts, experts_used;
    uint32_t vocab, context, rows;
    double balance, smoothing;
    int tied;
};

struct text_world {
    Proctor__Recipe recipe;
    Proctor__Learner model;
    Proctor__LossSpec loss;
    struct model_file tokenizer;
    struct ubytes tokenizer_bytes;
    uint32_t *tokens; /* owned */
    struct rows rows;
    struct learner *l;    /* owned */
    float *params, *grad; /* owned */
    size_t n;             /* parameters */
    struct diag d;
};

/* A file of so many tokens, which nobody reads but to count them. */
static inline void world_tokenizer(struct text_world *w, uint32_t vocab)
{
    struct gguf_writer *g;
    struct buf tokens;

    buf_init(&tokens, 1u << 20);
    assert_int_equal(gguf_writer_new(&g), 0);
    for (uint32_t i = 0; i < vocab; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "t%u", i);

        assert_int_equal(
            gguf_put_string(&tokens,
                            (struct ubytes){(const uint8_t *)name, (size_t)n}),
            0);
    }
    gguf_writer_string(g, "tokenizer.ggml.model", "none");
    gguf_writer_array(g, "tokenizer.ggml.tokens", GGUF_STRING, vocab,
                      buf_bytes(&tokens));
    assert_int_equal(gguf_writer_begin(g, model_file_sink, &w->tokenizer), 0);
    assert_int_equal(gguf_writer_end(g), 0);
    gguf_writer_free(g);
    buf_release(&tokens);
    w->tokenizer_bytes = (struct ubytes){w->tokenizer.bytes, w->tokenizer.n};
}

static inline void world_recipe(struct text_world *w, const struct text_form *f)
{
    proctor__recipe__init(&w->recipe);
    proctor__learner__init(&w->model);
    proctor__loss_spec__init(&w->loss);
    w->recipe.learner = &w->model;
    w->recipe.loss = &w->loss;
    w->recipe.seed = 7;
    w->loss.smoothing = f->smoothing;
    w->model.arch = (char *)(uintptr_t)f->arch;
    w->model.blocks = f->blocks;
    w->model.width = f->width;
    w->model.heads = f->heads;
    w->model.kv_heads = f->kv_heads;
    w->model.ffn = f->ffn;
    w->model.experts = f->experts;
    w->model.experts_used = f->experts_used;
    w->model.balance = f->balance;
    w->model.tied = f->tied;
}

static inline int world_open(struct text_world *w, const struct text_form *f)
{
    size_t n = (size_t)f->rows * (f->context + 1);

    memset(w, 0, sizeof(*w));
    diag_init(&w->d);
    world_recipe(w, f);
    world_tokenizer(w, f->vocab);
    w->tokens = malloc(n * sizeof(*w->tokens));
    assert_non_null(w->tokens);
    for (size_t i = 0; i < n; i++) {
        w->tokens[i] = (uint32_t)below(f->vocab);
    }
    w->rows = (struct rows){.type = ROWS_U32,
                            .kind = ROWS_TEXT,
                            .n = f->rows,
                            .width = f->context + 1,
                            .classes = f->vocab,
                            .x = (const uint8_t *)w->tokens};
    return learner_transformer.open(&w->recipe, &w->rows, &w->tokenizer_bytes,
                                    &w->l, &w->d);
}

static inline void world_make(struct text_world *w, const struct text_form *f)
{
    int code = world_open(w, f);

    if (code != 0) {
        fail_msg("%s", w->d.what);
    }
    w->n = learner_transformer.parameters_n(w->l);
    w->params = malloc(w->n * sizeof(float));
    w->grad = malloc(w->n * sizeof(float));
    assert_true(w->params != NULL && w->grad != NULL);
    assert_int_equal(learner_transformer.start(w->l, f->rows), 0);
    assert_int_equal(learner_transformer.first(w->l, &w->rows, w->params), 0);
    assert_int_equal(learner_transformer.set(w->l, w->params), 0);
}

static inline void world_release(struct text_world *w)
{
    learner_transformer.close(w->l);
    model_file_release(&w->tokenizer);
    free(w->tokens);
    free(w->params);
    free(w->grad);
    memset(w, 0, sizeof(*w));
}

/* The loss of all rows, and w->grad. */
static inline struct loss_sum world_gradient(struct text_world *w)
{
    struct loss_sum s = {0};
    uint32_t order[256];

    assert_true(w->rows.n <= 256);
    for (uint32_t i = 0; i < w->rows.n; i++) {
        order[i] = i;
    }
    assert_int_equal(learner_transformer.gradient(w->l, &w->rows, order,
                                                  w->rows.n, 0, 0, w->grad, &s),
                     0);
    return s;
}

/* Numbers that are far enough from the first ones that nothing is symmetric. */
static inline void world_stir(struct text_world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        w->params[i] *= 1.0f + 0.25f * (float)((double)below(2001) / 1000 - 1);
        w->params[i] += 0.05f * (float)((double)below(2001) / 1000 - 1);
    }
    assert_int_equal(learner_transformer.set(w->l, w->params), 0);
}

/* The file of its weights. */
static inline void world_write(struct text_world *w, struct model_file *out)
{
    uint64_t bytes = 0;

    memset(out, 0, sizeof(*out));
    assert_int_equal(learner_transformer.write(w->l, w->params, UINT64_MAX,
                                               model_file_sink, out, &bytes),
                     0);
    assert_int_equal(bytes, out->n);
    assert_int_equal(model_file_open(out, &w->d), 0);
}

static const struct text_form text_forms[] = {
    {"llama", 2, 32, 4, 4, 40, 0, 0, 37, 20, 3, 0, 0, 0},
    {"llama", 1, 64, 8, 2, 48, 0, 0, 50, 70, 2, 0, 0.1, 1},
    {"llama", 2, 32, 4, 2, 24, 4, 2, 33, 64, 3, 0.05, 0, 0},
    {"olmoe", 2, 32, 2, 2, 24, 5, 2, 41, 33, 4, 0.01, 0, 0},
    {"qwen3moe", 2, 48, 3, 1, 20, 8, 3, 29, 17, 5, 0.1, 0, 1},
    {"olmoe", 1, 16, 2, 2, 16, 3, 1, 20, 1, 6, 0.1, 0, 0},
    {"llama", 1, 32, 2, 1, 64, 0, 0, 70, 300, 5, 0, 0, 0}};

#endif

/* The learner of texts: memory, first weights, and the walk over rows and layers.
 * Runs in worker train. */
#include "workers/train/transformer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/math.h"
#include "workers/nn/model_keys_write.h"
#include "workers/nn/product.h"
#include "workers/train/rows.h"
#include "workers/train/streams.h"

static const struct loc nowhere = {NULL, 0, 0};

enum {
    ALIGNMENT = 64
};

/* The tokenizer is one, of as many tokens as the rows have. */
static int check_tokenizer(struct text_learner *l, const struct ubytes *file,
                           struct diag *d)
{
    struct gguf g = {0};
    const struct gguf_pair *tokens;
    int fits;

    if (file == NULL) {
        return diag_set(d, ERR_INPUT, nowhere, "the text has no tokenizer");
    }
    TRY(gguf_open(*file, &g, d));
    tokens = gguf_pair(&g, "tokenizer.ggml.tokens");
    fits = tokens != NULL && tokens->type == GGUF_ARRAY &&
           tokens->n == l->shape.vocab;
    gguf_release(&g);
    if (!fits) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the tokenizer is not one of %u tokens",
                        l->shape.vocab);
    }
    l->tokenizer = *file;
    return 0;
}

static void text_close(struct learner *base)
{
    struct text_learner *l = text_of(base);

    if (l != NULL) {
        nn_rope_free(l->rope);
        free(l->layers);
        free(l->area);
        free(l->at);
        free(l);
    }
}

static int text_open(const Proctor__Recipe *r, const struct rows *data,
                     const struct ubytes *tokenizer_gguf, struct learner **out,
                     struct diag *d)
{
    struct text_learner *l = calloc(1, sizeof(*l));
    int code;

    *out = NULL;
    if (l == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->base.ops = &learner_transformer;
    code = text_shape(r, data, l, d);
    if (code == 0) {
        code = check_tokenizer(l, tokenizer_gguf, d);
    }
    if (code != 0) {
        text_close(&l->base);
        return code;
    }
    *out = &l->base;
    return 0;
}

static size_t text_parameters_n(const struct learner *base)
{
    return ((const struct text_learner *)base)->parameters_n;
}

static size_t text_outputs_n(const struct learner *base)
{
    const struct text_learner *l = (const struct text_learner *)base;

    return l->context * l->shape.vocab;
}

/* Rows that are worked on at once. */
static size_t rows_of(const struct text_learner *l, size_t rows_max)
{
    size_t rows = l->context < TEXT_TOKENS ? TEXT_TOKENS / l->context : 1;

    return rows < rows_max ? rows : rows_max;
}

/* The next part of the area; with none, sizes are summed. */
struct carver {
    uint8_t *area;
    uint64_t at;
};

static void *carve(struct carver *c, uint64_t n, size_t size)
{
    uint64_t from = c->at;

    c->at += (n * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return c->area == NULL ? NULL : c->area + from;
}

static float *carve_floats(struct carver *c, uint64_t n)
{
    return carve(c, n, sizeof(float));
}

static void carve_attention(const struct text_learner *l, struct carver *c,
                            size_t m, struct text_layer *y)
{
    const struct model_shape *s = &l->shape;
    uint64_t d = s->width, q = (uint64_t)s->heads * s->head_k;
    uint64_t k = (uint64_t)s->kv_heads * s->head_k;
    uint64_t v = (uint64_t)s->kv_heads * s->head_v;
    int normed = model_part_shape(s, PART_Q_NORM).form != FORM_NONE;

    y->in = carve_floats(c, m * d);
    y->normed = carve_floats(c, m * d);
    y->q_plain = normed ? carve_floats(c, m * q) : NULL;
    y->k_plain = normed ? carve_floats(c, m * k) : NULL;
    y->q = carve_floats(c, m * q);
    y->k = carve_floats(c, m * k);
    y->v = carve_floats(c, m * v);
    y->kept = carve_floats(c, m * s->heads * attend_kept_ld(l->context));
    y->inverse = carve_floats(c, m * s->heads);
    y->mixed = carve_floats(c, m * s->heads * s->head_v);
    y->middle = carve_floats(c, m * d);
}

static void carve_ffn(const struct text_learner *l, struct carver *c, size_t m,
                      struct text_layer *y)
{
    const struct model_shape *s = &l->shape;
    uint64_t used = s->experts > 0 ? s->experts_used : 1;

    y->wide = carve_floats(c, m * s->width);
    y->router = carve_floats(c, (uint64_t)m * s->experts);
    y->weights = carve_floats(c, m * used);
    y->chosen = carve(c, m * used, sizeof(*y->chosen));
    y->place = carve(c, m * used, sizeof(*y->place));
    y->first = carve(c, s->experts + 2, sizeof(*y->first));
    y->rows = s->experts > 0 ? carve_floats(c, m * used * s->width) : y->wide;
    y->gate = carve_floats(c, m * used * s->ffn);
    y->up = carve_floats(c, m * used * s->ffn);
    y->act = carve_floats(c, m * used * s->ffn);
    y->outputs = carve_floats(c, m * used * s->width);
}

static void carve_scratch(const struct text_learner *l, struct carver *c,
                          size_t m, struct text_scratch *z)
{
    const struct model_shape *s = &l->shape;
    const struct attend a = {.head_k = s->head_k,
                             .head_v = s->head_v,
                             .group = s->heads / s->kv_heads,
                             .kept_ld = attend_kept_ld(l->context)};
    uint64_t used = s->experts > 0 ? s->experts_used : 1;
    uint64_t blocks = (l->context + ATTEND_BLOCK - 1) / ATTEND_BLOCK;
    size_t back = attend_back_scratch(&a, l->context);

    z->y = carve_floats(c, (uint64_t)m * s->width);
    z->d = carve_floats(c, (uint64_t)m * s->width);
    z->dy = carve_floats(c, (uint64_t)m * s->width);
    z->dq = carve_floats(c, (uint64_t)m * s->heads * s->head_k);
    z->dk = carve_floats(c, (uint64_t)m * s->kv_heads * s->head_k);
    z->dv = carve_floats(c, (uint64_t)m * s->kv_heads * s->head_v);
    z->dmixed = carve_floats(c, (uint64_t)m * s->heads * s->head_v);
    z->drows = carve_floats(c, s->experts > 0 ? m * used * s->width : 0);
    z->doutputs = carve_floats(c, s->experts > 0 ? m * used * s->width : 0);
    z->dgate = carve_floats(c, m * used * s->ffn);
    z->dup = carve_floats(c, m * used * s->ffn);
    z->drouter = carve_floats(c, (uint64_t)m * s->experts);
    z->shares = carve_floats(c, s->experts);
    z->keys = carve_floats(c, blocks * attend_keys_floats(s->head_k));
    z->values = carve_floats(c, blocks * attend_values_floats(s->head_v));
    z->logits = carve_floats(c, (uint64_t)TEXT_HEAD_TOKENS * s->vocab);
    z->attend_n = attend_scratch(&a, l->context);
    z->attend_n = z->attend_n < back ? back : z->attend_n;
    z->attend = carve_floats(c, z->attend_n);
    z->turns = carve_floats(c, (uint64_t)l->context * s->head_k);
}

/* All of the area; its bytes. */
static uint64_t carve_all(const struct text_learner *l, size_t rows,
                          uint8_t *area, float **turned,
                          struct text_layer *layers, struct text_scratch *s)
{
    struct carver c = {area, 0};
    size_t m = rows * l->context;
    struct text_layer one = {0};

    *turned = carve_floats(&c, l->parameters_n);
    for (uint32_t i = 0; i < l->shape.layers; i++) {
        struct text_layer *y = layers == NULL ? &one : &layers[i];

        carve_attention(l, &c, m, y);
        carve_ffn(l, &c, m, y);
    }
    one.in = carve_floats(&c, (uint64_t)m * l->shape.width);
    if (layers != NULL) {
        layers[l->shape.layers].in = one.in;
    }
    carve_scratch(l, &c, m, s);
    return c.at;
}

static uint64_t text_memory(const struct learner *base, size_t rows_max)
{
    const struct text_learner *l = (const struct text_learner *)base;
    struct text_scratch s;
    float *turned;

    return carve_all(l, rows_of(l, rows_max), NULL, &turned, NULL, &s) +
           (l->shape.layers + 1) * sizeof(*l->layers);
}

static int make_turns(struct text_learner *l)
{
    const struct rope_spec spec = {
        .pairs = l->shape.arch == ARCH_LLAMA ? ROPE_NORM : ROPE_NEOX,
        .dims = l->shape.head_k,
        .freq_base = (double)model_freq_base(l->shape.arch),
        .factor = 1.0};

    TRY(nn_rope_new(&spec, &l->rope));
    for (size_t i = 0; i < l->context; i++) {
        nn_rope_row(l->rope, i, l->s.turns + i * l->shape.head_k);
    }
    return 0;
}

static int text_start(struct learner *base, size_t rows_max)
{
    struct text_learner *l = text_of(base);
    uint64_t bytes;

    l->rows = rows_of(l, rows_max);
    l->layers = calloc(l->shape.layers + 1u, sizeof(*l->layers));
    bytes = carve_all(l, l->rows, NULL, &l->turned, NULL, &l->s);
    l->area = bytes > SIZE_MAX / 2 ? NULL : aligned_alloc(ALIGNMENT, bytes);
    if (l->layers == NULL || l->area == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(l->area, 0, bytes); /* here it is found missing; blocks start so */
    (void)carve_all(l, l->rows, l->area, &l->turned, l->layers, &l->s);
    return make_turns(l);
}

/* How far from 0 a tensor's first numbers are, at most: matrices keep the size of
 * a row that is normed, those that end in the residual share its growth. */
static float spread_of(const struct text_learner *l,
                       const struct text_tensor *t)
{
    float keeps = sqrtf(3.0f / (float)t->shape.in);
    float share = 1.0f / sqrtf(2.0f * (float)l->shape.layers);

    if (t->part == PART_OUT || t->part == PART_DOWN) {
        return keeps * share;
    }
    if (t->part == PARTS_N) { /* embedding and output: small first logits */
        return 0.5f * keeps;
    }
    return t->part == PART_ROUTER ? 0.5f * keeps : keeps;
}

static int text_first(struct learner *base, const struct rows *data,
                      float *params)
{
    const struct text_learner *l = text_of(base);

    (void)data;
    for (size_t i = 0; i < text_tensors_n(l); i++) {
        const struct text_tensor t = text_tensor(l, i);
        const struct draw draw = stream_open(l->seed, STREAM_WEIGHTS, i, 0);
        float spread = spread_of(l, &t);

        for (size_t k = 0; k < t.n; k++) {
            params[t.at + k] = t.shape.form == FORM_VECTOR
                                   ? 1.0f
                                   : spread * draw_f32(&draw, k);
        }
    }
    return 0;
}

static void text_decays(const struct learner *base, uint8_t *mask)
{
    const struct text_learner *l = (const struct text_learner *)base;

    for (size_t i = 0; i < text_tensors_n(l); i++) {
        const struct text_tensor t = text_tensor(l, i);

        memset(mask + t.at, t.shape.form != FORM_VECTOR, t.n);
    }
}

static int text_set(struct learner *base, const float *params)
{
    struct text_learner *l = text_of(base);

    if (!nn_is_finite(params, l->parameters_n)) {
        return ERR_TRACE(ERR_INPUT);
    }
    l->params = params;
    for (size_t i = 0; i < text_tensors_n(l); i++) {
        const struct text_tensor t = text_tensor(l, i);
        size_t each = (size_t)t.shape.in * t.shape.out;

        for (size_t at = t.at; t.shape.form != FORM_VECTOR && at < t.at + t.n;
             at += each) {
            nn_turn(params + at, t.shape.out, t.shape.in, l->turned + at);
        }
    }
    return 0;
}

static void run_layers(struct text_learner *l, const uint32_t *const *tokens,
                       size_t rows)
{
    text_embed(l, tokens, rows);
    for (uint32_t i = 0; i < l->shape.layers; i++) {
        text_attention(l, i, rows);
        text_ffn(l, i, rows);
    }
}

/* Where the tokens of some rows lie: [from, from + n) of order, or of data. */
static void take_rows(const struct rows *data, const uint32_t *order,
                      uint64_t from, size_t n, const uint32_t **out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = rows_tokens(data, order == NULL ? from + i : order[from + i]);
    }
}

static int text_gradient(struct learner *base, const struct rows *data,
                         const uint32_t *order, size_t n, uint64_t step,
                         uint32_t micro, float *grad, struct loss_sum *s)
{
    struct text_learner *l = text_of(base);
    const uint32_t *tokens[TEXT_TOKENS];

    (void)step;
    (void)micro;
    memset(grad, 0, l->parameters_n * sizeof(*grad));
    for (size_t i = 0; i < n; i += l->rows) {
        size_t rows = n - i < l->rows ? n - i : l->rows;

        take_rows(data, order, i, rows, tokens);
        run_layers(l, tokens, rows);
        text_loss(l, tokens, rows, grad, s);
        for (uint32_t layer = l->shape.layers; layer-- > 0;) {
            text_ffn_back(l, layer, rows, grad);
            text_attention_back(l, layer, rows, grad);
        }
        text_embed_back(l, tokens, rows, grad);
    }
    return 0;
}

static int text_predict(struct learner *base, const struct rows *data,
                        uint64_t from, size_t n, float *out)
{
    struct text_learner *l = text_of(base);
    const uint32_t *tokens[TEXT_TOKENS];

    for (size_t i = 0; i < n; i += l->rows) {
        size_t rows = n - i < l->rows ? n - i : l->rows;

        take_rows(data, NULL, from + i, rows, tokens);
        run_layers(l, tokens, rows);
        text_probabilities(l, rows, out + i * text_outputs_n(base));
    }
    return 0;
}

const struct learner_ops learner_transformer = {.kind = "transformer",
                                                .open = text_open,
                                                .close = text_close,
                                                .parameters_n =
                                                    text_parameters_n,
                                                .outputs_n = text_outputs_n,
                                                .memory = text_memory,
                                                .start = text_start,
                                                .first = text_first,
                                                .decays = text_decays,
                                                .set = text_set,
                                                .gradient = text_gradient,
                                                .predict = text_predict,
                                                .load = text_load,
                                                .write = text_write};

/* Forward passes of perceptrons. Runs in workers. Must never give a
 * row other bits because of its neighbours. */
#include "workers/nn/mlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/activation.h"

static const struct loc nowhere = {NULL, 0, 0};

struct layer {
    uint32_t in, out;
    enum activation activation;
    float *packed; /* owned (panels, in, 64) */
    float *bias;   /* owned (out) */
};

struct mlp {
    enum product_kernel kernel;
    uint32_t layers_n;
    struct layer layers[MLP_LAYERS_MAX];
    float *xt; /* owned (widest, PRODUCT_TILE): a tile, transposed */
    float *y;  /* owned (PRODUCT_TILE, widest padded) */
};

static int refuse(struct diag *d, const char *what, const char *hint)
{
    int code = diag_set(d, ERR_INPUT, nowhere, "%s", what);

    diag_hint(d, "%s", hint);
    return code;
}

static int read_sizes(struct mlp *m, const struct gguf *g, struct diag *d)
{
    const struct gguf_pair *p = gguf_pair(g, "proctor.mlp.layer_sizes");

    if (p == NULL || p->type != GGUF_ARRAY || p->element != GGUF_U32 ||
        p->n < 2) {
        return refuse(d, "the weights have no proctor.mlp.layer_sizes",
                      "an array of u32: inputs, hidden widths, outputs");
    }
    if (p->n - 1 > MLP_LAYERS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere, "%llu layers, the limit is %u",
                        (unsigned long long)(p->n - 1), MLP_LAYERS_MAX);
    }
    m->layers_n = (uint32_t)(p->n - 1);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t size = gguf_array_u32(p, i);

        if (size == 0 || size > MLP_WIDTH_MAX) {
            return diag_set(d, ERR_LIMIT, nowhere,
                            "proctor.mlp.layer_sizes[%u] is %u, expected 1 to "
                            "%u",
                            i, size, MLP_WIDTH_MAX);
        }
        if (i < m->layers_n) {
            m->layers[i].in = size;
        }
        if (i > 0) {
            m->layers[i - 1].out = size;
        }
    }
    return 0;
}

static int read_activations(struct mlp *m, const struct gguf *g, struct diag *d)
{
    const struct gguf_pair *p = gguf_pair(g, "proctor.mlp.activations");

    if (p == NULL || p->type != GGUF_ARRAY || p->element != GGUF_STRING ||
        p->n != m->layers_n) {
        return refuse(d,
                      "the weights have no proctor.mlp.activations, or not one "
                      "per layer",
                      "an array of strings: identity, relu, tanh, sigmoid, "
                      "gelu");
    }
    for (uint32_t i = 0; i < m->layers_n; i++) {
        if (activation_find(gguf_array_string(p, i),
                            &m->layers[i].activation) != 0) {
            return refuse(d, "proctor.mlp.activations has an unknown name",
                          "known: identity, relu, tanh, sigmoid, gelu");
        }
    }
    return 0;
}

static const struct gguf_tensor *find_tensor(const struct gguf *g, uint32_t i,
                                             const char *part)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "blk.%u.%s", i, part);
    return gguf_tensor(g, name);
}

static int shape_is(const struct gguf_tensor *t, uint64_t first,
                    uint64_t second)
{
    return t != NULL && t->type == GGUF_TENSOR_F32 &&
           t->dimensions[0] == first &&
           t->dimensions[1] == second && t->dimensions[2] == 1 &&
           t->dimensions[3] == 1;
}

static float *floats_new(size_t n)
{
    /* 64: a vector and a cache line; sizes of aligned_alloc are multiples. */
    size_t bytes = (n * sizeof(float) + 63) / 64 * 64;

    return aligned_alloc(64, bytes);
}

static int read_layer(struct layer *l, uint32_t i, const struct gguf *g,
                      struct diag *d)
{
    const struct gguf_tensor *weight = find_tensor(g, i, "weight");
    const struct gguf_tensor *bias = find_tensor(g, i, "bias");

    if (!shape_is(weight, l->in, l->out) || !shape_is(bias, l->out, 1)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "layer %u: expected f32 tensors blk.%u.weight [%u, %u] "
                        "and blk.%u.bias [%u]",
                        i, i, l->in, l->out, i, l->out);
    }
    l->packed = floats_new(product_padded(l->out) * l->in);
    l->bias = floats_new(l->out);
    if (l->packed == NULL || l->bias == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    product_pack(weight->data, l->out, l->in, l->packed);
    memcpy(l->bias, bias->data, l->out * sizeof(float));
    return 0;
}

static int make_scratch(struct mlp *m)
{
    size_t widest = 0;

    for (uint32_t i = 0; i < m->layers_n; i++) {
        const struct layer *l = &m->layers[i];

        widest = l->in > widest ? l->in : widest;
        widest = l->out > widest ? l->out : widest;
    }
    m->xt = floats_new(widest * PRODUCT_TILE);
    m->y = floats_new(product_padded(widest) * PRODUCT_TILE);
    return m->xt == NULL || m->y == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

static int read_mlp(struct mlp *m, const struct gguf *g, struct diag *d)
{
    struct ubytes name = gguf_string(g, "general.architecture");

    if (name.n != strlen("proctor-mlp") ||
        memcmp(name.p, "proctor-mlp", name.n) != 0) {
        return refuse(d, "general.architecture is not \"proctor-mlp\"",
                      "this worker runs plain perceptrons only");
    }
    TRY(read_sizes(m, g, d));
    TRY(read_activations(m, g, d));
    if (g->tensors_n != 2 * m->layers_n) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u tensors, expected two for each of %u layers",
                        g->tensors_n, m->layers_n);
    }
    for (uint32_t i = 0; i < m->layers_n; i++) {
        TRY(read_layer(&m->layers[i], i, g, d));
    }
    return make_scratch(m);
}

int mlp_new(const struct gguf *g, enum product_kernel kernel, struct mlp **out,
            struct diag *d)
{
    struct mlp *m = calloc(1, sizeof(*m));
    int code;

    *out = NULL;
    if (m == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->kernel = kernel;
    code = read_mlp(m, g, d);
    if (code != 0) {
        mlp_free(m);
        return code;
    }
    *out = m;
    return 0;
}

void mlp_free(struct mlp *m)
{
    if (m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->layers_n; i++) {
        free(m->layers[i].packed);
        free(m->layers[i].bias);
    }
    free(m->xt);
    free(m->y);
    free(m);
}

uint32_t mlp_inputs(const struct mlp *m)
{
    return m->layers[0].in;
}

uint32_t mlp_outputs(const struct mlp *m)
{
    return m->layers[m->layers_n - 1].out;
}

/* x (rows, ldx), its first `width` columns, into xt (width, rows). */
static void transpose(const float *x, size_t rows, size_t width, size_t ldx,
                      float *xt)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < width; k++) {
            xt[k * rows + i] = x[i * ldx + k];
        }
    }
}

/* Bias and activation, in place. */
static void finish_layer(const struct layer *l, size_t rows, float *y)
{
    size_t ldy = product_padded(l->out);

    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < l->out; j++) {
            float z = (y[i * ldy + j] + 0.0f) + l->bias[j];

            y[i * ldy + j] = activation_of(l->activation, z) + 0.0f;
        }
    }
}

static void forward_tile(struct mlp *m, const float *x, size_t rows, float *y)
{
    size_t ldy = 0;

    transpose(x, rows, mlp_inputs(m), mlp_inputs(m), m->xt);
    for (uint32_t i = 0; i < m->layers_n; i++) {
        const struct layer *l = &m->layers[i];

        if (i > 0) {
            transpose(m->y, rows, l->in, ldy, m->xt);
        }
        ldy = product_padded(l->out);
        product_run(&(struct product){m->kernel, l->packed, l->out, l->in},
                    m->xt, rows, m->y);
        finish_layer(l, rows, m->y);
    }
    for (size_t i = 0; i < rows; i++) {
        memcpy(y + i * mlp_outputs(m), m->y + i * ldy,
               mlp_outputs(m) * sizeof(float));
    }
}

void mlp_forward(struct mlp *m, const float *x, size_t rows, float *y)
{
    while (rows > 0) {
        size_t tile = rows < PRODUCT_TILE ? rows : PRODUCT_TILE;

        forward_tile(m, x, tile, y);
        x += tile * mlp_inputs(m);
        y += tile * mlp_outputs(m);
        rows -= tile;
    }
}

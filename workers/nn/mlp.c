/* Forward passes of perceptrons. Runs in workers. Must never give a
 * row other bits because of its neighbours. */
#include "workers/nn/mlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/activation.h"
#include "workers/nn/operand.h"
#include "workers/nn/panel.h"

static const struct loc nowhere = {NULL, 0, 0};

struct layer {
    uint32_t in, out;
    enum activation activation;
    struct panels w;
    uint8_t *packed; /* owned; what w borrows */
    float *bias;     /* owned (out) */
};

struct mlp {
    uint32_t layers_n;
    struct layer layers[MLP_LAYERS_MAX];
    struct operand *x; /* owned (MLP_TILE_ROWS, widest) */
    float *y;          /* owned (MLP_TILE_ROWS, widest padded) */
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
           t->dimensions[0] == first && t->dimensions[1] == second &&
           t->dimensions[2] == 1 && t->dimensions[3] == 1;
}

static void *aligned(size_t bytes)
{
    /* Sizes of aligned_alloc are multiples of the alignment. */
    return aligned_alloc(PANEL_ALIGN,
                         (bytes + PANEL_ALIGN - 1) / PANEL_ALIGN * PANEL_ALIGN);
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
    l->packed = aligned(panels_bytes(WEIGHT_F32, l->out, l->in));
    l->bias = aligned(l->out * sizeof(float));
    if (l->packed == NULL || l->bias == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->w = (struct panels){WEIGHT_F32, l->out, l->in, l->packed};
    if (panels_pack(WEIGHT_F32, weight->data, l->out, l->in, l->packed) != 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "layer %u: blk.%u.weight has a number that is not "
                        "finite",
                        i, i);
    }
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
    m->y = aligned(panels_padded(widest) * MLP_TILE_ROWS * sizeof(float));
    return m->y == NULL ? ERR_TRACE(ERR_NOMEM)
                        : operand_new(MLP_TILE_ROWS, widest, &m->x);
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

int mlp_new(const struct gguf *g, struct mlp **out, struct diag *d)
{
    struct mlp *m = calloc(1, sizeof(*m));
    int code;

    *out = NULL;
    if (m == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
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
    operand_free(m->x);
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

/* Bias and activation, in place. */
static void finish_layer(const struct layer *l, size_t rows, float *y)
{
    size_t ldy = panels_padded(l->out);

    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < l->out; j++) {
            float z = (y[i * ldy + j] + 0.0f) + l->bias[j];

            y[i * ldy + j] = activation_of(l->activation, z) + 0.0f;
        }
    }
}

static void forward_tile(struct mlp *m, const float *x, size_t rows, float *y)
{
    size_t ldy = mlp_inputs(m);

    for (uint32_t i = 0; i < m->layers_n; i++) {
        const struct layer *l = &m->layers[i];

        operand_set(m->x, i == 0 ? x : m->y, ldy, rows, l->in, 1, 0);
        ldy = panels_padded(l->out);
        panels_product(&l->w, m->x, m->y, ldy);
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
        size_t tile = rows < MLP_TILE_ROWS ? rows : MLP_TILE_ROWS;

        forward_tile(m, x, tile, y);
        x += tile * mlp_inputs(m);
        y += tile * mlp_outputs(m);
        rows -= tile;
    }
}

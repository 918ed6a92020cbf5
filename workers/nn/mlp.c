/* Forward passes of perceptrons. Runs in workers. Must never give a
 * row other bits because of its neighbours. */
#include "workers/nn/mlp.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/activation.h"
#include "workers/nn/mlp_file.h"
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

static void *aligned(size_t bytes)
{
    /* Sizes of aligned_alloc are multiples of the alignment. */
    return aligned_alloc(PANEL_ALIGN,
                         (bytes + PANEL_ALIGN - 1) / PANEL_ALIGN * PANEL_ALIGN);
}

static int read_layer(struct layer *l, uint32_t i, const struct mlp_shape *s,
                      const struct gguf *g, struct diag *d)
{
    const float *weights, *bias;

    l->in = s->sizes[i];
    l->out = s->sizes[i + 1];
    l->activation = s->activations[i];
    TRY(mlp_layer_read(g, MLP_ALONE, s, i, &weights, &bias, d));
    l->packed = aligned(panels_bytes(WEIGHT_F32, l->out, l->in));
    l->bias = aligned(l->out * sizeof(float));
    if (l->packed == NULL || l->bias == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->w = (struct panels){WEIGHT_F32, l->out, l->in, l->packed};
    TRY(panels_pack(WEIGHT_F32, weights, l->out, l->in, l->packed));
    memcpy(l->bias, bias, l->out * sizeof(float));
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
    struct mlp_shape shape;

    if (name.n != strlen("proctor-mlp") ||
        memcmp(name.p, "proctor-mlp", name.n) != 0) {
        return refuse(d, "general.architecture is not \"proctor-mlp\"",
                      "this worker runs plain perceptrons only");
    }
    TRY(mlp_shape_read(g, MLP_ALONE, &shape, d));
    m->layers_n = shape.layers_n;
    if (g->tensors_n != 2 * m->layers_n) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u tensors, expected two for each of %u layers",
                        g->tensors_n, m->layers_n);
    }
    for (uint32_t i = 0; i < m->layers_n; i++) {
        TRY(read_layer(&m->layers[i], i, &shape, g, d));
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

static void forward_tile(struct mlp *m, const float *x, size_t rows, float *y)
{
    size_t ldy = mlp_inputs(m);

    for (uint32_t i = 0; i < m->layers_n; i++) {
        const struct layer *l = &m->layers[i];

        operand_set(m->x, i == 0 ? x : m->y, ldy, rows, l->in, 1, 0);
        ldy = panels_padded(l->out);
        panels_product(&l->w, m->x, m->y, ldy);
        activation_rows(l->activation, l->bias, rows, l->out, m->y, ldy, NULL);
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

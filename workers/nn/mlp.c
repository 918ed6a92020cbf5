/* Forward passes of perceptrons. Runs in workers. Must never give a
 * row other bits because of its neighbours. */
#include "workers/nn/mlp.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/activation.h"
#include "workers/nn/math.h"
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

struct member {
    uint32_t layers_n;
    struct layer layers[MLP_LAYERS_MAX];
};

struct mlp {
    uint32_t members_n; /* 1: no ensemble */
    enum mlp_combine how;
    struct member *members; /* owned */
    struct operand *x;      /* owned (MLP_TILE_ROWS, widest) */
    float *y;               /* owned (MLP_TILE_ROWS, widest padded) */
    double *sums;           /* owned (MLP_TILE_ROWS, outputs); of an ensemble */
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

static int read_layer(struct layer *l, uint32_t member, uint32_t i,
                      const struct mlp_shape *s, const struct gguf *g,
                      struct diag *d)
{
    const float *weights, *bias;

    l->in = s->sizes[i];
    l->out = s->sizes[i + 1];
    l->activation = s->activations[i];
    TRY(mlp_layer_read(g, member, s, i, &weights, &bias, d));
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

static int read_member(struct member *m, uint32_t member, const struct gguf *g,
                       struct diag *d)
{
    struct mlp_shape shape;

    TRY(mlp_shape_read(g, member, &shape, d));
    for (uint32_t i = 0; i < shape.layers_n; i++) {
        m->layers_n = i + 1;
        TRY(read_layer(&m->layers[i], member, i, &shape, g, d));
    }
    return 0;
}

static uint32_t member_outputs(const struct member *m)
{
    return m->layers[m->layers_n - 1].out;
}

/* All members, each of the same ends; no tensor is left over. */
static int read_members(struct mlp *m, uint32_t n, const struct gguf *g,
                        struct diag *d)
{
    uint32_t layers = 0;

    for (uint32_t i = 0; i < m->members_n; i++) {
        struct member *member = &m->members[i];

        TRY(read_member(member, n == 0 ? MLP_ALONE : i, g, d));
        layers += member->layers_n;
        if (member->layers[0].in != mlp_inputs(m) ||
            member_outputs(member) != mlp_outputs(m)) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "member %u has other inputs or outputs than the "
                            "first",
                            i);
        }
    }
    if (g->tensors_n != 2 * layers) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u tensors, expected two for each of %u layers",
                        g->tensors_n, layers);
    }
    return 0;
}

static int make_scratch(struct mlp *m)
{
    size_t widest = 0;

    for (uint32_t i = 0; i < m->members_n; i++) {
        for (uint32_t j = 0; j < m->members[i].layers_n; j++) {
            const struct layer *l = &m->members[i].layers[j];

            widest = l->in > widest ? l->in : widest;
            widest = l->out > widest ? l->out : widest;
        }
    }
    m->y = aligned(panels_padded(widest) * MLP_TILE_ROWS * sizeof(float));
    m->sums = calloc((size_t)MLP_TILE_ROWS * mlp_outputs(m), sizeof(*m->sums));
    return m->y == NULL || m->sums == NULL
               ? ERR_TRACE(ERR_NOMEM)
               : operand_new(MLP_TILE_ROWS, widest, &m->x);
}

static int read_mlp(struct mlp *m, const struct gguf *g, struct diag *d)
{
    struct ubytes name = gguf_string(g, "general.architecture");
    uint32_t n;

    if (name.n != strlen("proctor-mlp") ||
        memcmp(name.p, "proctor-mlp", name.n) != 0) {
        return refuse(d, "general.architecture is not \"proctor-mlp\"",
                      "this worker runs plain perceptrons only");
    }
    TRY(mlp_members_read(g, &n, &m->how, d));
    m->members_n = n == 0 ? 1 : n;
    m->members = calloc(m->members_n, sizeof(*m->members));
    if (m->members == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(read_members(m, n, g, d));
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
    for (uint32_t i = 0; m->members != NULL && i < m->members_n; i++) {
        for (uint32_t j = 0; j < m->members[i].layers_n; j++) {
            free(m->members[i].layers[j].packed);
            free(m->members[i].layers[j].bias);
        }
    }
    free(m->members);
    operand_free(m->x);
    free(m->y);
    free(m->sums);
    free(m);
}

uint32_t mlp_inputs(const struct mlp *m)
{
    return m->members[0].layers[0].in;
}

uint32_t mlp_outputs(const struct mlp *m)
{
    return member_outputs(&m->members[0]);
}

uint32_t mlp_members(const struct mlp *m)
{
    return m->members_n;
}

/* Outputs of one member lie in m->y, rows of the returned width. */
static size_t forward_member(struct mlp *m, const struct member *member,
                             const float *x, size_t rows)
{
    size_t ldy = mlp_inputs(m);

    for (uint32_t i = 0; i < member->layers_n; i++) {
        const struct layer *l = &member->layers[i];

        operand_set(m->x, i == 0 ? x : m->y, ldy, rows, l->in, 1, 0);
        ldy = panels_padded(l->out);
        panels_product(&l->w, m->x, m->y, ldy);
        activation_rows(l->activation, l->bias, rows, l->out, m->y, ldy, NULL);
    }
    return ldy;
}

/* One member's part of a row. A row that is not finite stays so. */
static void add_row(const struct mlp *m, const float *y, double *sum)
{
    uint32_t n = mlp_outputs(m), best = 0;
    int is_vote = m->how == MLP_VOTE && nn_is_finite(y, n);

    for (uint32_t j = 1; j < n; j++) {
        best = y[j] > y[best] ? j : best;
    }
    for (uint32_t j = 0; j < n; j++) {
        sum[j] += !is_vote ? (double)y[j]
                  : n == 1 ? (y[0] >= 0.5f ? 1.0 : 0.0)
                           : (j == best ? 1.0 : 0.0);
    }
}

static void forward_ensemble(struct mlp *m, const float *x, size_t rows,
                             float *y)
{
    size_t outputs = mlp_outputs(m);

    memset(m->sums, 0, rows * outputs * sizeof(*m->sums));
    for (uint32_t k = 0; k < m->members_n; k++) {
        size_t ldy = forward_member(m, &m->members[k], x, rows);

        for (size_t i = 0; i < rows; i++) {
            add_row(m, m->y + i * ldy, m->sums + i * outputs);
        }
    }
    for (size_t i = 0; i < rows * outputs; i++) {
        y[i] = (float)(m->sums[i] / (double)m->members_n);
    }
}

static void forward_tile(struct mlp *m, const float *x, size_t rows, float *y)
{
    size_t outputs = mlp_outputs(m), ldy;

    if (m->members_n > 1) {
        forward_ensemble(m, x, rows, y);
        return;
    }
    ldy = forward_member(m, &m->members[0], x, rows);
    for (size_t i = 0; i < rows; i++) {
        memcpy(y + i * outputs, m->y + i * ldy, outputs * sizeof(float));
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

/* Shapes, memory and first weights of perceptrons. Runs in worker train. Must
 * allocate nothing after net_start. */
#include "workers/train/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/panel.h"
#include "workers/nn/product.h"
#include "workers/train/rows.h"
#include "workers/train/streams.h"

enum {
    FLOATS = PANEL_ALIGN / sizeof(float) /* of an aligned line */
};

static const struct loc nowhere = {NULL, 0, 0};

static int check_ends(const struct net_shape *s, const struct rows *data,
                      struct diag *d)
{
    uint32_t outputs = s->sizes[s->layers_n];

    if (s->sizes[0] != data->width) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "the first layer takes %u inputs, the data have %u",
                       s->sizes[0], data->width);
        diag_hint(d, "layers names hidden widths; leave the ends to the data");
        return ERR_INPUT;
    }
    if (data->kind == ROWS_REGRESSION && outputs != 1) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u outputs, but a row has one number as its label",
                        outputs);
    }
    if (data->kind == ROWS_CLASSIFICATION && data->classes < 2) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "the labels know one class: there is nothing to tell "
                       "apart");
        diag_hint(d, "kind: regression, if they are numbers");
        return ERR_INPUT;
    }
    if (data->kind == ROWS_CLASSIFICATION && outputs < data->classes &&
        (outputs != 1 || data->classes > 2)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "%u classes, but the last layer has %u outputs",
                       data->classes, outputs);
        diag_hint(d, "one output a class, or one sigmoid for two classes");
        return ERR_INPUT;
    }
    return 0;
}

static int check_shape(const struct net_shape *s, const struct rows *data,
                       struct diag *d)
{
    if (data->kind != ROWS_REGRESSION && data->kind != ROWS_CLASSIFICATION) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "perceptrons learn numbers or classes, not texts");
        diag_hint(d, "model: {kind: transformer}");
        return ERR_INPUT;
    }
    for (uint32_t i = 0; i <= s->layers_n; i++) {
        if (s->sizes[i] == 0 || s->sizes[i] > MLP_WIDTH_MAX) {
            return diag_set(d, ERR_LIMIT, nowhere,
                            "layer %u has %u units, expected 1 to %u", i,
                            s->sizes[i], MLP_WIDTH_MAX);
        }
    }
    if (!(s->dropout >= 0 && s->dropout < 1)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "dropout is %g, expected 0 to below 1", s->dropout);
    }
    if (!(s->l2 >= 0) || !isfinite(s->l2)) {
        return diag_set(d, ERR_INPUT, nowhere, "l2 is %g, expected 0 or more",
                        s->l2);
    }
    return check_ends(s, data, d);
}

/* Where each layer's parameters lie. */
static int place(struct net *n, struct diag *d)
{
    uint64_t at = n->shape.standardize ? 2ull * n->shape.sizes[0] : 0;

    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        struct net_layer *l = &n->layers[i];

        l->in = n->shape.sizes[i];
        l->out = n->shape.sizes[i + 1];
        l->weights = (size_t)at;
        at += (uint64_t)l->in * l->out;
        l->bias = (size_t)at;
        at += l->out;
        if (at > NET_PARAMETERS_MAX) {
            return diag_set(d, ERR_LIMIT, nowhere,
                            "more than %llu parameters", NET_PARAMETERS_MAX);
        }
    }
    n->parameters_n = (size_t)at;
    return 0;
}

int net_open(const struct learner_ops *ops, const struct net_shape *shape,
             const Proctor__Recipe *r, const struct rows *data,
             struct learner **out, struct diag *d)
{
    struct net *n CLEANUP(mem_freep) = NULL;

    *out = NULL;
    TRY(check_shape(shape, data, d));
    n = calloc(1, sizeof(*n));
    if (n == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    n->base.ops = ops;
    n->shape = *shape;
    TRY(place(n, d));
    TRY(loss_open(r->loss, r->learner->output, data,
                  shape->sizes[shape->layers_n], &n->loss, d));
    if (data->kind == ROWS_CLASSIFICATION && n->loss.outputs == 1 &&
        n->loss.output != ACTIVATION_SIGMOID) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "one output for two classes that is no sigmoid");
        diag_hint(d, "output: sigmoid");
        return ERR_INPUT;
    }
    *out = &n->base;
    n = NULL;
    return 0;
}

void net_close(struct learner *l)
{
    if (l != NULL) {
        free(net_of(l)->arena);
        free(net_of(l));
    }
}

size_t net_parameters_n(const struct learner *l)
{
    return net_of_const(l)->parameters_n;
}

size_t net_outputs_n(const struct learner *l)
{
    return net_of_const(l)->loss.outputs;
}

/* Takes so many floats from the arena; without one it only counts. */
static float *take(float *arena, uint64_t *at, uint64_t floats)
{
    float *p = arena == NULL ? NULL : arena + *at;

    *at += (floats + FLOATS - 1) / FLOATS * FLOATS;
    return p;
}

/* Shares out the arena. Returns its floats. */
static uint64_t lay_out(struct net *n, uint64_t rows, float *arena)
{
    uint32_t last = n->shape.layers_n - 1;
    uint32_t widest = n->layers[0].out;
    int sloped = n->shape.hidden != ACTIVATION_RELU || n->shape.dropout > 0;
    uint64_t at = 0;

    n->x = take(arena, &at, rows * n->layers[0].in);
    for (uint32_t i = 0; i <= last; i++) {
        struct net_layer *l = &n->layers[i];

        widest = l->out > widest ? l->out : widest;
        l->a = take(arena, &at, rows * l->out);
        l->slope =
            i == last || !sloped ? NULL : take(arena, &at, rows * l->out);
        l->turned =
            i == 0 ? NULL : take(arena, &at, (uint64_t)l->in * l->out);
    }
    for (size_t i = 0; i < ARRAY_N(n->spare); i++) {
        n->spare[i] = last == 0 ? NULL : take(arena, &at, rows * widest);
    }
    return at;
}

uint64_t net_memory(const struct learner *l, size_t rows_max)
{
    struct net counted = *net_of_const(l);

    return lay_out(&counted, rows_max, NULL) * sizeof(float);
}

int net_start(struct learner *l, size_t rows_max)
{
    struct net *n = net_of(l);

    ASSERT(n->arena == NULL && rows_max >= 1);
    n->arena = aligned_alloc(PANEL_ALIGN, (size_t)net_memory(l, rows_max));
    if (n->arena == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    n->rows_max = rows_max;
    (void)lay_out(n, rows_max, n->arena);
    return 0;
}

/* Adds what `sum_of` is told of each column: sums, then squares around them. */
static void columns(const struct rows *data, double *row, const double *mean,
                    double *sum)
{
    for (uint64_t i = 0; i < data->n; i++) {
        struct rows one = rows_part(data, i, 1);

        rows_inputs_f64(&one, NULL, 1, row);
        for (size_t j = 0; j < data->width; j++) {
            double v = mean == NULL ? row[j] : row[j] - mean[j];

            sum[j] += mean == NULL ? v : v * v;
        }
    }
}

static int standardize(const struct rows *data, float *params)
{
    size_t width = data->width;
    double *row CLEANUP(mem_freep) = calloc(3 * width, sizeof(*row));
    double *mean, *square;

    if (row == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    mean = row + width;
    square = mean + width;
    columns(data, row, NULL, mean);
    for (size_t j = 0; j < width; j++) {
        mean[j] /= (double)data->n;
    }
    columns(data, row, mean, square);
    for (size_t j = 0; j < width; j++) {
        double deviation = sqrt(square[j] / (double)data->n);
        double inverse = 1.0 / deviation;

        params[j] = (float)mean[j];
        params[width + j] = deviation > 0 && inverse < 0x1p100 ? (float)inverse
                                                               : 1.0f;
    }
    return 0;
}

int net_first(struct learner *l, const struct rows *data, float *params)
{
    const struct net *n = net_of(l);
    int steep = n->shape.hidden == ACTIVATION_RELU ||
                n->shape.hidden == ACTIVATION_GELU;

    if (n->shape.standardize) {
        TRY(standardize(data, params));
    }
    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        const struct net_layer *a = &n->layers[i];
        const struct draw d =
            stream_open(n->shape.weights_seed, STREAM_WEIGHTS, i, 0);
        double deviation = n->shape.spread != 0
                               ? n->shape.spread
                               : sqrt((steep ? 2.0 : 1.0) / (double)a->in);
        /* Uniform in (-1, 1) has the deviation 1 / sqrt(3). */
        float spread = (float)(deviation * sqrt(3.0));

        for (size_t j = 0; j < (size_t)a->in * a->out; j++) {
            params[a->weights + j] = spread * draw_f32(&d, j);
        }
        memset(params + a->bias, 0, a->out * sizeof(float));
    }
    return 0;
}

void net_decays(const struct learner *l, uint8_t *mask)
{
    const struct net *n = net_of_const(l);

    memset(mask, 0, n->parameters_n);
    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        const struct net_layer *a = &n->layers[i];

        memset(mask + a->weights, 1, (size_t)a->in * a->out);
    }
}

int net_set(struct learner *l, const float *params)
{
    struct net *n = net_of(l);

    n->params = params;
    for (uint32_t i = 1; i < n->shape.layers_n; i++) {
        const struct net_layer *a = &n->layers[i];

        nn_turn(params + a->weights, a->in, a->out, a->turned);
    }
    return 0;
}

/* Forward and backward through perceptrons. Runs in worker train. Must compute a
 * layer's outputs with the bits of workers/nn/mlp.c. */
#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/product.h"
#include "workers/nn/wide.h"
#include "workers/train/net.h"
#include "workers/train/rows.h"
#include "workers/train/streams.h"

/* x = (x - mean) * scale, rows of width. */
INLINE void standardize_row_body(const float *mean, const float *scale,
                                 size_t width, float *x)
{
    for (size_t j = 0; j < width; j++) {
        x[j] = (x[j] - mean[j]) * scale[j];
    }
}
VARIANTS_STATIC(void, , standardize_row,
                (const float *mean, const float *scale, size_t width, float *x),
                (mean, scale, width, x))

/* Drops units of y and their slopes. */
INLINE void drop_body(const struct draw *d, uint64_t below, float scale,
                      size_t n, float *y, float *slope)
{
    for (size_t i = 0; i < n; i++) {
        float keep = (draw_u64(d, i) >> 11) < below ? 0.0f : scale;

        y[i] = y[i] * keep + 0.0f;
        slope[i] *= keep;
    }
}
VARIANTS_STATIC(void, , drop,
                (const struct draw *d, uint64_t below, float scale, size_t n,
                 float *y, float *slope),
                (d, below, scale, n, y, slope))

INLINE void multiply_body(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] *= x[i];
    }
}
VARIANTS_STATIC(void, , multiply, (const float *x, size_t n, float *y),
                (x, n, y))

/* The slope of relu, of its output. */
INLINE void where_positive_body(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] > 0 ? y[i] : 0.0f;
    }
}
VARIANTS_STATIC(void, , where_positive, (const float *x, size_t n, float *y),
                (x, n, y))

/* Of one pass over rows. */
struct pass {
    struct net *net;
    size_t rows;
    int trains; /* slopes are kept, units dropped */
    uint64_t step;
    uint32_t micro;
};

static void take_inputs(const struct pass *p, const struct rows *data,
                        const uint32_t *order)
{
    const struct net *n = p->net;
    size_t width = n->shape.sizes[0];

    rows_inputs(data, order, p->rows, n->x);
    for (size_t i = 0; n->shape.standardize && i < p->rows; i++) {
        standardize_row(n->params, n->params + width, width,
                        n->x + i * width);
    }
}

static void drop_units(const struct pass *p, uint32_t layer)
{
    const struct net *n = p->net;
    const struct net_layer *l = &n->layers[layer];
    const struct draw d =
        stream_open(n->shape.seed, STREAM_DROPOUT, p->step,
                    (uint64_t)p->micro << 16 | layer);

    drop(&d, (uint64_t)(n->shape.dropout * 0x1p53),
         (float)(1.0 / (1.0 - n->shape.dropout)), p->rows * l->out, l->a,
         l->slope);
}

/* All layers; the last one's sums z stay sums, their bias added. */
static void forward(const struct pass *p)
{
    const struct net *n = p->net;
    const float *x = n->x;

    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        const struct net_layer *l = &n->layers[i];
        int last = i + 1 == n->shape.layers_n;

        nn_product(&(struct product){.x = x,
                                     .x_row = l->in,
                                     .x_step = 1,
                                     .w = n->params + l->weights,
                                     .ldw = l->out,
                                     .y = l->a,
                                     .ldy = l->out,
                                     .m = p->rows,
                                     .n = l->out,
                                     .k = l->in});
        activation_rows(last ? p->trains ? ACTIVATION_IDENTITY
                                         : n->loss.output
                             : n->shape.hidden,
                        n->params + l->bias, p->rows, l->out, l->a, l->out,
                        p->trains ? l->slope : NULL);
        if (p->trains && !last && n->shape.dropout > 0) {
            drop_units(p, i);
        }
        x = l->a;
    }
}

/* Gradients of one layer from dz (rows, out); x is what entered it. */
static void layer_gradient(const struct pass *p, const struct net_layer *l,
                           const float *x, const float *dz, float *grad)
{
    static const float one = 1.0f;
    struct product product = {.x = x,
                              .x_row = 1,
                              .x_step = l->in,
                              .w = dz,
                              .ldw = l->out,
                              .y = grad + l->weights,
                              .ldy = l->out,
                              .m = l->in,
                              .n = l->out,
                              .k = p->rows};

    nn_product(&product);
    product.x = &one; /* of every row: sums over rows */
    product.x_row = 0;
    product.x_step = 0;
    product.y = grad + l->bias;
    product.m = 1;
    nn_product(&product);
}

static void backward(const struct pass *p, float *grad)
{
    const struct net *n = p->net;
    const float *dz = n->layers[n->shape.layers_n - 1].a;

    for (uint32_t i = n->shape.layers_n; i-- > 0;) {
        const struct net_layer *l = &n->layers[i];
        const struct net_layer *before = i == 0 ? NULL : &n->layers[i - 1];
        float *da = n->spare[i % 2];

        layer_gradient(p, l, before == NULL ? n->x : before->a, dz, grad);
        if (before == NULL) {
            break;
        }
        nn_product(&(struct product){.x = dz,
                                     .x_row = l->out,
                                     .x_step = 1,
                                     .w = l->turned,
                                     .ldw = l->in,
                                     .y = da,
                                     .ldy = l->in,
                                     .m = p->rows,
                                     .n = l->in,
                                     .k = l->out});
        if (before->slope != NULL) {
            multiply(before->slope, p->rows * l->in, da);
        } else {
            where_positive(before->a, p->rows * l->in, da);
        }
        dz = da;
    }
}

/* The share of n rows in l2 * |weights|^2. */
static double penalty(const struct pass *p, uint64_t rows_all, float *grad)
{
    const struct net *n = p->net;
    double share = n->shape.l2 * (double)p->rows / (double)rows_all;
    double sum = 0;

    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        const struct net_layer *l = &n->layers[i];

        for (size_t j = 0; j < (size_t)l->in * l->out; j++) {
            double w = (double)n->params[l->weights + j];

            sum += w * w;
            grad[l->weights + j] += (float)(2.0 * share * w);
        }
    }
    return share * sum;
}

int net_gradient(struct learner *l, const struct rows *data,
                 const uint32_t *order, size_t n, uint64_t step, uint32_t micro,
                 float *grad, struct loss_sum *s)
{
    struct net *net = net_of(l);
    const struct pass p = {net, n, 1, step, micro};

    ASSERT(n >= 1 && n <= net->rows_max && net->params != NULL);
    take_inputs(&p, data, order);
    forward(&p);
    loss_rows(&net->loss, data, order, n,
              net->layers[net->shape.layers_n - 1].a, s);
    if (net->shape.standardize) {
        memset(grad, 0, 2 * sizeof(float) * net->shape.sizes[0]);
    }
    backward(&p, grad);
    if (net->shape.l2 > 0) {
        s->loss += penalty(&p, data->n, grad);
    }
    return 0;
}

int net_predict(struct learner *l, const struct rows *data, uint64_t from,
                size_t n, float *out)
{
    struct net *net = net_of(l);
    size_t outputs = net->loss.outputs;

    ASSERT(net->params != NULL);
    for (size_t i = 0; i < n;) {
        struct pass p = {net, n - i, 0, 0, 0};
        struct rows part;

        p.rows = p.rows < net->rows_max ? p.rows : net->rows_max;
        part = rows_part(data, from + i, p.rows);
        take_inputs(&p, &part, NULL);
        forward(&p);
        memcpy(out + i * outputs, net->layers[net->shape.layers_n - 1].a,
               p.rows * outputs * sizeof(float));
        i += p.rows;
    }
    return 0;
}

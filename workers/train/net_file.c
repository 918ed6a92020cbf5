/* Perceptrons to and from GGUF files: what mlp.h reads. Runs in worker train. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/net.h"

enum {
    AT_ONCE = 16 /* units whose weights are gathered together: a cache line of
                  * each input */
};

static const struct loc nowhere = {NULL, 0, 0};

static void shape_of(const struct net *n, struct mlp_shape *out)
{
    memset(out, 0, sizeof(*out));
    out->layers_n = n->shape.layers_n;
    memcpy(out->sizes, n->shape.sizes,
           (n->shape.layers_n + 1) * sizeof(out->sizes[0]));
    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        out->activations[i] = i + 1 == n->shape.layers_n ? n->loss.output
                                                         : n->shape.hidden;
    }
}

/* What the first layer's inputs are scaled and moved by; NULL: they are not. */
static const float *mean_of(const struct net *n, uint32_t layer,
                            const float *params)
{
    return layer == 0 && n->shape.standardize ? params : NULL;
}

/* params = weights (out, in) and bias as a file has them; standardization is
 * taken out of them. */
static void unfold(const struct net *n, uint32_t layer, const float *weights,
                   const float *bias, float *params)
{
    const struct net_layer *l = &n->layers[layer];
    const float *mean = mean_of(n, layer, params);

    for (size_t o = 0; o < l->out; o++) {
        double moved = (double)bias[o];

        for (size_t i = 0; i < l->in; i++) {
            float w = weights[o * l->in + i];

            if (mean != NULL) {
                moved += (double)w * (double)mean[i];
                w = (float)((double)w / (double)mean[l->in + i]);
            }
            params[l->weights + i * l->out + o] = w;
        }
        params[l->bias + o] = (float)moved;
    }
}

int net_load(struct learner *l, const struct gguf *g, float *params,
             struct diag *d)
{
    const struct net *n = net_of(l);
    struct mlp_shape own, given;

    shape_of(n, &own);
    TRY(mlp_shape_read(g, MLP_ALONE, &given, d));
    given.activations[given.layers_n - 1] = n->loss.output;
    if (!mlp_shape_is_equal(&own, &given)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "the first weights are of a net of another shape");
        diag_hint(d, "layers and activation must be those of the net that "
                     "`start` names");
        return ERR_INPUT;
    }
    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        const float *weights, *bias;

        TRY(mlp_layer_read(g, MLP_ALONE, &own, i, &weights, &bias, d));
        unfold(n, i, weights, bias, params);
    }
    return 0;
}

static int put(struct gguf_writer *w, const float *v, size_t n)
{
    return gguf_writer_data(
        w, (struct ubytes){(const uint8_t *)v, n * sizeof(float)});
}

/* Some units' rows of the file's weights, as they are in double. */
static void fold(const struct net_layer *l, const float *mean,
                 const float *params, size_t first, size_t units, float *rows)
{
    for (size_t i = 0; i < l->in; i++) {
        const float *w = params + l->weights + i * l->out + first;
        double scale = mean == NULL ? 1.0 : (double)mean[l->in + i];

        for (size_t o = 0; o < units; o++) {
            rows[o * l->in + i] = (float)((double)w[o] * scale);
        }
    }
}

/* The biases that take the means in. */
static void fold_bias(const struct net_layer *l, const float *mean,
                      const float *params, float *out)
{
    for (size_t o = 0; o < l->out; o++) {
        double sum = (double)params[l->bias + o];

        for (size_t i = 0; mean != NULL && i < l->in; i++) {
            sum -= (double)params[l->weights + i * l->out + o] *
                   (double)mean[l->in + i] * (double)mean[i];
        }
        out[o] = (float)sum;
    }
}

static int write_layers(const struct net *n, const float *params,
                        struct gguf_writer *w, float *scratch)
{
    for (uint32_t i = 0; i < n->shape.layers_n; i++) {
        const struct net_layer *l = &n->layers[i];
        const float *mean = mean_of(n, i, params);

        for (size_t o = 0; o < l->out; o += AT_ONCE) {
            size_t units = l->out - o < AT_ONCE ? l->out - o : AT_ONCE;

            fold(l, mean, params, o, units, scratch);
            TRY(put(w, scratch, units * l->in));
        }
        fold_bias(l, mean, params, scratch);
        TRY(put(w, scratch, l->out));
    }
    return gguf_writer_end(w);
}

static void writer_freep(struct gguf_writer **w)
{
    gguf_writer_free(*w);
}

int net_write(struct learner *l, const float *params, uint64_t max_bytes,
              gguf_sink *sink, void *ctx, uint64_t *out_bytes)
{
    const struct net *n = net_of(l);
    struct gguf_writer *w CLEANUP(writer_freep) = NULL;
    float *scratch CLEANUP(mem_freep) = NULL;
    struct mlp_shape shape;
    size_t widest = 0;

    shape_of(n, &shape);
    for (uint32_t i = 0; i <= shape.layers_n; i++) {
        widest = shape.sizes[i] > widest ? shape.sizes[i] : widest;
    }
    scratch = calloc(AT_ONCE * widest, sizeof(*scratch));
    if (scratch == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(gguf_writer_new(&w));
    mlp_file_pairs(w);
    mlp_shape_pairs(w, MLP_ALONE, &shape);
    mlp_shape_tensors(w, MLP_ALONE, &shape);
    *out_bytes = gguf_writer_bytes(w);
    if (*out_bytes > max_bytes) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(gguf_writer_begin(w, sink, ctx));
    return write_layers(n, params, w, scratch);
}

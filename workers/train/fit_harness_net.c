/* The numpy harness's perceptron: squared error for everything, weights and
 * gradients clipped, arguments of exponentials clipped. Runs in worker train. */
#include <math.h>

#include "workers/nn/math_impl.h"
#include "workers/train/harness.h"
#include "workers/train/mt19937.h"

static double *weights_of(struct harness *h, uint32_t layer)
{
    return h->params + harness_layer(h, layer);
}

static double *bias_of(struct harness *h, uint32_t layer)
{
    return weights_of(h, layer) +
           (size_t)h->shape.sizes[layer] * h->shape.sizes[layer + 1];
}

/* The output layer is drawn by the hidden layers' rule, too. */
void harness_net_first(struct harness *h)
{
    struct mt19937 m;

    mt19937_init(&m, h->seed);
    for (uint32_t l = 0; l < h->shape.layers_n; l++) {
        size_t in = h->shape.sizes[l], n = in * h->shape.sizes[l + 1];
        double scale = sqrt((h->hidden_is_relu ? 2.0 : 1.0) / (double)in);
        double *w = weights_of(h, l);

        for (size_t i = 0; i < n; i++) {
            w[i] = mt19937_normal(&m) * scale;
        }
        f64_clip(w, n, HARNESS_BOUND);
    }
}

/* ---- Forward ---- */

/* Arguments were clipped, so they are small, or NaN. */
static double exponential(double x)
{
    return isnan(x) ? x : math_exp(x);
}

static double sigmoid(double x)
{
    return 1 / (1 + exponential(-x));
}

static double hyperbolic(double x)
{
    double e = exponential(-2 * fabs(x));
    double t = (1 - e) / (1 + e);

    return x < 0 ? -t : t;
}

static void softmax(double *x, size_t n)
{
    double most = x[0], sum = 0;

    for (size_t i = 1; i < n; i++) {
        most = x[i] > most ? x[i] : most;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] -= most;
    }
    f64_clip(x, n, HARNESS_BOUND);
    for (size_t i = 0; i < n; i++) {
        x[i] = exponential(x[i]);
        sum += x[i];
    }
    for (size_t i = 0; i < n; i++) {
        x[i] /= sum;
    }
}

static void activate(enum activation how, double *x, size_t rows, size_t width)
{
    size_t n = rows * width;

    if (how == ACTIVATION_RELU) {
        f64_relu(x, n);
    } else if (how == ACTIVATION_SOFTMAX) {
        for (size_t i = 0; i < rows; i++) {
            softmax(x + i * width, width);
        }
    } else if (how != ACTIVATION_IDENTITY) {
        f64_clip(x, n, HARNESS_BOUND);
        for (size_t i = 0; i < n; i++) {
            x[i] = how == ACTIVATION_TANH ? hyperbolic(x[i]) : sigmoid(x[i]);
        }
    }
}

static void forward(struct harness *h, size_t n)
{
    for (uint32_t l = 0; l < h->shape.layers_n; l++) {
        size_t in = h->shape.sizes[l], out = h->shape.sizes[l + 1];
        const struct f64_product p = {.x = h->a[l],
                                      .x_row = in,
                                      .x_step = 1,
                                      .w = weights_of(h, l),
                                      .ldw = out,
                                      .y = h->a[l + 1],
                                      .m = n,
                                      .n = out,
                                      .k = in,
                                      .panel = h->panel};

        f64_product(&p);
        f64_add_bias(h->a[l + 1], n, out, bias_of(h, l));
        activate(h->shape.activations[l], h->a[l + 1], n, out);
    }
}

const double *harness_forward(struct harness *h, size_t n)
{
    if (h->kind == HARNESS_NET) {
        forward(h, n);
        return h->a[h->shape.layers_n];
    }
    f64_rows_dot(h->a[0], n, h->shape.sizes[0], h->params,
                 h->params[h->shape.sizes[0]], h->a[1]);
    return h->a[1];
}

/* ---- Backward ---- */

/* d through the activation whose results are a. */
static void activate_back(enum activation how, double *d, const double *a,
                          size_t rows, size_t width)
{
    if (how == ACTIVATION_RELU) {
        f64_relu_back(d, a, rows * width);
    } else if (how == ACTIVATION_SOFTMAX) {
        for (size_t i = 0; i < rows; i++, d += width, a += width) {
            double sum = 0;

            for (size_t j = 0; j < width; j++) {
                sum += a[j] * d[j];
            }
            for (size_t j = 0; j < width; j++) {
                d[j] = a[j] * (d[j] - sum);
            }
        }
    } else if (how != ACTIVATION_IDENTITY) {
        for (size_t i = 0; i < rows * width; i++) {
            d[i] = how == ACTIVATION_TANH ? d[i] * (1 - a[i] * a[i])
                                          : d[i] * a[i] * (1 - a[i]);
        }
    }
}

/* Gradients of one layer from d (n, out); its weights move; below, by the weights
 * before they moved: the gradient of its inputs. */
static void layer_back(struct harness *h, uint32_t l, size_t n, const double *d,
                       double *below)
{
    size_t in = h->shape.sizes[l], out = h->shape.sizes[l + 1];
    const struct f64_descent weights = {h->rate, (double)n, HARNESS_BOUND, 1};
    const struct f64_descent bias = {h->rate, (double)n, HARNESS_BOUND, 0};
    struct f64_product p = {.x = h->a[l],
                            .x_row = 1,
                            .x_step = in,
                            .w = d,
                            .ldw = out,
                            .y = h->grad,
                            .m = in,
                            .n = out,
                            .k = n,
                            .panel = h->panel};

    f64_product(&p);
    f64_column_sums(d, n, out, h->sums);
    if (below != NULL) {
        f64_turn(weights_of(h, l), in, out, h->turned);
        p = (struct f64_product){.x = d,
                                 .x_row = out,
                                 .x_step = 1,
                                 .w = h->turned,
                                 .ldw = in,
                                 .y = below,
                                 .m = n,
                                 .n = in,
                                 .k = out,
                                 .panel = h->panel};
        f64_product(&p);
        activate_back(h->shape.activations[l - 1], below, h->a[l], n, in);
    }
    f64_descend(weights_of(h, l), h->grad, in * out, &weights);
    f64_descend(bias_of(h, l), h->sums, out, &bias);
}

double harness_net_step(struct harness *h, size_t n)
{
    uint32_t last = h->shape.layers_n;
    size_t all = n * h->shape.sizes[last];
    double *d = h->d[0], *below = h->d[1], loss;

    forward(h, n);
    f64_subtract(h->a[last], h->targets, all, d);
    loss = f64_squares(d, all) / (double)all;
    activate_back(h->shape.activations[last - 1], d, h->a[last], n,
                  h->shape.sizes[last]);
    for (uint32_t l = last; l-- > 0;) {
        double *spare = d;

        layer_back(h, l, n, d, l > 0 ? below : NULL);
        d = below;
        below = spare;
    }
    return loss;
}

/* Losses and their gradients. Runs in worker train. Must never add up in another
 * order than that of outputs and rows. */
#include "workers/train/loss.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/math.h"
#include "workers/nn/math_impl.h"
#include "workers/train/learner.h"
#include "workers/train/rows.h"

static const struct loc nowhere = {NULL, 0, 0};
static const char *const kinds[] = {[LOSS_SQUARED] = "squared",
                                    [LOSS_ABSOLUTE] = "absolute",
                                    [LOSS_HUBER] = "huber",
                                    [LOSS_CROSS_ENTROPY] = "cross_entropy"};

static int refuse(struct diag *d, const char *hint, const char *what)
{
    int code = diag_set(d, ERR_INPUT, nowhere, "%s", what);

    diag_hint(d, "%s", hint);
    return code;
}

static int find_kind(const char *name, enum loss_kind *out, struct diag *d)
{
    for (size_t i = 0; i < ARRAY_N(kinds); i++) {
        if (strcmp(kinds[i], name) == 0) {
            *out = (enum loss_kind)i;
            return 0;
        }
    }
    (void)diag_set(d, ERR_INPUT, nowhere, "loss \"%s\" is unknown", name);
    diag_hint(d, "known: squared, absolute, huber, cross_entropy");
    return ERR_INPUT;
}

static int find_output(const char *name, struct loss *l, struct diag *d)
{
    struct ubytes text = {(const uint8_t *)name, strlen(name)};

    if (activation_find(text, &l->output) == 0 &&
        (l->output == ACTIVATION_IDENTITY || l->output == ACTIVATION_SIGMOID ||
         l->output == ACTIVATION_SOFTMAX)) {
        return 0;
    }
    (void)diag_set(d, ERR_INPUT, nowhere, "output \"%s\" is unknown", name);
    diag_hint(d, "known: identity, sigmoid, softmax");
    return ERR_INPUT;
}

static int check(const struct loss *l, const struct rows *data, struct diag *d)
{
    if (l->kind == LOSS_CROSS_ENTROPY && data->kind != ROWS_CLASSIFICATION) {
        return refuse(d, "squared, absolute or huber",
                      "cross_entropy is a loss of classes, the labels are "
                      "numbers");
    }
    if (l->kind == LOSS_CROSS_ENTROPY && l->output == ACTIVATION_IDENTITY) {
        return refuse(d, "leave output out, or say softmax or sigmoid",
                      "cross_entropy over outputs that are no probabilities");
    }
    if (l->output == ACTIVATION_SOFTMAX && l->outputs < 2) {
        return refuse(d, "output: sigmoid", "softmax of one output is always 1");
    }
    if (!(l->delta > 0) || !isfinite(l->delta)) {
        return refuse(d, "delta: 1", "huber's delta must be over 0");
    }
    if (!(l->smoothing >= 0 && l->smoothing < 1)) {
        return refuse(d, "smoothing: 0.1", "smoothing must be in [0, 1)");
    }
    return 0;
}

int loss_open(const Proctor__LossSpec *spec, const char *output,
              const struct rows *data, size_t outputs, struct loss *out,
              struct diag *d)
{
    int classes = data->kind == ROWS_CLASSIFICATION;

    *out = (struct loss){.kind = classes ? LOSS_CROSS_ENTROPY : LOSS_SQUARED,
                         .outputs = outputs,
                         .delta = 1.0};
    if (spec != NULL && spec->kind != NULL && spec->kind[0] != '\0') {
        TRY(find_kind(spec->kind, &out->kind, d));
    }
    if (spec != NULL) {
        out->delta = spec->delta == 0 ? 1.0 : spec->delta;
        out->smoothing = spec->smoothing;
    }
    if (output != NULL && output[0] != '\0') {
        TRY(find_output(output, out, d));
    } else {
        out->output = !classes       ? ACTIVATION_IDENTITY
                      : outputs == 1 ? ACTIVATION_SIGMOID
                                     : ACTIVATION_SOFTMAX;
    }
    return check(out, data, d);
}

/* What the label says of output j. */
struct target {
    double value; /* regression */
    size_t class; /* else */
    int is_number;
};

static struct target target_of(const struct rows *data, uint64_t row,
                               size_t outputs)
{
    struct target t = {0, 0, data->kind == ROWS_REGRESSION};

    if (t.is_number) {
        t.value = rows_target(data, row);
        return t;
    }
    t.class = rows_class(data, row);
    if (outputs == 1) { /* the output is class 1 */
        t.class = t.class == 1 ? 0 : 1;
    }
    return t;
}

static double target_at(const struct target *t, size_t j)
{
    return t->is_number ? t->value : j == t->class ? 1.0 : 0.0;
}

/* Is the class that z chooses the label's? The first of the highest. */
static int is_right(const struct target *t, const float *z, size_t n)
{
    size_t best = 0;

    if (n == 1) {
        return (z[0] >= 0) == (t->class == 0);
    }
    for (size_t j = 1; j < n; j++) {
        best = z[j] > z[best] ? j : best;
    }
    return best == t->class;
}

static double softmax_entropy(const struct loss *l, const struct target *t,
                              float *z)
{
    size_t n = l->outputs;
    double low = l->smoothing / (double)n;
    double high = 1.0 - l->smoothing + low;
    double sum = 0, right = (double)z[t->class];
    float all;

    for (size_t j = 0; l->smoothing > 0 && j < n; j++) {
        sum += (double)z[j];
    }
    all = nn_softmax(z, n);
    for (size_t j = 0; l->smoothing > 0 && j < n; j++) {
        z[j] -= (float)low;
    }
    z[t->class] -= (float)(high - low);
    return (double)all - (high - low) * right - low * sum;
}

static double sigmoid_entropy(const struct loss *l, const struct target *t,
                              float *z)
{
    double loss = 0;

    for (size_t j = 0; j < l->outputs; j++) {
        double v = (double)z[j];
        double q = target_at(t, j) * (1.0 - l->smoothing) + l->smoothing / 2.0;
        double size = v < 0 ? -v : v;

        loss += (v > 0 ? v : 0.0) - v * q + math_log(1.0 + math_exp(-size));
        z[j] = (float)((double)activation_of(ACTIVATION_SIGMOID, z[j]) - q);
    }
    return loss;
}

/* Loss of one error, and d/de. */
static double error_loss(const struct loss *l, double e, double *out_slope)
{
    double size = e < 0 ? -e : e;
    double sign = e < 0 ? -1.0 : e > 0 ? 1.0 : e;

    switch (l->kind) {
    case LOSS_ABSOLUTE:
        *out_slope = sign;
        return size;
    case LOSS_HUBER:
        *out_slope = size <= l->delta ? e : l->delta * sign;
        return size <= l->delta ? e * e / 2.0
                                : l->delta * (size - l->delta / 2.0);
    case LOSS_SQUARED:
    case LOSS_CROSS_ENTROPY:
    default:
        *out_slope = 2.0 * e;
        return e * e;
    }
}

/* Of a = activation(z), which lies in z; dz = da pulled back. */
static double errors(const struct loss *l, const struct target *t, float *z)
{
    size_t n = l->outputs;
    double loss = 0, mixed = 0;

    if (l->output == ACTIVATION_SOFTMAX) {
        (void)nn_softmax(z, n);
        for (size_t j = 0; j < n; j++) {
            double slope;

            (void)error_loss(l, (double)z[j] - target_at(t, j), &slope);
            mixed += (double)z[j] * slope;
        }
    }
    for (size_t j = 0; j < n; j++) {
        double a = l->output == ACTIVATION_SIGMOID
                       ? (double)activation_of(ACTIVATION_SIGMOID, z[j])
                       : (double)z[j];
        double slope;

        loss += error_loss(l, a - target_at(t, j), &slope);
        slope = l->output == ACTIVATION_SIGMOID   ? slope * a * (1.0 - a)
                : l->output == ACTIVATION_SOFTMAX ? a * (slope - mixed)
                                                  : slope;
        z[j] = (float)(slope / (double)n);
    }
    return loss / (double)n;
}

void loss_rows(const struct loss *l, const struct rows *data,
               const uint32_t *order, size_t n, float *z, struct loss_sum *s)
{
    for (size_t i = 0; i < n; i++, z += l->outputs) {
        uint64_t row = order == NULL ? i : order[i];
        struct target t = target_of(data, row, l->outputs);

        s->right += !t.is_number && is_right(&t, z, l->outputs);
        s->loss += l->kind != LOSS_CROSS_ENTROPY ? errors(l, &t, z)
                   : l->output == ACTIVATION_SOFTMAX
                       ? softmax_entropy(l, &t, z)
                       : sigmoid_entropy(l, &t, z);
    }
    s->count += n;
}

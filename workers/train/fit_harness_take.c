/* What a fit as the numpy harness does it takes of a task: its recipe, learner and
 * data, each held against what the harness has. Allocates nothing. Runs in worker
 * train. */
#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/harness.h"

static const struct loc nowhere = {NULL, 0, 0};

/* What the harness does not have, and so nobody may ask of it. */
static int check_absent(const struct fit_task *t, struct diag *d)
{
    const Proctor__Recipe *r = t->recipe;
    const Proctor__Learner *l = r->learner;
    const struct {
        int is_set;
        const char *name;
    } all[] = {{r->schedule != NULL, "schedule"},
               {r->micro_batches > 1, "micro_batches"},
               {r->accumulate > 1, "accumulate"},
               {r->clip_norm != 0 || r->clip_value != 0, "clip"},
               {r->ema != 0, "ema"},
               {r->n_handlers != 0, "handlers"},
               {r->n_metrics != 0, "metrics"},
               {r->steps != 0, "steps"},
               {r->ordered, "ordered"},
               {l->dropout != 0, "dropout"},
               {l->standardize, "standardize"},
               {t->weights != NULL, "start"},
               {r->loss != NULL && strcmp(r->loss->kind, "squared") != 0,
                "a loss but squared"}};

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        if (all[i].is_set) {
            (void)diag_set(d, ERR_INPUT, nowhere,
                           "compat: harness has no such thing as %s",
                           all[i].name);
            diag_hint(d, "leave it out, or leave compat out");
            return ERR_INPUT;
        }
    }
    return 0;
}

static int check_counts(const Proctor__Recipe *r, const struct rows *rows,
                        struct diag *d)
{
    if (r->epochs == 0 || r->batch == 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "expected epochs and a batch of 1 or more");
    }
    if (r->seed > UINT32_MAX || r->learner->seed > UINT32_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "seed: expected 0..4294967295 (compat: harness)");
    }
    if (rows->kind == ROWS_TEXT) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "compat: harness learns no text");
    }
    return 0;
}

static int take_optimizer(struct harness *h, struct diag *d)
{
    const Proctor__OptimizerSpec *o = h->t.recipe->optimizer;

    h->rate = o == NULL ? 0.001 : o->rate;
    if (o != NULL &&
        (strcmp(o->kind, "sgd") != 0 || o->momentum != 0 || o->decay != 0)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "compat: harness has the optimizer sgd alone, without "
                        "momentum or decay");
    }
    if (!(h->rate > 0 && isfinite(h->rate))) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "optimizer.rate: expected above 0, got %g", h->rate);
    }
    return 0;
}

static int word_of(const char *name, const char *const *names, size_t n,
                   const char *what, size_t *out, struct diag *d)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = i;
            return 0;
        }
    }
    return diag_set(d, ERR_INPUT, nowhere,
                    "compat: harness has no %s \"%.40s\"", what, name);
}

static int take_activations(struct harness *h, struct diag *d)
{
    static const char *const hidden[] = {"relu", "tanh", "sigmoid"};
    static const enum activation hidden_ids[] = {
        ACTIVATION_RELU, ACTIVATION_TANH, ACTIVATION_SIGMOID};
    static const char *const outputs[] = {"identity", "sigmoid", "softmax", ""};
    static const enum activation output_ids[] = {
        ACTIVATION_IDENTITY, ACTIVATION_SIGMOID, ACTIVATION_SOFTMAX,
        ACTIVATION_IDENTITY};
    const Proctor__Learner *l = h->t.recipe->learner;
    size_t i = 0, o = 0;

    if (*l->activation != 0) {
        TRY(word_of(l->activation, hidden, ARRAY_N(hidden), "activation", &i,
                    d));
    }
    TRY(word_of(l->output, outputs, ARRAY_N(outputs), "output", &o, d));
    h->hidden_is_relu = hidden_ids[i] == ACTIVATION_RELU;
    for (uint32_t k = 0; k < h->shape.layers_n; k++) {
        h->shape.activations[k] =
            k + 1 == h->shape.layers_n ? output_ids[o] : hidden_ids[i];
    }
    return 0;
}

/* Sizes that are 0 at the ends follow from the data. */
static int take_sizes(struct harness *h, struct diag *d)
{
    const Proctor__Learner *l = h->t.recipe->learner;
    const struct rows *r = h->t.rows;
    size_t n = l->n_layers;

    if (n < 2 || n > MLP_LAYERS_MAX + 1) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "sizes: expected 2 to %u layers, got %zu",
                        MLP_LAYERS_MAX + 1, n);
    }
    h->shape.layers_n = (uint32_t)n - 1;
    for (size_t i = 0; i < n; i++) {
        h->shape.sizes[i] = l->layers[i];
    }
    if (h->shape.sizes[0] == 0) {
        h->shape.sizes[0] = r->width;
    }
    if (h->shape.sizes[n - 1] == 0) {
        h->shape.sizes[n - 1] = r->kind == ROWS_CLASSIFICATION ? r->classes : 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (h->shape.sizes[i] == 0 || h->shape.sizes[i] > MLP_WIDTH_MAX) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "sizes[%zu]: expected 1..%u, got %u", i,
                            MLP_WIDTH_MAX, h->shape.sizes[i]);
        }
    }
    if (h->shape.sizes[0] != r->width) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u inputs for data of %u features", h->shape.sizes[0],
                        r->width);
    }
    return 0;
}

static int take_net(struct harness *h, struct diag *d)
{
    const struct rows *r = h->t.rows;
    uint32_t outputs;
    enum activation last;

    TRY(take_sizes(h, d));
    TRY(take_activations(h, d));
    outputs = harness_outputs(h);
    last = h->shape.activations[h->shape.layers_n - 1];
    if (last == ACTIVATION_SOFTMAX) {
        return r->kind != ROWS_CLASSIFICATION || r->classes > outputs
                   ? diag_set(d, ERR_INPUT, nowhere,
                              "softmax: %u classes for %u outputs",
                              r->kind == ROWS_CLASSIFICATION ? r->classes : 0,
                              outputs)
                   : 0;
    }
    return outputs == 1 ? 0
                        : diag_set(d, ERR_INPUT, nowhere,
                                   "targets have one column, the output layer "
                                   "has %u",
                                   outputs);
}

static int take_linear(struct harness *h, struct diag *d)
{
    const Proctor__Learner *l = h->t.recipe->learner;

    h->shape.layers_n = 1;
    h->shape.sizes[0] = h->t.rows->width;
    h->shape.sizes[1] = 1;
    h->shape.activations[0] = ACTIVATION_IDENTITY;
    h->l2 = l->l2;
    if (!(h->l2 >= 0 && isfinite(h->l2))) {
        return diag_set(d, ERR_INPUT, nowhere, "l2: expected 0 or more, got %g",
                        h->l2);
    }
    if (h->t.rows->width > (h->kind == HARNESS_CLOSED ? HARNESS_CLOSED_WIDTH_MAX
                                                      : MLP_WIDTH_MAX)) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "%u features are too many (limit is %u)",
                        h->t.rows->width,
                        h->kind == HARNESS_CLOSED ? HARNESS_CLOSED_WIDTH_MAX
                                                  : MLP_WIDTH_MAX);
    }
    return 0;
}

static int take_learner(struct harness *h, struct diag *d)
{
    const Proctor__Learner *l = h->t.recipe->learner;

    if (strcmp(l->kind, "mlp") == 0) {
        h->kind = HARNESS_NET;
        return take_net(h, d);
    }
    if (strcmp(l->kind, "linear") == 0) {
        h->kind = l->closed_form ? HARNESS_CLOSED : HARNESS_DESCENT;
        return take_linear(h, d);
    }
    return diag_set(d, ERR_INPUT, nowhere,
                    "compat: harness has linear and mlp, no \"%.40s\"",
                    l->kind);
}

int harness_take_task(struct harness *h, struct diag *d)
{
    const Proctor__Recipe *r = h->t.recipe;
    uint64_t rows = h->t.rows->n;

    if (r->learner == NULL) {
        return diag_set(d, ERR_INPUT, nowhere, "the recipe has no model");
    }
    TRY(check_absent(&h->t, d));
    TRY(check_counts(r, h->t.rows, d));
    TRY(take_optimizer(h, d));
    TRY(take_learner(h, d));
    h->seed = (uint32_t)(r->learner->seeded ? r->learner->seed : 42);
    h->order_of = (uint32_t)r->seed;
    h->rows = (size_t)(r->batch < rows ? r->batch : rows);
    h->cap = h->rows > HARNESS_TILE && h->kind != HARNESS_CLOSED ? h->rows
                                                                 : HARNESS_TILE;
    h->steps = (rows + r->batch - 1) / r->batch;
    h->n = harness_layer(h, h->shape.layers_n);
    if (h->rate > 1 && h->kind == HARNESS_NET) {
        fit_note(h->t.notes, "learning rate %g is above 1", h->rate);
    }
    return 0;
}

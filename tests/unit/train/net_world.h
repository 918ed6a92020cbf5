/* Data, recipes and a plain reference in double for the tests of perceptrons. */
#ifndef TESTS_UNIT_TRAIN_NET_WORLD_H
#define TESTS_UNIT_TRAIN_NET_WORLD_H

#include <math.h>

#include "tests/unit/nn/numbers.h"
#include "tests/unit/train/words.h"
#include "workers/nn/activation.h"
#include "workers/train/learner.h"
#include "workers/train/rows.h"
#include "workers/train/streams.h"

#define WORLD_ROWS 40u
#define WORLD_WIDTH 6u

struct world {
    double x[WORLD_ROWS * WORLD_WIDTH];
    double targets[WORLD_ROWS];
    uint32_t classes[WORLD_ROWS];
    uint32_t layers[5];
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__LossSpec loss;
    struct rows rows;
    struct learner *l; /* started */
    float *params, *grad;
    size_t n;
    size_t layers_n; /* of weights */
};

static UNUSED void world_init(struct world *w, const char *kind,
                              enum rows_kind labels, uint32_t classes)
{
    memset(w, 0, sizeof(*w));
    for (size_t i = 0; i < WORLD_ROWS * WORLD_WIDTH; i++) {
        w->x[i] = (double)(float)((double)below(2000) / 1000.0 - 1.0);
    }
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        w->targets[i] = (double)below(2000) / 500.0 - 2.0;
        w->classes[i] = (uint32_t)below(classes == 0 ? 1 : classes);
    }
    w->rows = (struct rows){ROWS_F64,
                            labels,
                            WORLD_ROWS,
                            WORLD_WIDTH,
                            classes,
                            (const uint8_t *)w->x,
                            labels == ROWS_REGRESSION
                                ? (const uint8_t *)w->targets
                                : (const uint8_t *)w->classes};
    proctor__recipe__init(&w->recipe);
    proctor__learner__init(&w->learner);
    proctor__loss_spec__init(&w->loss);
    w->recipe.learner = &w->learner;
    w->recipe.loss = &w->loss;
    w->recipe.seed = 7;
    w->learner.kind = text(kind);
    w->learner.layers = w->layers;
}

/* Widths behind the inputs, outputs last. */
static UNUSED void world_layers(struct world *w, size_t n, const uint32_t *v)
{
    for (size_t i = 0; i < n; i++) {
        w->layers[1 + i] = v[i];
    }
    w->learner.n_layers = n + 1;
}

/* Opens and starts, with first weights and biases that are not 0. */
static UNUSED void world_open(struct world *w, size_t rows_max)
{
    const struct learner_ops *ops = learner_find(w->learner.kind);
    uint8_t *mask;
    struct diag d;

    diag_init(&d);
    assert_non_null(ops);
    if (ops->open(&w->recipe, &w->rows, NULL, &w->l, &d) != 0) {
        fail_msg("%s", d.what);
    }
    w->n = ops->parameters_n(w->l);
    w->params = calloc(w->n, sizeof(float));
    w->grad = calloc(w->n, sizeof(float));
    mask = calloc(w->n, 1);
    assert_true(w->params != NULL && w->grad != NULL && mask != NULL);
    assert_int_equal(ops->first(w->l, &w->rows, w->params), 0);
    ops->decays(w->l, mask);
    for (size_t i = w->learner.standardize ? 2 * WORLD_WIDTH : 0; i < w->n;
         i++) {
        if (!mask[i]) {
            w->params[i] = draw_number() / 256.0f;
        }
    }
    free(mask);
    assert_int_equal(ops->start(w->l, rows_max), 0);
    assert_int_equal(ops->set(w->l, w->params), 0);
    w->layers_n = strcmp(ops->kind, "linear") == 0 ? 1 : w->learner.n_layers - 1;
    if (w->layers_n == 1 && w->learner.n_layers == 0) {
        w->layers[1] = (uint32_t)ops->outputs_n(w->l);
    }
    w->layers[0] = WORLD_WIDTH;
}

static UNUSED void world_close(struct world *w)
{
    w->l->ops->close(w->l);
    free(w->params);
    free(w->grad);
}

#endif

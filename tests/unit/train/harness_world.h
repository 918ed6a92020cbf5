/* Data sets of the generators and recipes as the numpy harness's configuration
 * files become, for the tests of fit_harness. Included once by each. */
#ifndef TESTS_UNIT_TRAIN_HARNESS_WORLD_H
#define TESTS_UNIT_TRAIN_HARNESS_WORLD_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "workers/nn/panel.h"
#include "workers/train/fit.h"
#include "workers/train/load.h"

struct world {
    Proctor__SyntheticSpec made;
    Proctor__DataSpec spec;
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__OptimizerSpec optimizer;
    uint32_t layers[8];
    struct load load;
    uint8_t *area;
    struct rows rows;
    struct fit_notes notes;
    struct fit_task task;
    struct fit *fit;
    struct diag d;
};

/* training.seed 42, model seed 42, rate 0.001, batch 32: the defaults. */
static UNUSED void world_init(struct world *w, const char *format,
                              uint64_t rows, uint32_t features,
                              uint32_t informative)
{
    memset(w, 0, sizeof(*w));
    proctor__synthetic_spec__init(&w->made);
    proctor__data_spec__init(&w->spec);
    proctor__recipe__init(&w->recipe);
    proctor__learner__init(&w->learner);
    proctor__optimizer_spec__init(&w->optimizer);
    w->spec.format = pb_str(format);
    w->spec.synthetic = &w->made;
    w->made.rows = rows;
    w->made.features = features;
    w->made.informative = informative;
    w->made.classes = 2;
    w->made.noise = 0.1;
    w->made.separation = 1;
    w->made.seed = 42;
    w->recipe.version = 1;
    w->recipe.harness = 1;
    w->recipe.learner = &w->learner;
    w->recipe.optimizer = &w->optimizer;
    w->recipe.batch = 32;
    w->recipe.epochs = 10;
    w->recipe.seed = 42;
    w->optimizer.kind = pb_str("sgd");
    w->optimizer.rate = 0.001;
    w->learner.kind = pb_str("linear");
    w->learner.layers = w->layers;
    diag_init(&w->d);
}

static UNUSED void world_net(struct world *w, const char *activation,
                             const char *output, size_t n,
                             const uint32_t *layers)
{
    w->learner.kind = pb_str("mlp");
    w->learner.activation = pb_str(activation);
    w->learner.output = pb_str(output);
    w->learner.n_layers = n;
    memcpy(w->layers, layers, n * sizeof(*layers));
}

static UNUSED void world_data(struct world *w)
{
    uint64_t bytes = w->made.rows * (w->made.features + 2) * 8 + 65536;
    Proctor__TrainReply reply = PROCTOR__TRAIN_REPLY__INIT;

    w->area = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    assert_non_null(w->area);
    memset(w->area, 0, bytes);
    load_init(&w->load, &w->spec, NULL, 0, w->area, bytes);
    if (load_run(&w->load, &reply) != 0) {
        fail_msg("%s", w->load.d.what);
    }
    assert_int_equal(
        rows_open(&w->load.data, (struct ubytes){w->load.x, w->load.x_bytes},
                  (struct ubytes){w->load.y, w->load.y_bytes}, &w->rows, &w->d),
        0);
}

static UNUSED int world_try(struct world *w)
{
    w->task = (struct fit_task){.recipe = &w->recipe,
                                .rows = &w->rows,
                                .workers = 1,
                                .notes = &w->notes};
    return fit_harness.open(&w->task, &w->fit, &w->d);
}

static UNUSED void world_fit(struct world *w)
{
    if (world_try(w) != 0) {
        fail_msg("%s", w->d.what);
    }
    assert_int_equal(fit_harness.start(w->fit, NULL, &w->d), 0);
}

static UNUSED void world_close(struct world *w)
{
    fit_harness.close(w->fit);
    load_release(&w->load);
    free(w->area);
}

/* One epoch; 0: there was none. */
static UNUSED int world_epoch(struct world *w, struct fit_claims *out)
{
    enum fit_at at = FIT_STEP;

    while (at == FIT_STEP) {
        if (fit_harness.step(w->fit, &at, &w->d) != 0) {
            fail_msg("%s", w->d.what);
        }
    }
    if (at == FIT_END) {
        return 0;
    }
    assert_int_equal(at, FIT_EPOCH);
    assert_int_equal(fit_harness.claims(w->fit, out), 0);
    return 1;
}

static UNUSED void near_to(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fabs(want))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

/* Parameters of a state: its last doubles. */
static UNUSED void world_params(struct world *w, double *out, size_t n)
{
    struct buf state;

    buf_init(&state, 1u << 20);
    assert_int_equal(fit_harness.save(w->fit, &state), 0);
    memcpy(out, buf_bytes(&state).p + buf_len(&state) - n * sizeof(*out),
           n * sizeof(*out));
    buf_release(&state);
}

#endif

/* Training as the numpy harness does it (compat: harness), in one process on one
 * thread: data generation, all steps, metrics of each epoch. "name value unit"
 * lines, the best of all turns; with a name as its argument: that one, once, its
 * seconds, its first and its last loss (tests/bench/train_peers.py).
 * PROCTOR_BENCH_TURNS: how many (3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pb.h"
#include "tests/bench/bench.h"
#include "workers/nn/panel.h"
#include "workers/train/fit.h"
#include "workers/train/load.h"

static const struct given {
    const char *name;
    const char *format;
    uint64_t rows;
    uint32_t features, classes;
    double separation, noise;
    uint32_t layers_n;
    uint32_t layers[4];
    int closed;
    uint32_t epochs, batch;
} given[] = {
    {"small",
     "classification",
     1000,
     20,
     2,
     2,
     0,
     4,
     {20, 10, 5, 2},
     0,
     100,
     32},
    {"big",
     "classification",
     20000,
     64,
     10,
     1,
     0,
     4,
     {64, 256, 128, 10},
     0,
     10,
     128},
    {"lingd", "regression", 100000, 100, 2, 1, 0.1, 0, {0}, 0, 10, 256},
    {"lincf", "regression", 100000, 100, 2, 1, 0.1, 0, {0}, 1, 1, 100000},
};

struct outcome {
    double seconds, first, last;
};

static void load(const struct given *g, struct load *l, struct rows *rows)
{
    static Proctor__SyntheticSpec made;
    static Proctor__DataSpec spec;
    Proctor__TrainReply reply = PROCTOR__TRAIN_REPLY__INIT;
    uint64_t bytes = (g->rows * (g->features + 2) * 8 + 16384) / 4096 * 4096;
    uint8_t *area = aligned_alloc(4096, bytes);
    struct diag d;

    diag_init(&d);
    need(area != NULL, "memory");
    memset(area, 0, bytes);
    proctor__synthetic_spec__init(&made);
    proctor__data_spec__init(&spec);
    made.rows = g->rows;
    made.features = made.informative = g->features;
    made.classes = g->classes;
    made.separation = g->separation;
    made.noise = g->noise;
    made.seed = 42;
    spec.format = pb_str(g->format);
    spec.synthetic = &made;
    load_init(l, &spec, NULL, 0, area, bytes);
    need(load_run(l, &reply) == 0, l->d.what);
    need(rows_open(&l->data, (struct ubytes){l->x, l->x_bytes},
                   (struct ubytes){l->y, l->y_bytes}, rows, &d) == 0,
         d.what);
}

static void train(const struct given *g, const struct rows *rows,
                  struct outcome *out)
{
    static struct fit_notes notes;
    Proctor__Recipe r = PROCTOR__RECIPE__INIT;
    Proctor__Learner l = PROCTOR__LEARNER__INIT;
    Proctor__OptimizerSpec o = PROCTOR__OPTIMIZER_SPEC__INIT;
    uint32_t layers[4];
    struct fit_task task = {
        .recipe = &r, .rows = rows, .workers = 1, .notes = &notes};
    struct fit_claims claims;
    struct fit *f;
    enum fit_at at = FIT_STEP;
    struct diag d;

    diag_init(&d);
    memcpy(layers, g->layers, sizeof(layers));
    r.version = 1;
    r.learner = &l;
    r.optimizer = &o;
    r.harness = 1;
    r.epochs = g->epochs;
    r.batch = g->batch;
    r.seed = 42;
    l.kind = pb_str(g->layers_n != 0 ? "mlp" : "linear");
    l.layers = layers;
    l.n_layers = g->layers_n;
    l.activation = pb_str("relu");
    l.output = pb_str("softmax");
    l.closed_form = g->closed;
    o.kind = pb_str("sgd");
    o.rate = 0.001;
    need(fit_harness.open(&task, &f, &d) == 0, d.what);
    need(fit_harness.start(f, NULL, &d) == 0, d.what);
    for (int is_first = 1; at != FIT_END;) {
        need(fit_harness.step(f, &at, &d) == 0, d.what);
        if (at == FIT_EPOCH) {
            need(fit_harness.claims(f, &claims) == 0, "claims");
            out->first = is_first ? claims.v[0].value : out->first;
            out->last = claims.v[0].value;
            is_first = 0;
        }
    }
    fit_harness.close(f);
}

static void run(const struct given *g, struct outcome *out)
{
    double start = now_ms();
    struct load l;
    struct rows rows;

    load(g, &l, &rows);
    train(g, &rows, out);
    out->seconds = (now_ms() - start) / 1e3;
    free(l.area);
    load_release(&l);
}

int main(int argc, char **argv)
{
    const char *turns = getenv("PROCTOR_BENCH_TURNS");
    int n = turns != NULL ? atoi(turns) : 3;

    need(nn_prove() == 0, "no kernel has the contract's bits");
    for (size_t i = 0; i < ARRAY_N(given); i++) {
        struct outcome now = {0}, best = {0};

        if (argc > 1 && strcmp(argv[1], given[i].name) != 0) {
            continue;
        }
        for (int t = 0; t < (argc > 1 ? 1 : n); t++) {
            run(&given[i], &now);
            best = t == 0 || now.seconds < best.seconds ? now : best;
        }
        if (argc > 1) {
            printf("%.17g %.17g %.4f\n", now.first, now.last, now.seconds);
        } else {
            printf("harness_%s %.4f s\n", given[i].name, best.seconds);
        }
    }
    return 0;
}

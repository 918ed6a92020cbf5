/* Steps of training of perceptrons on one thread: gradient, optimizer, packing;
 * and a closed form.
 * "name value unit" lines, the best of all turns; turns of different shapes
 * alternate. With a shape's name as its argument: steps of that shape alone,
 * many (for callgrind, perf). PROCTOR_BENCH_TURNS: how many (7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base.h"
#include "tests/bench/bench.h"
#include "workers/nn/draw.h"
#include "workers/nn/panel.h"
#include "workers/train/closed.h"
#include "workers/train/learner.h"
#include "workers/train/optimizer.h"
#include "workers/train/rows.h"

enum {
    TURNS = 7,
    ROWS = 20000
};

static const struct given {
    const char *name;
    const char *activation, *optimizer;
    uint32_t batch, layers_n;
    uint32_t layers[4];
    size_t steps; /* of a turn */
} given[] = {
    {"big", "relu", "sgd", 128, 4, {64, 256, 128, 10}, 156},
    {"big_adam", "relu", "adam", 128, 4, {64, 256, 128, 10}, 156},
    {"big_tanh", "tanh", "sgd", 128, 4, {64, 256, 128, 10}, 156},
    {"big_gelu", "gelu", "sgd", 128, 4, {64, 256, 128, 10}, 156},
    {"small", "relu", "sgd", 32, 4, {20, 10, 5, 2}, 3200},
    {"small_adam", "relu", "adam", 32, 4, {20, 10, 5, 2}, 3200},
    {"image", "relu", "sgd", 64, 3, {784, 128, 10}, 200},
};

struct shape {
    const struct given *g;
    uint32_t layers[4];
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__OptimizerSpec spec;
    struct rows rows;
    struct learner *l;
    struct optimizer *o;
    float *params, *grad;
    uint8_t *mask;
    size_t n;
    uint32_t *order;
    double best; /* ns a step */
};

static char *text(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = {s};

    return u.out;
}

static void make_rows(struct shape *s)
{
    size_t width = s->layers[0], n = (size_t)ROWS * width;
    float *x = calloc(n, sizeof(*x));
    uint32_t *y = calloc(ROWS, sizeof(*y));
    const struct draw d = draw_init(1, 2);

    need(x != NULL && y != NULL, "memory");
    for (size_t i = 0; i < n; i++) {
        x[i] = draw_f32(&d, i);
    }
    for (size_t i = 0; i < ROWS; i++) {
        y[i] = draw_below(&d, n + i, s->layers[s->g->layers_n - 1]);
    }
    s->rows = (struct rows){ROWS_F32,
                            ROWS_CLASSIFICATION,
                            ROWS,
                            (uint32_t)width,
                            s->layers[s->g->layers_n - 1],
                            (const uint8_t *)x,
                            (const uint8_t *)y};
}

static void open_shape(struct shape *s)
{
    struct diag d;

    memcpy(s->layers, s->g->layers, sizeof(s->layers));
    make_rows(s);
    proctor__recipe__init(&s->recipe);
    proctor__learner__init(&s->learner);
    proctor__optimizer_spec__init(&s->spec);
    s->recipe.learner = &s->learner;
    s->learner.n_layers = s->g->layers_n;
    s->learner.layers = s->layers;
    s->learner.activation = text(s->g->activation);
    s->spec.kind = text(s->g->optimizer);
    s->spec.rate = 1e-3;
    need(learner_mlp.open(&s->recipe, &s->rows, NULL, &s->l, &d) == 0, "open");
    s->n = learner_mlp.parameters_n(s->l);
    s->params = aligned_alloc(64, (s->n * 4 + 63) / 64 * 64);
    s->grad = aligned_alloc(64, (s->n * 4 + 63) / 64 * 64);
    s->mask = calloc(s->n, 1);
    s->order = calloc(ROWS, sizeof(*s->order));
    need(s->params != NULL && s->grad != NULL && s->mask != NULL &&
             s->order != NULL,
         "memory");
    for (uint32_t i = 0; i < ROWS; i++) {
        s->order[i] = (uint32_t)((uint64_t)i * 7919 % ROWS);
    }
    learner_mlp.decays(s->l, s->mask);
    need(learner_mlp.first(s->l, &s->rows, s->params) == 0 &&
             learner_mlp.start(s->l, s->g->batch) == 0 &&
             optimizer_new(&s->spec, s->n, &s->o, &d) == 0,
         "start");
}

static void run(struct shape *s, size_t steps)
{
    struct loss_sum sum = {0};

    for (size_t i = 0; i < steps; i++) {
        const uint32_t *order =
            s->order + i % (ROWS / s->g->batch) * (size_t)s->g->batch;

        need(learner_mlp.set(s->l, s->params) == 0 &&
                 learner_mlp.gradient(s->l, &s->rows, order, s->g->batch, i, 0,
                                      s->grad, &sum) == 0,
             "gradient");
        clip_scale(s->grad, s->n, 1.0 / s->g->batch);
        optimizer_step(s->o, s->params, s->grad, s->mask, 1e-3);
    }
}

/* Multiply-adds of the products of a step, times two. */
static double flops(const struct shape *s)
{
    double sum = 0;

    for (uint32_t i = 1; i < s->g->layers_n; i++) {
        sum += (i == 1 ? 4.0 : 6.0) * s->g->batch * s->layers[i - 1] *
               s->layers[i];
    }
    return sum;
}

static void close_shape(struct shape *s)
{
    union {
        const uint8_t *in;
        void *out;
    } x = {s->rows.x}, y = {s->rows.y};

    learner_mlp.close(s->l);
    optimizer_free(s->o);
    free(s->params);
    free(s->grad);
    free(s->mask);
    free(s->order);
    free(x.out);
    free(y.out);
}

/* Least squares of 100,000 rows of 100 numbers; ms. */
static double closed_form(void)
{
    enum {
        N = 100000,
        WIDTH = 100
    };
    double *x = calloc((size_t)N * WIDTH, sizeof(*x));
    double *y = calloc(N, sizeof(*y));
    double weights[WIDTH + 1], start, took;
    const struct draw d = draw_init(3, 4);
    struct rows r = {ROWS_F64,
                     ROWS_REGRESSION,
                     N,
                     WIDTH,
                     0,
                     (const uint8_t *)x,
                     (const uint8_t *)y};
    struct closed_result out;
    struct diag diag;

    need(x != NULL && y != NULL, "memory");
    for (size_t i = 0; i < (size_t)N * WIDTH; i++) {
        x[i] = (double)draw_f32(&d, i);
        y[i / WIDTH] += x[i] * (double)(i % WIDTH);
    }
    start = now_ns();
    need(closed_solve(&r, 0, weights, &out, &diag) == 0, "closed_solve");
    took = now_ns() - start;
    need(out.mean_squared < 1e-15, "an exact solution");
    free(x);
    free(y);
    return took / 1e6;
}

int main(int argc, char **argv)
{
    static struct shape shapes[ARRAY_N(given)];
    const char *asked = getenv("PROCTOR_BENCH_TURNS");
    double closed = 0;
    long turns = asked == NULL ? TURNS : strtol(asked, NULL, 10);

    need(nn_prove() == 0, "nn_prove");
    for (size_t i = 0; i < ARRAY_N(shapes); i++) {
        shapes[i].g = &given[i];
        open_shape(&shapes[i]);
        if (argc == 2 && strcmp(argv[1], given[i].name) == 0) {
            run(&shapes[i], given[i].steps * 10);
        }
    }
    for (long t = 0; argc == 1 && t < turns; t++) {
        double ms = closed_form();

        closed = t == 0 || ms < closed ? ms : closed;
        for (size_t i = 0; i < ARRAY_N(shapes); i++) {
            double start = now_ns(), took;

            run(&shapes[i], given[i].steps);
            took = (now_ns() - start) / (double)given[i].steps;
            if (t == 0 || took < shapes[i].best) {
                shapes[i].best = took;
            }
        }
    }
    if (argc == 1) {
        printf("closed_form_100000x100 %.1f ms\n", closed);
    }
    for (size_t i = 0; i < ARRAY_N(shapes); i++) {
        if (argc == 1) {
            printf("mlp_%s_step %.2f us\n", given[i].name,
                   shapes[i].best / 1e3);
            printf("mlp_%s_products %.1f GFLOP/s\n", given[i].name,
                   flops(&shapes[i]) / shapes[i].best);
        }
        close_shape(&shapes[i]);
    }
    return 0;
}

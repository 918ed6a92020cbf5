/* What the loop around a learner costs: the same steps by hand and by drive.c, with
 * and without weights after every epoch, in turns; the fastest of each. Prints
 * "name value unit" lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pb.h"
#include "tests/bench/bench.h"
#include "workers/nn/draw.h"
#include "workers/nn/panel.h"
#include "workers/train/drive.h"
#include "workers/train/learner.h"
#include "workers/train/optimizer.h"

#define ROUNDS 9

struct work {
    Proctor__TrainTask task;
    Proctor__Dataset data;
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__OptimizerSpec optimizer;
    uint32_t layers[4];
    float *x;
    uint32_t *y;
    struct inputs in;
};

static void must(int holds)
{
    need(holds, "a step failed");
}

static void work_init(struct work *w, uint32_t rows, uint32_t width,
                      uint32_t classes, size_t layers_n)
{
    const struct draw d = draw_init(1, 1);

    w->x = malloc(sizeof(float) * rows * width);
    w->y = malloc(sizeof(uint32_t) * rows);
    must(w->x != NULL && w->y != NULL);
    for (uint32_t i = 0; i < rows * width; i++) {
        w->x[i] = draw_f32(&d, i);
    }
    for (uint32_t i = 0; i < rows; i++) {
        w->y[i] = w->x[(size_t)i * width] > 0 ? 1 : 0;
    }
    proctor__train_task__init(&w->task);
    proctor__dataset__init(&w->data);
    proctor__recipe__init(&w->recipe);
    proctor__learner__init(&w->learner);
    proctor__optimizer_spec__init(&w->optimizer);
    w->task.recipe = &w->recipe;
    w->task.data = &w->data;
    w->task.workers = 1;
    w->data.kind = PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    w->data.x_type = PROCTOR__DATA_TYPE__DATA_F32;
    w->data.rows = rows;
    w->data.width = width;
    w->data.classes = classes;
    w->recipe.version = 1;
    w->recipe.learner = &w->learner;
    w->recipe.optimizer = &w->optimizer;
    w->recipe.seed = 1;
    w->learner.kind = pb_str("mlp");
    w->learner.layers = w->layers;
    w->learner.n_layers = layers_n;
    w->optimizer.kind = pb_str("adam");
    w->optimizer.rate = 1e-3;
    w->in.x =
        (struct ubytes){(const uint8_t *)w->x, sizeof(float) * rows * width};
    w->in.y = (struct ubytes){(const uint8_t *)w->y, sizeof(uint32_t) * rows};
}

static void work_release(struct work *w)
{
    free(w->x);
    free(w->y);
}

static double by_drive(struct work *w, uint32_t checkpoint_every)
{
    Proctor__TrainReady ready = PROCTOR__TRAIN_READY__INIT;
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;
    const Proctor__TrainDone *done;
    struct drive *v;
    struct diag d;
    uint8_t *area;
    double start;

    w->task.checkpoint_every = checkpoint_every;
    diag_init(&d);
    must(drive_open(&w->task, &w->in, &v, &ready, &d) == 0);
    area = aligned_alloc(4096, ready.area_bytes);
    must(area != NULL);
    memset(area, 0, ready.area_bytes);
    must(drive_start(v, area) == 0);
    start = now_ns();
    go.steps = UINT64_MAX;
    go.wall_ms = 200;
    do {
        must(drive_go(v, &go, &done) == 0);
    } while (done->at != PROCTOR__TRAIN_AT__TRAIN_AT_END);
    start = now_ns() - start;
    drive_close(v);
    free(area);
    return start;
}

struct hand {
    struct learner *l;
    struct optimizer *o;
    float *params, *grad;
    uint8_t *mask;
    uint32_t *order;
    size_t n;
};

static void hand_step(struct hand *h, const struct rows *rows, uint64_t from,
                      size_t n, uint64_t step)
{
    struct loss_sum s = {0};

    must(h->l->ops->gradient(h->l, rows, h->order + from, n, step, 0, h->grad,
                             &s) == 0);
    clip_scale(h->grad, h->n, 1.0 / (double)s.count);
    optimizer_step(h->o, h->params, h->grad, h->mask, 1e-3);
    must(h->l->ops->set(h->l, h->params) == 0);
}

static double by_hand(struct work *w)
{
    const struct learner_ops *ops = learner_find("mlp");
    uint64_t step = 0, batch = w->recipe.batch;
    struct hand h = {0};
    struct rows rows;
    struct diag d;
    double start;

    diag_init(&d);
    must(rows_open(&w->data, w->in.x, w->in.y, &rows, &d) == 0 &&
         ops->open(&w->recipe, &rows, NULL, &h.l, &d) == 0);
    h.n = ops->parameters_n(h.l);
    h.params = calloc(h.n, sizeof(float));
    h.grad = calloc(h.n, sizeof(float));
    h.mask = calloc(h.n, 1);
    h.order = calloc(rows.n, sizeof(uint32_t));
    must(h.params != NULL && h.grad != NULL && h.mask != NULL &&
         h.order != NULL && ops->start(h.l, batch) == 0 &&
         ops->first(h.l, &rows, h.params) == 0 &&
         ops->set(h.l, h.params) == 0 &&
         optimizer_new(&w->optimizer, h.n, &h.o, &d) == 0);
    ops->decays(h.l, h.mask);
    for (uint32_t i = 0; i < rows.n; i++) {
        h.order[i] = (uint32_t)(i * UINT64_C(7919) % rows.n);
    }
    start = now_ns();
    for (uint32_t e = 0; e < w->recipe.epochs; e++) {
        for (uint64_t from = 0; from < rows.n; from += batch) {
            uint64_t left = rows.n - from;

            hand_step(&h, &rows, from, left < batch ? left : batch, step++);
        }
    }
    start = now_ns() - start;
    ops->close(h.l);
    optimizer_free(h.o);
    free(h.params);
    free(h.grad);
    free(h.mask);
    free(h.order);
    return start;
}

static void least(double *to, double v)
{
    *to = v < *to ? v : *to;
}

static void compare(struct work *w, const char *name)
{
    uint64_t steps = (w->data.rows + w->recipe.batch - 1) / w->recipe.batch *
                     w->recipe.epochs;
    double hand = 1e18, drive = 1e18, checkpoints = 1e18;

    for (int i = 0; i < ROUNDS; i++) {
        least(&hand, by_hand(w));
        least(&drive, by_drive(w, 0));
        least(&checkpoints, by_drive(w, 1));
    }
    printf("fit_%s_hand %.3f us/step\n", name, hand / 1e3 / (double)steps);
    printf("fit_%s_drive %.3f us/step\n", name, drive / 1e3 / (double)steps);
    printf("fit_%s_checkpoints %.3f us/step\n", name,
           checkpoints / 1e3 / (double)steps);
}

int main(void)
{
    static struct work small, large;

    must(nn_prove() == 0);
    work_init(&small, 200, 2, 2, 3);
    small.layers[1] = 16;
    small.recipe.batch = 32;
    small.recipe.epochs = 457;
    compare(&small, "small");
    work_release(&small);
    work_init(&large, 20000, 64, 10, 4);
    large.layers[1] = 256;
    large.layers[2] = 128;
    large.recipe.batch = 128;
    large.recipe.epochs = 2;
    compare(&large, "large");
    work_release(&large);
    return 0;
}

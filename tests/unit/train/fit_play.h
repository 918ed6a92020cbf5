/* A training task as the kernel would send it, and one to four workers in this
 * process that share an area. Included once by each test of fits. */
#ifndef TESTS_UNIT_TRAIN_FIT_PLAY_H
#define TESTS_UNIT_TRAIN_FIT_PLAY_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/pb.h"
#include "workers/nn/draw.h"
#include "workers/train/drive.h"

#define PLAY_WORKERS_MAX 4u
#define PLAY_ROWS_MAX 2048u
#define PLAY_WIDTH_MAX 64u

struct play {
    /* What is asked for; changed by tests before play_open. */
    Proctor__TrainTask task;
    Proctor__Dataset data;
    Proctor__Recipe recipe;
    Proctor__Learner learner;
    Proctor__LossSpec loss;
    Proctor__OptimizerSpec optimizer;
    Proctor__ScheduleSpec schedule;
    Proctor__SchedulePart part;
    Proctor__SchedulePart *parts[1];
    Proctor__HandlerSpec handler[4];
    Proctor__HandlerSpec *handlers[4];
    char *metrics[4];
    uint32_t layers[4];
    float x[PLAY_ROWS_MAX * PLAY_WIDTH_MAX];
    double targets[PLAY_ROWS_MAX];
    uint32_t classes[PLAY_ROWS_MAX];
    struct inputs in;
    uint32_t workers;
    /* What there is then. */
    Proctor__TrainTask tasks[PLAY_WORKERS_MAX];
    struct drive *drives[PLAY_WORKERS_MAX];
    Proctor__TrainReady ready;
    uint8_t *area;
};

/* Rows of `classes` classes (0: regression) that can be learnt. */
static UNUSED void play_init(struct play *p, uint64_t rows, uint32_t width,
                             uint32_t classes)
{
    const struct draw d = draw_init(rows, width);
    uint64_t all = rows * width;

    assert_true(rows <= PLAY_ROWS_MAX && width <= PLAY_WIDTH_MAX);
    memset(p, 0, sizeof(*p));
    for (uint64_t i = 0; i < all; i++) {
        p->x[i] = draw_f32(&d, i);
    }
    for (uint64_t i = 0; i < rows; i++) {
        double sum = (double)p->x[i * width] + (double)p->x[i * width + 1];

        p->targets[i] = sum + 0.5;
        p->classes[i] =
            classes == 0 ? 0 : (uint32_t)((sum + 2) / 4 * classes) % classes;
    }
    proctor__train_task__init(&p->task);
    proctor__dataset__init(&p->data);
    proctor__recipe__init(&p->recipe);
    proctor__learner__init(&p->learner);
    proctor__loss_spec__init(&p->loss);
    proctor__optimizer_spec__init(&p->optimizer);
    proctor__schedule_spec__init(&p->schedule);
    proctor__schedule_part__init(&p->part);
    p->task.command = PROCTOR__TRAIN_COMMAND__TRAIN_FIT;
    p->task.recipe = &p->recipe;
    p->task.data = &p->data;
    p->data.kind = classes == 0 ? PROCTOR__DATA_KIND__DATA_REGRESSION
                                : PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    p->data.rows = rows;
    p->data.width = width;
    p->data.x_type = PROCTOR__DATA_TYPE__DATA_F32;
    p->data.classes = classes;
    p->recipe.version = 1;
    p->recipe.learner = &p->learner;
    p->recipe.loss = &p->loss;
    p->recipe.optimizer = &p->optimizer;
    p->recipe.epochs = 3;
    p->recipe.batch = 16;
    p->recipe.micro_batches = 4;
    p->recipe.seed = 11;
    p->learner.kind = pb_str("mlp");
    p->learner.layers = p->layers;
    p->learner.n_layers = 3;
    p->layers[1] = 12;
    p->learner.activation = pb_str("relu");
    p->loss.kind = pb_str(classes == 0 ? "squared" : "cross_entropy");
    p->optimizer.kind = pb_str("adam");
    p->optimizer.rate = 0.01;
    p->parts[0] = &p->part;
    p->schedule.parts = p->parts;
    p->schedule.n_parts = 1;
    p->in.x = (struct ubytes){(const uint8_t *)p->x, all * sizeof(float)};
    p->in.y = classes == 0
                  ? (struct ubytes){(const uint8_t *)p->targets, rows * 8}
                  : (struct ubytes){(const uint8_t *)p->classes, rows * 4};
    p->workers = 1;
}

/* One more handler, by default at its usual event. */
static UNUSED Proctor__HandlerSpec *play_handler(struct play *p,
                                                 const char *kind)
{
    size_t n = p->recipe.n_handlers++;

    assert_true(n < ARRAY_N(p->handler));
    proctor__handler_spec__init(&p->handler[n]);
    p->handler[n].kind = pb_str(kind);
    p->handlers[n] = &p->handler[n];
    p->recipe.handlers = p->handlers;
    return &p->handler[n];
}

static UNUSED void play_metric(struct play *p, const char *text)
{
    p->metrics[p->recipe.n_metrics++] = pb_str(text);
    p->recipe.metrics = p->metrics;
}

/* The first n training rows are those that are predicted. */
static UNUSED void play_check(struct play *p, uint64_t n)
{
    p->task.checked_rows = n;
    p->in.checked =
        (struct ubytes){(const uint8_t *)p->x, n * p->data.width * 4};
}

static UNUSED void play_close(struct play *p)
{
    for (uint32_t i = 0; i < PLAY_WORKERS_MAX; i++) {
        drive_close(p->drives[i]);
        p->drives[i] = NULL;
    }
    free(p->area);
    p->area = NULL;
}

/* 0, or the first refusal. */
static UNUSED int play_try(struct play *p, struct ubytes state, struct diag *d)
{
    uint64_t bytes = 0;

    diag_init(d);
    p->in.state = state;
    for (uint32_t i = 0; i < p->workers; i++) {
        int code;

        p->tasks[i] = p->task;
        p->tasks[i].worker = i;
        p->tasks[i].workers = p->workers;
        proctor__train_ready__init(&p->ready);
        code = drive_open(&p->tasks[i], &p->in, &p->drives[i], &p->ready, d);
        if (code != 0) {
            play_close(p);
            return code;
        }
        assert_true(i == 0 || p->ready.area_bytes == bytes);
        bytes = p->ready.area_bytes;
    }
    p->area = aligned_alloc(4096, bytes);
    assert_non_null(p->area);
    memset(p->area, 0xee, bytes);
    for (uint32_t i = 0; i < p->workers; i++) {
        assert_int_equal(drive_start(p->drives[i], p->area), 0);
    }
    return 0;
}

static UNUSED void play_open(struct play *p, struct ubytes state)
{
    struct diag d;
    int code = play_try(p, state, &d);

    if (code != 0) {
        print_message("%s\n", d.what);
    }
    assert_int_equal(code, 0);
}

static const struct ubytes no_state = {NULL, 0};

/* All workers are asked alike and come to the same place. */
static UNUSED const Proctor__TrainDone *play_go(struct play *p,
                                                const Proctor__TrainGo *go)
{
    const Proctor__TrainDone *first = NULL;

    for (uint32_t i = 0; i < p->workers; i++) {
        const Proctor__TrainDone *done;

        assert_int_equal(drive_go(p->drives[i], go, &done), 0);
        assert_int_equal(done->id, go->id);
        if (i == 0) {
            first = done;
            continue;
        }
        assert_int_equal(done->at, first->at);
        assert_int_equal(done->step, first->step);
        assert_int_equal(done->epoch, first->epoch);
        assert_true(done->state == NULL && done->weights == NULL &&
                    done->predictions == NULL && done->n_epochs == 0);
    }
    if (first == NULL) {
        abort(); /* there was no worker */
    }
    return first;
}

static UNUSED struct ubytes play_part(const struct play *p,
                                      const Proctor__AreaPart *part)
{
    assert_non_null(part);
    assert_true(part->offset + part->bytes <= p->ready.area_bytes);
    return (struct ubytes){p->area + part->offset, (size_t)part->bytes};
}

struct print {
    uint8_t b[BLAKE3_BYTES];
};
static UNUSED struct print print_of(struct ubytes b)
{
    struct print out;

    blake3(b.p, b.n, out.b);
    return out;
}

/* A copy to be freed. */
static UNUSED struct ubytes kept(struct ubytes b)
{
    uint8_t *p = aligned_alloc(64, (b.n + 63) / 64 * 64);

    assert_non_null(p);
    memcpy(p, b.p, b.n);
    return (struct ubytes){p, b.n};
}

/* To the end, `steps` a request; measures are a function of the epoch. Fills
 * prints[step] of all states where it stopped (if not NULL, of trace_n), and keeps
 * the final weights. */
struct trace {
    struct print states[512];
    uint8_t there[512];
    struct print weights;
    uint64_t steps;
    size_t epochs_n;
    double losses[64];
};

static UNUSED double measure_of(uint32_t epoch)
{
    return 1.0 / (1 + epoch % 3);
}

static UNUSED const Proctor__TrainDone *play_on(struct play *p, uint64_t steps,
                                                struct trace *t)
{
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;
    const Proctor__TrainDone *done;

    go.steps = steps;
    go.save = 1;
    do {
        go.id++;
        done = play_go(p, &go);
        go.has_measured = done->at == PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH;
        go.measured = go.has_measured ? measure_of(done->epoch) : 0;
        if (done->at == PROCTOR__TRAIN_AT__TRAIN_AT_FAILED) {
            return done;
        }
        for (size_t i = 0; i < done->n_epochs; i++) {
            assert_string_equal(done->epochs[i]->claims[0]->name, "loss");
            t->losses[done->epochs[i]->epoch] =
                done->epochs[i]->claims[0]->value;
            t->epochs_n++;
        }
        if (done->at == PROCTOR__TRAIN_AT__TRAIN_AT_STEP) {
            assert_true(done->step < ARRAY_N(t->states));
            t->states[done->step] = print_of(play_part(p, done->state));
            t->there[done->step] = 1;
        }
    } while (done->at != PROCTOR__TRAIN_AT__TRAIN_AT_END);
    t->steps = done->step;
    t->weights = print_of(play_part(p, done->weights));
    return done;
}

static UNUSED void play_whole(struct play *p, uint64_t steps, struct trace *t)
{
    memset(t, 0, sizeof(*t));
    play_open(p, no_state);
    assert_int_equal(play_on(p, steps, t)->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    play_close(p);
}

#endif

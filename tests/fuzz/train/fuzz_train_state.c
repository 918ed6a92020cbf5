/* What a training run goes on from: any bytes. First byte: even, the rest is a
 * whole state; odd, the rest is written over the body of a good one, from the place
 * that two bytes name, and the checksum is made right. What is accepted is saved as
 * it was read, and the run comes to its end. */
#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/pb.h"
#include "workers/train/drive.h"
#include "workers/train/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ROWS = 6,
    WIDTH = 2
};

static float x[ROWS * WIDTH];
static uint32_t y[ROWS];
static uint32_t layers[3] = {0, 3, 0};
static Proctor__TrainTask task;
static Proctor__Dataset dataset;
static Proctor__Recipe recipe;
static Proctor__Learner learner;
static Proctor__OptimizerSpec optimizer;
static uint8_t *area;
static uint8_t *good;
static size_t good_n;

static void check(int is_good)
{
    if (!is_good) {
        abort();
    }
}

static void describe(void)
{
    proctor__train_task__init(&task);
    proctor__dataset__init(&dataset);
    proctor__recipe__init(&recipe);
    proctor__learner__init(&learner);
    proctor__optimizer_spec__init(&optimizer);
    task.recipe = &recipe;
    task.data = &dataset;
    task.workers = 1;
    task.checkpoint_every = 1;
    dataset.kind = PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    dataset.rows = ROWS;
    dataset.width = WIDTH;
    dataset.x_type = PROCTOR__DATA_TYPE__DATA_F32;
    dataset.classes = 2;
    recipe.version = 1;
    recipe.learner = &learner;
    recipe.optimizer = &optimizer;
    recipe.epochs = 3;
    recipe.batch = 4;
    recipe.ema = 0.5;
    learner.kind = pb_str("mlp");
    learner.layers = layers;
    learner.n_layers = 3;
    optimizer.kind = pb_str("adam");
    optimizer.rate = 0.1;
    for (uint32_t i = 0; i < ROWS; i++) {
        x[i * WIDTH] = (float)i;
        y[i] = i % 2;
    }
}

/* A run over `state`, or NULL: it was refused. */
static struct drive *opened(struct ubytes state, uint64_t *out_area_bytes)
{
    static struct inputs in;
    Proctor__TrainReady ready = PROCTOR__TRAIN_READY__INIT;
    struct drive *v;
    struct diag d;

    in = (struct inputs){.x = {(const uint8_t *)x, sizeof(x)},
                         .y = {(const uint8_t *)y, sizeof(y)},
                         .state = state};
    diag_init(&d);
    if (drive_open(&task, &in, &v, &ready, &d) != 0) {
        check(d.code == ERR_INPUT && state.p != NULL);
        return NULL;
    }
    *out_area_bytes = ready.area_bytes;
    return v;
}

static const Proctor__TrainDone *go(struct drive *v, uint64_t steps)
{
    const Proctor__TrainDone *done;
    Proctor__TrainGo m = PROCTOR__TRAIN_GO__INIT;

    m.steps = steps;
    m.save = 1;
    check(drive_go(v, &m, &done) == 0);
    return done;
}

static void prepare(void)
{
    const Proctor__TrainDone *done;
    struct drive *v;
    uint64_t bytes;

    describe();
    v = opened((struct ubytes){NULL, 0}, &bytes);
    check(v != NULL);
    area = aligned_alloc(4096, bytes);
    check(area != NULL && drive_start(v, area) == 0);
    done = go(v, 3);
    good_n = (size_t)done->state->bytes;
    good = malloc(good_n);
    check(good != NULL);
    memcpy(good, area + done->state->offset, good_n);
    drive_close(v);
}

static void play(struct ubytes state)
{
    const Proctor__TrainDone *done;
    uint64_t bytes;
    struct drive *v = opened(state, &bytes);

    if (v == NULL) {
        return;
    }
    check(drive_start(v, area) == 0);
    done = go(v, 0);
    if (done->at != PROCTOR__TRAIN_AT__TRAIN_AT_FAILED) {
        check(done->state->bytes == state.n &&
              memcmp(area + done->state->offset, state.p, state.n) == 0);
    }
    for (int i = 0; i < 64 && done->at == PROCTOR__TRAIN_AT__TRAIN_AT_STEP;
         i++) {
        done = go(v, 1);
    }
    check(done->at == PROCTOR__TRAIN_AT__TRAIN_AT_END ||
          done->at == PROCTOR__TRAIN_AT__TRAIN_AT_FAILED);
    drive_close(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;
    size_t n = size;

    if (good == NULL) {
        prepare();
    }
    if (size < 3) {
        return 0;
    }
    if (data[0] % 2 == 1) {
        n = good_n;
    }
    copy = malloc(n);
    check(copy != NULL);
    memcpy(copy, data[0] % 2 == 1 ? good : data, n);
    if (data[0] % 2 == 1) {
        size_t from = (data[1] | (size_t)data[2] << 8) % n;
        size_t most = n - from < size - 3 ? n - from : size - 3;

        memcpy(copy + from, data + 3, most);
        blake3(copy, n - BLAKE3_BYTES, copy + n - BLAKE3_BYTES);
        play((struct ubytes){copy, n});
    } else {
        play((struct ubytes){copy + 1, n - 1});
    }
    free(copy);
    return 0;
}

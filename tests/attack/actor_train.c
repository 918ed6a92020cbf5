/* The acting image of class train: its rows are a line of text that says how it
 * behaves. Its "weights" are a hash that each step continues, so that they are the
 * same whoever makes the steps, however often they are stopped; where its line says
 * so, it lies. Started, narrowed and measured exactly as real images are.
 *
 *   actor epochs=N lie=NAME:TURN die=TURN every=EPOCHS memory=BYTES
 *
 * Ten steps are an epoch. die: leaves at that turn of this process, unless it went
 * on from a state. */
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/frame.h"

#include "workers/lib/worker.h"

#include "worker.pb-c.h"

enum { AREA = 1 << 20, STEPS = 10, TURN_STEPS = 7, PART = 4096 };

struct scene {
    uint64_t step;
    uint8_t weights[32];
};

static char line[256];
static struct scene now;
static Proctor__TrainTask *task;
static uint8_t *area;
static int channel, went_on;
static unsigned turn;
static int is_exchanging;

static long setting(const char *name, long otherwise)
{
    const char *p = strstr(line, name);
    long v = 0;

    if (p == NULL) {
        return otherwise;
    }
    for (p += strlen(name); *p >= '0' && *p <= '9'; p++) {
        v = 10 * v + (*p - '0');
    }
    return v;
}

static int lies(const char *name)
{
    const char *p = strstr(line, "lie=");
    size_t n = strlen(name);
    char at[8] = "";

    if (p == NULL || strncmp(p + 4, name, n) != 0 || p[4 + n] != ':') {
        return 0;
    }
    memcpy(at, p + 5 + n, 2);
    return at[0] - '0' == (int)turn && (at[1] == ' ' || at[1] == '\0');
}

static void say(enum msg msg, const ProtobufCMessage *m)
{
    if (frame_send(channel, msg, m, NULL, 0) < 0) {
        _exit(0);
    }
}

static uint64_t steps_all(void)
{
    return (uint64_t)STEPS * task->recipe->epochs;
}

static void read_fd(int fd, void *to, size_t n)
{
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);

    if (p == MAP_FAILED) {
        _exit(3);
    }
    memcpy(to, p, n);
}

static void ready(void)
{
    Proctor__TaskReady m = PROCTOR__TASK_READY__INIT;
    Proctor__TrainReady t = PROCTOR__TRAIN_READY__INIT;

    t.area_bytes = lies("area") ? UINT64_MAX : AREA;
    t.memory_bytes = (uint64_t)setting("memory=", 1000);
    t.parameters = 8;
    t.steps = STEPS;
    t.steps_all = lies("steps_all") ? 1 : steps_all();
    t.step = now.step + (uint64_t)lies("step");
    t.outputs = lies("outputs") ? 1u << 31 : 1;
    if (!lies("no_plan")) {
        m.train = &t;
    }
    if (lies("turn")) {
        Proctor__TrainDone d = PROCTOR__TRAIN_DONE__INIT;

        say(MSG_TRAIN_DONE, &d.base);
    }
    say(MSG_TASK_READY, &m.base);
}

static void step(void)
{
    struct blake3 h;

    blake3_init(&h);
    blake3_update(&h, &now, sizeof(now));
    blake3_final(&h, now.weights);
    now.step++;
}

struct said {
    Proctor__TrainDone d;
    Proctor__AreaPart state, weights, predictions, epoch_weights;
    Proctor__TrainEpoch epoch, *epochs[1];
    Proctor__Claim claim, *claims[1];
    Proctor__Problem problem;
};

/* An epoch ended, and what lies in the area then. */
static void put_epoch(struct said *x)
{
    uint32_t e = (uint32_t)(now.step / STEPS);

    x->epoch.epoch = e;
    x->epoch.step = now.step;
    x->epoch.claims = x->claims;
    x->epoch.n_claims = 1;
    x->claims[0] = &x->claim;
    x->claim.name = (char *)(uintptr_t) "loss";
    x->claim.value = lies("nan") ? __builtin_nan("") : 1.0 / e;
    x->epochs[0] = &x->epoch;
    x->d.epochs = x->epochs;
    x->d.n_epochs = 1;
    if (e % (uint32_t)setting("every=", 1) == 0) {
        memcpy(area + PART, now.weights, 32);
        x->epoch_weights.offset = PART;
        x->epoch_weights.bytes = 32;
        x->epoch.weights = &x->epoch_weights;
        x->d.state = &x->state;
    }
    if (task->checked_rows > 0) {
        for (uint64_t i = 0; i < task->checked_rows; i++) {
            float v = lies("infinite") ? __builtin_inff()
                                       : (float)now.weights[i % 32] / 128;

            memcpy(area + (size_t)3 * PART + 4 * i, &v, 4);
        }
        x->predictions.offset = 3 * PART;
        x->predictions.bytes = 4 * task->checked_rows;
        x->d.predictions = &x->predictions;
        x->d.at = PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH;
    }
}

static void put_end(struct said *x)
{
    memcpy(area + (size_t)2 * PART, now.weights, 32);
    x->d.at = PROCTOR__TRAIN_AT__TRAIN_AT_END;
    x->weights.offset = 2 * PART;
    x->weights.bytes = 32;
    x->d.weights = &x->weights;
    x->d.state = &x->state;
}

static void distort(struct said *x)
{
    Proctor__TrainDone *d = &x->d;

    if (lies("id")) {
        d->id++;
    } else if (lies("back")) {
        d->step = 0;
    } else if (lies("many")) {
        d->step += 100000;
    } else if (lies("far")) {
        x->state.offset = AREA - 1;
        d->state = &x->state;
    } else if (lies("wraps")) {
        x->state.offset = UINT64_MAX - 1;
        x->state.bytes = 8;
        d->state = &x->state;
    } else if (lies("epoch")) {
        d->epoch = 1u << 30;
    } else if (lies("epoch_twice") && d->n_epochs > 0) {
        x->epoch.epoch = 1;
    } else if (lies("epoch_step") && d->n_epochs > 0) {
        x->epoch.step = d->step + 1;
    } else if (lies("measured") && d->n_epochs > 0) {
        x->epoch.has_measured = 1;
    } else if (lies("short") && d->predictions != NULL) {
        x->predictions.bytes -= 4;
    } else if (lies("unasked")) {
        x->predictions.bytes = 4;
        d->predictions = &x->predictions;
    } else if (lies("no_weights")) {
        put_end(x);
        d->weights = NULL;
    } else if (lies("exchange")) {
        d->at = PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE;
    } else if (lies("failed")) {
        d->at = PROCTOR__TRAIN_AT__TRAIN_AT_FAILED;
    } else if (lies("problem")) {
        d->at = PROCTOR__TRAIN_AT__TRAIN_AT_FAILED;
        d->problem = &x->problem;
        x->problem.what = (char *)(uintptr_t) "diverged at step 9";
    } else if (lies("no_state")) {
        d->state = NULL;
    }
}

static void done(const Proctor__TrainGo *g, struct said *x)
{
    x->d.id = g->id;
    x->d.step = now.step;
    x->d.epoch = (uint32_t)((now.step + STEPS - 1) / STEPS);
    x->d.loss = 1;
    memcpy(area, &now, sizeof(now));
    x->state.bytes = sizeof(now);
    if (g->save) {
        x->d.state = &x->state;
    }
    distort(x);
    if (task->worker > 0) {
        x->d.n_epochs = 0;
        x->d.state = lies("other") ? &x->state : NULL;
        x->d.weights = x->d.predictions = NULL;
    }
    say(MSG_TRAIN_DONE, &x->d.base);
    if (lies("twice")) {
        say(MSG_TRAIN_DONE, &x->d.base);
    }
}

static void go(const Proctor__TrainGo *g)
{
    struct said x = {.d = PROCTOR__TRAIN_DONE__INIT,
                     .state = PROCTOR__AREA_PART__INIT,
                     .weights = PROCTOR__AREA_PART__INIT,
                     .predictions = PROCTOR__AREA_PART__INIT,
                     .epoch_weights = PROCTOR__AREA_PART__INIT,
                     .epoch = PROCTOR__TRAIN_EPOCH__INIT,
                     .claim = PROCTOR__CLAIM__INIT,
                     .problem = PROCTOR__PROBLEM__INIT};

    turn++;
    if ((long)turn == setting("die=", -1) && !went_on) {
        _exit(7);
    }
    if (lies("sleep")) {
        for (;;) {
        }
    }
    if (lies("idle")) {
        turn--;
        done(g, &x);
        return;
    }
    for (unsigned i = 0; i < TURN_STEPS && !g->stop && now.step < steps_all() &&
                         !task->untrained;
         i++) {
        if (task->workers > 1 && !is_exchanging) {
            is_exchanging = 1; /* the gradients lie there */
            x.d.at = PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE;
            break;
        }
        is_exchanging = 0;
        step();
        if (now.step % STEPS == 0) {
            put_epoch(&x);
            break;
        }
    }
    if (x.d.n_epochs == 0 && !is_exchanging &&
        (g->stop || task->untrained || now.step >= steps_all())) {
        put_end(&x);
    }
    done(g, &x);
}

static void begin(struct frame *f)
{
    unsigned fd_i = 0;

    task = (Proctor__TrainTask *)f->m;
    f->m = NULL;
    if (task->x_bytes >= sizeof(line)) {
        _exit(3);
    }
    read_fd(f->fds[fd_i++], line, (size_t)task->x_bytes);
    fd_i += task->y_bytes > 0;
    fd_i += task->checked_bytes > 0;
    if (task->state_bytes == sizeof(now)) {
        read_fd(f->fds[fd_i], &now, sizeof(now));
        went_on = 1;
    }
    ready();
}

static int serve(int channel_fd, UNUSED uint8_t *share)
{
    struct frame f;

    channel = channel_fd;
    for (frame_init(&f); frame_receive(channel, MSG_FROM_KERNEL, &f) == 0;
         frame_release(&f)) {
        if (f.info->msg == MSG_TRAIN_TASK) {
            begin(&f);
        } else if (f.info->msg == MSG_TRAIN_AREA) {
            area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED,
                        f.fds[0], 0);
            if (area == MAP_FAILED) {
                return 4;
            }
        } else {
            go((const Proctor__TrainGo *)f.m);
        }
    }
    return 0;
}

int main(void)
{
    static const struct worker_hooks hooks = {"train", NULL, serve};

    return worker_main(&hooks);
}

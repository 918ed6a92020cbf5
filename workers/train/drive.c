/* The loop over a fit's steps, between the kernel's requests. Runs in
 * worker-train. */
#include "workers/train/drive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"
#include "workers/nn/panel.h"
#include "workers/train/drive_int.h"
#include "workers/train/look.h"

#define PAGE_BYTES 4096u
#define WEIGHTS_TOGETHER (16u << 20) /* of epochs that nobody waits for */
#define WEIGHTS_TOGETHER_N 256u
#define AREA_BYTES_MAX (UINT64_C(1) << 40)
#define WORKERS_MAX 64u

static const struct loc nowhere = {NULL, 0, 0};

static uint64_t now_ms(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_MONOTONIC, &t) != 0
               ? 0
               : (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- What is asked for, and what it will take ---- */

static int check_task(const Proctor__TrainTask *t, const struct inputs *in)
{
    int is_text;

    if (t->recipe == NULL || t->data == NULL || in->x.p == NULL ||
        in->weights_n > 1 || in->output != NULL || t->workers == 0 ||
        t->workers > WORKERS_MAX || t->worker >= t->workers) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    is_text = t->data->kind == PROCTOR__DATA_KIND__DATA_TEXT;
    if (in->files_n != (is_text ? 1u : 0u) ||
        (in->y.p == NULL) != (is_text != 0) ||
        (in->checked.p == NULL) != (t->checked_rows == 0)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    return 0;
}

static int open_rows(struct drive *v, struct diag *d)
{
    const Proctor__TrainTask *t = v->task;
    Proctor__Dataset checked = *t->data;

    TRY(rows_open(t->data, v->in->x, v->in->y, &v->rows, d));
    TRY(rows_check(&v->rows, d));
    if (t->checked_rows == 0) {
        return 0;
    }
    checked.rows = t->checked_rows;
    TRY(rows_open(&checked, v->in->checked, (struct ubytes){NULL, 0},
                  &v->checked, d));
    return rows_check(&v->checked, d);
}

static int open_fit(struct drive *v, struct diag *d)
{
    const struct fit_task t = {
        .recipe = v->task->recipe,
        .rows = &v->rows,
        .tokenizer =
            v->in->files_n > 0 ? v->in->files[0] : (struct ubytes){NULL, 0},
        .weights = v->in->weights_n > 0 ? &v->weights : NULL,
        .worker = v->task->worker,
        .workers = v->task->workers,
        .checked_n = v->checked.n,
        .lower = v->task->lower,
        .notes = &v->notes};

    TRY(look_at_data(&t, d));
    TRY(fit_find(t.recipe, &v->ops, d));
    TRY(v->ops->open(&t, &v->fit, d));
    v->ops->plan(v->fit, &v->plan);
    return 0;
}

/* How many epochs' weights lie in the area at once. */
static uint64_t together(const struct drive *v)
{
    uint64_t n = WEIGHTS_TOGETHER / drive_aligned(v->plan.weights_bytes + 1);

    if (v->checked.n > 0 || v->task->checkpoint_every == 0 ||
        v->task->workers > 1 || n < 1) {
        return 1;
    }
    n = n < WEIGHTS_TOGETHER_N ? n : WEIGHTS_TOGETHER_N;
    return n < v->task->recipe->epochs ? n : v->task->recipe->epochs + 1;
}

/* Of drive itself, and of an answer that lists epochs. */
static uint64_t books_bytes(const struct drive *v)
{
    uint64_t epochs = v->task->recipe->epochs;

    return sizeof(*v) +
           sizeof(struct ended) *
               (epochs < DRIVE_EPOCHS_MAX ? epochs : DRIVE_EPOCHS_MAX);
}

/* Sizes are sums of what learners bound and of products that are checked. */
static int plan_area(struct drive *v, Proctor__TrainReady *ready,
                     struct diag *d)
{
    struct fit_plan *p = &v->plan;
    uint64_t predictions;

    if (__builtin_mul_overflow(v->checked.n * sizeof(float), p->outputs,
                               &predictions) ||
        predictions > AREA_BYTES_MAX || p->exchange_bytes > AREA_BYTES_MAX ||
        p->weights_bytes > AREA_BYTES_MAX || p->state_bytes > AREA_BYTES_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "%llu rows to be predicted, %u numbers each, beside "
                        "weights of %llu bytes: more than any area holds",
                        (unsigned long long)v->checked.n, p->outputs,
                        (unsigned long long)p->weights_bytes);
    }
    p->state_bytes += STATE_BYTES_MORE;
    v->parts_bytes = drive_aligned(predictions) +
                     drive_aligned(p->state_bytes) +
                     (together(v) + 1) * drive_aligned(p->weights_bytes);
    v->parts_bytes =
        (v->parts_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    ready->area_bytes = v->parts_bytes + (p->exchange_bytes + PAGE_BYTES - 1) /
                                             PAGE_BYTES * PAGE_BYTES;
    ready->memory_bytes = p->memory_bytes + v->in->bytes + books_bytes(v);
    return 0;
}

static int open_state(struct drive *v, Proctor__TrainReady *ready,
                      struct diag *d)
{
    struct state_at at;

    TRY(state_owner_of(v->ops->name, v->plan.parameters, v->task->recipe,
                       v->task->data, v->checked.n, &v->owner));
    if (v->in->state.p == NULL) {
        return 0;
    }
    TRY(state_open(v->in->state, &v->owner, &v->body, &at, d));
    if (at.waits && v->checked.n == 0) {
        return state_is_damaged(d);
    }
    v->waits = at.waits;
    v->state_step = at.step;
    ready->step = at.step;
    return 0;
}

static int open_all(struct drive *v, Proctor__TrainReady *ready, struct diag *d)
{
    TRY(check_task(v->task, v->in));
    TRY(open_rows(v, d));
    if (v->in->weights_n > 0) {
        TRY(gguf_open(v->in->weights[0], &v->weights, d));
    }
    TRY(open_fit(v, d));
    TRY(plan_area(v, ready, d));
    TRY(open_state(v, ready, d));
    ready->parameters = v->plan.parameters;
    ready->steps = v->task->untrained ? 0 : v->plan.steps;
    ready->steps_all = v->task->untrained ? 0 : v->plan.steps_all;
    ready->tokens = v->plan.tokens;
    ready->outputs = v->plan.outputs;
    ready->route = pb_str(panels_route(WEIGHT_F32));
    return 0;
}

int drive_open(const Proctor__TrainTask *task, const struct inputs *in,
               struct drive **out, Proctor__TrainReady *ready, struct diag *d)
{
    struct drive *v = calloc(1, sizeof(*v));
    int code;

    *out = NULL;
    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    v->task = task;
    v->in = in;
    diag_init(&v->failed);
    answer_clear(&v->answer);
    code = open_all(v, ready, d);
    if (code != 0) {
        drive_close(v);
        return ERR_TRACE(code);
    }
    *out = v;
    return 0;
}

void drive_close(struct drive *v)
{
    if (v == NULL) {
        return;
    }
    if (v->ops != NULL) {
        v->ops->close(v->fit);
    }
    gguf_release(&v->weights);
    answer_clear(&v->answer);
    free(v);
}

/* The body and its envelope agree. */
static int restore(struct drive *v)
{
    struct fit_place place;

    TRY(v->ops->restore(v->fit, v->body, &v->failed));
    v->ops->place(v->fit, &place);
    return place.step == v->state_step ? 0 : state_is_damaged(&v->failed);
}

int drive_start(struct drive *v, uint8_t *area)
{
    int code;

    if (v->area != NULL) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    v->area = area;
    code = v->ops->start(v->fit, area + v->parts_bytes, &v->failed);
    if (code == 0 && v->body.p != NULL) {
        code = restore(v);
    }
    return code == 0 || v->failed.code != 0 ? 0 : ERR_TRACE(code);
}

/* ---- Requests ---- */

static int take_measured(struct drive *v, const Proctor__TrainGo *go)
{
    if (!go->has_measured) {
        return v->waits && go->steps > 0 && !go->stop ? ERR_TRACE(ERR_PROTOCOL)
                                                      : 0;
    }
    if (!v->waits || !isfinite(go->measured)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    v->waits = 0;
    return v->ops->measured(v->fit, go->measured);
}

static int is_due(uint64_t count, uint64_t every)
{
    return every != 0 && count % every == 0;
}

/* An epoch ended: is there something to wait for? */
static int epoch_ended(struct drive *v, int *out_answer)
{
    struct fit_place place;
    int due;

    v->ops->place(v->fit, &place);
    due = is_due(place.epoch, v->task->checkpoint_every);
    v->state_due = v->state_due || due;
    v->waits = v->checked.n > 0;
    *out_answer = v->waits;
    if (v->task->worker != 0) {
        return 0;
    }
    TRY(answer_epoch(v, due));
    return v->waits ? answer_predictions(v) : 0;
}

/* One step, and what it leads to. */
static int advance(struct drive *v, Proctor__TrainAt *at, int *out_answer)
{
    struct fit_place place;

    TRY(v->ops->step(v->fit, &v->at, &v->failed));
    switch (v->at) {
    case FIT_STEP:
        v->ops->place(v->fit, &place);
        *at = place.wants_checkpoint ||
                      is_due(place.step, v->task->checkpoint_steps)
                  ? PROCTOR__TRAIN_AT__TRAIN_AT_CHECKPOINT
                  : PROCTOR__TRAIN_AT__TRAIN_AT_STEP;
        *out_answer = *at != PROCTOR__TRAIN_AT__TRAIN_AT_STEP;
        return 0;
    case FIT_EPOCH:
        TRY(epoch_ended(v, out_answer));
        *at = v->waits ? PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH
                       : PROCTOR__TRAIN_AT__TRAIN_AT_STEP;
        return 0;
    case FIT_EXCHANGE:
        *at = PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE;
        *out_answer = 1;
        return 0;
    case FIT_END:
        v->ended = 1;
        *at = PROCTOR__TRAIN_AT__TRAIN_AT_END;
        *out_answer = 1;
        return 0;
    }
    return ERR_TRACE(ERR_INTERNAL);
}

/* Several workers answer at the same places: neither a clock nor what only one of
 * them writes may decide. */
static int run(struct drive *v, const Proctor__TrainGo *go,
               Proctor__TrainAt *at)
{
    uint64_t until = now_ms() + go->wall_ms;
    uint64_t steps = 0;
    int alone = v->task->workers == 1;
    int answers = 0;

    while (!answers) {
        TRY(advance(v, at, &answers));
        if (v->at == FIT_STEP) {
            steps++;
        }
        answers = answers || steps >= go->steps ||
                  (alone && ((go->wall_ms > 0 && now_ms() >= until) ||
                             !answer_has_room(v)));
    }
    return 0;
}

/* Where it stood when it answered last. */
static Proctor__TrainAt standing(const struct drive *v)
{
    return v->ended                ? PROCTOR__TRAIN_AT__TRAIN_AT_END
           : v->at == FIT_EXCHANGE ? PROCTOR__TRAIN_AT__TRAIN_AT_EXCHANGE
           : v->waits              ? PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH
                                   : PROCTOR__TRAIN_AT__TRAIN_AT_STEP;
}

static int go_on(struct drive *v, const Proctor__TrainGo *go,
                 Proctor__TrainAt *at)
{
    *at = standing(v);
    if (go->stop) {
        *at = PROCTOR__TRAIN_AT__TRAIN_AT_END;
        return 0;
    }
    if (v->ended || go->steps == 0) {
        return 0;
    }
    if (v->task->untrained) {
        v->ended = 1;
        *at = PROCTOR__TRAIN_AT__TRAIN_AT_END;
        return 0;
    }
    return run(v, go, at);
}

/* The parts that belong to where it came to. */
static int write_parts(struct drive *v, const Proctor__TrainGo *go,
                       Proctor__TrainAt at)
{
    int ends = at == PROCTOR__TRAIN_AT__TRAIN_AT_END ||
               at == PROCTOR__TRAIN_AT__TRAIN_AT_CHECKPOINT || go->save;

    if (v->task->worker != 0) {
        v->state_due = 0;
        return 0;
    }
    if (ends ||
        (at == PROCTOR__TRAIN_AT__TRAIN_AT_EPOCH && v->answer.has_weights)) {
        TRY(answer_weights(v, &v->answer.m.weights));
    }
    return ends || v->state_due ? answer_state(v) : 0;
}

int drive_go(struct drive *v, const Proctor__TrainGo *go,
             const Proctor__TrainDone **out)
{
    Proctor__TrainAt at = PROCTOR__TRAIN_AT__TRAIN_AT_FAILED;
    int code = 0;

    *out = &v->answer.m;
    if (v->area == NULL) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    answer_clear(&v->answer);
    if (v->answered) {
        v->notes.n = 0;
        v->notes.left_off = 0;
    }
    if (v->failed.code == 0) {
        TRY(take_measured(v, go));
        code = go_on(v, go, &at);
        if (code == 0) {
            code = write_parts(v, go, at);
        }
    }
    if (v->failed.code != 0) {
        at = PROCTOR__TRAIN_AT__TRAIN_AT_FAILED;
        code = 0;
    }
    TRY(code);
    answer_finish(v, go->id, at);
    v->answered = 1;
    return 0;
}

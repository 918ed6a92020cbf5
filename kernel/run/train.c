/* See train.h. Numbers of a worker are checked by training.h, the area is read by
 * pread, never mapped. Kernel process. */
#include "kernel/run/train.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/loop.h"
#include "kernel/run/guard.h"
#include "kernel/run/say.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/share.h"

#define TRAIN_MAGIC 0x7472616eu
#define TRAIN_MEMORY (16ull << 30) /* limits.memory 0: that of the class */
enum {
    TRAIN_WALL_MS = 200,   /* of a turn: then somebody may want to stop it */
    TRAIN_SAVE_MS = 60000, /* without a state */
    TRAIN_IDLE = 64        /* turns without a step */
};
enum { FD_TOKENIZER, FD_X, FD_Y, FD_CHECKED, FD_STATE, FD_WEIGHTS };

static const struct guard_handler handler;

static void drop_answers(struct train *t)
{
    for (unsigned i = 0; i < t->ask.workers; i++) {
        pb_free(t->w[i].answer);
        t->w[i].answer = NULL;
    }
    t->answered = 0;
}

static void drop_workers(struct train *t)
{
    for (unsigned i = 0; i < t->ask.workers; i++) {
        guard_free(t->w[i].guard);
        t->w[i].guard = NULL;
        t->w[i].is_ready = 0;
    }
    drop_answers(t);
    fd_closep(&t->area);
    t->waits_for = 0;
}

static void finish(struct train *t, enum train_end end, const char *why)
{
    int code;

    drop_workers(t);
    if (t->end != TRAIN_RUNS) {
        return;
    }
    t->end = end;
    code = t->code < 0 ? 0 : train_log_flush(t, why);
    if (code != 0) {
        t->end = TRAIN_FAILED;
        t->code = code > 0 ? ERR_REFUSED : code;
        diag_set(&t->d, t->code, (struct loc){0}, "%s",
                 code > 0 ? "budgets.bytes is used up" : err_text(code));
    }
    t->ask.on_end(t->ask.ctx, t);
}

/* code 0: it is the training's own end; else outside of it. */
static void fail(struct train *t, int code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void fail(struct train *t, int code, const char *fmt, ...)
{
    char what[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    t->code = code;
    diag_set(&t->d, code, (struct loc){0}, "%s", what);
    finish(t, TRAIN_FAILED, what);
}

/* In its worker's words. */
static void fail_problem(struct train *t, const Proctor__Problem *p)
{
    t->code = 0;
    diag_set(&t->d, 0, (struct loc){0}, "%s", p->what);
    diag_hint(&t->d, "%s", p->hint);
    finish(t, TRAIN_FAILED, t->d.what);
}

static int put_aside(struct train *t, int code)
{
    if (code != 0) {
        fail(t, code > 0 ? ERR_REFUSED : code, "%s",
             code > 0 ? "budgets.bytes is used up" : err_text(code));
    }
    return code;
}

static void send_all(struct train *t, enum msg msg, const ProtobufCMessage *m,
                     const int *fds, unsigned fds_n, unsigned waits_for)
{
    drop_answers(t);
    t->waits_for = waits_for;
    for (unsigned i = 0; i < t->ask.workers; i++) {
        if (guard_send(t->w[i].guard, msg, m, fds, fds_n) < 0) {
            err_trace_clear(); /* it is going: on_end tells */
        }
    }
}

static void send_go(struct train *t)
{
    Proctor__TrainGo m = PROCTOR__TRAIN_GO__INIT;
    uint64_t left = t->ready->train->steps_all - t->turn.step;

    t->turn.id++;
    t->turn.steps = left == 0 ? 1 : left;
    t->turn.saves = t->wants_save;
    m.id = t->turn.id;
    m.steps = t->turn.steps;
    m.wall_ms = TRAIN_WALL_MS;
    m.save = t->wants_save;
    m.stop = t->wants_stop;
    m.measured = t->has_measured ? t->measured : 0;
    m.has_measured = t->has_measured;
    t->has_measured = 0;
    send_all(t, MSG_TRAIN_GO, &m.base, NULL, 0, MSG_TRAIN_DONE);
}

static int start_workers(struct train *t)
{
    fd_closep(&t->fds[FD_STATE]);
    t->task.state_bytes = 0;
    if (!cid_is_zero(&t->state)) {
        TRY(store_get_memfd(t->core->store, &t->state, &t->fds[FD_STATE],
                            &t->task.state_bytes));
    }
    t->waits_for = MSG_TASK_READY;
    for (unsigned i = 0; i < t->ask.workers; i++) {
        struct guard_ask wanted = {.class = WORKER_TRAIN,
                                   .limits = &t->limits,
                                   .task = t->ask.task,
                                   .handler = &handler,
                                   .ctx = &t->w[i]};

        t->w[i].t = t;
        TRY(guard_start(t->core, &wanted, &t->w[i].guard));
    }
    t->turn.step = t->state_step;
    t->turn.epoch = t->turn.listed = 0;
    t->has_measured = t->state_waits;
    t->measured = t->state_measured;
    t->wants_save = t->is_tired = 0;
    t->idle = 0;
    return 0;
}

/* Others go on from where it was last at rest. */
static void go_on(struct train *t)
{
    int code;

    drop_workers(t);
    code = train_log_flush(t, "steps");
    code = code == 0 ? start_workers(t) : code;
    (void)put_aside(t, code);
}

static void on_ready(void *ctx, struct guard *g)
{
    struct train_worker *w = ctx;
    struct train *t = w->t;
    int fds[TRAIN_FDS];
    unsigned n = 0;

    w->is_ready = 1;
    t->since_ms = t->saved_ms = loop_now_ms(t->core->loop);
    for (size_t i = 0; i < TRAIN_FDS; i++) {
        if (t->fds[i] >= 0) {
            fds[n++] = t->fds[i];
        }
    }
    t->task.worker = (uint32_t)(w - t->w);
    if (guard_send(g, MSG_TRAIN_TASK, &t->task.base, fds, n) < 0) {
        err_trace_clear();
        guard_finish(g);
    }
}

/* What it needs is known before any of it is taken. 1: it may. */
static int check_memory(struct train *t, const Proctor__TrainReady *p)
{
    uint64_t most =
        t->limits.memory_bytes == 0 ? TRAIN_MEMORY : t->limits.memory_bytes;
    uint64_t need;

    if (!__builtin_add_overflow(p->memory_bytes, p->area_bytes, &need) &&
        need <= most) {
        return 1;
    }
    t->code = ERR_REFUSED;
    diag_set(&t->d, ERR_REFUSED, (struct loc){0},
             "limits.memory is too small: one worker needs %llu bytes and %llu "
             "that it shares, of %llu",
             (unsigned long long)p->memory_bytes,
             (unsigned long long)p->area_bytes, (unsigned long long)most);
    diag_hint(&t->d, "raise limits.memory and budgets.memory in the policy, or "
                     "make the batch or the model smaller");
    finish(t, TRAIN_FAILED, t->d.what);
    return 0;
}

/* All workers told their plans, which are one. */
static void begin(struct train *t)
{
    static const Proctor__TrainArea area = PROCTOR__TRAIN_AREA__INIT;
    Proctor__TaskReady *m = (Proctor__TaskReady *)t->w[0].answer;
    const char *lie =
        training_plan_problem(t->ask.m, m->train, t->state_step);

    for (unsigned i = 1; lie == NULL && i < t->ask.workers; i++) {
        lie = training_same_plan(
            m->train, ((Proctor__TaskReady *)t->w[i].answer)->train);
    }
    if (lie != NULL) {
        fail(t, 0, "its worker gave %s", lie);
        return;
    }
    if (!check_memory(t, m->train)) {
        return;
    }
    t->w[0].answer = NULL; /* taken */
    pb_free((ProtobufCMessage *)t->ready);
    t->ready = m;
    t->turn.plan = m->train;
    t->turn.step = t->step = m->train->step;
    if (put_aside(t, train_log_begin(t)) != 0) {
        return;
    }
    if (share_fixed(m->train->area_bytes, &t->area) < 0) {
        fail(t, ERR_NOMEM, "no memory for what its workers share");
        return;
    }
    send_all(t, MSG_TRAIN_AREA, &area.base, &t->area, 1, 0);
    send_go(t);
}

/* The one copy of an epoch's predictions that counts, and what it is worth. */
static int measure(struct train *t, const Proctor__TrainDone *d, struct buf *b)
{
    size_t n = (size_t)d->predictions->bytes;
    uint8_t *p;
    size_t got;

    TRY(buf_extend(b, n, &p));
    TRY(disk_read(t->area, d->predictions->offset, p, n, &got));
    if (got != n ||
        training_measure(t->ask.m->metric, buf_bytes(b), buf_bytes(&t->labels),
                         t->ask.m->checked_rows, &t->measured) != 0) {
        fail(t, 0, "a prediction after epoch %u is no number: it diverged",
             d->epoch);
        return 1;
    }
    t->has_measured = 1;
    return 0;
}

/* The end, or why there will be none. 1: nothing goes on. */
static int settle(struct train *t, const Proctor__TrainDone *d)
{
    if (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_FAILED) {
        fail_problem(t, d->problem);
    } else if (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_END) {
        finish(t, t->wants_stop ? TRAIN_STOPPED : TRAIN_ENDED,
               t->wants_stop ? "stopped" : "end");
    } else if (d->step == t->turn.step && ++t->idle > TRAIN_IDLE) {
        fail(t, 0, "its worker computes and makes no step");
    } else {
        return 0;
    }
    return 1;
}

static int is_tired(const struct train *t)
{
    uint64_t wall = loop_now_ms(t->core->loop) - t->since_ms;
    int tired = t->limits.wall_ms != 0 && 4 * wall >= 3 * t->limits.wall_ms;

    for (unsigned i = 0; i < t->ask.workers; i++) {
        tired |= guard_is_tired(t->w[i].guard);
    }
    return tired;
}

/* All workers answered: what the first one says, and nothing else, counts. */
static void take(struct train *t)
{
    CLEANUP(buf_release) struct buf predictions;
    Proctor__TrainDone *d = (Proctor__TrainDone *)t->w[0].answer;
    const char *lie = training_done_problem(&t->turn, d);

    buf_init(&predictions, LIMIT_HELD_BYTES);
    for (unsigned i = 1; lie == NULL && i < t->ask.workers; i++) {
        lie = training_other_problem(d,
                                     (Proctor__TrainDone *)t->w[i].answer);
    }
    if (lie != NULL) {
        fail(t, 0, "its worker gave %s", lie);
        return;
    }
    if (d->predictions != NULL && d->predictions->bytes > 0) {
        int code = measure(t, d, &predictions);

        if (code != 0) {
            (void)(code < 0 ? put_aside(t, code) : 0);
            return;
        }
    }
    t->loss = d->loss;
    t->rate = d->rate;
    t->step = d->step;
    t->turn.epoch = d->epoch;
    if (put_aside(t, train_log_take(t, d, buf_bytes(&predictions))) != 0 ||
        settle(t, d)) {
        return;
    }
    t->idle = d->step == t->turn.step ? t->idle : 0;
    t->turn.step = d->step;
    if (t->turn.saves) {
        t->wants_save = 0;
    }
    if (t->is_tired && t->turn.saves) {
        go_on(t);
        return;
    }
    t->is_tired |= is_tired(t);
    t->wants_save |= t->is_tired || loop_now_ms(t->core->loop) - t->saved_ms >
                                        TRAIN_SAVE_MS;
    send_go(t); /* they work while it is written */
    train_tell(t, 0);
    if (train_log_is_due(t)) {
        (void)put_aside(t, train_log_flush(t, t->log.epochs_n > 0 ? "epoch"
                                                                  : "steps"));
    }
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct train_worker *w = ctx;
    struct train *t = w->t;

    (void)g;
    ASSERT(t->magic == TRAIN_MAGIC);
    if (f->info->msg != t->waits_for || w->answer != NULL) {
        fail(t, 0, "its worker spoke out of turn");
        return;
    }
    w->answer = f->m;
    f->m = NULL;
    if (t->waits_for == MSG_TASK_READY) {
        const Proctor__Problem *p = ((Proctor__TaskReady *)w->answer)->problem;

        if (p != NULL) {
            fail_problem(t, p);
            return;
        }
    }
    if (++t->answered < t->ask.workers) {
        return;
    }
    if (t->waits_for == MSG_TASK_READY) {
        begin(t);
    } else {
        take(t);
    }
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct train_worker *w = ctx;
    struct train *t = w->t;
    char how[48];
    char text[96];

    (void)g;
    ASSERT(t->magic == TRAIN_MAGIC);
    if (e->code < 0) {
        fail(t, e->code, "%s", e->what);
        return;
    }
    snprintf(text, sizeof(text), "a worker %s", guard_exit_text(e, how));
    if (++t->losses > LIMIT_LANE_RESTARTS || e->exit->timed_out ||
        e->exit->own_code < 0) {
        fail(t, e->exit->own_code, "%s, and is not started again", text);
        return;
    }
    say_event(t->core, 0, t->ask.task, "", text);
    go_on(t);
}

static const struct guard_handler handler = {
    .on_ready = on_ready,
    .on_message = on_message,
    .on_end = on_end,
};

/* An object that workers get, sealed; none: nothing. */
static int load(struct train *t, const ProtobufCBinaryData *field, size_t fd_i,
                uint64_t *out_bytes)
{
    struct cid id;

    *out_bytes = 0;
    if (field->len == 0) {
        return 0;
    }
    TRY(cid_from_field(field, &id));
    return store_get_memfd(t->core->store, &id, &t->fds[fd_i], out_bytes);
}

static int load_task(struct train *t)
{
    const Proctor__Training *m = t->ask.m;
    Proctor__TrainTask *x = &t->task;
    struct cid labels;

    proctor__train_task__init(x);
    x->command = PROCTOR__TRAIN_COMMAND__TRAIN_FIT;
    x->recipe = m->recipe;
    x->data = m->data;
    x->checked_rows = m->checked_rows;
    x->workers = t->ask.workers;
    x->untrained = m->untrained;
    x->checkpoint_every = t->ask.checkpoint_every;
    x->checkpoint_steps = t->ask.checkpoint_steps;
    x->lower = m->metric != 0 && training_is_better(m->metric, 0, 1);
    x->unit = pb_str(t->ask.task);
    TRY(load(t, &m->data->tokenizer, FD_TOKENIZER, &t->tokenizer_bytes));
    TRY(load(t, &m->data->x, FD_X, &x->x_bytes));
    TRY(load(t, &m->data->y, FD_Y, &x->y_bytes));
    TRY(load(t, &m->checked_x, FD_CHECKED, &x->checked_bytes));
    TRY(load(t, &m->start, FD_WEIGHTS, &t->weight_bytes));
    x->file_bytes = &t->tokenizer_bytes;
    x->n_file_bytes = t->tokenizer_bytes > 0;
    x->weight_bytes = &t->weight_bytes;
    x->n_weight_bytes = t->weight_bytes > 0;
    if (m->checked_y.len > 0) {
        TRY(cid_from_field(&m->checked_y, &labels));
        TRY(store_get(t->core->store, &labels, &t->labels));
    }
    return 0;
}

int train_new(struct core *c, const struct train_ask *ask, struct train **out)
{
    struct train *t = calloc(1, sizeof(*t));
    const Proctor__Limits *l = ask->limits;
    int code;

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->magic = TRAIN_MAGIC;
    t->core = c;
    t->ask = *ask;
    t->turn = (struct training_turn){.m = ask->m, .workers = ask->workers};
    t->area = -1;
    t->limits = (struct worker_limits){.cpu_ms = l->cpu_ms,
                                       .memory_bytes = l->memory_bytes,
                                       .wall_ms = l->wall_ms};
    diag_init(&t->d);
    buf_init(&t->labels, LIMIT_HELD_BYTES);
    memset(t->fds, -1, sizeof(t->fds));
    memset(t->spools, -1, sizeof(t->spools));
    code = train_log_init(t);
    code = code == 0 ? load_task(t) : code;
    if (code == 0 && ask->went_on_ref > 0) {
        code = train_log_load(t, ask->went_on_ref - 1);
    }
    code = code == 0 ? start_workers(t) : code;
    if (code < 0) {
        train_free(t);
        return ERR_TRACE(code);
    }
    *out = t;
    return 0;
}

void train_free(struct train *t)
{
    if (t == NULL) {
        return;
    }
    ASSERT(t->magic == TRAIN_MAGIC);
    drop_workers(t);
    pb_free((ProtobufCMessage *)t->ready);
    for (size_t i = 0; i < TRAIN_FDS; i++) {
        fd_closep(&t->fds[i]);
    }
    buf_release(&t->labels);
    train_log_release(t);
    t->magic = 0;
    free(t);
}

void train_stop(struct train *t)
{
    t->wants_stop = 1;
    if (t->end == TRAIN_RUNS && t->area < 0) { /* nothing was done yet */
        finish(t, TRAIN_STOPPED, "stopped");
    }
}

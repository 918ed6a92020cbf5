/* The loop as a machine of phases: each turn fires one event or asks the caller
 * for one thing. Runs in worker-train; no files, no data of its own.
 *
 * Invariant: a phase that fires an event names its successor first, so that
 * whatever a handler asks for (terminate, interrupt) is taken up between two
 * phases, by take_up, and never inside one. */
#include "workers/train/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/err.h"
#include "workers/train/engine_int.h"

static uint64_t monotonic_ns(void *ctx)
{
    struct timespec t = {0};

    (void)ctx;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

int engine_new(const char *name, uint64_t (*clock)(void *ctx), void *clock_ctx,
               struct engine **out)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (e == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    e->values = calloc(ENGINE_VALUES_MAX, sizeof(*e->values));
    if (e->values == NULL) {
        free(e);
        return ERR_TRACE(ERR_NOMEM);
    }
    strncpy(e->name, name, sizeof(e->name) - 1);
    e->clock = clock != NULL ? clock : monotonic_ns;
    e->clock_ctx = clock_ctx;
    diag_init(&e->why);
    *out = e;
    return 0;
}

void engine_free(struct engine *e)
{
    if (e == NULL) {
        return;
    }
    ASSERT(e->depth == 0);
    engine_nodes_free(e);
    free(e->values);
    free(e);
}

const struct engine_state *engine_state(const struct engine *e)
{
    return &e->s;
}

const char *engine_name(const struct engine *e)
{
    return e->name;
}

const struct diag *engine_error(const struct engine *e)
{
    return &e->why;
}

void engine_set_batch(struct engine *e, void *batch)
{
    e->s.batch = batch;
}

void engine_set_output(struct engine *e, void *output)
{
    e->s.output = output;
}

uint64_t engine_now_ns(const struct engine *e)
{
    return e->clock(e->clock_ctx);
}

/* ---- Beginning ---- */

static int refuse(struct diag *d, const struct engine *e, const char *what)
{
    return diag_set(d, ERR_INPUT, (struct loc){0}, "engine %s: %s", e->name,
                    what);
}

static int plan_check(const struct engine *e, const struct engine_plan *p,
                      struct diag *d)
{
    if (p->max_epochs != 0 && p->max_iterations != 0) {
        return refuse(d, e, "max_epochs and max_iterations exclude each other");
    }
    if (p->no_data && p->epoch_length == 0 &&
        (!e->waits || e->s.epoch_length == 0)) {
        return refuse(d, e, "without data the epoch_length must be given");
    }
    if (!e->waits) {
        return 0;
    }
    if (p->max_epochs != 0 && p->max_epochs < e->s.epoch) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "engine %s: max_epochs %llu, but epoch %llu has begun",
                        e->name, (unsigned long long)p->max_epochs,
                        (unsigned long long)e->s.epoch);
    }
    if (p->max_iterations != 0 && p->max_iterations < e->s.iteration) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "engine %s: max_iterations %llu, but %llu are done",
                        e->name, (unsigned long long)p->max_iterations,
                        (unsigned long long)e->s.iteration);
    }
    if (p->epoch_length != 0 && e->s.epoch_length != 0 &&
        p->epoch_length != e->s.epoch_length) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "engine %s: epoch_length %llu, but it began with %llu",
                        e->name, (unsigned long long)p->epoch_length,
                        (unsigned long long)e->s.epoch_length);
    }
    return 0;
}

static void plan_take(struct engine *e, const struct engine_plan *p)
{
    e->s.max_epochs = p->max_epochs;
    e->s.max_iterations = p->max_iterations;
    e->no_data = p->no_data;
    if (p->epoch_length != 0) {
        e->s.epoch_length = p->epoch_length;
    }
}

int engine_begin(struct engine *e, const struct engine_plan *plan,
                 struct diag *d)
{
    static const struct engine_plan none = {0};

    if (e->depth != 0) {
        return refuse(d, e, "is begun inside one of its own handlers");
    }
    if (!e->waits && e->phase != PHASE_IDLE && e->phase != PHASE_OVER) {
        return refuse(d, e, "runs already");
    }
    if (plan != NULL || !e->waits) {
        TRY(plan_check(e, plan != NULL ? plan : &none, d));
    }
    if (!e->waits) {
        e->s = (struct engine_state){.pass = 1};
        e->phase = PHASE_STARTED;
        e->fresh_data = 1;
        e->data_ended = 0;
        e->in_epoch = 0;
        for (size_t i = 0; i < e->own_n; i++) {
            e->own[i].fired = 0;
        }
        e->values_n = 0;
    }
    if (plan != NULL || !e->waits) {
        plan_take(e, plan != NULL ? plan : &none);
    }
    e->waits = e->terminate = e->terminate_epoch = e->interrupt = 0;
    e->pending = 0;
    diag_init(&e->why);
    e->run_at_ns = e->epoch_at_ns = engine_now_ns(e);
    return 0;
}

/* ---- What may be asked for at any time ---- */

void engine_terminate(struct engine *e, int skip_completed)
{
    e->terminate = skip_completed ? 2 : 1;
}

void engine_terminate_epoch(struct engine *e, int skip_completed)
{
    if (e->in_epoch) {
        e->terminate_epoch = skip_completed ? 2 : 1;
    }
}

void engine_interrupt(struct engine *e)
{
    e->interrupt = 1;
}

void engine_fail(struct engine *e, int code, const struct diag *d)
{
    ASSERT(code < 0);
    e->pending = code;
    e->why = *d;
}

void engine_fetched(struct engine *e, int there_is_one)
{
    ASSERT(e->phase == PHASE_FETCHING);
    e->s.fetch_ns += engine_now_ns(e) - e->asked_at_ns;
    e->phase = there_is_one ? PHASE_FETCHED : PHASE_DATA_END;
    if (there_is_one) {
        e->s.pass_iteration++;
    }
}

void engine_processed(struct engine *e)
{
    ASSERT(e->phase == PHASE_PROCESSING);
    e->s.process_ns += engine_now_ns(e) - e->asked_at_ns;
    e->phase = PHASE_PROCESSED;
}

/* ---- The machine ---- */

static int said(enum engine_want *out, enum engine_want want)
{
    *out = want;
    return 1;
}

static void next_pass(struct engine *e)
{
    if (e->s.pass_iteration != 0) {
        e->s.pass++;
        e->s.pass_iteration = 0;
    }
    e->fresh_data = 1;
    e->data_ended = 0;
}

/* Phases whose event has still to come before anything is taken up. */
static int event_is_due(enum engine_phase p)
{
    return p == PHASE_STARTED || p == PHASE_DATA_END || p == PHASE_FETCHED ||
           p == PHASE_PROCESSED || p == PHASE_EPOCH_COMPLETED ||
           p == PHASE_COMPLETED || p == PHASE_OVER;
}

/* 1: the caller is told; 0: go on; or a handler's code. */
static int take_up(struct engine *e, enum engine_want *want, struct diag *d)
{
    if (event_is_due(e->phase)) {
        return 0;
    }
    if (e->terminate) {
        e->s.ended = ENGINE_TERMINATED;
        e->in_epoch = 0;
        e->phase = e->terminate == 1 ? PHASE_COMPLETED : PHASE_OVER;
        e->terminate = 0;
        TRY(engine_fire(e, ENGINE_TERMINATE, d));
    } else if (e->terminate_epoch) {
        e->phase = e->terminate_epoch == 1 ? PHASE_EPOCH_END : PHASE_EPOCH_DONE;
        e->terminate_epoch = e->in_epoch = 0;
        next_pass(e);
        TRY(engine_fire(e, ENGINE_TERMINATE_EPOCH, d));
    } else if (e->interrupt) {
        e->interrupt = 0;
        TRY(engine_fire(e, ENGINE_INTERRUPT, d));
        e->waits = 1;
        return said(want, ENGINE_AT_INTERRUPT);
    }
    return 0;
}

static int fetch(struct engine *e, enum engine_want *want)
{
    if (e->no_data) {
        e->phase = PHASE_FETCHED;
        return 0;
    }
    if (e->fresh_data) {
        e->fresh_data = 0;
        return said(want, ENGINE_WANT_RESET);
    }
    if (e->data_ended) {
        e->phase = PHASE_DATA_END;
        return 0;
    }
    e->phase = PHASE_FETCHING;
    e->asked_at_ns = engine_now_ns(e);
    return said(want, ENGINE_WANT_BATCH);
}

static int data_end(struct engine *e, struct diag *d)
{
    if (e->s.pass_iteration == 0) {
        return refuse(d, e, "the data give no batch at all");
    }
    if (e->s.epoch_length == 0) {
        e->s.epoch_length = e->s.epoch_iteration;
        e->data_ended = 1;
        e->phase = PHASE_EPOCH_END;
        return 0;
    }
    next_pass(e);
    e->phase = PHASE_FETCH;
    return engine_fire(e, ENGINE_DATA_ENDED, d);
}

static int iterations_are_over(const struct engine *e)
{
    return e->s.max_iterations != 0 && e->s.iteration >= e->s.max_iterations;
}

static int epoch_completed(struct engine *e, struct diag *d)
{
    e->phase = PHASE_EPOCH_DONE;
    e->s.epoch_ns = engine_now_ns(e) - e->epoch_at_ns;
    TRY(engine_fire(e, ENGINE_EPOCH_COMPLETED, d));
    e->s.epoch_ns = engine_now_ns(e) - e->epoch_at_ns;
    return 0;
}

static int completed(struct engine *e, struct diag *d)
{
    e->phase = PHASE_OVER;
    if (e->s.ended == ENGINE_RUNS) {
        e->s.ended = ENGINE_FINISHED;
    }
    e->s.run_ns = engine_now_ns(e) - e->run_at_ns;
    TRY(engine_fire(e, ENGINE_COMPLETED, d));
    e->s.run_ns = engine_now_ns(e) - e->run_at_ns;
    return 0;
}

static int in_batch(struct engine *e, enum engine_want *want, struct diag *d)
{
    if (e->phase == PHASE_FETCH) {
        return fetch(e, want);
    }
    if (e->phase == PHASE_DATA_END) {
        return data_end(e, d);
    }
    if (e->phase == PHASE_FETCHED) {
        e->phase = PHASE_ITERATION;
        return engine_fire(e, ENGINE_GET_BATCH_COMPLETED, d);
    }
    if (e->phase == PHASE_ITERATION) {
        e->s.iteration++;
        e->s.epoch_iteration++;
        e->phase = PHASE_PROCESS;
        return engine_fire(e, ENGINE_ITERATION_STARTED, d);
    }
    if (e->phase == PHASE_PROCESS) {
        e->phase = PHASE_PROCESSING;
        e->asked_at_ns = engine_now_ns(e);
        return said(want, ENGINE_WANT_PROCESS);
    }
    ASSERT(e->phase == PHASE_PROCESSED); /* else the caller did not answer */
    e->phase = PHASE_STEP;
    return engine_fire(e, ENGINE_ITERATION_COMPLETED, d);
}

static int end_of_epoch(struct engine *e)
{
    e->in_epoch = 0;
    e->terminate_epoch = 0;
    e->phase = PHASE_EPOCH_COMPLETED;
    return 1;
}

/* One phase. 1: *want is set; 0: on to the next; or a code. */
static int turn(struct engine *e, enum engine_want *want, struct diag *d)
{
    struct engine_state *s = &e->s;

    switch (e->phase) {
    case PHASE_STARTED:
        e->phase = PHASE_EPOCH_DONE;
        return engine_fire(e, ENGINE_STARTED, d);
    case PHASE_EPOCH_STARTED:
        s->epoch++;
        s->epoch_iteration = 0;
        e->in_epoch = 1;
        e->epoch_at_ns = engine_now_ns(e);
        e->phase = PHASE_BATCH;
        return engine_fire(e, ENGINE_EPOCH_STARTED, d);
    case PHASE_BATCH:
        e->phase = PHASE_FETCH;
        return engine_fire(e, ENGINE_GET_BATCH_STARTED, d);
    case PHASE_STEP:
        e->phase = PHASE_STEP_DONE;
        return said(want, ENGINE_AT_STEP);
    case PHASE_STEP_DONE:
        e->phase =
            iterations_are_over(e) || (s->epoch_length != 0 &&
                                       s->epoch_iteration >= s->epoch_length)
                ? PHASE_EPOCH_END
                : PHASE_BATCH;
        return 0;
    case PHASE_EPOCH_END:
        (void)end_of_epoch(e);
        return said(want, ENGINE_AT_EPOCH);
    case PHASE_EPOCH_COMPLETED:
        return epoch_completed(e, d);
    case PHASE_EPOCH_DONE:
        e->phase = iterations_are_over(e) ||
                           (s->max_epochs != 0 && s->epoch >= s->max_epochs)
                       ? PHASE_COMPLETED
                       : PHASE_EPOCH_STARTED;
        return 0;
    case PHASE_COMPLETED:
        return completed(e, d);
    case PHASE_OVER:
        return said(want, ENGINE_AT_END);
    case PHASE_FETCH:
    case PHASE_FETCHING:
    case PHASE_DATA_END:
    case PHASE_FETCHED:
    case PHASE_ITERATION:
    case PHASE_PROCESS:
    case PHASE_PROCESSING:
    case PHASE_PROCESSED:
        return in_batch(e, want, d);
    case PHASE_IDLE:
    case PHASE_N:
        break;
    }
    ASSERT(e->phase != PHASE_IDLE); /* engine_begin comes first */
    return ERR_TRACE(ERR_INTERNAL);
}

/* The run is over with code; d says why. */
static int failed(struct engine *e, int code, enum engine_want *want,
                  struct diag *d)
{
    struct diag second;
    int again;

    e->phase = PHASE_OVER;
    e->in_epoch = 0;
    e->pending = 0;
    e->s.ended = ENGINE_FAILED;
    e->s.error = code;
    e->s.run_ns = engine_now_ns(e) - e->run_at_ns;
    e->why = *d;
    if (!engine_has(e, ENGINE_EXCEPTION_RAISED, NULL)) {
        return code;
    }
    diag_init(&second);
    again = engine_fire(e, ENGINE_EXCEPTION_RAISED, &second);
    if (again < 0) {
        (void)diag_set(d, code, e->why.at, "%.110s; its handler: %.100s",
                       e->why.what, second.what);
        return code;
    }
    *want = ENGINE_AT_END;
    return 0;
}

int engine_next(struct engine *e, enum engine_want *out_want, struct diag *d)
{
    int code;

    if (e->depth != 0) {
        return refuse(d, e, "is advanced inside one of its own handlers");
    }
    ASSERT(!e->waits);
    if (e->pending != 0) {
        *d = e->why;
        return failed(e, e->pending, out_want, d);
    }
    do {
        code = take_up(e, out_want, d);
        if (code == 0) {
            code = turn(e, out_want, d);
        }
    } while (code == 0);
    return code > 0 ? 0 : failed(e, code, out_want, d);
}

/* What the engine wants now; a code is what the caller's function gave. */
static int serve(struct engine *e, enum engine_want want,
                 const struct engine_data *data, engine_process *process,
                 void *ctx, struct diag *d)
{
    void *p = NULL;
    int code;

    if (want == ENGINE_WANT_RESET) {
        return data->reset(data->ctx, e->s.pass, e->s.pass_iteration, d);
    }
    if (want == ENGINE_WANT_BATCH) {
        TRY(code = data->next(data->ctx, &p, d));
        engine_set_batch(e, p);
        engine_fetched(e, code > 0);
    } else if (want == ENGINE_WANT_PROCESS) {
        TRY(process(e, ctx, e->s.batch, &p, d));
        engine_set_output(e, p);
        engine_processed(e);
    }
    return 0;
}

int engine_run(struct engine *e, const struct engine_plan *plan,
               const struct engine_data *data, engine_process *process,
               void *ctx, struct diag *d)
{
    enum engine_want want;
    int code;

    if (data == NULL && !plan->no_data) {
        return refuse(d, e, "there are no data");
    }
    TRY(engine_begin(e, plan, d));
    for (;;) {
        TRY(engine_next(e, &want, d));
        if (want == ENGINE_AT_END || want == ENGINE_AT_INTERRUPT) {
            return 0;
        }
        code = serve(e, want, data, process, ctx, d);
        if (code < 0) {
            engine_fail(e, code, d);
        }
    }
}

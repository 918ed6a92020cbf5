/* An event-driven loop over epochs and batches: what happens when, and who is
 * told. It owns no data and no model: its caller pulls, does what is wanted and
 * says so, and may stop between any two steps (state as bytes):
 *
 *     engine_begin(e, &plan, d);
 *     for (;;) {
 *         code = engine_next(e, &want, d);         -- handlers run in here
 *         ...
 *         switch (want) {
 *         case ENGINE_WANT_RESET:   data from their start, pass s->pass, without
 *                                   the first s->pass_iteration batches
 *         case ENGINE_WANT_BATCH:   engine_fetched(e, 1 there is one, 0 the end)
 *         case ENGINE_WANT_PROCESS: engine_processed(e)
 *         case ENGINE_AT_STEP:      a step is done: a place to stop and save
 *         case ENGINE_AT_EPOCH:     the epoch's steps are done, EPOCH_COMPLETED
 *                                   fires with the next call: a place to measure
 *         case ENGINE_AT_INTERRUPT: engine_begin goes on from here
 *         case ENGINE_AT_END:       s->ended says how
 *         }
 *     }
 *
 * engine_run is that loop for who has nothing to do in between: evaluators.
 *
 * Order: STARTED; per epoch EPOCH_STARTED, per batch GET_BATCH_STARTED, (fetch),
 * GET_BATCH_COMPLETED, ITERATION_STARTED, (process), ITERATION_COMPLETED; then
 * EPOCH_COMPLETED; COMPLETED. Epochs and iterations count from 1 while they run.
 *
 * Epochs: with epoch_length 0 the first end of the data says how long an epoch
 * is. Shorter data start anew within an epoch (DATA_ENDED, then RESET), longer
 * data go on in the next one. Data that give nothing from their start are an
 * error. max_iterations ends the epoch that it falls into, EPOCH_COMPLETED fires.
 *
 * Errors of handlers and of the process: EXCEPTION_RAISED fires if somebody
 * listens, the run ends with s->ended = ENGINE_FAILED and engine_next is 0; if
 * nobody does, the code goes to the caller. An error of that handler goes to the
 * caller with both texts.
 *
 * Engines share nothing: one may run inside a handler of another. One's own
 * handler cannot begin or advance it.
 *
 * Source: simple-tooling C1, C2, C7. Runs in worker-train; computes only. */
#ifndef WORKERS_TRAIN_ENGINE_H
#define WORKERS_TRAIN_ENGINE_H

#include "proto/base.h"

struct buf;
struct diag;
struct engine;

#define ENGINE_NAME_BYTES 48u /* of an engine, event or value, with its 0 */
#define ENGINE_OWN_EVENTS 16u /* names of one's own */
#define ENGINE_HANDLERS_MAX 256u
#define ENGINE_VALUES_MAX 256u /* metrics of a state */
#define ENGINE_DEPTH_MAX 8u    /* events fired by handlers of events */
#define ENGINE_ONCE_MAX 64u    /* numbers of a `once` list */
#define ENGINE_STATE_BYTES_MAX 65536u

enum engine_event {
    ENGINE_STARTED,
    ENGINE_EPOCH_STARTED,
    ENGINE_EPOCH_COMPLETED,
    ENGINE_COMPLETED, /* up to here: counted in epochs */
    ENGINE_ITERATION_STARTED,
    ENGINE_ITERATION_COMPLETED,
    ENGINE_GET_BATCH_STARTED,
    ENGINE_GET_BATCH_COMPLETED, /* up to here: in iterations; the batch that is
                                  * fetched belongs to the next one */
    ENGINE_DATA_ENDED, /* from here on: no counter, no filter but custom */
    ENGINE_TERMINATE,
    ENGINE_TERMINATE_EPOCH,
    ENGINE_INTERRUPT,
    ENGINE_EXCEPTION_RAISED,
    ENGINE_EVENTS_N /* the first event of one's own */
};

enum engine_want {
    ENGINE_WANT_RESET,
    ENGINE_WANT_BATCH,
    ENGINE_WANT_PROCESS,
    ENGINE_AT_STEP,
    ENGINE_AT_EPOCH,
    ENGINE_AT_INTERRUPT,
    ENGINE_AT_END
};

enum engine_ended {
    ENGINE_RUNS, /* or has not begun */
    ENGINE_FINISHED,
    ENGINE_TERMINATED, /* by engine_terminate */
    ENGINE_FAILED
};

struct engine_plan {
    uint64_t max_epochs;     /* 0: none */
    uint64_t max_iterations; /* 0: none; excludes max_epochs. Both 0: endless,
                              * until somebody terminates it */
    uint64_t epoch_length;   /* 0: unknown */
    int no_data;             /* nothing is fetched; needs epoch_length */
};

/* Read by everybody; batch, output and the times of the caller's own work are
 * written by the caller. */
struct engine_state {
    uint64_t epoch; /* 0 before the run, 1-based in it */
    uint64_t iteration;
    uint64_t epoch_iteration; /* within the epoch */
    uint64_t pass; /* over the data, from 1: what a shuffle is keyed by */
    uint64_t pass_iteration; /* batches fetched in it */
    uint64_t max_epochs;
    uint64_t max_iterations;
    uint64_t epoch_length;
    enum engine_ended ended;
    int error; /* FAILED: its code */
    void *batch;
    void *output;
    uint64_t epoch_ns;   /* of this or the last epoch, handlers included */
    uint64_t run_ns;     /* since STARTED or the last engine_begin */
    uint64_t fetch_ns;   /* from WANT_BATCH to engine_fetched, all of them */
    uint64_t process_ns; /* from WANT_PROCESS to engine_processed */
};

/* ---- Life ---- */

/* clock: nanoseconds that only grow; NULL: CLOCK_MONOTONIC. name: for texts.
 * Returns 0 or ERR_NOMEM. */
int engine_new(const char *name, uint64_t (*clock)(void *ctx), void *clock_ctx,
               struct engine **out) MUST_USE;
void engine_free(
    struct engine *e); /* not from one of its handlers; NULL is fine */
const struct engine_state *engine_state(const struct engine *e);
const char *engine_name(const struct engine *e);
void engine_set_batch(struct engine *e, void *batch);
void engine_set_output(struct engine *e, void *output);
uint64_t engine_now_ns(const struct engine *e);
/* FAILED, and while EXCEPTION_RAISED fires: why. */
const struct diag *engine_error(const struct engine *e);

/* ---- Running ---- */

/* A new engine, and one whose run ended, start over: counters 0. One that was
 * interrupted or loaded goes on; the plan may then say more than it did, and
 * less down to where it is; NULL: as it was. 0 or ERR_INPUT: the plan, or it runs
 * already. */
int engine_begin(struct engine *e, const struct engine_plan *plan,
                 struct diag *d) MUST_USE;
/* Goes on to where the caller is needed. 0 or a negative code, the run's error
 * that nobody listened for: the run is over. */
int engine_next(struct engine *e, enum engine_want *out_want,
                struct diag *d) MUST_USE;
/* After WANT_BATCH: a batch is there, the end of the data. */
void engine_fetched(struct engine *e, int there_is_one);
/* After WANT_PROCESS. */
void engine_processed(struct engine *e);
/* Instead of either, or of what RESET or a place to stop asks for: what was
 * wanted failed. d says why; kept. */
void engine_fail(struct engine *e, int code, const struct diag *d);

struct engine_data {
    /* From the start of a pass, without the first `skip` batches. */
    int (*reset)(void *ctx, uint64_t pass, uint64_t skip, struct diag *d);
    /* 1 and a batch, 0 at the end, or a negative code. */
    int (*next)(void *ctx, void **out_batch, struct diag *d);
    void *ctx;
};
typedef int engine_process(struct engine *e, void *ctx, void *batch,
                           void **out_output, struct diag *d);

/* The whole loop. data NULL: none (plan->no_data). 0 also when interrupted, or
 * failed with somebody listening: see the state. */
int engine_run(struct engine *e, const struct engine_plan *plan,
               const struct engine_data *data, engine_process *process,
               void *ctx, struct diag *d) MUST_USE;

/* From anywhere, also from handlers: all handlers of the current event still
 * run, then TERMINATE and, unless skipped, COMPLETED. */
void engine_terminate(struct engine *e, int skip_completed);
/* Of the epoch that runs: TERMINATE_EPOCH, EPOCH_COMPLETED unless skipped, then
 * the next epoch, with the data from their start. Outside an epoch: nothing. */
void engine_terminate_epoch(struct engine *e, int skip_completed);
/* After the current event: INTERRUPT, AT_INTERRUPT; engine_begin goes on. */
void engine_interrupt(struct engine *e);

/* ---- Handlers ---- */

enum engine_filter_use { /* bits; 0: always */
    ENGINE_EVERY = 1,
    ENGINE_ONCE = 2,
    ENGINE_BEFORE = 4,
    ENGINE_AFTER = 8,
    ENGINE_CUSTOM = 16
};
/* every: at N, 2N, ... before, after: bounds that do not belong to it; with
 * every: (count - after - 1) divides by it. Allowed: EVERY, ONCE or CUSTOM alone;
 * BEFORE, AFTER or both, with or without EVERY. Numbers are 1 or more; `after`
 * may be 0. */
struct engine_filter {
    unsigned use;
    uint64_t every;
    uint64_t before;
    uint64_t after;
    const uint64_t *once; /* copied */
    size_t once_n;
    int (*custom)(const struct engine *e, void *ctx, uint64_t count);
    void *custom_ctx;
};
struct engine_when {
    unsigned event; /* enum engine_event, or of engine_register */
    struct engine_filter filter;
};

/* 0, or a negative code with d set: the run fails. */
typedef int engine_handler(struct engine *e, void *ctx, struct diag *d);

#define ENGINE_PRIORITY_METRICS 1000 /* before everything that users add */
#define ENGINE_PRIORITY_LAST (-1000)

/* One handler at n events. Higher priorities first, then the order of adding.
 * Added while an event fires it starts with the next firing. out_handle may be
 * NULL. 0, ERR_NOMEM, ERR_LIMIT, or ERR_INPUT: a filter, an unknown event. */
int engine_on(struct engine *e, const struct engine_when *when, size_t n,
              int priority, engine_handler *run, void *ctx,
              uint64_t *out_handle, struct diag *d) MUST_USE;
/* At all its events; also from a handler, also its own. 1 it was there, 0. */
int engine_off(struct engine *e, uint64_t handle);
int engine_has(const struct engine *e, unsigned event, engine_handler *run);

/* An event of one's own; count: 0 how often it fired, else the counter of that
 * built-in event (ENGINE_EPOCH_STARTED, ENGINE_ITERATION_STARTED). A name that
 * is there with the same counter: its number. 0, ERR_LIMIT, ERR_INPUT. */
int engine_register(struct engine *e, const char *name, unsigned count,
                    unsigned *out_event, struct diag *d) MUST_USE;
/* "epoch_started", ..., or a registered name; 0 or ERR_INPUT with the nearest. */
int engine_event_find(const struct engine *e, const char *name,
                      unsigned *out_event, struct diag *d) MUST_USE;
const char *engine_event_name(const struct engine *e, unsigned event);
/* From anywhere, also from the process and from handlers (ENGINE_DEPTH_MAX).
 * 0 or the code of a handler; unknown: ERR_INPUT. */
int engine_fire(struct engine *e, unsigned event, struct diag *d) MUST_USE;
/* As filters see it; 0 for events without a counter. */
uint64_t engine_count(const struct engine *e, unsigned event);

/* ---- Values: metrics under their names ---- */

/* 0, ERR_LIMIT, ERR_INPUT: a name that is too long or empty. */
int engine_value_set(struct engine *e, const char *name, double v,
                     struct diag *d) MUST_USE;
/* 0, or ERR_NOT_FOUND with d naming those that are there (d may be NULL). */
int engine_value(const struct engine *e, const char *name, double *out,
                 struct diag *d) MUST_USE;
size_t engine_values_n(const struct engine *e);
const char *engine_value_at(const struct engine *e, size_t i, double *out);

/* ---- State as bytes ---- */

/* Position, plan, counts of own events, values: what a run goes on from, bit
 * for bit, in a new engine with the same handlers. At a place to stop only
 * (AT_STEP, AT_EPOCH, AT_INTERRUPT outside a batch, AT_END, or before a run).
 * 0, ERR_NOMEM, ERR_LIMIT, ERR_INPUT: in the middle of a batch. */
int engine_save(const struct engine *e, struct buf *out) MUST_USE;
/* Of engine_save, into an engine that does not run; own events must be
 * registered before. Then engine_begin. ERR_ENCODING: damaged, or another
 * version; the engine is as before. */
int engine_load(struct engine *e, struct ubytes in, struct diag *d) MUST_USE;
/* The same by a number alone: after so many iterations, or (exactly one of the
 * two is above 0) after so many epochs, of epoch_length each. */
int engine_load_at(struct engine *e, const struct engine_plan *plan,
                   uint64_t iteration, uint64_t epoch, struct diag *d) MUST_USE;

#endif

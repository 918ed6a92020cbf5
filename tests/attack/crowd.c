/* One honest worker after the other, and beside them always a few hostile ones:
 * killed by their filter, flooding, spinning, silent, speaking nonsense. */
#include "tests/attack/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/engine/loop.h"

#include "worker.pb-c.h"

static const char *const hostile_tasks[] = {
    "io_uring_setup", /* SIGSYS */
    "floods",
    "spins",
    "never_answers",
    "garbage",
    "ends_without_answer",
    "io_uring_setup",
    "announces_4_gib",
    "half_a_message",
    "unknown_message",
};

/* A task that the hostile image does not know; it says so. */
#define HONEST_TASK "honest work"
#define HONEST_ANSWER "123456789"

#define FLOOD_MESSAGES 64u /* a user of the engine gives up long before */

struct hostile {
    struct crowd *crowd;
    const char *task;
    unsigned messages;
};

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int task_send(struct worker *w, const char *name)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    task.text.data = (uint8_t *)(uintptr_t)name;
    task.text.len = strlen(name);
    return worker_send(w, MSG_CONFIG_TASK, &task.base, NULL, 0);
}

static void stop_if_over(struct crowd *c)
{
    if (c->hostile_left_ == 0 && c->hostile_alive_ == 0 && !c->honest_alive_) {
        loop_stop(c->loop);
    }
}

/* --- the hostile ----------------------------------------------------------- */

static void hostile_start(struct crowd *c);

static void hostile_over(struct hostile *h)
{
    struct crowd *c = h->crowd;

    c->hostile_ended++;
    c->hostile_alive_--;
    free(h);
    if (c->hostile_left_ > 0) {
        hostile_start(c);
    }
    stop_if_over(c);
}

static void hostile_ready(void *ctx, struct worker *w,
                          const Proctor__Confinement *report)
{
    struct hostile *h = ctx;

    (void)report;
    (void)!task_send(w, h->task);
}

static void hostile_message(void *ctx, struct worker *w, struct frame *f)
{
    struct hostile *h = ctx;

    (void)f;
    h->messages++;
    if (h->messages == FLOOD_MESSAGES) {
        worker_finish(w);
    }
}

static void hostile_exit(void *ctx, struct worker *w,
                         const struct worker_exit *e)
{
    (void)w, (void)e;
    hostile_over(ctx);
}

static void hostile_failed(void *ctx, struct worker *w, const struct diag *d)
{
    (void)w, (void)d;
    hostile_over(ctx);
}

static const struct worker_handler hostile_handler = {
    hostile_ready, hostile_message, hostile_exit, hostile_failed};

static void hostile_start(struct crowd *c)
{
    struct worker_limits limits = {.cpu_ms = 1000, .wall_ms = 40};
    struct hostile *h = calloc(1, sizeof(*h));
    struct worker *w;

    if (h == NULL) {
        abort();
    }
    h->crowd = c;
    h->task = hostile_tasks[c->hostile_left_ % ARRAY_N(hostile_tasks)];
    c->hostile_left_--;
    c->hostile_alive_++;
    if (engine_start(c->engine, WORKER_CONFIG, &limits, &hostile_handler, h,
                     &w) < 0) {
        abort();
    }
}

/* --- the honest ------------------------------------------------------------ */

static void honest_start(struct crowd *c);

static void honest_over(struct crowd *c)
{
    c->honest_alive_ = 0;
    if (c->us_n + c->wrong < c->honest || c->hostile_left_ > 0 ||
        c->hostile_alive_ > 0) {
        honest_start(c);
    }
    stop_if_over(c);
}

static void honest_ready(void *ctx, struct worker *w,
                         const Proctor__Confinement *report)
{
    (void)ctx, (void)report;
    (void)!task_send(w, HONEST_TASK);
}

static void honest_message(void *ctx, struct worker *w, struct frame *f)
{
    struct crowd *c = ctx;
    const Proctor__ConfigReply *reply = (const void *)f->m;

    if (f->info->msg != MSG_CONFIG_REPLY || reply->problem == NULL ||
        strcmp(reply->problem->what, HONEST_ANSWER) != 0) {
        c->wrong++;
    } else if (c->us_n < c->us_max) {
        c->us[c->us_n] = now_us() - c->started_us_;
        c->us_n++;
    }
    worker_finish(w);
}

static void honest_exit(void *ctx, struct worker *w,
                        const struct worker_exit *e)
{
    struct crowd *c = ctx;

    (void)w;
    c->wrong += e->killed_signal != 0 || e->exit_status != 0;
    honest_over(c);
}

static void honest_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct crowd *c = ctx;

    (void)w;
    fprintf(stderr, "honest worker: %s\n", d->what);
    c->wrong++;
    honest_over(c);
}

static const struct worker_handler honest_handler = {
    honest_ready, honest_message, honest_exit, honest_failed};

static void honest_start(struct crowd *c)
{
    struct worker_limits limits = {.cpu_ms = 1000, .wall_ms = 60000};
    struct worker *w;

    c->honest_alive_ = 1;
    c->started_us_ = now_us();
    if (engine_start(c->engine, WORKER_CONFIG, &limits, &honest_handler, c,
                     &w) < 0) {
        abort();
    }
}

int crowd_run(struct crowd *c)
{
    c->us_n = 0;
    c->wrong = c->hostile_ended = 0;
    c->hostile_left_ = c->hostiles;
    c->hostile_alive_ = 0;
    for (unsigned i = 0; i < CROWD_HOSTILE_AT_ONCE && c->hostile_left_ > 0;
         i++) {
        hostile_start(c);
    }
    honest_start(c);
    return loop_run(c->loop) < 0 ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double crowd_median(struct crowd *c)
{
    if (c->us_n == 0) {
        return 0;
    }
    qsort(c->us, c->us_n, sizeof(*c->us), compare);
    return c->us[c->us_n / 2];
}

/* Runs one worker. Test code. */
#include "tests/attack/once.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "tests/attack/shim.h"

#include "worker.pb-c.h"

static void on_ready(void *ctx, struct worker *w,
                     const Proctor__Confinement *report)
{
    struct once *o = ctx;
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    (void)report;
    shim_disarm(); /* what follows is not the making of a worker */
    o->ready = 1;
    if (o->task == NULL) {
        worker_finish(w);
        return;
    }
    task.text =
        (ProtobufCBinaryData){strlen(o->task), (uint8_t *)(uintptr_t)o->task};
    if (worker_send(w, MSG_CONFIG_TASK, &task.base, NULL, 0) < 0) {
        abort();
    }
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    struct once *o = ctx;
    const Proctor__ConfigReply *reply = (const void *)f->m;

    o->answered = 1;
    if (f->info->msg == MSG_CONFIG_REPLY && reply->problem != NULL) {
        o->answer = strtol(reply->problem->what, NULL, 10);
    }
    worker_finish(w);
}

static void on_exit_(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct once *o = ctx;

    (void)w, (void)e;
    loop_stop(o->loop);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct once *o = ctx;

    (void)w;
    o->refused = 1;
    snprintf(o->what, sizeof(o->what), "%s", d->what);
    loop_stop(o->loop);
}

int once_run(struct loop *l, struct engine *e, enum worker_class c,
             uint64_t memory_bytes, const char *task, struct once *out)
{
    static const struct worker_handler handler = {on_ready, on_message,
                                                  on_exit_, on_failed};
    static const char *const roots[] = {"/usr"};
    struct worker_limits limits = {.cpu_ms = 5000,
                                   .memory_bytes = memory_bytes,
                                   .output_bytes = 1u << 20,
                                   .wall_ms = 5000,
                                   .processes = 8};
    struct worker *w;
    int code;

    if (c == WORKER_PROGRAM) {
        limits.roots = roots;
        limits.roots_n = ARRAY_N(roots);
    }
    *out = (struct once){.loop = l, .task = task};
    code = engine_start(e, c, &limits, &handler, out, &w);
    if (code < 0) {
        snprintf(out->what, sizeof(out->what), "engine_start: %d", code);
        return code;
    }
    return loop_run(l);
}

static void on_ready_hold(void *ctx, struct worker *w,
                          const Proctor__Confinement *report)
{
    struct once *o = ctx;

    (void)w, (void)report;
    o->ready = 1;
    loop_stop(o->loop);
}

/* Its zygote may be another case's victim. */
static void on_exit_held(void *ctx, struct worker *w,
                         const struct worker_exit *e)
{
    (void)ctx, (void)w, (void)e;
}

int once_hold(struct loop *l, struct engine *e, enum worker_class c)
{
    static const struct worker_handler handler = {on_ready_hold, on_message,
                                                  on_exit_held, on_failed};
    static struct once o;
    struct worker_limits limits = {.cpu_ms = 5000};
    struct worker *w;

    o = (struct once){.loop = l};
    return engine_start(e, c, &limits, &handler, &o, &w) < 0 ||
                   loop_run(l) < 0 || !o.ready
               ? -1
               : 0;
}

/* Trying a worker of each class. Kernel process. Must never send one a task. */
#include "kernel/run/doctor.h"

#include <stdlib.h>

#include "kernel/run/guard.h"
#include "kernel/run/say.h"
#include "proto/err.h"

struct doctor {
    struct core *core;
    struct guard *guard;
    struct buf report;
    void (*on_done)(void *ctx);
    void *ctx;
};

static void tell(struct doctor *t, const struct diag *d)
{
    Proctor__DoctorDone m = PROCTOR__DOCTOR_DONE__INIT;

    m.code = d->code;
    m.problem = pb_str(d->what);
    m.hint = pb_str(d->hint);
    m.report = bytes_field(buf_bytes(&t->report));
    say(t->core, MSG_DOCTOR_DONE, &m.base);
    t->on_done(t->ctx);
}

static void on_measured(void *ctx, const Proctor__Confinement *report)
{
    struct doctor *t = ctx;

    if (pb_encode(&report->base, &t->report) < 0) {
        core_fatal(t->core, ERR_NOMEM);
    }
}

static void on_ready(void *ctx, struct guard *g)
{
    (void)ctx;
    guard_finish(g);
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    (void)ctx, (void)f;
    guard_finish(g);
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct doctor *t = ctx;
    struct diag d;

    (void)g;
    diag_init(&d);
    if (e->code < 0) {
        diag_set(&d, e->code, (struct loc){0}, "%s", e->what);
    }
    tell(t, &d);
}

static const struct guard_handler handler = {.on_measured = on_measured,
                                             .on_ready = on_ready,
                                             .on_message = on_message,
                                             .on_end = on_end};
static const struct worker_limits limits = {.wall_ms = 10000};

int doctor_new(struct core *c, uint32_t worker_class,
               void (*on_done)(void *ctx), void *ctx, struct doctor **out)
{
    struct doctor *t = calloc(1, sizeof(*t));
    struct guard_ask ask = {.limits = &limits,
                            .task = "",
                            .handler = &handler,
                            .ctx = t,
                            .class = (enum worker_class)worker_class};
    struct diag d;

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = t;
    t->core = c;
    t->on_done = on_done;
    t->ctx = ctx;
    buf_init(&t->report, LIMIT_FRAME_BYTES);
    diag_init(&d);
    if (worker_class >= WORKER_CLASSES_N) {
        diag_set(&d, ERR_NOT_FOUND, (struct loc){0}, "no such class");
    } else if (core_open_engine(c, &d) == 0) {
        return guard_start(c, &ask, &t->guard);
    }
    tell(t, &d);
    return 0;
}

void doctor_free(struct doctor *t)
{
    if (t != NULL) {
        guard_free(t->guard);
        buf_release(&t->report);
        free(t);
    }
}

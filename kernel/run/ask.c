/* Asking one worker for a person. Kernel process. */
#include "kernel/run/ask.h"

#include <stdlib.h>

#include "kernel/run/guard.h"
#include "kernel/run/say.h"
#include "proto/err.h"

struct ask {
    struct core *core;
    struct guard *guard;
    struct buf report;
    Proctor__CmlTask *cml; /* owned; NULL = nothing is asked */
    void (*on_done)(void *ctx);
    void *ctx;
};

/* The last thing: t may be gone afterwards. */
static void tell(struct ask *t, const struct diag *d, Proctor__CmlReply *reply)
{
    Proctor__AskDone m = PROCTOR__ASK_DONE__INIT;

    m.cml = reply;
    m.code = d->code;
    m.problem = pb_str(d->what);
    m.hint = pb_str(d->hint);
    m.report = bytes_field(buf_bytes(&t->report));
    say(t->core, MSG_ASK_DONE, &m.base);
    t->on_done(t->ctx);
}

static void on_measured(void *ctx, const Proctor__Confinement *report)
{
    struct ask *t = ctx;

    if (pb_encode(&report->base, &t->report) < 0) {
        core_fatal(t->core, ERR_NOMEM);
    }
}

static void fail(struct ask *t, int code, const char *what)
{
    struct diag d;

    diag_init(&d);
    diag_set(&d, code, (struct loc){0}, "%s", what);
    tell(t, &d, NULL);
}

static void on_ready(void *ctx, struct guard *g)
{
    struct ask *t = ctx;
    int code = t->cml != NULL
                   ? guard_send(g, MSG_CML_TASK, &t->cml->base, NULL, 0)
                   : 0;

    if (t->cml == NULL) {
        guard_finish(g);
    } else if (code < 0) {
        fail(t, code, err_text(code));
    }
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct ask *t = ctx;
    struct diag d;

    guard_finish(g);
    diag_init(&d);
    if (t->cml != NULL && f->info->msg == MSG_CML_REPLY) {
        tell(t, &d, (Proctor__CmlReply *)f->m);
    } else {
        fail(t, ERR_PROTOCOL, "the worker spoke out of turn");
    }
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct ask *t = ctx;
    struct diag d;

    (void)g;
    diag_init(&d);
    if (e->code < 0) {
        fail(t, e->code, e->what);
    } else if (t->cml != NULL) {
        fail(t, ERR_WORKER,
             e->exit->timed_out
                 ? "the worker took too long"
                 : "the worker ended without an answer");
    } else {
        tell(t, &d, NULL);
    }
}

static const struct guard_handler handler = {.on_measured = on_measured,
                                             .on_ready = on_ready,
                                             .on_message = on_message,
                                             .on_end = on_end};
static const struct worker_limits limits = {.wall_ms = 60000};

int ask_new(struct core *c, Proctor__AskRequest *m, void (*on_done)(void *ctx),
            void *ctx, struct ask **out)
{
    struct ask *t = calloc(1, sizeof(*t));
    struct guard_ask ask = {.limits = &limits,
                            .task = "",
                            .handler = &handler,
                            .ctx = t,
                            .class = m->cml != NULL
                                         ? WORKER_CML
                                         : (enum worker_class)m->worker_class};
    struct diag d;

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = t;
    t->core = c;
    t->cml = m->cml;
    m->cml = NULL;
    t->on_done = on_done;
    t->ctx = ctx;
    buf_init(&t->report, LIMIT_FRAME_BYTES);
    diag_init(&d);
    if (m->worker_class >= WORKER_CLASSES_N) {
        diag_set(&d, ERR_NOT_FOUND, (struct loc){0}, "no such class");
    } else if (core_open_engine(c, &d) == 0) {
        return guard_start(c, &ask, &t->guard);
    }
    tell(t, &d, NULL);
    return 0;
}

void ask_free(struct ask *t)
{
    if (t != NULL) {
        guard_free(t->guard);
        proctor__cml_task__free_unpacked(t->cml, NULL);
        buf_release(&t->report);
        free(t);
    }
}

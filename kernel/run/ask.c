/* Asking one worker for a person. Kernel process. */
#include "kernel/run/ask.h"

#include <stdlib.h>

#include "kernel/run/config.h"
#include "kernel/run/say.h"
#include "proto/err.h"

struct ask {
    struct core *core;
    struct config_job *job; /* owned */
    struct buf report;
    Proctor__CmlTask *cml; /* owned; NULL = nothing is asked */
    void (*on_done)(void *ctx);
    void *ctx;
};

/* The last thing: t may be gone afterwards. */
static void tell(struct ask *t, const struct diag *d,
                 const Proctor__CmlReply *reply)
{
    Proctor__AskDone m = PROCTOR__ASK_DONE__INIT;

    m.cml = (Proctor__CmlReply *)(uintptr_t)reply;
    if (d != NULL) {
        m.code = d->code;
        m.problem = pb_str(d->what);
        m.hint = pb_str(d->hint);
    }
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

static void on_cml(void *ctx, const Proctor__CmlReply *reply)
{
    tell(ctx, NULL, reply);
}

static void on_end(void *ctx, UNUSED struct config_job *j, UNUSED int code,
                   UNUSED Proctor__ConfigReply *reply, const struct diag *d)
{
    tell(ctx, d, NULL);
}

int ask_new(struct core *c, Proctor__AskRequest *m, void (*on_done)(void *ctx),
            void *ctx, struct ask **out)
{
    struct ask *t = calloc(1, sizeof(*t));
    Proctor__Limits limits = PROCTOR__LIMITS__INIT;
    struct config_ask ask = {.path = "",
                             .label = "",
                             .cml = m->cml,
                             .limits = &limits,
                             .on_cml = on_cml,
                             .on_measured = on_measured,
                             .class = (enum worker_class)m->worker_class};
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
    limits.wall_ms = 60000;
    buf_init(&t->report, LIMIT_FRAME_BYTES);
    diag_init(&d);
    if (m->worker_class >= WORKER_CLASSES_N) {
        diag_set(&d, ERR_NOT_FOUND, (struct loc){0}, "no such class");
    } else if (core_open_engine(c, &d) == 0) {
        return config_start(c, &ask, on_end, t, &t->job);
    }
    tell(t, &d, NULL);
    return 0;
}

void ask_free(struct ask *t)
{
    if (t != NULL) {
        config_free(t->job);
        proctor__cml_task__free_unpacked(t->cml, NULL);
        buf_release(&t->report);
        free(t);
    }
}

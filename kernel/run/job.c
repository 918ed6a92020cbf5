/* See job.h. Believes nothing of the reply but its form. Kernel process. */
#include "kernel/run/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/guard.h"
#include "proto/err.h"
#include "proto/share.h"

struct job {
    struct job_ask ask;
    struct guard *guard;
    struct worker_limits limits;
    int area; /* owned; -1: it needs none */
    Proctor__TrainReply *reply; /* owned; NULL until it came */
    int spoke;                  /* out of turn */
    job_fn fn;
    void *ctx;
};

static void on_ready(void *ctx, struct guard *g)
{
    struct job *j = ctx;
    int fds[JOB_FDS + 1];
    unsigned n = j->ask.fds_n;

    memcpy(fds, j->ask.fds, n * sizeof(*fds));
    if (j->area >= 0) {
        fds[n++] = j->area;
    }
    if (guard_send(g, MSG_TRAIN_TASK, &j->ask.task.base, fds, n) < 0) {
        err_trace_clear(); /* then the worker is going: on_end tells */
        guard_finish(g);
    }
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct job *j = ctx;

    j->spoke |= j->reply != NULL || f->info->msg != MSG_TRAIN_REPLY;
    if (!j->spoke) {
        j->reply = (Proctor__TrainReply *)f->m;
        f->m = NULL;
    }
    guard_finish(g);
}

static int fail(struct diag *d, int code, const char *what)
{
    return diag_set(d, code, (struct loc){0}, "%s", what);
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct job *j = ctx;
    char what[96], how[48];
    struct diag d;
    int code = 0;

    (void)g;
    diag_init(&d);
    if (e->code < 0) {
        code = fail(&d, e->code, e->what);
    } else if (j->spoke) {
        code = fail(&d, ERR_PROTOCOL, "its worker spoke out of turn");
    } else if (j->reply == NULL) {
        snprintf(what, sizeof(what), "its worker %s",
                 guard_exit_text(e, how));
        code = fail(&d, ERR_WORKER, what);
    } else if (j->reply->problem != NULL) {
        code = config_problem(j->reply->problem, j->ask.path, &d);
    }
    j->fn(j->ctx, j, code, code == 0 ? j->reply : NULL, j->area, &d);
}

static const struct guard_handler handler = {
    .on_ready = on_ready,
    .on_message = on_message,
    .on_end = on_end,
};

int job_start(struct core *c, const struct job_ask *ask, job_fn fn, void *ctx,
              struct job **out)
{
    struct job *j = calloc(1, sizeof(*j));
    struct guard_ask wanted = {.class = WORKER_TRAIN,
                               .task = ask->label,
                               .handler = &handler,
                               .ctx = j};
    int code = 0;

    if (j == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    j->ask = *ask;
    j->fn = fn;
    j->ctx = ctx;
    j->area = -1;
    j->limits = (struct worker_limits){.cpu_ms = ask->limits->cpu_ms,
                                       .memory_bytes = ask->limits->memory_bytes,
                                       .wall_ms = ask->limits->wall_ms};
    wanted.limits = &j->limits;
    if (ask->task.output_bytes > 0) {
        code = share_sized(ask->task.output_bytes, &j->area);
    }
    code = code < 0 ? code : guard_start(c, &wanted, &j->guard);
    if (code < 0) {
        job_free(j);
        return ERR_TRACE(code);
    }
    *out = j;
    return 0;
}

void job_free(struct job *j)
{
    if (j != NULL) {
        guard_free(j->guard);
        fd_closep(&j->area);
        pb_free((ProtobufCMessage *)j->reply);
        free(j);
    }
}

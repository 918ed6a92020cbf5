/* Has one text read by a confined worker. Believes nothing of the reply but its
 * form; what it means is checked by those who asked. Kernel process. */
#include "kernel/run/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/run/guard.h"
#include "proto/err.h"

struct config_job {
    struct core *core;
    struct guard *guard;
    struct config_ask ask;
    struct worker_limits limits; /* zero: those of the class */
    Proctor__CmlText text, *texts[1];
    Proctor__CmlTask cml;
    config_fn fn;
    void *ctx;
    int answered;
};

static void answer(struct config_job *j, int code,
                   Proctor__ConfigReply *reply, const struct diag *d)
{
    if (!j->answered) {
        j->answered = 1;
        j->fn(j->ctx, j, code, reply, d);
    }
}

static void answer_failure(struct config_job *j, int code, const char *what)
{
    struct diag d;

    diag_init(&d);
    diag_set(&d, code, (struct loc){.path = j->ask.path}, "%s", what);
    answer(j, code, NULL, &d);
}

static void on_ready(void *ctx, struct guard *g)
{
    struct config_job *j = ctx;
    int code;

    code = j->ask.cml != NULL
                   ? guard_send(g, MSG_CML_TASK, &j->cml.base, NULL, 0)
                   : guard_send(g, MSG_CONFIG_TASK, &j->ask.task.base, NULL, 0);

    if (code < 0) {
        answer_failure(j, code, code == ERR_LIMIT
                                    ? "the text is too long for one message"
                                    : err_text(code));
    }
}

int config_problem(const Proctor__Problem *p, const char *path, struct diag *d)
{
    diag_init(d);
    diag_set(d, p->kind == 1 ? ERR_LIMIT : ERR_INPUT,
             (struct loc){path, p->line, p->col}, "%s", p->what);
    if (p->hint[0] != '\0') {
        diag_hint(d, "%s", p->hint);
    }
    return d->code;
}

static void answer_problem(struct config_job *j, const Proctor__Problem *p)
{
    struct diag d;
    int code = config_problem(p, j->ask.path, &d);

    answer(j, code, NULL, &d);
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct config_job *j = ctx;
    int is_cml = j->ask.cml != NULL;
    const Proctor__Problem *problem;

    if (j->answered ||
        f->info->msg != (is_cml ? MSG_CML_REPLY : MSG_CONFIG_REPLY)) {
        answer_failure(j, ERR_PROTOCOL, "the worker spoke out of turn");
        return;
    }
    guard_finish(g);
    problem = is_cml ? ((const Proctor__CmlReply *)f->m)->problem
                     : ((const Proctor__ConfigReply *)f->m)->problem;
    if (problem != NULL) {
        answer_problem(j, problem);
    } else if (is_cml) {
        j->answered = 1;
        j->ask.on_cml(j->ctx, (const Proctor__CmlReply *)f->m);
    } else {
        answer(j, 0, (Proctor__ConfigReply *)f->m, NULL);
    }
}

static void on_end(void *ctx, struct guard *g, const struct guard_end *e)
{
    struct config_job *j = ctx;
    char what[DIAG_TEXT_BYTES];

    (void)g;
    if (e->code < 0) {
        answer_failure(j, e->code, e->what);
    } else if (e->exit->timed_out) {
        answer_failure(j, ERR_LIMIT, "reading it took too long");
    } else if (e->exit->killed_signal != 0) {
        snprintf(what, sizeof(what),
                 "the worker that read it was killed by signal %d",
                 e->exit->killed_signal);
        answer_failure(j, ERR_WORKER, what);
    } else {
        answer_failure(j, ERR_WORKER,
                       "the worker that read it ended without an answer");
    }
}

static const struct guard_handler handler = {
    .on_ready = on_ready,
    .on_message = on_message,
    .on_end = on_end,
};

int config_start(struct core *c, const struct config_ask *ask, config_fn fn,
                 void *ctx, struct config_job **out)
{
    struct config_job *j = calloc(1, sizeof(*j));
    struct guard_ask wanted;
    int code;

    if (j == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    j->core = c;
    j->ask = *ask;
    j->fn = fn;
    j->ctx = ctx;
    if (ask->cml != NULL) {
        j->limits.cpu_ms = ask->limits->cpu_ms;
        j->limits.memory_bytes = ask->limits->memory_bytes;
        j->limits.wall_ms = ask->limits->wall_ms;
        proctor__cml_text__init(&j->text);
        j->text.content = bytes_field(ask->source);
        j->texts[0] = &j->text;
        j->cml = *ask->cml;
        if (ask->source.p != NULL) {
            j->cml.texts = j->texts;
            j->cml.n_texts = 1;
        }
    }
    wanted = (struct guard_ask){.class = ask->cml ? WORKER_CML : WORKER_CONFIG,
                                .limits = &j->limits,
                                .task = j->ask.label,
                                .handler = &handler,
                                .ctx = j};
    code = guard_start(c, &wanted, &j->guard);
    if (code < 0) {
        free(j);
        return ERR_TRACE(code);
    }
    *out = j;
    return 0;
}

const struct config_ask *config_asked(const struct config_job *j)
{
    return &j->ask;
}

void config_free(struct config_job *j)
{
    if (j != NULL) {
        guard_free(j->guard);
        free(j);
    }
}

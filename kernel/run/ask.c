/* Asking one worker for a person. Believes nothing of what it answers, and does
 * not look into it: only the form was checked. Kernel process. */
#include "kernel/run/ask.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "kernel/run/guard.h"
#include "kernel/run/say.h"
#include "proto/err.h"
#include "proto/share.h"

struct ask {
    struct core *core;
    struct guard *guard;     /* owned */
    Proctor__AskRequest *m;  /* owned */
    ProtobufCMessage *reply; /* owned; NULL until it came */
    struct worker_limits limits;
    struct buf report;
    struct diag d; /* why it failed */
    int fds[2]; /* owned: weights if there are some, then what is written */
    unsigned fds_n;
    unsigned out_n; /* 1: the worker writes the last of them */
    void (*on_done)(void *ctx);
    void *ctx;
};

/* What a worker is asked, if anything. */
struct question {
    const ProtobufCMessage *m; /* NULL: nothing */
    enum worker_class class;
    enum msg task, reply;
};

static struct question question_of(const Proctor__AskRequest *m)
{
    if (m->cml != NULL) {
        return (struct question){&m->cml->base, WORKER_CML, MSG_CML_TASK,
                                 MSG_CML_REPLY};
    }
    if (m->model != NULL) {
        return (struct question){&m->model->base, WORKER_MODEL, MSG_MODEL_TASK,
                                 MSG_MODEL_REPLY};
    }
    if (m->config != NULL) {
        return (struct question){&m->config->base, WORKER_CONFIG,
                                 MSG_CONFIG_TASK, MSG_CONFIG_REPLY};
    }
    return (struct question){.class = (enum worker_class)m->worker_class};
}

/* The last thing: t may be gone afterwards. */
static void tell(struct ask *t, int code)
{
    Proctor__AskDone m = PROCTOR__ASK_DONE__INIT;
    unsigned n = 0;

    m.code = code;
    m.problem = pb_str(code == 0 || t->d.code != 0 ? t->d.what : err_text(code));
    m.hint = pb_str(t->d.hint);
    m.report = bytes_field(buf_bytes(&t->report));
    if (code == 0 && t->m->cml != NULL) {
        m.cml = (Proctor__CmlReply *)t->reply;
    } else if (code == 0 && t->m->model != NULL) {
        m.model = (Proctor__ModelReply *)t->reply;
        n = m.model->problem == NULL ? t->out_n : 0;
    } else if (code == 0 && t->m->config != NULL) {
        m.config = (Proctor__ConfigReply *)t->reply;
    }
    say_with(t->core, MSG_ASK_DONE, &m.base, t->fds + t->fds_n - n, n);
    t->on_done(t->ctx);
}

void ask_stop(struct ask *t, int code)
{
    tell(t, code);
}

static void on_measured(void *ctx, const Proctor__Confinement *report)
{
    struct ask *t = ctx;

    if (pb_encode(&report->base, &t->report) < 0) {
        core_fatal(t->core, ERR_NOMEM);
    }
}

static void on_ready(void *ctx, struct guard *g)
{
    struct ask *t = ctx;
    struct question q = question_of(t->m);
    int code = 0;

    if (q.m != NULL) {
        code = guard_send(g, q.task, q.m, t->fds, t->fds_n);
    } else {
        guard_finish(g);
    }
    if (code < 0) {
        tell(t, code);
    }
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct ask *t = ctx;

    if (t->reply != NULL || f->info->msg != question_of(t->m).reply) {
        tell(t, diag_set(&t->d, ERR_PROTOCOL, (struct loc){0},
                         "the worker spoke out of turn"));
        return;
    }
    t->reply = f->m;
    f->m = NULL;
    guard_finish(g);
}

static void on_end(void *ctx, UNUSED struct guard *g, const struct guard_end *e)
{
    struct ask *t = ctx;
    int code = e->code;

    if (code < 0) {
        (void)diag_set(&t->d, code, (struct loc){0}, "%s", e->what);
    } else if (t->reply == NULL && e->exit->timed_out) {
        code = diag_set(&t->d, ERR_LIMIT, (struct loc){0},
                        "the worker took too long");
    } else if (t->reply == NULL && question_of(t->m).m != NULL) {
        code = diag_set(&t->d, ERR_WORKER, (struct loc){0},
                        "the worker ended without an answer (signal %d)",
                        e->exit->killed_signal);
    } else if (t->out_n > 0) { /* the worker is gone: it can be sealed */
        code = share_seal(t->fds[t->fds_n - 1],
                          ((Proctor__ModelReply *)t->reply)->bytes);
    }
    tell(t, code);
}

static const struct guard_handler handler = {
    .on_measured = on_measured,
    .on_ready = on_ready,
    .on_message = on_message,
    .on_end = on_end,
};

/* A model's weights as the client opened them. The worker maps the file itself, so
 * it must not be able to write to it. That nobody else does meanwhile is the
 * client's to see: nothing is recorded of what comes out. */
static int take_files(struct ask *t, struct frame *f)
{
    Proctor__ModelTask *model = t->m->model;
    struct stat st;

    if (f->fds_n > 0) {
        int flags = fcntl(f->fds[0], F_GETFL);

        if (flags < 0 || (flags & (O_ACCMODE | O_PATH)) != O_RDONLY ||
            fstat(f->fds[0], &st) < 0 || !S_ISREG(st.st_mode)) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        model->weights_bytes = (uint64_t)st.st_size;
        t->fds[t->fds_n++] = frame_take_fd(f, 0);
    }
    if (model->init != NULL) {
        TRY(share_sized(model->init->output_bytes, &t->fds[t->fds_n]));
        t->fds_n++;
        t->out_n = 1;
    }
    return 0;
}

int ask_new(struct core *c, struct frame *f, void (*on_done)(void *ctx),
            void *ctx, struct ask **out)
{
    struct ask *t = calloc(1, sizeof(*t));
    struct guard_ask wanted = {.handler = &handler, .task = ""};
    int code;

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *out = t;
    t->core = c;
    t->m = (Proctor__AskRequest *)f->m;
    f->m = NULL;
    t->on_done = on_done;
    t->ctx = ctx;
    buf_init(&t->report, LIMIT_FRAME_BYTES);
    diag_init(&t->d);
    code = t->m->worker_class >= WORKER_CLASSES_N ? ERR_NOT_FOUND
           : t->m->model != NULL                  ? take_files(t, f)
                                                  : 0;
    if (code == 0) {
        code = core_open_engine(c, &t->d);
    }
    if (code < 0) {
        tell(t, code);
        return 0;
    }
    t->limits.wall_ms = t->m->model != NULL ? 900000 : 60000;
    wanted.class = question_of(t->m).class;
    wanted.limits = &t->limits;
    wanted.ctx = t;
    return guard_start(c, &wanted, &t->guard);
}

void ask_free(struct ask *t)
{
    if (t != NULL) {
        guard_free(t->guard);
        pb_free(t->reply);
        pb_free(&t->m->base);
        for (unsigned i = 0; i < t->fds_n; i++) {
            fd_closep(&t->fds[i]);
        }
        buf_release(&t->report);
        free(t);
    }
}

/* Turns messages of the client into runs and evaluations. Phases: idle,
 * one run, or evaluations; FILES only while a run asked for them; INTERRUPT
 * always. Kernel process. */
#include "kernel/run/server.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "kernel/engine/chan.h"
#include "kernel/engine/loop.h"
#include "kernel/run/ask.h"
#include "kernel/run/evaluate.h"
#include "kernel/run/run.h"
#include "kernel/run/say.h"
#include "proto/err.h"

enum { LAST_WORDS_MS = 2000 };

struct server {
    struct core *core;
    struct run *run;
    struct evaluates *evaluates;
    struct ask *ask;
    int leaving; /* ends when the request does */
    int code;    /* we could not serve the client's channel; else 0 */
    int signals;
    int signal_fd;
};

static int is_idle(const struct server *s)
{
    return s->run == NULL && s->ask == NULL && evaluates_is_idle(s->evaluates);
}

static void leave_if_idle(struct server *s)
{
    if (s->leaving && is_idle(s)) {
        loop_stop(s->core->loop);
    }
}

static void on_run_done(void *ctx, struct run *r)
{
    struct server *s = ctx;

    run_free(r);
    s->run = NULL;
    s->leaving |= s->core->fatal != 0;
    leave_if_idle(s);
}

static void on_evaluated(void *ctx)
{
    struct server *s = ctx;

    s->leaving |= s->core->fatal != 0;
    leave_if_idle(s);
}

static void on_asked(void *ctx)
{
    struct server *s = ctx;

    ask_free(s->ask);
    s->ask = NULL;
    leave_if_idle(s);
}

/* Stops what is under way, in good order. */
static void stop(struct server *s, int code, const char *why)
{
    if (s->run != NULL) {
        run_stop(s->run, code, why);
    }
    if (s->ask != NULL) {
        ask_stop(s->ask, code);
    }
    evaluates_stop(s->evaluates, code);
}

static void breach(struct server *s, const char *what)
{
    struct diag d;

    diag_init(&d);
    diag_set(&d, ERR_PROTOCOL, (struct loc){0}, "%s", what);
    say_diag(s->core, &d, "");
    stop(s, ERR_PROTOCOL, what);
    s->leaving = 1;
    leave_if_idle(s);
}

static void on_request(struct server *s, struct frame *f)
{
    int code;

    if (s->run != NULL || s->ask != NULL ||
        (f->info->msg != MSG_EVALUATE_REQUEST &&
         !evaluates_is_idle(s->evaluates))) {
        breach(s, "a request while another is served");
        return;
    }
    if (f->info->msg == MSG_RUN_REQUEST) {
        code = run_new(s->core, f, on_run_done, s, &s->run);
    } else if (f->info->msg == MSG_EVALUATE_REQUEST) {
        code = evaluates_ask(s->evaluates,
                             (const Proctor__EvaluateRequest *)f->m);
    } else {
        code = ask_new(s->core, f, on_asked, s, &s->ask);
    }
    if (code < 0) {
        breach(s, err_text(code));
    }
}

/* Another key for the log; nothing runs, and no ledger is made. */
static int turn(struct core *c, const Proctor__KeyRequest *q, uint64_t *out_seq,
                struct diag *d)
{
    struct cid none = {{0}};

    if (q->seen == NULL) { /* so there is a ledger, and it is not made here */
        return diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                        "there is no ledger whose key could be changed");
    }
    TRY(core_open_engine(c, d));
    TRY(core_open_store(c, d));
    TRY(core_open_ledger(c, &none, q->seen, d));
    return ledger_turn(c->ledger, c->signer, out_seq, d);
}

static void on_key(struct core *c, const Proctor__KeyRequest *q)
{
    Proctor__KeyDone m = PROCTOR__KEY_DONE__INIT;
    struct diag d;

    diag_init(&d);
    m.code = turn(c, q, &m.seq, &d);
    if (m.code != 0 && d.what[0] == '\0') {
        diag_set(&d, m.code, (struct loc){0}, "%s", err_text(m.code));
    }
    m.problem = pb_str(d.what);
    m.hint = pb_str(d.hint);
    if (m.code == 0) {
        m.key = bytes_field((struct ubytes){ledger_key(c->ledger), 32});
    }
    say(c, MSG_KEY_DONE, &m.base);
}

static void on_files(struct server *s, struct frame *f)
{
    if (s->run == NULL || run_files(s->run, f) < 0) {
        breach(s, "files that nobody asked for");
    }
}

static void on_interrupt(struct server *s, int now)
{
    stop(s, ERR_CANCELLED, "a person stopped it");
    if (now) {
        stop(s, ERR_CANCELLED, "a person stopped it"); /* without a rest */
        loop_stop(s->core->loop);
    }
}

static void on_message(void *ctx, struct frame *f)
{
    struct server *s = ctx;
    enum msg msg = f->info->msg;

    if (msg == MSG_RUN_REQUEST || msg == MSG_EVALUATE_REQUEST ||
        msg == MSG_ASK_REQUEST) {
        on_request(s, f);
    } else if (msg == MSG_KEY_REQUEST && is_idle(s)) {
        on_key(s->core, (const Proctor__KeyRequest *)f->m);
    } else if (msg == MSG_FILES) {
        on_files(s, f);
    } else if (msg == MSG_INTERRUPT) {
        on_interrupt(s, ((const Proctor__Interrupt *)f->m)->now);
    } else { /* the replayer's, for one */
        breach(s, "a message that no client sends");
    }
}

static void on_closed(void *ctx, int code)
{
    struct server *s = ctx;

    s->code = code == ERR_NOMEM || code == ERR_IO ? code : 0;
    stop(s, ERR_CANCELLED, "the command line went away");
    s->leaving = 1;
    leave_if_idle(s);
}

static const struct chan_handler handler = {
    .on_message = on_message,
    .on_closed = on_closed,
};

/* Store or ledger failed: tell, record nothing, go. */
static void on_fatal(void *ctx, int code)
{
    struct server *s = ctx;

    if (s->run != NULL) {
        run_error(s->run, code, s->core->store_dir, err_text(code));
    }
    evaluates_stop(s->evaluates, code);
    s->leaving = 1;
    leave_if_idle(s);
}

static void on_signal(void *ctx, short revents)
{
    struct server *s = ctx;
    struct signalfd_siginfo info;

    (void)revents;
    if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    s->signals++;
    s->leaving = 1;
    on_interrupt(s, s->signals > 1);
    leave_if_idle(s);
}

int server_run(struct core *c, int sock, int signal_fd)
{
    struct server s = {.core = c, .signal_fd = signal_fd};
    struct loop_source *signals = NULL;
    int code;

    c->on_fatal = on_fatal;
    c->fatal_ctx = &s;
    TRY(evaluates_new(c, on_evaluated, &s, &s.evaluates));
    code = chan_new(c->loop, sock, MSG_FROM_CLI, &handler, &s, &c->client);
    if (code < 0) {
        evaluates_free(s.evaluates);
        return ERR_TRACE(code);
    }
    code = loop_watch(c->loop, signal_fd, POLLIN, on_signal, &s, &signals);
    if (code == 0) {
        code = loop_run(c->loop);
    }
    loop_remove(&signals);
    if (code == 0 && c->cut_short) {
        code = c->fatal;
    }
    if (s.run != NULL) {
        run_last_words(s.run, code);
    }
    run_free(s.run);
    ask_free(s.ask);
    evaluates_free(s.evaluates);
    if (chan_flush(c->client, LAST_WORDS_MS) < 0) {
        err_trace_clear(); /* nobody listens any more */
    }
    if (code == 0) {
        code = c->cut_short ? c->fatal : s.code;
    }
    return code;
}

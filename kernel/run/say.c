/* Messages to the command line. Cuts what a slow reader does not take: events
 * may be lost, answers and diagnoses never. Kernel process. */
#include "kernel/run/say.h"

#include <string.h>

#include "kernel/engine/chan.h"
#include "kernel/engine/loop.h"
#include "proto/err.h"

enum { PROGRESS_GAP_MS = 100, EVENTS_PENDING_BYTES = 1 << 20 };

void say(struct core *c, enum msg msg, const ProtobufCMessage *m)
{
    say_with(c, msg, m, NULL, 0);
}

void say_with(struct core *c, enum msg msg, const ProtobufCMessage *m,
              const int *fds, unsigned fds_n)
{
    int code =
        c->client == NULL ? 0 : chan_send(c->client, msg, m, fds, fds_n);

    if (code == 0) {
        return;
    }
    err_trace_clear();
    /* Of a closed channel its on_closed tells the server. An answer that is
     * lost here would be waited for in vain. */
    if (code != ERR_CLOSED && msg != MSG_EVENT) {
        core_cut_short(c, code);
    }
}

void say_diag(struct core *c, const struct diag *d, const char *task)
{
    Proctor__Diagnosis m = PROCTOR__DIAGNOSIS__INIT;

    m.path = pb_str(d->at.path == NULL ? "" : d->at.path);
    m.line = d->at.line;
    m.col = d->at.col;
    m.what = pb_str(d->what);
    m.hint = pb_str(d->hint);
    m.code = d->code;
    m.task = pb_str(task);
    say(c, MSG_DIAGNOSIS, &m.base);
}

static void event_send(struct core *c, Proctor__Event *m)
{
    if (c->client != NULL && chan_pending(c->client) < EVENTS_PENDING_BYTES) {
        say(c, MSG_EVENT, &m->base);
    }
}

void say_event(struct core *c, uint64_t seq_ref, const char *task,
               const char *state, const char *text)
{
    Proctor__Event m = PROCTOR__EVENT__INIT;

    m.seq = seq_ref;
    m.task = pb_str(task);
    m.state = pb_str(state);
    m.text = pb_str(text);
    event_send(c, &m);
}

void say_quote(struct core *c, const char *task, const char *text)
{
    Proctor__Event m = PROCTOR__EVENT__INIT;

    m.task = pb_str(task);
    m.state = pb_str("");
    m.text = pb_str(text);
    m.worker_text = 1;
    event_send(c, &m);
}

void say_text(struct core *c, const char *task, struct ubytes text)
{
    Proctor__Event m = PROCTOR__EVENT__INIT;

    m.task = pb_str(task);
    m.lane = bytes_field(text);
    event_send(c, &m);
}

/* 1: enough was said for now. */
static int is_crowded(struct core *c)
{
    uint64_t now = loop_now_ms(c->loop);

    if (c->progress_ms != 0 && now - c->progress_ms < PROGRESS_GAP_MS) {
        return 1;
    }
    c->progress_ms = now;
    return 0;
}

void say_train(struct core *c, const char *task, Proctor__TrainEvent *train)
{
    Proctor__Event m = PROCTOR__EVENT__INIT;

    if (train->n_ended > 0 || !is_crowded(c)) {
        m.task = pb_str(task);
        m.train = train;
        event_send(c, &m);
    }
}

void say_progress(struct core *c, const char *task, const char *text,
                  uint64_t done, uint64_t total)
{
    Proctor__Event m = PROCTOR__EVENT__INIT;

    if (is_crowded(c)) {
        return;
    }
    m.task = pb_str(task);
    m.text = pb_str(text);
    m.done = done;
    m.total = total;
    event_send(c, &m);
}

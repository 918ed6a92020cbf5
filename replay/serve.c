/* Reads the history, holds each exam again, says what came out. Nothing but its
 * answers leaves it: it has no key and writes no file. Replayer. */
#include "replay/serve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "replay/asker.h"
#include "replay/sitting.h"

#include "kernel.pb-c.h"

enum {
    ROWS_MAX = 256,
    PATH_ROOM = 4096
};

struct row {
    Proctor__ReplayRow m;
    char what[DIAG_TEXT_BYTES];
};

struct serving {
    const char *store;
    int client_fd;
    struct asker *asker; /* owned */
    struct history history;
    size_t i;         /* the claim under way */
    struct row *rows; /* owned, ROWS_MAX; differences push out the rest */
    size_t rows_n;
    uint64_t replayed, different;
};

static char *str(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void say(const struct serving *s, enum msg msg,
                const ProtobufCMessage *m)
{
    if (frame_send(s->client_fd, msg, m, NULL, 0) < 0) {
        err_trace_clear(); /* who is gone hears nothing; the next ask ends it */
    }
}

static void say_diag(const struct serving *s, const struct diag *d)
{
    Proctor__Diagnosis m = PROCTOR__DIAGNOSIS__INIT;

    m.path = str(d->at.path == NULL ? "" : d->at.path);
    m.what = str(d->what);
    m.hint = str(d->hint);
    m.code = d->code;
    say(s, MSG_DIAGNOSIS, &m.base);
}

static void progress(void *ctx, const char *phase, uint64_t done,
                     uint64_t total)
{
    const struct serving *s = ctx;
    Proctor__Event m = PROCTOR__EVENT__INIT;
    char task[64];

    (void)snprintf(task, sizeof(task), "#%" PRIu64 " (%zu of %zu)",
                   s->history.claims[s->i].seq, s->i + 1, s->history.n);
    m.task = task;
    m.text = str(phase);
    m.done = done;
    m.total = total;
    say(s, MSG_EVENT, &m.base);
}

/* Room for a row: a difference takes the place of one that is the same. */
static struct row *row_room(struct serving *s, int same)
{
    if (s->rows_n < ROWS_MAX) {
        return &s->rows[s->rows_n++];
    }
    for (size_t i = 0; !same && i < ROWS_MAX; i++) {
        if (s->rows[i].m.same) {
            return &s->rows[i];
        }
    }
    return NULL;
}

static void add_row(struct serving *s, const struct claim *c, const char *what)
{
    int same = what[0] == '\0';
    struct row *row = row_room(s, same);

    s->replayed++;
    s->different += !same;
    if (row != NULL) {
        proctor__replay_row__init(&row->m);
        row->m.seq = c->seq;
        row->m.same = same;
        row->m.verdict = str(cid_is_zero(&c->generation)
                                 ? verdict_name(c->verdict)
                                 : lane_decision_name(LANE_EMIT));
        (void)snprintf(row->what, sizeof(row->what), "%s", what);
        row->m.what = row->what;
    }
}

/* Why no verdict can be replayed now, for the person. */
static void explain(const struct serving *s, int code, struct diag *d)
{
    char what[DIAG_TEXT_BYTES];
    const char *hint = "nothing is known about the verdicts that were not "
                       "replayed; run it again";
    size_t n = strlen(s->store);

    (void)snprintf(what, sizeof(what), "%s",
                   d->what[0] == '\0' ? err_text(code) : d->what);
    if (strncmp(what, s->store, n) == 0 && strncmp(what + n, ": ", 2) == 0) {
        memmove(what, what + n + 2, strlen(what + n + 2) + 1); /* the place */
    }
    if (code == ERR_STORE_BUSY) {
        hint = "wait for it to end, or replay a copy of the store (--store)";
    } else if (code == ERR_STORE_RDONLY || code == ERR_ACCESS) {
        hint = "the kernel that runs the candidates locks the store: make it "
               "writable, or replay a copy of it (--store)";
    } else if (code == ERR_SPACE) {
        hint = "free some space; what was recorded is safe";
    } else if (code == ERR_CONFINE) {
        hint = "`proctor doctor` says what this host lacks";
    }
    (void)diag_set(d, code, (struct loc){.path = s->store}, "%s", what);
    diag_hint(d, "%s", hint);
}

/* One verdict. 0, or ERR_*: it is no row. With d unless it was cancelled. */
static int replay_one(struct serving *s, const struct claim *c, struct diag *d)
{
    char what[DIAG_TEXT_BYTES] = "";
    struct sitting *x = calloc(1, sizeof(*x));
    int is_unasked;
    int code;

    diag_init(d);
    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    x->store = s->store;
    x->asker = s->asker;
    x->claim = c;
    x->d = d;
    x->progress = progress;
    x->ctx = s;
    code = sitting_hold(x);
    if (code == 0) {
        code = finding_compare(x, what, sizeof(what));
    }
    is_unasked = x->is_unasked;
    load_release(x);
    free(x);
    if (code == ERR_CANCELLED || code == ERR_NOMEM ||
        (code < 0 && is_unasked)) {
        return code;
    }
    if (code < 0) {
        (void)snprintf(what, sizeof(what), "%s",
                       d->what[0] == '\0' ? err_text(code) : d->what);
        err_trace_clear();
    }
    add_row(s, c, what);
    return 0;
}

/* One text, or scores: every byte and every token again. */
static int replay_generation(struct serving *s, const struct claim *c,
                             struct diag *d)
{
    struct cid none = cid_of((struct ubytes){NULL, 0});
    struct cid result, tokens;
    const char *what = "";
    int code;

    diag_init(d);
    progress(s, "tokens", 0, 0);
    code = asker_generate(s->asker, &c->policy, &c->generation, &result, &tokens,
                          d);
    if (code == ERR_NOT_FOUND) {
        err_trace_clear();
        what = d->what;
    } else if (code < 0) {
        return code;
    } else if (!cid_is_equal(&tokens, cid_is_zero(&c->tokens) ? &none
                                                              : &c->tokens)) {
        what = "GENERATE.tokens: other tokens came out";
    } else if (!cid_is_equal(&result, &c->result)) {
        what = "GENERATE.result: another object came out";
    }
    add_row(s, c, what);
    return 0;
}

static int replay_all(struct serving *s, struct diag *d)
{
    for (; s->i < s->history.n; s->i++) {
        const struct claim *c = &s->history.claims[s->i];

        if (asker_is_stopped(s->asker)) {
            return ERR_CANCELLED;
        }
        if (c->wrong[0] != '\0') {
            add_row(s, c, c->wrong);
        } else if (!cid_is_zero(&c->generation)) {
            TRY(replay_generation(s, c, d));
        } else {
            TRY(replay_one(s, c, d));
        }
    }
    return s->different > 0 ? ERR_TASK_FAILED : 0;
}

/* Differences first, then by number. */
static int row_order(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->m.same != y->m.same) {
        return x->m.same - y->m.same;
    }
    return (x->m.seq > y->m.seq) - (x->m.seq < y->m.seq);
}

static void say_done(struct serving *s, int code)
{
    Proctor__ReplayDone m = PROCTOR__REPLAY_DONE__INIT;
    Proctor__ReplayRow *at[ROWS_MAX];

    if (s->rows_n > 1) {
        qsort(s->rows, s->rows_n, sizeof(*s->rows), row_order);
    }
    for (size_t i = 0; i < s->rows_n; i++) {
        s->rows[i].m.what = s->rows[i].what; /* it was moved */
        at[i] = &s->rows[i].m;
    }
    m.code = code;
    m.rows = at;
    m.n_rows = s->rows_n;
    m.replayed = s->replayed;
    m.different = s->different;
    say(s, MSG_REPLAY_DONE, &m.base);
}

/* Replay reads a store; it never makes one. */
static int check_store(const char *store, struct diag *d)
{
    char path[PATH_ROOM];
    struct stat st;

    if (snprintf(path, sizeof(path), "%s/format", store) >= (int)sizeof(path) ||
        stat(path, &st) < 0) {
        return diag_set(d, ERR_NOT_FOUND, (struct loc){.path = store},
                        "there is no store to replay from");
    }
    return 0;
}

static int serve(struct serving *s, const Proctor__ReplayRequest *q)
{
    struct diag d;
    int code;

    diag_init(&d);
    code = check_store(s->store, &d);
    if (code == 0) {
        code = history_read(s->store, q->seq, q->all, &s->history, &d);
    }
    if (code < 0) {
        say_diag(s, &d);
        return code;
    }
    s->rows = calloc(ROWS_MAX, sizeof(*s->rows));
    if (s->rows == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(asker_open(s->store, s->client_fd, &s->asker));
    code = replay_all(s, &d);
    if (code < 0 && code != ERR_CANCELLED && code != ERR_TASK_FAILED) {
        explain(s, code, &d);
        say_diag(s, &d);
    }
    return code;
}

int serve_client(const char *store, int client_fd)
{
    struct serving s = {.store = store, .client_fd = client_fd};
    struct frame f;
    int code;

    frame_init(&f);
    code = frame_receive(client_fd, MSG_FROM_CLI, &f);
    if (code == ERR_CLOSED) {
        return 0;
    }
    if (code == 0 && f.info->msg != MSG_REPLAY_REQUEST) {
        code = ERR_PROTOCOL;
    }
    if (code == 0) {
        code = serve(&s, (const Proctor__ReplayRequest *)f.m);
        asker_close(s.asker);
        say_done(&s, code);
        code = 0;
    }
    frame_release(&f);
    history_release(&s.history);
    free(s.rows);
    return code;
}

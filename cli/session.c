/* A session with the kernel. Prints diagnoses at once, on standard error. */
#include "cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/heads.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/term.h"
#include "cli/tiles.h"
#include "proto/err.h"

static void init(struct session *s, struct cli *c)
{
    memset(s, 0, sizeof(*s));
    s->c = c;
    frame_init(&s->answer);
    s->progress = progress_new();
}

int session_open(struct session *s, struct cli *c, const char *store)
{
    const struct client_program p = {CLIENT_KERNEL, store, 1};

    init(s, c);
    s->store = store;
    if (store != NULL) {
        int rc = heads_before(store, &s->seen, &c->d);

        if (rc != 0) {
            s->store = NULL; /* nothing will have changed */
            return rc;
        }
    }
    return client_open(&p, &s->client, &c->d);
}

int session_open_replayer(struct session *s, struct cli *c, const char *store)
{
    const struct client_program p = {CLIENT_REPLAYER, store, 1};

    init(s, c);
    return client_open(&p, &s->client, &c->d);
}

static void hear_event(void *ctx, const Proctor__Event *e)
{
    struct session *s = ctx;

    if (s->heard != NULL) {
        s->heard(s->heard_ctx, e);
    }
    progress_event(s->progress, e);
}

static void keep(struct session *s, const struct diag *d, const char *task)
{
    struct session_diag *k = &s->diags[s->diags_n];

    if (s->diags_n == SESSION_DIAGS_MAX) {
        s->diags_more++;
        return;
    }
    k->path = strdup(d->at.path != NULL ? d->at.path : "");
    k->what = strdup(d->what);
    k->hint = strdup(d->hint);
    k->task = strdup(task);
    k->line = d->at.line;
    k->col = d->at.col;
    k->code = d->code;
    s->diags_n++;
}

static void hear_diagnosis(void *ctx, const Proctor__Diagnosis *m)
{
    struct session *s = ctx;
    struct diag d;

    diag_init(&d);
    (void)diag_set(
        &d, m->code,
        (struct loc){m->path[0] != '\0' ? m->path : NULL, m->line, m->col},
        "%s", m->what);
    diag_hint(&d, "%s", m->code == ERR_SPACE && m->hint[0] == '\0'
                            ? "free some space; what was recorded is safe"
                            : m->hint);
    if (s->retell != NULL) {
        s->retell(s->retell_ctx, &d);
    }
    progress_hide(s->progress);
    report_print(stderr, &d, term_has_colour(stderr), NULL);
    keep(s, &d, m->task);
}

static void say(struct session *s, struct diag *d)
{
    Proctor__Diagnosis m = PROCTOR__DIAGNOSIS__INIT;

    m.code = d->code;
    m.what = d->what;
    m.hint = d->hint;
    hear_diagnosis(s, &m);
}

/* The answer came, and then the kernel ended badly. */
static void hear_bad_end(struct session *s, struct diag *d)
{
    if (s->answer.m != NULL && s->answer.info->msg == MSG_RUN_DONE) {
        Proctor__RunDone *done = (Proctor__RunDone *)s->answer.m;

        say(s, d);
        if (done->code == 0) {
            done->code = d->code;
        }
    }
}

/* Publishes what was recorded, and tells those who keep heads. */
static void publish(struct session *s)
{
    struct diag d;

    diag_init(&d);
    if (tiles_catch_up(s->store, &d) < 0) {
        say(s, &d); /* no record is the worse for it */
    } else if (heads_after(s->store, &d) < 0) {
        hear_bad_end(s, &d); /* what nobody has witnessed does not count yet */
    }
    err_trace_clear(); /* of what was tried here; all of it was told */
}

void session_end_kernel(struct session *s)
{
    struct diag d;

    if (s->client == NULL) {
        return;
    }
    diag_init(&d);
    if (client_end(s->client, &d) < 0) {
        hear_bad_end(s, &d);
    }
    client_close(s->client);
    s->client = NULL;
    if (s->store != NULL) {
        publish(s);
    }
    progress_free(s->progress);
    s->progress = NULL;
}

void session_close(struct session *s)
{
    size_t i;

    session_end_kernel(s);
    frame_release(&s->answer);
    for (i = 0; i < s->diags_n; i++) {
        free(s->diags[i].path);
        free(s->diags[i].what);
        free(s->diags[i].hint);
        free(s->diags[i].task);
    }
    s->diags_n = 0;
}

static void hear_interrupt(void *ctx, unsigned n)
{
    struct session *s = ctx;

    progress_say(s->progress,
                 n == 1 ? "stopping; what has passed is kept (run --resume)"
                        : "stopping now");
}

/* The question with what the kernel must know of the past. */
static int ask(struct session *s, const struct client_question *q,
               const struct client_ears *ears)
{
    Proctor__SeenHead head = PROCTOR__SEEN_HEAD__INIT;
    Proctor__RunRequest m;
    struct client_question whole = *q;

    if (q->msg == MSG_RUN_REQUEST && s->seen.size > 0) {
        m = *(const Proctor__RunRequest *)q->m;
        head.size = s->seen.size;
        head.root =
            (ProtobufCBinaryData){sizeof(s->seen.root.b), s->seen.root.b};
        m.seen = &head;
        whole.m = &m.base;
    }
    return client_ask(s->client, &whole, ears, &s->answer, &s->c->d);
}

int session_ask(struct session *s, const struct client_question *q, int dir_fd)
{
    struct client_ears ears = {hear_event, hear_diagnosis, hear_interrupt, s};
    int rc;

    client_serve_files(s->client, dir_fd);
    rc = ask(s, q, &ears);
    progress_hide(s->progress);
    if (rc < 0 && s->diags_n > 0 && s->diags[s->diags_n - 1].code == rc) {
        s->c->told = 1;
    }
    return rc;
}

const ProtobufCMessage *session_answer(const struct session *s, enum msg wanted,
                                       int *out_code)
{
    const Proctor__RunDone *done;

    *out_code = 0;
    if (s->answer.info->msg == wanted) {
        return s->answer.m;
    }
    done = (const Proctor__RunDone *)s->answer.m;
    *out_code = done->code < 0 ? done->code : ERR_INTERNAL;
    return NULL;
}

void session_put_json(const struct session *s, struct json *j)
{
    size_t i;

    json_array(j, "diagnoses");
    for (i = 0; i < s->diags_n; i++) {
        const struct session_diag *k = &s->diags[i];

        json_object(j, NULL);
        json_str(j, "path", k->path != NULL ? k->path : "");
        json_u64(j, "line", k->line);
        json_u64(j, "col", k->col);
        json_str(j, "what", k->what != NULL ? k->what : "");
        json_str(j, "hint", k->hint != NULL ? k->hint : "");
        json_str(j, "task", k->task != NULL ? k->task : "");
        json_i64(j, "code", k->code);
        json_str(j, "error", err_name(k->code));
        json_close(j);
    }
    json_close(j);
}

/* The document of a failure that was diagnosed: every place is in it. */
static int emit_failure(struct session *s, int code)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_i64(&j, "code", code);
    json_str(&j, "error", err_name(code));
    json_i64(&j, "exit", err_exit_code(code));
    json_str(&j, "what", s->diags[0].what != NULL ? s->diags[0].what : "");
    json_str(&j, "hint", s->diags[0].hint != NULL ? s->diags[0].hint : "");
    session_put_json(s, &j);
    json_close(&j);
    return cli_emit(s->c, &j);
}

int session_fail(struct session *s, int code, const char *what)
{
    if (code == 0) {
        return 0;
    }
    if (s->diags_n + s->diags_more > 0) {
        s->c->told = 1;
    }
    if (s->c->json && s->diags_n > 0 && !s->c->emitted) {
        TRY(emit_failure(s, code));
    }
    return cli_fail(s->c, code, "%s: %s", what, err_text(code));
}

/* See export_units.h. The kernel is started for the length of it; no store. */
#include "cli/export_units.h"

#include <string.h>

#include "cli/files.h"
#include "cli/session.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

/* One question to a fresh worker. *out is borrowed until the next question; NULL:
 * the kernel could not ask it, c->d says why. */
static int ask(struct session *s, struct cli *c, Proctor__CmlCommand command,
               Proctor__CmlText *text, const Proctor__CmlReply **out)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};
    const Proctor__AskDone *done;

    *out = NULL;
    frame_release(&s->answer);
    task.command = command;
    task.texts = &text;
    task.n_texts = 1;
    m.cml = &task;
    TRY(session_ask(s, &q, -1));
    if (s->answer.info->msg != MSG_ASK_DONE) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    done = (const Proctor__AskDone *)s->answer.m;
    if (done->code < 0 || done->cml == NULL) {
        return cli_fail_hint(c, done->code < 0 ? done->code : ERR_WORKER,
                             done->hint, "%s", done->problem);
    }
    *out = done->cml;
    return 0;
}

static int add_file(const struct export_out *x, struct session *s,
                    const char *path, struct projection *p)
{
    struct buf bytes CLEANUP(buf_release);
    int fd CLEANUP(fd_closep) = -1;
    Proctor__CmlText text = PROCTOR__CML_TEXT__INIT;
    const Proctor__CmlReply *r;
    int rc;

    buf_init(&bytes, LIMIT_CML_BUNDLE_BYTES);
    TRY(files_open("the CML file", path, &fd, &x->c->d));
    rc = files_read_fd(fd, LIMIT_CML_BUNDLE_BYTES, &bytes);
    if (rc < 0) {
        return cli_fail(x->c, rc, "%s: %s", path,
                        rc == ERR_LIMIT ? "over 15 MiB" : err_text(rc));
    }
    text.name = pb_str(path);
    text.content = bytes_field(buf_bytes(&bytes));
    TRY(ask(s, x->c, PROCTOR__CML_COMMAND__CML_COMPILE, &text, &r));
    ASSERT(r != NULL);
    if (r->problem != NULL) {
        (void)diag_set(&x->c->d, ERR_INPUT,
                       (struct loc){path, r->problem->line, r->problem->col},
                       "%s", r->problem->what);
        diag_hint(&x->c->d, "%s", r->problem->hint);
        return ERR_INPUT;
    }
    for (size_t i = 0; i < r->n_units; i++) {
        TRY(projection_unit(p, r->units[i]->name,
                            field_bytes(&r->units[i]->bundle), &x->c->d));
    }
    return 0;
}

int export_units_add(const struct export_out *x, struct projection *p)
{
    struct session s;
    int rc;

    if (x->units_n == 0) {
        return 0;
    }
    rc = session_open(&s, x->c, NULL);
    for (size_t i = 0; rc == 0 && i < x->units_n; i++) {
        rc = add_file(x, &s, x->units[i], p);
    }
    session_close(&s);
    return rc;
}

static int add_text(const struct export_out *x, struct session *s,
                    const struct name_entry *e, struct projection *p)
{
    struct buf bundle CLEANUP(buf_release);
    Proctor__CmlText text = PROCTOR__CML_TEXT__INIT;
    const Proctor__CmlReply *r;
    uint32_t root;

    buf_init(&bundle, LIMIT_CML_BUNDLE_BYTES);
    TRY(cml_dag_find(&p->dag, &e->cid, &root));
    if (cml_dag_at(&p->dag, root)->kind != CML_UNIT ||
        cml_bundle_put(&p->dag, root, &bundle) < 0) {
        return 0;
    }
    text.name = pb_str(e->name);
    text.content = bytes_field(buf_bytes(&bundle));
    TRY(ask(s, x->c, PROCTOR__CML_COMMAND__CML_FORMAT_TEXT, &text, &r));
    ASSERT(r != NULL);
    if (r->problem != NULL || r->out.len == 0 ||
        memchr(r->out.data, '\0', r->out.len) != NULL) {
        return 0;
    }
    return projection_text(p, e->name, field_bytes(&r->out));
}

int export_units_text(const struct export_out *x, struct projection *p)
{
    struct session s;
    int rc;

    if (p->manifest.n == 0) {
        return 0;
    }
    rc = session_open(&s, x->c, NULL);
    for (size_t i = 0; rc == 0 && i < p->manifest.n; i++) {
        rc = add_text(x, &s, &p->manifest.entries[i], p);
    }
    session_close(&s);
    return rc;
}

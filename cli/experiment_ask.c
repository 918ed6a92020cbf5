/* Files of experiments: opened with the person's authority, read by a confined
 * worker of class config. Nothing is recorded. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/experiment.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/term.h"
#include "proto/err.h"

#define FILE_BYTES_MAX (1u << 20)

static int check_suffix(struct cli *c, const char *path)
{
    static const char *const suffixes[] = {".json", ".yaml", ".yml"};
    size_t n = strlen(path);

    for (size_t i = 0; i < ARRAY_N(suffixes); i++) {
        size_t s = strlen(suffixes[i]);

        if (n > s && strcasecmp(path + n - s, suffixes[i]) == 0) {
            return 0;
        }
    }
    return cli_fail_hint(c, ERR_INPUT, "name a .json, .yaml or .yml file",
                         "%.150s: an experiment file ends in .json, .yaml or "
                         ".yml", path);
}

static int read_file(struct cli *c, const char *path, struct buf *out)
{
    CLEANUP(fd_closep) int fd = -1;
    int rc;

    TRY(files_open("the experiment file", path, &fd, &c->d));
    TRY(check_suffix(c, path));
    rc = files_read_fd(fd, FILE_BYTES_MAX, out);
    return rc == 0 ? 0
                   : cli_fail(c, rc, "%.150s: %s", path,
                              rc == ERR_LIMIT ? "over 1 MiB" : err_text(rc));
}

static void put_problems(struct json *j, const char *path,
                         const Proctor__ConfigReply *m)
{
    json_array(j, "problems");
    for (size_t i = 0; i < m->n_problems; i++) {
        json_object(j, NULL);
        json_str(j, "path", path);
        json_u64(j, "line", m->problems[i]->line);
        json_u64(j, "col", m->problems[i]->col);
        json_str(j, "what", m->problems[i]->what);
        json_str(j, "hint", m->problems[i]->hint);
        json_close(j);
    }
    json_close(j);
}

static int emit_problems(struct cli *c, const char *path,
                         const Proctor__ConfigReply *m)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_i64(&j, "code", ERR_INPUT);
    json_str(&j, "error", err_name(ERR_INPUT));
    json_i64(&j, "exit", err_exit_code(ERR_INPUT));
    put_problems(&j, path, m);
    json_close(&j);
    return cli_emit(c, &j);
}

/* One headline, then a bullet for each. */
static int tell_problems(struct cli *c, const char *path,
                         const Proctor__ConfigReply *m)
{
    if (m->n_problems < 2) {
        (void)diag_set(&c->d, m->problem->kind == 1 ? ERR_LIMIT : ERR_INPUT,
                       (struct loc){path, m->problem->line, m->problem->col},
                       "%s", m->problem->what);
        if (m->problem->hint[0] != '\0') {
            diag_hint(&c->d, "%s", m->problem->hint);
        }
        return c->d.code;
    }
    fprintf(stderr, "%s: %serror:%s %zu things are wrong:\n", path,
            term_style(term_has_colour(stderr), "\033[1;31m"),
            term_style(term_has_colour(stderr), "\033[0m"), m->n_problems);
    for (size_t i = 0; i < m->n_problems; i++) {
        const Proctor__Problem *p = m->problems[i];

        fprintf(stderr, "  - ");
        if (p->line > 0) {
            fprintf(stderr, "line %u, column %u: ", p->line, p->col);
        }
        term_put_text(stderr,
                      (struct ubytes){(const uint8_t *)p->what,
                                      strlen(p->what)}, DIAG_TEXT_BYTES);
        if (p->hint[0] != '\0') {
            fprintf(stderr, "\n    hint: ");
            term_put_text(stderr,
                          (struct ubytes){(const uint8_t *)p->hint,
                                          strlen(p->hint)}, DIAG_TEXT_BYTES);
        }
        fputc('\n', stderr);
    }
    c->told = 1;
    if (c->json) {
        TRY(emit_problems(c, path, m));
    }
    return cli_fail(c, ERR_INPUT, "%s: malformed input", path);
}

static void tell_warnings(const char *path, const Proctor__ConfigReply *m)
{
    for (size_t i = 0; i < m->n_warnings; i++) {
        fprintf(stderr, "%s: warning: ", path);
        term_put_text(stderr,
                      (struct ubytes){(const uint8_t *)m->warnings[i],
                                      strlen(m->warnings[i])},
                      DIAG_TEXT_BYTES);
        fputc('\n', stderr);
    }
}

static int ask(struct cli *c, Proctor__ConfigTask *task,
               struct experiment_file *out)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};
    const Proctor__AskDone *done;
    struct session s;
    int rc = session_open(&s, c, NULL);

    m.config = task;
    rc = rc == 0 ? session_ask(&s, &q, -1) : rc;
    if (rc == 0) {
        out->frame = s.answer;
        frame_init(&s.answer);
    }
    session_close(&s);
    TRY(rc);
    if (out->frame.info->msg != MSG_ASK_DONE) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    done = (const Proctor__AskDone *)out->frame.m;
    if (done->code < 0 || done->config == NULL) {
        return cli_fail_hint(c, done->code < 0 ? done->code : ERR_WORKER,
                             done->hint, "%s", done->problem);
    }
    out->reply = done->config;
    return 0;
}

int experiment_file_read(struct experiment_args *a, const char *path,
                         struct experiment_file *out)
{
    CLEANUP(buf_release) struct buf text;
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    out->path = path;
    frame_init(&out->frame);
    buf_init(&text, FILE_BYTES_MAX);
    TRY(read_file(a->c, path, &text));
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_EXPERIMENT;
    task.text.data = (uint8_t *)(uintptr_t)buf_bytes(&text).p;
    task.text.len = buf_len(&text);
    task.overrides = a->words.list;
    task.n_overrides = a->words.m.n_overrides;
    TRY(ask(a->c, &task, out));
    if (a->config != NULL) { /* else it is one that we wrote */
        tell_warnings(path, out->reply);
    }
    return out->reply->problem != NULL
               ? tell_problems(a->c, path, out->reply)
               : 0;
}

void experiment_file_release(struct experiment_file *f)
{
    frame_release(&f->frame);
}

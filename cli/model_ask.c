/* Model files and questions about them: opened with the person's authority, read
 * by a confined worker. Must never pass on a descriptor that could be written
 * to. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/model.h"
#include "proto/blake3.h"
#include "proto/err.h"

int model_file_open(struct cli *c, const char *path, struct model_file *out)
{
    out->path = path;
    out->fd = -1;
    TRY(files_open("the model", path, &out->fd, &c->d));
    if (fstat(out->fd, &out->before) != 0) {
        return cli_fail(c, err_from_errno(errno), "%.150s: %s", path,
                        strerror(errno));
    }
    return 0;
}

void model_file_close(struct model_file *f)
{
    fd_closep(&f->fd);
}

int model_file_check(struct cli *c, const struct model_file *f)
{
    const struct stat *a = &f->before;
    struct stat b;

    if (fstat(f->fd, &b) != 0 || a->st_size != b.st_size ||
        a->st_mtim.tv_sec != b.st_mtim.tv_sec ||
        a->st_mtim.tv_nsec != b.st_mtim.tv_nsec ||
        a->st_ctim.tv_sec != b.st_ctim.tv_sec ||
        a->st_ctim.tv_nsec != b.st_ctim.tv_nsec) {
        return cli_fail(c, ERR_INPUT, "%.150s changed while it was read",
                        f->path);
    }
    return 0;
}

int model_file_cid(struct cli *c, const struct model_file *f, struct cid *out)
{
    static uint8_t part[1u << 18];
    struct blake3 h;
    off_t off = 0;

    blake3_init(&h);
    for (;;) {
        ssize_t n = pread(f->fd, part, sizeof(part), off);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cli_fail(c, err_from_errno(errno), "%.150s: %s", f->path,
                            strerror(errno));
        }
        if (n == 0) {
            break;
        }
        blake3_update(&h, part, (size_t)n);
        off += n;
    }
    blake3_final(&h, out->b);
    return 0;
}

static int tell_problem(struct cli *c, const char *path,
                        const Proctor__Problem *p)
{
    int code = diag_set(&c->d, p->kind == 1 ? ERR_LIMIT : ERR_INPUT,
                        (struct loc){.path = path}, "%s", p->what);

    if (p->hint[0] != '\0') {
        diag_hint(&c->d, "%s", p->hint);
    }
    return code;
}

int model_ask(struct session *s, struct model_args *a,
              const struct model_file *weights,
              const Proctor__ModelReply **out)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base,
                                      weights != NULL ? &weights->fd : NULL,
                                      weights != NULL, MSG_ASK_DONE};
    const Proctor__AskDone *done;

    TRY(session_open(s, a->c, NULL));
    m.model = &a->task;
    TRY(session_ask(s, &q, -1));
    done = (const Proctor__AskDone *)s->answer.m;
    if (s->answer.info->msg != MSG_ASK_DONE) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    /* First: a file that changed explains whatever else went wrong. */
    TRY(weights != NULL ? model_file_check(a->c, weights) : 0);
    if (done->code < 0 || done->model == NULL) {
        return cli_fail_hint(a->c, done->code < 0 ? done->code : ERR_WORKER,
                             done->hint, "%s", done->problem);
    }
    *out = done->model;
    return done->model->problem != NULL
               ? tell_problem(a->c, a->words[0], done->model->problem)
               : 0;
}

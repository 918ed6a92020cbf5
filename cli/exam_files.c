/* Files of `proctor exam`: what each is called in the sandbox and in the policy,
 * and which path of the person's is served under that name. Opens files with
 * the person's authority only to see that they are there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/exam_ask.h"
#include "cli/files.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

/* Folders of the sandbox, one per role: works do not see each other's names. */
static const char *const FOLDERS[] = {"candidate", "oracle", "second"};

/* The path as a policy's globs see it: relative when beneath the working
 * directory, else absolute without its first slash. */
static int real_name(const char *path, const char *here, char *out,
                     size_t out_n, struct diag *d)
{
    CLEANUP(mem_freep) char *real = realpath(path, NULL);
    size_t here_n = strcmp(here, "/") == 0 ? 0 : strlen(here);
    const char *name;
    int n;

    if (real == NULL) {
        return diag_set(d, err_from_errno(errno), (struct loc){path, 0, 0},
                        "cannot open it: %s", strerror(errno));
    }
    name = real + (strncmp(real, here, here_n) == 0 && real[here_n] == '/'
                       ? here_n + 1
                       : 1);
    n = snprintf(out, out_n, "%s", name);
    return n > 0 && (size_t)n < out_n
               ? 0
               : diag_set(d, ERR_LIMIT, (struct loc){path, 0, 0},
                          "the path is too long");
}

static int is_beneath(const char *path, const char *here)
{
    CLEANUP(mem_freep) char *real = realpath(path, NULL);
    size_t n = strlen(here);

    return real != NULL && (strcmp(here, "/") == 0 ||
                            (strncmp(real, here, n) == 0 && real[n] == '/'));
}

/* The folder that real names start from: the working directory, or the root
 * when some file lies outside of it. */
static const char *find_base(const struct exam_ask *a, const char *here)
{
    for (size_t i = 0; i < EXAM_ROLE_CORPUS; i++) {
        if (a->works[i].word != NULL && !is_beneath(a->works[i].path, here)) {
            return "/";
        }
    }
    for (size_t i = 0; i < a->files_n; i++) {
        if (a->files[i].role != EXAM_ROLE_CORPUS &&
            !is_beneath(a->files[i].path, here)) {
            return "/";
        }
    }
    return here;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void serve(struct exam_ask *a, const char *name, const char *path)
{
    ASSERT(a->served_n < ARRAY_N(a->served));
    a->served[a->served_n++] = (struct client_file){name, path};
}

/* With the person's policy every file has its own name, so that globs mean what
 * they say; else names are fixed, so that equal bytes are one candidate. */
static int name_work(struct exam_ask *a, enum exam_role role, const char *base,
                     struct diag *d)
{
    struct exam_work *w = &a->works[role];

    if (w->word == NULL) {
        return 0;
    }
    if (a->policy != NULL) {
        TRY(real_name(w->path, base, w->name, sizeof(w->name), d));
    } else {
        (void)snprintf(w->name, sizeof(w->name), "%s/%s%s", FOLDERS[role],
                       FOLDERS[role],
                       w->is_unit                                ? ".cml"
                       : w->function[0] != '\0' || w->is_script ? ".py"
                                                                : "");
    }
    serve(a, w->name, w->path);
    return 0;
}

static int name_file(struct exam_ask *a, struct exam_file *f, const char *base,
                     struct diag *d)
{
    const char *name = f->path;

    while (strncmp(name, "./", 2) == 0) {
        name += 2; /* as the kernel asks for it */
    }
    if (f->role == EXAM_ROLE_CORPUS) {
        (void)snprintf(f->name, sizeof(f->name), "%s", name);
    } else if (a->policy != NULL) {
        TRY(real_name(f->path, base, f->name, sizeof(f->name), d));
    } else {
        (void)snprintf(f->name, sizeof(f->name), "%s/%s", FOLDERS[f->role],
                       base_name(f->path));
    }
    for (size_t i = 0; i < a->served_n; i++) {
        if (strcmp(a->served[i].name, f->name) == 0) {
            (void)diag_set(d, ERR_INPUT, (struct loc){f->path, 0, 0},
                           "in the sandbox it would be called %.60s, as is "
                           "another file",
                           f->name);
            diag_hint(d, "give it another name");
            return ERR_INPUT;
        }
    }
    serve(a, f->name, f->path);
    return 0;
}

static int name_all(struct exam_ask *a, struct diag *d)
{
    CLEANUP(mem_freep) char *here = realpath(".", NULL);
    const char *base;

    if (here == NULL) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "the working directory is gone");
    }
    base = find_base(a, here);
    for (unsigned i = 0; i < EXAM_ROLE_CORPUS; i++) {
        TRY(name_work(a, (enum exam_role)i, base, d));
    }
    for (size_t i = 0; i < a->files_n; i++) {
        TRY(name_file(a, &a->files[i], base, d));
    }
    (void)snprintf(a->request.dir, sizeof(a->request.dir), "%s",
                   a->policy != NULL && strcmp(base, "/") == 0 ? "/" : "");
    a->request.m.graph_dir = a->request.dir;
    return 0;
}

/* True when both paths lead to one file. */
static int is_same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* True when both files hold the same bytes: one text under two names. */
static int is_same_text(const char *a, const char *b)
{
    struct buf x;
    struct buf y;
    int same;

    buf_init(&x, LIMIT_CODE_FILE_BYTES);
    buf_init(&y, LIMIT_CODE_FILE_BYTES);
    same = files_read(a, LIMIT_CODE_FILE_BYTES, &x) == 0 &&
           files_read(b, LIMIT_CODE_FILE_BYTES, &y) == 0 &&
           buf_len(&x) == buf_len(&y) &&
           (buf_len(&x) == 0 ||
            memcmp(buf_bytes(&x).p, buf_bytes(&y).p, buf_len(&x)) == 0);
    buf_release(&x);
    buf_release(&y);
    return same;
}

static int fail_twice(const char *path, struct diag *d)
{
    (void)diag_set(d, ERR_INPUT, (struct loc){path, 0, 0},
                   "this file is given twice");
    diag_hint(d, "an oracle must be written apart from the candidate and from "
                 "the other oracle");
    return ERR_INPUT;
}

/* Says at once what the kernel would only ask for later, and what it cannot
 * see: that one file was given in two roles. */
static int check_files(const struct exam_ask *a, struct diag *d)
{
    const struct exam_work *oracle = &a->works[EXAM_ROLE_ORACLE];
    const struct exam_work *second = &a->works[EXAM_ROLE_SECOND];

    for (size_t i = 0; i < a->served_n; i++) {
        CLEANUP(fd_closep) int fd = -1;

        TRY(files_open("it", a->served[i].path, &fd, d));
    }
    for (unsigned i = 0; i < EXAM_ROLE_CORPUS; i++) {
        const struct exam_work *w = &a->works[i];

        for (size_t k = 0; w->word != NULL && k < a->served_n; k++) {
            if (a->served[k].path != w->path &&
                is_same_file(w->path, a->served[k].path)) {
                return fail_twice(w->path, d);
            }
        }
    }
    if (second->word != NULL && is_same_text(oracle->path, second->path)) {
        return fail_twice(second->path, d);
    }
    return 0;
}

int exam_ask_name_files(struct exam_ask *a, struct diag *d)
{
    TRY(name_all(a, d));
    return check_files(a, d);
}

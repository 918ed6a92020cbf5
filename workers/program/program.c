/* Checks a PROGRAM_TASK and puts its files in place. Runs in the program
 * worker, as pid 1 of the sandbox. Must never write outside its folder. */
#include "workers/program/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/sort.h"
#include "workers/program/adapter.h"
#include "workers/program/tree.h"

static const struct loc nowhere = {NULL, 0, 0};

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;

    return strcmp(*x, *y);
}

/* Two equal names, or one that is a folder of the other, end up as EEXIST or
 * ENOTDIR when they are written; equal ones are named here. */
static int check_twice(const Proctor__ProgramTask *t, struct diag *d)
{
    const char **names CLEANUP(mem_freep) = NULL;

    if (t->n_files < 2) {
        return 0;
    }
    names = calloc(t->n_files, sizeof(*names));
    if (names == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < t->n_files; i++) {
        names[i] = t->files[i]->name;
    }
    sort_items(names, t->n_files, sizeof(*names), compare_names);
    for (size_t i = 1; i < t->n_files; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return diag_set(d, ERR_INPUT, nowhere, "file %s stands twice",
                            names[i]);
        }
    }
    return 0;
}

static int check_files(const Proctor__ProgramTask *t, struct diag *d)
{
    if (t->n_files > LIMIT_FILES) {
        return diag_set(d, ERR_INPUT, nowhere, "%zu files, the limit is %d",
                        t->n_files, LIMIT_FILES);
    }
    for (size_t i = 0; i < t->n_files; i++) {
        const Proctor__File *f = t->files[i];

        if (!tree_name_is_plain(f->name)) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "file name %.60s is no plain relative path",
                            f->name);
        }
        if (f->mode != 0444 && f->mode != 0555) {
            return diag_set(d, ERR_INPUT, nowhere,
                            "file %.60s: mode %o, expected 444 or 555", f->name,
                            f->mode);
        }
    }
    return check_twice(t, d);
}

static int check_function(const Proctor__ProgramTask *t, struct diag *d)
{
    if (t->function_file[0] == '\0') {
        return 0;
    }
    if (t->function_name[0] == '\0') {
        return diag_set(d, ERR_INPUT, nowhere, "a function without a name");
    }
    for (size_t i = 0; i < t->n_files; i++) {
        if (strcmp(t->files[i]->name, t->function_file) == 0) {
            return 0;
        }
    }
    return diag_set(d, ERR_INPUT, nowhere, "function file %.60s is not there",
                    t->function_file);
}

static int check_types(struct program *p, const Proctor__ProgramTask *t,
                       struct diag *d)
{
    struct ubytes takes = {t->takes.data, t->takes.len};
    struct ubytes gives = {t->gives.data, t->gives.len};

    if (type_decode(takes, &p->takes) != 0 ||
        type_tag_at(&p->takes, 0) != TYPE_TUPLE) {
        return diag_set(d, ERR_INPUT, nowhere, "takes is no tuple type");
    }
    if (type_decode(gives, &p->gives) != 0) {
        return diag_set(d, ERR_INPUT, nowhere, "gives is no type");
    }
    type_text(&p->takes, p->takes_text_, sizeof(p->takes_text_));
    type_text(&p->gives, p->gives_text_, sizeof(p->gives_text_));
    return 0;
}

/* argv of the task; for a function, the adapter's words behind it. */
static int build_argv(struct program *p, const Proctor__ProgramTask *t)
{
    const char *const adapter[] = {"-s",
                                   "-S",
                                   "-B",
                                   "-c",
                                   adapter_source(),
                                   t->function_file,
                                   t->function_name,
                                   p->takes_text_,
                                   p->gives_text_};
    size_t n = t->n_argv;

    p->argv_ = calloc(n + ARRAY_N(adapter) + 1, sizeof(*p->argv_));
    if (p->argv_ == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        p->argv_[i] = t->argv[i];
    }
    if (t->function_file[0] != '\0') {
        memcpy(p->argv_ + n, adapter, sizeof(adapter));
    }
    return 0;
}

int program_init(struct program *p, const Proctor__ProgramTask *task,
                 const char *work_dir, struct diag *d)
{
    memset(p, 0, sizeof(*p));
    p->task = task;
    p->work_dir = work_dir;
    p->output_bytes = task->output_bytes;
    p->is_dirty = 1;
    if (task->n_argv == 0 || task->n_argv > LIMIT_ARGV ||
        strchr(task->argv[0], '/') == NULL) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the program's path is missing or has no '/'");
    }
    TRY(check_types(p, task, d));
    TRY(check_files(task, d));
    TRY(check_function(task, d));
    return build_argv(p, task);
}

void program_release(struct program *p)
{
    free(p->argv_);
    memset(p, 0, sizeof(*p));
}

static int place_files(struct program *p, int dir, struct diag *d)
{
    for (size_t i = 0; i < p->task->n_files; i++) {
        const Proctor__File *f = p->task->files[i];
        struct ubytes content = {f->content.data, f->content.len};
        int code = tree_write(dir, f->name, content, f->mode);

        if (code != 0) {
            return diag_set(d, code, nowhere, "cannot write file %.60s: %s",
                            f->name, err_text(code));
        }
    }
    return 0;
}

int program_place(struct program *p, const char *tmp_dir, struct diag *d)
{
    int dir CLEANUP(fd_closep) = -1;
    int code;

    if (!p->is_dirty) {
        return 0;
    }
    code = tree_empty(p->work_dir);
    if (code == 0 && tmp_dir != NULL) {
        code = tree_empty(tmp_dir);
    }
    if (code != 0) {
        return diag_set(d, code, nowhere, "cannot empty the work folder: %s",
                        err_text(code));
    }
    dir = open(p->work_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0) {
        return diag_set(d, err_from_errno(errno), nowhere,
                        "cannot open the work folder: %s", strerror(errno));
    }
    TRY(place_files(p, dir, d));
    p->is_dirty = 0;
    return 0;
}

/* The files of one run: which ones its graph names, and the objects that they
 * became. A sorted list of name, mode and CID: the Inputs object. */
#ifndef KERNEL_RUN_FILES_H
#define KERNEL_RUN_FILES_H

#include "kernel/run/core.h"
#include "kernel/admit/path.h"

#include "evidence.pb-c.h"
#include "graph.pb-c.h"

struct file {
    char *name;        /* owned; normal form (path.h), or an absolute program */
    uint64_t max_bytes;
    uint32_t task_i;   /* first task that names it */
    uint32_t mode;     /* 0444 or 0555, once it is there */
    int there;
    struct cid cid;
};

struct files {
    struct file *v; /* owned; sorted by name after files_collect */
    size_t n;
    size_t cap_;
};

void files_init(struct files *f);
void files_release(struct files *f);

/* All files that the graph's tasks, repairs and oracles name. 0, ERR_NOMEM, or
 * ERR_INPUT with d and the task for a name that path_normal refuses. */
int files_collect(struct files *f, const Proctor__Graph *g, size_t *out_task,
                  struct diag *d) MUST_USE;
/* By its name in any spelling; NULL when it is none of the run's. */
const struct file *files_find(const struct files *f, const char *name);

/* Takes the content of file i from fd (borrowed). store NULL: only looked at.
 * 0, or ERR_* with d. */
int files_fill(struct files *f, size_t i, int fd, struct core *c,
               struct diag *d) MUST_USE;
/* The Inputs object, with the granted programs under their absolute names. */
struct programs;
int files_put(const struct files *f, const struct programs *p,
              const char *graph_dir, struct core *c, struct cid *out) MUST_USE;
/* The order of an object's files: by name. */
void files_sort(Proctor__Artifact **v, size_t n);
/* Fills the collected names from an Inputs object. 0, ERR_NOT_FOUND with d when
 * one is missing, ERR_*. */
int files_load(struct files *f, struct core *c, const struct cid *inputs,
               struct diag *d) MUST_USE;

#endif

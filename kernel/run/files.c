/* Collects, takes in and looks up the files of a run. Reads descriptors that the
 * client sent; opens no path and parses no content. Kernel process. */
#include "kernel/run/files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/admit/admit.h"
#include "kernel/run/program.h"
#include "proto/err.h"

void files_init(struct files *f)
{
    *f = (struct files){0};
}

void files_release(struct files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].name);
    }
    free(f->v);
    files_init(f);
}

struct collect {
    struct files *f;
    uint32_t task_i;
    struct diag *d;
};

static int collect_one(struct collect *c, const char *name, uint64_t max_bytes)
{
    struct files *f = c->f;
    struct path path;
    const char *why;

    if (path_normal(name, &path, &why) < 0) {
        diag_set(c->d, ERR_INPUT, (struct loc){0}, "file \"%s\": %s", name,
                 why);
        diag_hint(c->d, "files are named relative to the graph's folder and "
                        "stay beneath it");
        return ERR_INPUT;
    }
    if (f->n == f->cap_) {
        size_t cap = f->cap_ == 0 ? 16 : f->cap_ * 2;
        struct file *v = reallocarray(f->v, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        f->v = v;
        f->cap_ = cap;
    }
    f->v[f->n] = (struct file){.max_bytes = max_bytes, .task_i = c->task_i};
    f->v[f->n].name = strdup(path.s);
    if (f->v[f->n].name == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    f->n++;
    return 0;
}

static int collect_program(struct collect *c, const Proctor__ProgramSpec *s)
{
    const char *name;

    if (s == NULL) {
        return 0;
    }
    for (size_t i = 0; (name = admission_file(s, i)) != NULL; i++) {
        TRY(collect_one(c, name, LIMIT_CODE_FILE_BYTES));
    }
    return 0;
}

static int collect_text(struct collect *c, const char *file)
{
    return file[0] == '\0' ? 0 : collect_one(c, file, LIMIT_CML_TEXT_BYTES);
}

static int collect_cml(struct collect *c, const Proctor__CmlSpec *s)
{
    const Proctor__EnumerateSpec *e = s != NULL ? s->enumerate : NULL;

    if (e != NULL) {
        return !e->table ? 0 : collect_one(c, e->table->csv, LIMIT_DATA_FILE_BYTES);
    }
    return s == NULL ? 0 : collect_text(c, s->file);
}

static int collect_oracle(struct collect *c, const Proctor__OracleSpec *s)
{
    if (s == NULL) {
        return 0;
    }
    if (s->table != NULL) {
        TRY(collect_one(c, s->table->csv, LIMIT_DATA_FILE_BYTES));
    }
    TRY(collect_cml(c, s->cml));
    return collect_program(c, s->program);
}

static int collect_exam(struct collect *c, const Proctor__ExamSpec *s)
{
    if (s == NULL) {
        return 0;
    }
    TRY(collect_oracle(c, s->oracle));
    TRY(collect_oracle(c, s->second_oracle));
    for (size_t i = 0; i < s->n_relations; i++) {
        TRY(collect_cml(c, s->relations[i]->input));
        TRY(collect_cml(c, s->relations[i]->output));
    }
    for (size_t i = 0; i < s->n_corpora; i++) {
        TRY(collect_one(c, s->corpora[i], LIMIT_DATA_FILE_BYTES));
    }
    return 0;
}

static int collect_model(struct collect *c, const Proctor__ModelSpec *s)
{
    return s == NULL ? 0 : collect_one(c, s->weights, LIMIT_WEIGHTS_FILE_BYTES);
}

static int collect_lane(struct collect *c, const Proctor__LaneSpec *s)
{
    const Proctor__GrammarSpec *g = s != NULL ? s->grammar : NULL;

    if (s == NULL) {
        return 0;
    }
    if (s->weights[0] != '\0') {
        TRY(collect_one(c, s->weights, LIMIT_WEIGHTS_FILE_BYTES));
    }
    if (s->draft[0] != '\0') {
        TRY(collect_one(c, s->draft, LIMIT_WEIGHTS_FILE_BYTES));
    }
    for (size_t i = 0; i < s->n_traps; i++) {
        TRY(collect_text(c, s->traps[i]->injector));
    }
    TRY(collect_text(c, s->prompt_file));
    TRY(collect_text(c, g != NULL ? g->json_schema_file : ""));
    return collect_text(c, g != NULL ? g->gbnf_file : "");
}

static int by_name(const void *a, const void *b)
{
    const struct file *x = a;
    const struct file *y = b;
    int c = strcmp(x->name, y->name);

    if (c != 0) {
        return c;
    }
    return (x->task_i > y->task_i) - (x->task_i < y->task_i);
}

/* One entry per name: the largest cap, the first task. */
static void files_unite(struct files *f)
{
    size_t n = 0;

    if (f->n == 0) {
        return;
    }
    qsort(f->v, f->n, sizeof(*f->v), by_name);
    for (size_t i = 1; i < f->n; i++) {
        if (strcmp(f->v[n].name, f->v[i].name) != 0) {
            f->v[++n] = f->v[i];
            continue;
        }
        if (f->v[n].max_bytes < f->v[i].max_bytes) {
            f->v[n].max_bytes = f->v[i].max_bytes;
        }
        free(f->v[i].name);
    }
    f->n = n + 1;
}

int files_collect(struct files *f, const Proctor__Graph *g, size_t *out_task,
                  struct diag *d)
{
    struct collect c = {.f = f, .d = d};

    for (size_t i = 0; i < g->n_tasks; i++) {
        const Proctor__Task *t = g->tasks[i];

        *out_task = i;
        c.task_i = (uint32_t)i;
        TRY(collect_program(&c, t->program));
        TRY(collect_model(&c, t->model));
        TRY(collect_cml(&c, t->cml));
        TRY(collect_lane(&c, t->lane));
        TRY(collect_exam(&c, t->exam));
        for (size_t k = 0; t->data != NULL && k < t->data->n_files; k++) {
            TRY(collect_one(&c, t->data->files[k], LIMIT_DATASET_BYTES));
        }
        if (t->split != NULL && t->split->table != NULL) {
            TRY(collect_one(&c, t->split->table->csv, LIMIT_DATA_FILE_BYTES));
        }
        if (t->derive != NULL && t->derive->inputs[0] != '\0') {
            TRY(collect_one(&c, t->derive->inputs, LIMIT_DATA_FILE_BYTES));
        }
        TRY(collect_text(&c, t->assertion != NULL   ? t->assertion->file
                             : t->reconcile != NULL ? t->reconcile->file
                                                    : ""));
        if (t->repair != NULL) {
            TRY(collect_program(&c, t->repair->program));
            TRY(collect_model(&c, t->repair->model));
            TRY(collect_cml(&c, t->repair->cml));
            TRY(collect_exam(&c, t->repair->exam));
        }
    }
    files_unite(f);
    return 0;
}

static int by_key(const void *key, const void *entry)
{
    return strcmp(key, ((const struct file *)entry)->name);
}

const struct file *files_find(const struct files *f, const char *name)
{
    struct path path;
    const char *why;

    if (f->n == 0 || path_normal(name, &path, &why) < 0) {
        return NULL;
    }
    return bsearch(path.s, f->v, f->n, sizeof(*f->v), by_key);
}

int files_fill(struct files *f, size_t i, int fd, struct core *c,
               struct diag *d)
{
    struct file *file = &f->v[i];
    struct loc none = {0};
    struct stat st;
    uint64_t n;
    int code;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return diag_set(d, ERR_INPUT, none, "\"%s\" is not a regular file",
                        file->name);
    }
    n = (uint64_t)st.st_size; /* if it grows meanwhile, it is too large */
    if (n > file->max_bytes) {
        code = diag_set(d, ERR_LIMIT, none,
                        "\"%s\" has %llu bytes, at most %llu are allowed",
                        file->name, (unsigned long long)n,
                        (unsigned long long)file->max_bytes);
        diag_hint(d, "the limits of files are in proctor-graph(5)");
        return code;
    }
    file->mode = (st.st_mode & 0111) != 0 ? 0555 : 0444;
    if (c->store == NULL) {
        file->there = 1;
        return 0;
    }
    if (budget_charge(&c->budget, BUDGET_BYTES, n) != 0) {
        code = diag_set(
            d, ERR_REFUSED, none, "\"%s\" has %llu bytes: %s is used up (%llu)",
            file->name, (unsigned long long)n, budget_name(BUDGET_BYTES),
            (unsigned long long)budget_limit(&c->budget, BUDGET_BYTES));
        diag_hint(d, "raise budgets.bytes in the policy");
        return code;
    }
    code = store_put_fd(c->store, fd, n, &file->cid, &n);
    if (code < 0) {
        return diag_set(d, code, none, "\"%s\" cannot be stored: %s",
                        file->name, err_text(code));
    }
    file->there = 1;
    return 0;
}

static void artifact_set(Proctor__Artifact *a, const char *name, uint32_t mode,
                         const struct cid *cid)
{
    proctor__artifact__init(a);
    a->name = pb_str(name);
    a->mode = mode;
    a->cid = cid_field(cid);
}

static int artifact_by_name(const void *a, const void *b)
{
    const Proctor__Artifact *const *x = a;
    const Proctor__Artifact *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

void files_sort(Proctor__Artifact **v, size_t n)
{
    if (n > 1) {
        qsort(v, n, sizeof(*v), artifact_by_name);
    }
}

/* Sorted, no repeats: an absolute name may be granted twice. */
static size_t artifacts_unite(Proctor__Artifact **v, size_t n)
{
    size_t kept = 0;

    files_sort(v, n);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || strcmp(v[kept - 1]->name, v[i]->name) != 0) {
            v[kept++] = v[i];
        }
    }
    return kept;
}

int files_put(const struct files *f, const struct programs *p,
              const char *graph_dir, struct core *c, struct cid *out)
{
    Proctor__Inputs m = PROCTOR__INPUTS__INIT;
    size_t n = f->n + p->n;
    CLEANUP(mem_freep) Proctor__Artifact *all = calloc(n + 1, sizeof(*all));
    CLEANUP(mem_freep)
    Proctor__Artifact **v = calloc(n + 1, sizeof(Proctor__Artifact *));

    if (all == NULL || v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < f->n; i++) {
        ASSERT(f->v[i].there);
        artifact_set(&all[i], f->v[i].name, f->v[i].mode, &f->v[i].cid);
        v[i] = &all[i];
    }
    for (size_t i = 0; i < p->n; i++) {
        artifact_set(&all[f->n + i], p->v[i].path, 0555, &p->v[i].cid);
        v[f->n + i] = &all[f->n + i];
    }
    m.graph_dir = pb_str(graph_dir);
    m.files = v;
    m.n_files = artifacts_unite(v, n);
    return core_put_message(c, &m.base, out);
}

static int files_take_artifact(struct files *f, const Proctor__Artifact *a)
{
    struct file *file;

    if (f->n == 0 || a->name[0] == '/') {
        return 0;
    }
    file = bsearch(a->name, f->v, f->n, sizeof(*f->v), by_key);
    if (file == NULL) {
        return 0;
    }
    TRY(cid_from_field(&a->cid, &file->cid));
    file->mode = a->mode;
    file->there = 1;
    return 0;
}

int files_load(struct files *f, struct core *c, const struct cid *inputs,
               struct diag *d)
{
    ProtobufCMessage *m = NULL;
    const Proctor__Inputs *in;
    int code = core_get_message(c, inputs, &proctor__inputs__descriptor, &m);

    if (code < 0) {
        return diag_set(d, code, (struct loc){0},
                        "the list of the run's files: %s", err_text(code));
    }
    in = (const Proctor__Inputs *)m;
    for (size_t i = 0; code == 0 && i < in->n_files; i++) {
        code = files_take_artifact(f, in->files[i]);
    }
    pb_free(m);
    for (size_t i = 0; code == 0 && i < f->n; i++) {
        if (!f->v[i].there) {
            code = diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                            "the stored run has no file \"%s\"", f->v[i].name);
        }
    }
    return code;
}

/* Runnable objects: made from specs, loaded for workers. Files come from the
 * store, programs from the policy's resolved list; no path of a person is
 * opened. Kernel process. */
#include "kernel/run/runnable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"

static const char function_interpreter[] = "python3";

struct parts {
    Proctor__Runnable m;
    char *argv[LIMIT_ARGV];
    char own_name[LIMIT_PATH_BYTES + 3];
    Proctor__Artifact files[LIMIT_FILES];
    Proctor__Artifact *file_p[LIMIT_FILES];
};

static int parts_add(struct parts *p, const struct file *f, struct diag *d)
{
    Proctor__Artifact *a;

    for (size_t i = 0; i < p->m.n_files; i++) {
        if (strcmp(p->files[i].name, f->name) == 0) {
            return 0;
        }
    }
    if (p->m.n_files == LIMIT_FILES) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "a program may have at most %d files", LIMIT_FILES);
    }
    a = &p->files[p->m.n_files];
    proctor__artifact__init(a);
    a->name = f->name;
    a->mode = f->mode;
    a->cid = cid_field(&f->cid);
    p->m.n_files++;
    return 0;
}

static int parts_file(struct parts *p, const struct files *files,
                      const char *name, struct diag *d)
{
    const struct file *f = files_find(files, name);

    if (f == NULL || !f->there) {
        return diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                        "file \"%s\" is not among the run's files", name);
    }
    return parts_add(p, f, d);
}

/* Word 0: a granted program, by its real path, or a file of the graph. */
static int parts_word0(struct parts *p, const char *word,
                       const struct files *files,
                       const struct programs *programs, struct diag *d)
{
    const struct program *prog;
    const struct file *f;

    if (word[0] != '/' && strchr(word, '/') != NULL) {
        TRY(parts_file(p, files, word, d));
        f = files_find(files, word);
        ASSERT(f != NULL);
        memcpy(p->own_name, "./", 2);
        memcpy(p->own_name + 2, f->name, strlen(f->name) + 1);
        p->argv[0] = p->own_name;
        return 0;
    }
    prog = programs_find(programs, word);
    if (prog == NULL) {
        return diag_set(d, ERR_REFUSED, (struct loc){0},
                        "program \"%s\" is not granted by the policy", word);
    }
    p->argv[0] = prog->path;
    p->m.program = cid_field(&prog->cid);
    return 0;
}

static int parts_program(struct parts *p, const struct runnable_program *from,
                         struct diag *d)
{
    const Proctor__ProgramSpec *s = from->spec;
    const struct files *files = from->files;

    p->m.kind = RUNNABLE_PROGRAM;
    if (s->function_file[0] != '\0') {
        const struct file *f = files_find(files, s->function_file);

        TRY(parts_word0(p, function_interpreter, files, from->programs, d));
        TRY(parts_file(p, files, s->function_file, d));
        p->m.n_argv = 1;
        p->m.function_file = pb_str(f == NULL ? s->function_file : f->name);
        p->m.function_name = s->function_name;
    } else {
        if (s->n_run == 0 || s->n_run > LIMIT_ARGV) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "a program needs `function` or `run`");
        }
        TRY(parts_word0(p, s->run[0], files, from->programs, d));
        p->m.n_argv = s->n_run;
        for (size_t i = 1; i < s->n_run; i++) {
            p->argv[i] = s->run[i];
        }
    }
    for (size_t i = 0; i < s->n_files; i++) {
        TRY(parts_file(p, files, s->files[i], d));
    }
    for (size_t i = 0; i < from->reads_n; i++) {
        size_t n = p->m.n_files;

        TRY(parts_add(p, &from->reads[i], d));
        if (p->m.n_files == n) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "reads: \"%s\" is the name of another file",
                            from->reads[i].name);
        }
    }
    return 0;
}

int runnable_put_program(struct core *c, const struct runnable_program *p,
                         struct cid *out, struct diag *d)
{
    CLEANUP(mem_freep) struct parts *parts = calloc(1, sizeof(*parts));

    if (parts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__runnable__init(&parts->m);
    TRY(parts_program(parts, p, d));
    for (size_t i = 0; i < parts->m.n_files; i++) {
        parts->file_p[i] = &parts->files[i];
    }
    files_sort(parts->file_p, parts->m.n_files);
    parts->m.argv = parts->argv;
    parts->m.files = parts->file_p;
    parts->m.takes = bytes_field(p->takes);
    parts->m.gives = bytes_field(p->gives);
    return core_put_message(c, &parts->m.base, out);
}

int runnable_put_model(struct core *c, const Proctor__ModelSpec *s,
                       const struct files *files, struct cid *out,
                       struct diag *d)
{
    Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;
    const struct file *f = files_find(files, s->weights);

    if (f == NULL || !f->there) {
        return diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                        "file \"%s\" is not among the run's files", s->weights);
    }
    m.kind = RUNNABLE_MODEL;
    m.takes = s->takes;
    m.gives = s->gives;
    m.weights = cid_field(&f->cid);
    m.decide = s->decide;
    return core_put_message(c, &m.base, out);
}

int runnable_weights(struct core *c, const struct cid *runnable, struct cid *out,
                     uint32_t *out_decide)
{
    CLEANUP(pb_freep) ProtobufCMessage *m = NULL;

    TRY(core_get_message(c, runnable, &proctor__runnable__descriptor, &m));
    if (out_decide != NULL) {
        *out_decide = ((Proctor__Runnable *)m)->decide;
    }
    return cid_from_field(&((Proctor__Runnable *)m)->weights, out);
}

int runnable_put_cml(struct core *c, const Proctor__CmlReply *reply,
                     Proctor__Runnable *m, struct cid *out)
{
    const Proctor__CmlUnit *u = reply->n_units == 1 ? reply->units[0] : NULL;
    struct cid cid;
    int code;

    if (u == NULL || u->bundle.len == 0 ||
        (u->canonical.len != 0 && u->canonical.len != CID_BYTES)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    code = core_put(c, field_bytes(&u->bundle), &cid);
    if (code != 0) {
        return code;
    }
    m->kind = RUNNABLE_CML;
    m->bundle = cid_field(&cid);
    m->canonical = u->canonical;
    m->branches = u->branches;
    m->mutants = u->mutants;
    m->fuel = LIMIT_CML_FUEL;
    return core_put_message(c, &m->base, out);
}

int runnable_put_table(struct core *c, const struct cid *inputs,
                       const struct cid *outputs, struct ubytes takes,
                       struct ubytes gives, struct cid *out)
{
    Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;

    m.kind = RUNNABLE_TABLE;
    m.takes = bytes_field(takes);
    m.gives = bytes_field(gives);
    m.table_inputs = cid_field(inputs);
    m.table_outputs = cid_field(outputs);
    return core_put_message(c, &m.base, out);
}

/* The program must still be the one whose hash the object names. */
static int check_program(const Proctor__Runnable *m, struct diag *d)
{
    CLEANUP(fd_closep) int fd = -1;
    struct cid want;
    struct cid have;
    uint64_t n;

    TRY(cid_from_field(&m->program, &want));
    fd = open(m->argv[0], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return diag_set(d, ERR_CONFINE, (struct loc){0},
                        "program %s cannot be opened: %s", m->argv[0],
                        strerror(errno));
    }
    TRY(core_hash_fd(fd, LIMIT_OBJECT_BYTES, &have, &n));
    if (!cid_is_equal(&want, &have)) {
        return diag_set(d, ERR_NOT_FOUND, (struct loc){0},
                        "program %s is another one than was recorded",
                        m->argv[0]);
    }
    return 0;
}

static int load_file(struct core *c, const Proctor__Artifact *a,
                     Proctor__File *out)
{
    struct buf b;
    struct cid cid;
    int code;

    proctor__file__init(out);
    out->name = a->name;
    out->mode = a->mode;
    TRY(cid_from_field(&a->cid, &cid));
    buf_init(&b, LIMIT_CODE_FILE_BYTES);
    code = store_get(c->store, &cid, &b);
    if (code < 0) {
        buf_release(&b);
        return ERR_TRACE(code);
    }
    out->content.data = buf_take(&b, &out->content.len);
    return 0;
}

static int load_program(struct core *c, struct runnable *r, struct diag *d)
{
    const Proctor__Runnable *m = r->m;
    Proctor__ProgramTask *t = &r->task;

    if (m->n_argv == 0) {
        return ERR_TRACE(ERR_ENCODING);
    }
    proctor__program_task__init(t);
    t->files = calloc(m->n_files + 1, sizeof(*t->files));
    if (t->files == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < m->n_files; i++) {
        t->files[i] = calloc(1, sizeof(Proctor__File));
        if (t->files[i] == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        t->n_files = i + 1;
        TRY(load_file(c, m->files[i], t->files[i]));
    }
    t->n_argv = m->n_argv;
    t->argv = m->argv;
    t->function_file = m->function_file;
    t->function_name = m->function_name;
    t->takes = m->takes;
    t->gives = m->gives;
    if (m->argv[0][0] != '/') {
        return 0;
    }
    TRY(check_program(m, d));
    return program_roots(m->argv[0], &r->roots);
}

static int load_table(struct core *c, struct runnable *r)
{
    struct cid inputs;
    struct cid outputs;
    uint32_t n;

    TRY(cid_from_field(&r->m->table_inputs, &inputs));
    TRY(cid_from_field(&r->m->table_outputs, &outputs));
    TRY(core_get_values(c, &inputs, &r->takes, &r->inputs));
    TRY(core_get_values(c, &outputs, &r->gives, &r->outputs));
    n = values_n(&r->inputs);
    if (n != values_n(&r->outputs)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    r->sorted = values_sorted(&r->inputs);
    if (r->sorted == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return 0;
}

static int load(struct core *c, struct runnable *r, struct diag *d)
{
    struct cid cid;

    TRY(core_get_message(c, &r->cid, &proctor__runnable__descriptor,
                         (ProtobufCMessage **)&r->m));
    TRY(type_decode(field_bytes(&r->m->takes), &r->takes));
    TRY(type_decode(field_bytes(&r->m->gives), &r->gives));
    switch (r->m->kind) {
    case RUNNABLE_PROGRAM:
        return load_program(c, r, d);
    case RUNNABLE_MODEL:
        TRY(cid_from_field(&r->m->weights, &cid));
        return store_get_memfd(c->store, &cid, &r->weights_fd, &r->weights_n);
    case RUNNABLE_CML:
        TRY(cid_from_field(&r->m->bundle, &cid));
        return store_get(c->store, &cid, &r->bundle);
    case RUNNABLE_TABLE:
        return load_table(c, r);
    default:
        return ERR_TRACE(ERR_ENCODING);
    }
}

int runnable_load(struct core *c, const struct cid *cid, struct runnable **out,
                  struct diag *d)
{
    struct runnable *r = calloc(1, sizeof(*r));
    int code;

    if (r == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    r->cid = *cid;
    r->weights_fd = -1;
    values_init(&r->inputs);
    values_init(&r->outputs);
    buf_init(&r->bundle, LIMIT_CML_BUNDLE_BYTES);
    code = load(c, r, d);
    if (code < 0) {
        runnable_free(r);
        if (d->what[0] == '\0') {
            diag_set(d, code, (struct loc){0}, "a candidate or oracle: %s",
                     err_text(code));
        }
        return ERR_TRACE(code);
    }
    *out = r;
    return 0;
}

void runnable_free(struct runnable *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->task.n_files; i++) {
        free(r->task.files[i]->content.data);
        free(r->task.files[i]);
    }
    free(r->task.files);
    program_roots_release(&r->roots);
    fd_closep(&r->weights_fd);
    values_release(&r->inputs);
    values_release(&r->outputs);
    buf_release(&r->bundle);
    free(r->sorted);
    pb_free((ProtobufCMessage *)r->m);
    free(r);
}

int runnable_lookup(const struct runnable *r, struct ubytes input,
                    struct ubytes *out)
{
    uint32_t lo = 0;
    uint32_t hi = values_n(&r->inputs);

    ASSERT(r->m->kind == RUNNABLE_TABLE);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (values_compare(values_at(&r->inputs, r->sorted[mid]), input) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo == values_n(&r->inputs) ||
        values_compare(values_at(&r->inputs, r->sorted[lo]), input) != 0) {
        return 0;
    }
    *out = values_at(&r->outputs, r->sorted[lo]);
    return 1;
}

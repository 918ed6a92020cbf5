/* Gets the files of an admitted graph and has its tables and corpora read, each
 * by a config worker of its own, one after the other. Opens no path; parses no
 * text. Kernel process. */
#include "kernel/run/data.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/runnable.h"
#include "kernel/run/sched.h"
#include "kernel/run/say.h"
#include "proto/domain_node.h"
#include "proto/err.h"
#include "proto/value.h"

static void read_next(struct run *r);

int data_types(const struct run *r, const Proctor__Task *exam,
               struct ubytes *out_takes, struct ubytes *out_gives,
               uint32_t *out_candidate, struct diag *d)
{
    size_t found = 0;

    for (size_t i = 0; i < exam->n_needs; i++) {
        uint32_t k = run_find(r, exam->needs[i]);
        const Proctor__Task *t = k == UINT32_MAX ? NULL : r->graph->tasks[k];

        if (t != NULL && admission_types(&r->admission, r->graph, t, out_takes,
                                         out_gives)) {
            *out_candidate = k;
            found++;
        }
    }
    if (found != 1) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "exam \"%s\" needs exactly one candidate, found %zu",
                        exam->id, found);
    }
    return 0;
}

int data_alone(struct ubytes gives, struct type *out)
{
    struct type t;

    TRY(type_decode(gives, &t));
    return type_tuple_of(&t, 1, out);
}

int data_corpus_type(struct ubytes domain, size_t file, struct type *out)
{
    struct rd rd;
    int found = 0;

    rd_init(&rd, domain);
    while (rd_left(&rd) > 0) {
        struct domain_node n;

        domain_node_read(&rd, &n);
        if (rd_is_bad(&rd)) {
            return ERR_TRACE(ERR_INPUT);
        }
        if (n.tag != DOMAIN_CORPUS || n.file != file) {
            continue;
        }
        if (found && !type_is_equal(out, &n.type)) {
            return ERR_TRACE(ERR_INPUT);
        }
        *out = n.type;
        found = 1;
    }
    return found ? 0 : ERR_INPUT;
}

/* What is to be read: the message without its text. Of a unit of CML it holds the
 * name and the types. */
struct reading {
    const char *path;
    const char *unit; /* NULL: it is none */
    Proctor__ConfigTask task;
};

static void reading_table(struct reading *x, const Proctor__TableSpec *t,
                          struct ubytes takes, struct ubytes gives)
{
    x->path = t->csv;
    x->unit = NULL;
    proctor__config_task__init(&x->task);
    x->task.kind = PROCTOR__CONFIG_KIND__CONFIG_TABLE;
    x->task.table = (Proctor__TableSpec *)(uintptr_t)t;
    x->task.takes = bytes_field(takes);
    x->task.gives = bytes_field(gives);
}

static void reading_unit(struct reading *x, const Proctor__CmlSpec *s,
                         struct ubytes takes, struct ubytes gives)
{
    x->path = s->file;
    x->unit = s->unit;
    proctor__config_task__init(&x->task);
    x->task.takes = bytes_field(takes);
    x->task.gives = bytes_field(gives);
}

static void reading_corpus(struct reading *x, const char *path,
                           const struct type *t)
{
    x->path = path;
    x->unit = NULL;
    proctor__config_task__init(&x->task);
    x->task.kind = PROCTOR__CONFIG_KIND__CONFIG_CORPUS;
    x->task.gives = bytes_field((struct ubytes){t->b, t->n});
}

/* Equal for equal readings of equal bytes. */
static int reading_key(const struct run *r, const struct reading *x,
                       struct cid *out)
{
    const struct file *f = files_find(&r->files, x->path);
    Proctor__ConfigTask m = x->task;
    Proctor__Override unit = PROCTOR__OVERRIDE__INIT;
    Proctor__Override *units[1] = {&unit};

    if (f == NULL || !f->there) {
        return ERR_TRACE(ERR_NOT_FOUND);
    }
    if (x->unit != NULL) { /* what has a unit's name is no other reading */
        unit.key = pb_str(x->unit);
        m.overrides = units;
        m.n_overrides = 1;
    }
    m.text = cid_field(&f->cid);
    return core_cid_message(&m.base, out);
}

static const struct dataset *reading_find(const struct run *r,
                                          const struct reading *x)
{
    struct cid key;

    if (reading_key(r, x, &key) < 0) {
        return NULL;
    }
    for (const struct dataset *d = r->data; d != NULL; d = d->next) {
        if (cid_is_equal(&d->key, &key)) {
            return d;
        }
    }
    return NULL;
}

const struct dataset *data_table(const struct run *r,
                                 const Proctor__TableSpec *t,
                                 struct ubytes takes, struct ubytes gives)
{
    struct reading x;

    reading_table(&x, t, takes, gives);
    return reading_find(r, &x);
}

const struct dataset *data_unit(const struct run *r, const Proctor__CmlSpec *s,
                                struct ubytes takes, struct ubytes gives)
{
    struct reading x;

    reading_unit(&x, s, takes, gives);
    return reading_find(r, &x);
}

const struct dataset *data_corpus(const struct run *r, const char *path,
                                  const struct type *t)
{
    struct reading x;

    reading_corpus(&x, path, t);
    return reading_find(r, &x);
}

/* Whether a reading is still to be made. */
static int is_due(const struct run *r, const struct reading *x)
{
    return reading_find(r, x) == NULL;
}

static int oracle_due(const struct run *r, const Proctor__OracleSpec *o,
                      struct ubytes takes, struct ubytes gives,
                      struct reading *out)
{
    if (o == NULL || (o->table == NULL && o->cml == NULL)) {
        return 0;
    }
    if (o->cml != NULL) {
        reading_unit(out, o->cml, takes, gives);
    } else {
        reading_table(out, o->table, takes, gives);
    }
    return is_due(r, out);
}

/* The next reading that an exam lacks; *t keeps a corpus' type. 1, 0 = none,
 * ERR_INPUT with d. */
static int exam_due(const struct run *r, const Proctor__Task *task,
                    const Proctor__ExamSpec *s, struct type *t,
                    struct reading *out, struct diag *d)
{
    struct ubytes takes;
    struct ubytes gives;
    uint32_t candidate;

    if (s == NULL) {
        return 0;
    }
    TRY(data_types(r, task, &takes, &gives, &candidate, d));
    if (oracle_due(r, s->oracle, takes, gives, out) ||
        oracle_due(r, s->second_oracle, takes, gives, out)) {
        return 1;
    }
    for (size_t i = 0; i < 2 * s->n_relations; i++) {
        const Proctor__RelationSpec *rel = s->relations[i / 2];
        const Proctor__CmlSpec *u = i % 2 == 0 ? rel->input : rel->output;

        TRY(data_alone(gives, t));
        if (u != NULL) {
            reading_unit(out, u,
                         i % 2 == 0 ? takes : (struct ubytes){t->b, t->n},
                         i % 2 == 0 ? takes : gives);
            if (is_due(r, out)) {
                return 1;
            }
        }
    }
    for (size_t i = 0; i < s->n_corpora; i++) {
        if (data_corpus_type(field_bytes(&s->domain), i, t) < 0) {
            return diag_set(d, ERR_INPUT, (struct loc){0},
                            "exam \"%s\": corpus \"%s\" needs one type",
                            task->id, s->corpora[i]);
        }
        reading_corpus(out, s->corpora[i], t);
        if (is_due(r, out)) {
            return 1;
        }
    }
    return 0;
}

/* Rows that are examples. */
static int examples_due(const struct run *r, const Proctor__CmlSpec *s,
                        struct reading *out)
{
    if (s == NULL || s->enumerate == NULL || s->enumerate->table == NULL) {
        return 0;
    }
    reading_table(out, s->enumerate->table, field_bytes(&s->takes),
                  field_bytes(&s->gives));
    return is_due(r, out);
}

static int next_due(const struct run *r, struct type *t, struct reading *out,
                    size_t *out_task, struct diag *d)
{
    for (size_t i = r->data_task_i; i < r->graph->n_tasks; i++) {
        const Proctor__Task *task = r->graph->tasks[i];
        Proctor__Task repaired = *task;
        int due = exam_due(r, task, task->exam, t, out, d);

        if (task->split != NULL && task->split->table != NULL) {
            reading_table(out, task->split->table,
                          field_bytes(&task->split->takes),
                          field_bytes(&task->split->gives));
            due = is_due(r, out);
        }
        due = due != 0 ? due : examples_due(r, task->cml, out);
        if (due == 0 && task->repair != NULL) {
            if (task->repair->n_needs > 0) {
                repaired.needs = task->repair->needs;
                repaired.n_needs = task->repair->n_needs;
            }
            due = exam_due(r, &repaired, task->repair->exam, t, out, d);
            due = due != 0 ? due : examples_due(r, task->repair->cml, out);
        }
        *out_task = i;
        if (due != 0) {
            return due;
        }
    }
    return 0;
}

/* One of the two was read: values, or a unit. */
static int dataset_keep(struct run *r, const Proctor__ConfigReply *reply,
                        const Proctor__CmlReply *unit)
{
    struct dataset *d = calloc(1, sizeof(*d));
    int code;

    if (d == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    d->key = r->data_key;
    if (unit != NULL) {
        Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;

        m.takes = config_asked(r->data_job)->task.takes;
        m.gives = config_asked(r->data_job)->task.gives;
        code = runnable_put_cml(r->core, unit, &m, &d->inputs);
    } else {
        code = core_put(r->core, field_bytes(&reply->inputs), &d->inputs);
        if (code == 0 && reply->outputs.len > 0) {
            code = core_put(r->core, field_bytes(&reply->outputs), &d->outputs);
        }
    }
    if (code != 0) {
        free(d);
        return code;
    }
    d->next = r->data;
    r->data = d;
    return 0;
}

/* Values of a reply, strictly: as many rows on both sides, of the types asked. */
static int check_values(const Proctor__ConfigTask *ask,
                        const Proctor__ConfigReply *reply)
{
    CLEANUP(values_release) struct values in = {0};
    CLEANUP(values_release) struct values out = {0};
    int is_table = ask->kind == PROCTOR__CONFIG_KIND__CONFIG_TABLE;
    struct type t;

    TRY(type_decode(field_bytes(is_table ? &ask->takes : &ask->gives), &t));
    TRY(values_decode(&in, field_bytes(&reply->inputs), &t, LIMIT_TABLE_ROWS));
    if (!is_table) {
        return reply->outputs.len > 0 ? ERR_ENCODING : 0;
    }
    TRY(type_decode(field_bytes(&ask->gives), &t));
    TRY(values_decode(&out, field_bytes(&reply->outputs), &t,
                      LIMIT_TABLE_ROWS));
    return values_n(&in) == values_n(&out) ? 0 : ERR_ENCODING;
}

static void reading_done(struct run *r, int code, const struct diag *d)
{
    const char *path = config_asked(r->data_job)->path;

    if (code != 0 && d != NULL) {
        run_refuse(r, d, "");
    } else if (code > 0) {
        run_error(r, ERR_REFUSED, path, "budgets.bytes is used up");
    } else if (code < 0) {
        run_error(r, code, path, err_text(code));
    }
    config_free(r->data_job);
    r->data_job = NULL;
    buf_release(&r->data_text);
    if (code == 0) {
        read_next(r);
    }
}

static void on_values(void *ctx, struct config_job *j, int code,
                      Proctor__ConfigReply *reply, const struct diag *d)
{
    struct run *r = ctx;

    if (code == 0 && (reply->graph != NULL || reply->policy != NULL)) {
        code = ERR_PROTOCOL;
    }
    if (code == 0) {
        code = check_values(&config_asked(j)->task, reply);
        code = code == 0 || code == ERR_NOMEM ? code : ERR_PROTOCOL;
    }
    reading_done(r, code == 0 ? dataset_keep(r, reply, NULL) : code, d);
}

static void on_unit(void *ctx, const Proctor__CmlReply *reply)
{
    struct run *r = ctx;

    reading_done(r, dataset_keep(r, NULL, reply), NULL);
}

static int reading_start(struct run *r, const struct reading *x)
{
    const struct file *f = files_find(&r->files, x->path);
    struct config_ask ask = {.task = x->task, .path = x->path};
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;

    if (f == NULL) {
        return ERR_TRACE(ERR_NOT_FOUND);
    }
    TRY(reading_key(r, x, &r->data_key));
    buf_init(&r->data_text, LIMIT_DATA_FILE_BYTES);
    TRY(store_get(r->core->store, &f->cid, &r->data_text));
    ask.label = "(data)";
    if (x->unit != NULL) {
        task.command = PROCTOR__CML_COMMAND__CML_COMPILE;
        task.unit = pb_str(x->unit);
        task.closed = 1; /* its references are not followed */
        task.takes = x->task.takes;
        task.gives = x->task.gives;
        ask.cml = &task;
        ask.source = buf_bytes(&r->data_text);
        ask.limits = r->policy->limits;
        ask.on_cml = on_unit;
    } else {
        ask.task.text = bytes_field(buf_bytes(&r->data_text));
    }
    return config_start(r->core, &ask, on_values, r, &r->data_job);
}

static void read_next(struct run *r)
{
    struct reading x;
    struct diag d;
    size_t task_i = 0;
    int due;

    diag_init(&d);
    due = next_due(r, &r->data_type, &x, &task_i, &d);
    r->data_task_i = task_i;
    if (due == 0) {
        sched_start(r);
        return;
    }
    if (due > 0) {
        due = reading_start(r, &x);
    }
    if (due < 0) {
        if (d.code == 0) {
            diag_set(&d, due, (struct loc){.path = x.path}, "%s",
                     err_text(due));
        } else {
            d.at = run_place(r, task_i);
        }
        run_refuse(r, &d, r->graph->tasks[task_i]->id);
    }
}

static void files_done(struct run *r)
{
    int code;

    if (!run_is_recorded(r)) {
        run_over(r, 0); /* a dry run ends here */
        return;
    }
    code = files_put(&r->files, &r->programs, r->req->graph_dir, r->core,
                     &r->inputs_cid);
    if (code != 0) {
        run_error(r, code < 0 ? code : ERR_REFUSED, NULL,
                  code < 0 ? err_text(code) : "budgets.bytes is used up");
        return;
    }
    r->phase = RUN_PHASE_DATA;
    read_next(r);
}

/* Asks for as many files as one answer can carry. */
static void files_ask(struct run *r)
{
    char *paths[LIMIT_FRAME_FDS];
    Proctor__NeedFiles m = PROCTOR__NEED_FILES__INIT;

    if (r->files_asked == r->files.n) {
        files_done(r);
        return;
    }
    m.paths = paths;
    while (m.n_paths < LIMIT_FRAME_FDS && r->files_asked < r->files.n) {
        paths[m.n_paths++] = r->files.v[r->files_asked++].name;
    }
    r->phase = RUN_PHASE_FILES;
    say(r->core, MSG_NEED_FILES, &m.base);
}

void data_start(struct run *r)
{
    size_t task_i = 0;
    struct diag d;
    int code;

    diag_init(&d);
    code = files_collect(&r->files, r->graph, &task_i, &d);
    if (code == 0 && r->resuming) {
        code = files_load(&r->files, r->core, &r->inputs_cid, &d);
        if (code == 0) {
            r->phase = RUN_PHASE_DATA;
            read_next(r);
            return;
        }
    }
    if (code < 0) {
        if (d.code == 0) {
            diag_set(&d, code, (struct loc){0}, "%s", err_text(code));
        } else {
            d.at = run_place(r, task_i);
        }
        run_refuse(r, &d, "");
        return;
    }
    files_ask(r);
}

/* One answer: an open file, or why there is none. */
static int file_answer(struct run *r, size_t i, const Proctor__FileAnswer *a,
                       struct frame *f, unsigned *fd_i)
{
    CLEANUP(fd_closep) int fd = -1;
    const struct file *file = &r->files.v[i];
    struct diag d;
    int code = 0;

    diag_init(&d);
    if (a->ok) {
        if (*fd_i >= f->fds_n) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        fd = frame_take_fd(f, (*fd_i)++);
        code = files_fill(&r->files, i, fd, r->core, &d);
    } else {
        code = diag_set(&d, ERR_INPUT, (struct loc){0},
                        "file \"%s\" cannot be opened: %s", file->name, a->why);
        diag_hint(&d, "files are named relative to the graph's folder");
    }
    if (code < 0) {
        d.at = run_place(r, file->task_i);
        run_refuse(r, &d, r->graph->tasks[file->task_i]->id);
    }
    return code < 0 ? 1 : 0;
}

int data_files(struct run *r, struct frame *f)
{
    const Proctor__Files *m = (const Proctor__Files *)f->m;
    unsigned fd_i = 0;

    if (r->phase != RUN_PHASE_FILES ||
        m->n_answers != r->files_asked - r->files_filled) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    for (size_t i = 0; i < m->n_answers; i++) {
        int bad = file_answer(r, r->files_filled, m->answers[i], f, &fd_i);

        if (bad != 0) {
            return bad < 0 ? bad : 0;
        }
        r->files_filled++;
    }
    if (fd_i != f->fds_n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    files_ask(r);
    return 0;
}

void data_stop(struct run *r)
{
    config_free(r->data_job);
    r->data_job = NULL;
}

void data_release(struct run *r)
{
    data_stop(r);
    buf_release(&r->data_text);
    while (r->data != NULL) {
        struct dataset *d = r->data;

        r->data = d->next;
        free(d);
    }
}

/* What a run claims beside what was measured. Held-out rows: the answers that the
 * kernel got for its look, and the labels that no worker had, from the objects of the
 * store. A run that held nothing out: the kernel asks its predictor, in a confined
 * worker, about the rows that it was trained on, and that is said. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/experiment.h"
#include "cli/experiment_score.h"
#include "cli/experiment_text.h"
#include "cli/ledger.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "proto/record.h"
#include "proto/type.h"

#include "evidence.pb-c.h"

struct evaluation {
    struct experiment_run *r;
    const char *checkpoint;
    double *answers; /* owned, n of each */
    double *labels;
    size_t n;
    int is_class;
    int is_trained_on; /* the rows are those that it was trained on */
    int is_scored;
    struct experiment_score score;
};

static int make_room(struct evaluation *v, size_t n)
{
    v->answers = calloc(n + 1, sizeof(double));
    v->labels = calloc(n + 1, sizeof(double));
    v->n = n;
    return v->answers != NULL && v->labels != NULL ? 0
                                                   : ERR_TRACE(ERR_NOMEM);
}

static int take_values(const struct values *from, double *to)
{
    for (uint32_t i = 0; i < values_n(from); i++) {
        TRY(experiment_score_number(values_at(from, i), &to[i]));
    }
    return 0;
}

static int read_values(struct experiment_run *r, const struct cid *id,
                       const struct type *t, struct values *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_HELD_BYTES);
    TRY(object_read(r->store, id, LIMIT_HELD_BYTES, &b));
    return values_decode(out, buf_bytes(&b), t, UINT32_MAX);
}

/* Of the look: what was answered, and what is true. */
static int load_look(struct evaluation *v, const struct record *look)
{
    CLEANUP(pb_freep) ProtobufCMessage *runnable = NULL;
    CLEANUP(pb_freep) ProtobufCMessage *split = NULL;
    CLEANUP(values_release) struct values answers = {0};
    CLEANUP(values_release) struct values labels = {0};
    struct experiment_run *r = v->r;
    const Proctor__Runnable *m;
    struct type gives;
    struct cid id;

    memcpy(id.b, record_hash(look, RF_LOOK_candidate), CID_BYTES);
    TRY(object_message(r->store, &id, &proctor__runnable__descriptor,
                       &runnable));
    m = (const Proctor__Runnable *)runnable;
    TRY(type_decode((struct ubytes){m->gives.data, m->gives.len}, &gives));
    memcpy(id.b, record_hash(look, RF_LOOK_split), CID_BYTES);
    TRY(object_message(r->store, &id, &proctor__split__descriptor, &split));
    memcpy(id.b, record_hash(look, RF_LOOK_answers), CID_BYTES);
    TRY(read_values(r, &id, &gives, &answers));
    if (!object_cid(((Proctor__Split *)split)->held_outputs, &id)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(read_values(r, &id, &gives, &labels));
    if (values_n(&answers) != values_n(&labels)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    v->is_class = record_u(look, RF_LOOK_metric) == METRIC_ACCURACY;
    TRY(make_room(v, values_n(&labels)));
    TRY(take_values(&answers, v->answers));
    return take_values(&labels, v->labels);
}

/* Rows of a data set as they lie in its objects. */
struct rows {
    Proctor__Dataset *m; /* owned */
    struct buf x, y;
};

static void rows_release(struct rows *s)
{
    pb_free((ProtobufCMessage *)s->m);
    buf_release(&s->x);
    buf_release(&s->y);
}

static double number_at(const uint8_t *p, Proctor__DataType type, uint64_t i)
{
    double d;
    float f;
    uint32_t u;

    switch (type) {
    case PROCTOR__DATA_TYPE__DATA_F64:
        memcpy(&d, p + i * 8, sizeof(d));
        return d;
    case PROCTOR__DATA_TYPE__DATA_F32:
        memcpy(&f, p + i * 4, sizeof(f));
        return (double)f;
    case PROCTOR__DATA_TYPE__DATA_U32:
        memcpy(&u, p + i * 4, sizeof(u));
        return u;
    case PROCTOR__DATA_TYPE__DATA_U8:
        return p[i];
    case PROCTOR__DATA_TYPE__DATA_TYPE_NONE:
    case _PROCTOR__DATA_TYPE_IS_INT_SIZE:
        break;
    }
    return 0;
}

static size_t size_of(Proctor__DataType type)
{
    return type == PROCTOR__DATA_TYPE__DATA_F64  ? 8
           : type == PROCTOR__DATA_TYPE__DATA_U8 ? 1
                                                 : 4;
}

static int load_rows(struct experiment_run *r, struct rows *s)
{
    struct cid id;
    ProtobufCMessage *m = NULL;
    int is_class;

    memset(s, 0, sizeof(*s));
    buf_init(&s->x, LIMIT_HELD_BYTES);
    buf_init(&s->y, LIMIT_HELD_BYTES);
    TRY(object_message(r->store, &r->dataset, &proctor__dataset__descriptor,
                       &m));
    s->m = (Proctor__Dataset *)m;
    is_class = s->m->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    if (!object_cid(s->m->x, &id)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(object_read(r->store, &id, LIMIT_HELD_BYTES, &s->x));
    if (!object_cid(s->m->y, &id)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(object_read(r->store, &id, LIMIT_HELD_BYTES, &s->y));
    if (buf_len(&s->x) != s->m->rows * s->m->width * size_of(s->m->x_type) ||
        buf_len(&s->y) != s->m->rows * (is_class ? 4 : 8)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    return 0;
}

/* Row i as the predictor takes it: a tuple of one list of f32. */
static int put_row(const struct rows *s, uint64_t i, struct values_builder *w)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_VALUE_BYTES);
    TRY(value_put_tuple(&b, 1));
    TRY(value_put_list(&b, s->m->width));
    for (uint32_t k = 0; k < s->m->width; k++) {
        TRY(value_put_f32(&b, (float)number_at(buf_bytes(&s->x).p, s->m->x_type,
                                               i * s->m->width + k)));
    }
    return values_builder_add(w, buf_bytes(&b));
}

static int find_policy(struct experiment_run *r, struct cid *out)
{
    struct ledger_entry e;
    int rc;

    ledger_entry_init(&e);
    rc = ledger_get(r->store, r->run_seq, &e, &r->c->d);
    if (rc == 0) {
        memcpy(out->b, record_hash(&e.r, RF_RUN_policy), CID_BYTES);
    }
    ledger_entry_release(&e);
    return rc;
}

static ProtobufCBinaryData field(const uint8_t *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

/* One batch, from row `first` on; *out_n: its rows. */
static int ask_batch(struct evaluation *v, struct session *s,
                     const struct rows *rows, const struct cid *policy,
                     const struct type *gives, uint64_t first, size_t *out_n)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    CLEANUP(values_release) struct values answers = {0};
    Proctor__EvaluateRequest m = PROCTOR__EVALUATE_REQUEST__INIT;
    const struct client_question q = {MSG_EVALUATE_REQUEST, &m.base, NULL, 0,
                                      MSG_EVALUATE_DONE};
    const Proctor__EvaluateDone *done;
    size_t row_bytes = (size_t)rows->m->width * 6 + 64;
    size_t n = LIMIT_BATCH_BYTES / row_bytes / 2;
    int code = 0;

    n = n > LIMIT_BATCH_VALUES ? LIMIT_BATCH_VALUES : n == 0 ? 1 : n;
    n = n > rows->m->rows - first ? (size_t)(rows->m->rows - first) : n;
    TRY(values_builder_init(&w, LIMIT_BATCH_BYTES));
    for (size_t i = 0; i < n; i++) {
        TRY(put_row(rows, first + i, &w));
    }
    m.id = 1;
    m.runnable = field(v->r->runnable.b, CID_BYTES);
    m.policy = field(policy->b, CID_BYTES);
    m.inputs = field(values_builder_bytes(&w).p, values_builder_bytes(&w).n);
    frame_release(&s->answer);
    frame_init(&s->answer);
    TRY(session_ask(s, &q, -1));
    done = (const Proctor__EvaluateDone *)session_answer(s, MSG_EVALUATE_DONE,
                                                         &code);
    if (done == NULL || done->code != 0 || !done->complete) {
        return cli_fail(v->r->c,
                        done == NULL      ? code
                        : done->code != 0 ? done->code
                                          : ERR_WORKER,
                        "its predictor could not be asked: %.150s",
                        done == NULL ? err_text(code)
                        : done->what[0] != '\0' ? done->what
                                                : done->ending);
    }
    TRY(values_decode(&answers,
                      (struct ubytes){done->outputs.data, done->outputs.len},
                      gives, (uint32_t)n));
    if (values_n(&answers) != n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    *out_n = n;
    return take_values(&answers, v->answers + first);
}

static int ask_all(struct evaluation *v, const struct rows *rows)
{
    CLEANUP(pb_freep) ProtobufCMessage *runnable = NULL;
    struct experiment_run *r = v->r;
    struct session s;
    struct type gives;
    struct cid policy;
    size_t n = 0;
    int rc;

    TRY(find_policy(r, &policy));
    TRY(object_message(r->store, &r->runnable, &proctor__runnable__descriptor,
                       &runnable));
    TRY(type_decode((struct ubytes){((Proctor__Runnable *)runnable)->gives.data,
                                    ((Proctor__Runnable *)runnable)->gives.len},
                    &gives));
    rc = session_open(&s, r->c, r->store);
    for (uint64_t i = 0; rc == 0 && i < rows->m->rows; i += n) {
        rc = ask_batch(v, &s, rows, &policy, &gives, i, &n);
    }
    session_close(&s);
    return rc;
}

/* The rows that it was trained on, as the numpy harness evaluates. */
static int load_trained_on(struct evaluation *v)
{
    CLEANUP(rows_release) struct rows rows;
    struct experiment_run *r = v->r;

    TRY(load_rows(r, &rows));
    v->is_class = rows.m->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    v->is_trained_on = 1;
    TRY(make_room(v, rows.m->rows));
    for (uint64_t i = 0; i < rows.m->rows; i++) {
        v->labels[i] = number_at(buf_bytes(&rows.y).p,
                                 v->is_class ? PROCTOR__DATA_TYPE__DATA_U32
                                             : PROCTOR__DATA_TYPE__DATA_F64,
                                 i);
    }
    return ask_all(v, &rows);
}

static int measure(struct evaluation *v)
{
    struct experiment_run *r = v->r;
    struct ledger_entry e;
    int rc;

    if (v->checkpoint != NULL &&
        strcmp(v->checkpoint, "checkpoint_final") != 0) {
        return 0; /* nobody looked at held-out rows with it */
    }
    if (r->x->kind == PROCTOR__DATA_KIND__DATA_TEXT) {
        return 0; /* the ledger's word is all: losses of rows, no answers */
    }
    if (r->look_ref > 0) {
        ledger_entry_init(&e);
        rc = ledger_get(r->store, r->look_ref - 1, &e, &r->c->d);
        rc = rc == 0 ? load_look(v, &e.r) : rc;
        ledger_entry_release(&e);
    } else if (r->x->score[0] != '\0' || cid_is_zero(&r->runnable)) {
        return 0;
    } else {
        rc = load_trained_on(v);
    }
    TRY(rc);
    v->is_scored = 1;
    return experiment_score_make(&v->score, v->is_class, v->answers, v->labels,
                                 v->n);
}

/* The epoch that a checkpoint is of; the last one of the final checkpoint. */
static const struct metrics_row *claims(const struct evaluation *v)
{
    static const char prefix[] = "checkpoint_epoch_";
    const struct metrics *m = &v->r->trains[v->r->trains_n - 1].metrics;
    unsigned long epoch = 0;

    if (m->rows_n == 0) {
        return NULL;
    }
    if (v->checkpoint != NULL &&
        strncmp(v->checkpoint, prefix, sizeof(prefix) - 1) == 0) {
        epoch = strtoul(v->checkpoint + sizeof(prefix) - 1, NULL, 10);
        for (size_t i = 0; i < m->rows_n; i++) {
            if (m->rows[i].epoch == epoch) {
                return &m->rows[i];
            }
        }
        return NULL;
    }
    return &m->rows[m->rows_n - 1];
}

/* The claim of that name, or NaN. */
static double claim(const struct evaluation *v, const char *name)
{
    const struct metrics *m = &v->r->trains[v->r->trains_n - 1].metrics;
    const struct metrics_row *row = claims(v);

    for (size_t i = 0; row != NULL && i < m->names_n; i++) {
        if (strcmp(m->names[i], name) == 0 && (row->has >> i & 1) != 0) {
            return row->v[i];
        }
    }
    return (double)NAN;
}

static void print_cell(double v)
{
    if (isnan(v)) {
        printf("%14s", "-");
    } else {
        printf("%14.6f", v);
    }
}

/* One line of the table, or one member of the document. */
static void tell(struct json *j, const char *name, double claimed,
                 double measured)
{
    if (j != NULL) {
        json_object(j, name);
        if (isnan(claimed)) {
            json_null(j, "claimed");
        } else {
            json_f64(j, "claimed", claimed);
        }
        if (isnan(measured)) {
            json_null(j, "measured");
        } else {
            json_f64(j, "measured", measured);
        }
        json_close(j);
        return;
    }
    printf("  %-22s", name);
    print_cell(claimed);
    print_cell(measured);
    printf("\n");
}

static void tell_score(const struct evaluation *v, struct json *j)
{
    const struct experiment_score *s = &v->score;
    char name[40];

    if (!s->is_class) {
        tell(j, "mse", claim(v, "mean_squared_error"), s->mse);
        tell(j, "rmse", claim(v, "root_mean_squared_error"), s->rmse);
        tell(j, "mae", claim(v, "mean_absolute_error"), s->mae);
        tell(j, "r2", claim(v, "r2"), s->r2);
        return;
    }
    tell(j, "accuracy", claim(v, "accuracy"), s->accuracy);
    for (uint32_t i = 0; s->classes > 2 && i < s->classes; i++) {
        (void)snprintf(name, sizeof(name), "accuracy_class_%" PRIu32, i);
        tell(j, name, (double)NAN,
             s->of_class[i] > 0
                 ? (double)s->right[i] / (double)s->of_class[i]
                 : (double)NAN);
    }
}

static void tell_all(const struct evaluation *v, struct json *j)
{
    if (v->r->trains_n > 0) {
        tell(j, "loss", claim(v, "loss"), (double)NAN);
        if (!isnan(claim(v, "measured"))) {
            tell(j, "validation", (double)NAN, claim(v, "measured"));
        }
    }
    if (v->is_scored) {
        tell_score(v, j);
    } else if (!isnan(claim(v, "accuracy"))) {
        tell(j, "accuracy", claim(v, "accuracy"), (double)NAN);
    }
}

static const char *rows_text(const struct evaluation *v)
{
    return !v->is_scored && v->r->look_ref > 0
               ? "held-out rows: what the ledger says"
           : !v->is_scored    ? "nothing was measured on held-out rows"
           : v->is_trained_on ? "measured here on the rows that it was trained "
                                "on: no evidence about others"
                              : "measured by the kernel on held-out rows, whose "
                                "labels no worker had";
}

static int report(const struct evaluation *v)
{
    char line[EXPERIMENT_LINE_BYTES];
    struct json j;

    experiment_text_measured(v->r, line);
    if (v->r->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "run_dir", v->r->dir.path);
        json_str(&j, "rows", rows_text(v));
        json_u64(&j, "n", v->is_scored ? v->score.n : 0);
        json_str(&j, "record", line);
        json_object(&j, "metrics");
        tell_all(v, &j);
        json_close(&j);
        json_close(&j);
        return cli_emit(v->r->c, &j);
    }
    printf("%s\n  %-22s%14s%14s\n", v->r->dir.run, "", "claimed", "measured");
    tell_all(v, NULL);
    if (v->is_scored) {
        printf("%" PRIu64 " rows: ", v->score.n);
    }
    printf("%s\n", rows_text(v));
    if (line[0] != '\0') {
        printf("the ledger's word: %s\n", line);
    }
    return 0;
}

static int check_checkpoint(struct cli *c, const struct experiment_dir *dir,
                            const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    if (name == NULL) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%.4000s/checkpoints/%.80s", dir->path,
                   name);
    if (strchr(name, '/') != NULL || strcmp(name, "..") == 0 ||
        stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return cli_fail_hint(c, ERR_NOT_FOUND,
                             "names are those of the folders in checkpoints/",
                             "checkpoint not found: %.180s", path);
    }
    return 0;
}

/* A number of run.json, written as text. */
static int read_seq(struct cli *c, const struct experiment_dir *dir,
                    const char *path, uint64_t *out)
{
    CLEANUP(buf_release) struct buf text;

    buf_init(&text, 64);
    TRY(experiment_text_member(dir, "run.json", path, &text, &c->d));
    TRY(buf_put_u8(&text, 0));
    *out = strtoull((const char *)buf_bytes(&text).p, NULL, 10);
    return 0;
}

static int evaluate(struct cli *c, struct evaluation *v)
{
    struct experiment_run *r = v->r;

    TRY(read_seq(c, &r->dir, "$.first_seq", &r->first_seq));
    TRY(read_seq(c, &r->dir, "$.end_seq", &r->end_seq));
    if (r->end_seq == 0) {
        return cli_fail_hint(c, ERR_NOT_FOUND,
                             "proctor experiment run --resume RUN_DIR",
                             "the run %.100s is not over", r->dir.run);
    }
    TRY(experiment_view_collect(r));
    TRY(measure(v));
    return report(v);
}

/* Reads the configuration again: it names the tasks of the run. */
static int open_run(struct evaluation *v, struct cli *c, const char *store,
                    struct experiment_file *f)
{
    CLEANUP(mem_freep) struct experiment_args *a = calloc(1, sizeof(*a));
    char config[PATH_MAX];
    int rc;

    if (a == NULL) {
        return cli_fail(c, ERR_NOMEM, "out of memory");
    }
    a->c = c;
    request_init(&a->words, PROCTOR__RUN_MODE__RUN_FULL);
    (void)snprintf(config, sizeof(config), "%.4000s/config.json",
                   v->r->dir.path);
    rc = experiment_file_read(a, config, f);
    request_release(&a->words);
    TRY(rc);
    experiment_run_init(v->r, c, f->reply->experiments[0], store);
    v->r->is_read_only = 1;
    return 0;
}

static int work(struct evaluation *v, struct cli *c, const char *dir,
                int dry_run)
{
    CLEANUP(buf_release) struct buf store;
    struct experiment_file f = {.reply = NULL};
    const char *path;
    int rc;

    buf_init(&store, PATH_MAX);
    frame_init(&f.frame);
    TRY(experiment_dir_open(dir, &v->r->dir, &c->d));
    TRY(check_checkpoint(c, &v->r->dir, v->checkpoint));
    TRY(experiment_text_member(&v->r->dir, "run.json", "$.store", &store,
                               &c->d));
    TRY(buf_put_u8(&store, 0));
    path = (const char *)buf_bytes(&store).p;
    if (dry_run) {
        printf("%s: to be evaluated from the store %s\n", v->r->dir.path, path);
        return 0;
    }
    rc = open_run(v, c, path, &f);
    rc = rc == 0 ? evaluate(c, v) : rc;
    experiment_run_release(v->r);
    experiment_file_release(&f);
    return rc;
}

int experiment_eval(struct cli *c, const char *dir, const char *checkpoint,
                    int dry_run)
{
    CLEANUP(mem_freep) struct experiment_run *r = calloc(1, sizeof(*r));
    CLEANUP(mem_freep) struct evaluation *v = calloc(1, sizeof(*v));
    int rc;

    if (r == NULL || v == NULL) {
        return cli_fail(c, ERR_NOMEM, "out of memory");
    }
    v->r = r;
    v->checkpoint = checkpoint;
    rc = work(v, c, dir, dry_run);
    free(v->answers);
    free(v->labels);
    return rc;
}

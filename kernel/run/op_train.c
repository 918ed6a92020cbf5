/* Ops `train` and `train.combine`: makes the Training, which says all that decides
 * the bits, takes out of its rows those that are measured on, whose labels no worker
 * gets, lets it run, and makes a predictor of what came out. Kernel process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/job.h"
#include "kernel/run/park.h"
#include "kernel/run/runnable.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/run/smoke.h"
#include "kernel/run/train.h"
#include "kernel/store/fold.h"
#include "proto/err.h"
#include "proto/share.h"

enum { COMBINE_MORE = 1 << 20 /* bytes beside the weights that it is made of */ };

struct op_train {
    struct live *live;
    Proctor__Split *split; /* owned; NULL: all rows */
    Proctor__Dataset *set; /* owned */
    Proctor__Dataset data;
    Proctor__Training m;
    struct cid split_cid, image, x, y, checked_x, checked_y, start, twin;
    struct train *train;
    struct job *job;
    struct job_ask ask;
    Proctor__CombineSpec how;
    uint64_t weight_bytes[LIMIT_COMBINED];
    unsigned decide;
    struct smoke *smoke;
    Proctor__Dataset first; /* row of a text */
    struct outcome outcome; /* of a text's predictor, once it has answered */
};

static void drop_job(struct op_train *x)
{
    job_free(x->job);
    x->job = NULL;
    for (unsigned i = 0; i < x->ask.fds_n; i++) {
        fd_closep(&x->ask.fds[i]);
    }
    x->ask.fds_n = 0;
}

static void op_train_free(void *state)
{
    struct op_train *x = state;

    train_free(x->train);
    drop_job(x);
    smoke_free(x->smoke);
    pb_free((ProtobufCMessage *)x->split);
    pb_free((ProtobufCMessage *)x->set);
    free(x);
}

static const struct task *find_task(const struct op_train *x, const char *id)
{
    uint32_t i = run_find(x->live->run, id);

    ASSERT(i != UINT32_MAX); /* admission saw to it */
    return &x->live->run->tasks[i];
}

/* Weights of a Runnable that a task gave; *decide likewise. */
static int weights_of(struct op_train *x, const char *id, struct cid *out)
{
    return runnable_weights(x->live->run->core, &find_task(x, id)->result, out,
                            &x->decide);
}

/* The data set that a task gave, or split. */
static int load_set(struct op_train *x, const char *id)
{
    struct core *c = x->live->run->core;
    const struct task *t = find_task(x, id);
    struct cid set = t->result;

    if (t->spec->split != NULL) {
        x->split_cid = t->result;
        TRY(core_get_message(c, &t->result, &proctor__split__descriptor,
                             (ProtobufCMessage **)&x->split));
        TRY(cid_from_field(&x->split->dataset, &set));
    }
    TRY(core_get_message(c, &set, &proctor__dataset__descriptor,
                         (ProtobufCMessage **)&x->set));
    x->data = *x->set;
    x->data.permuted = NULL; /* rows are what counts, not how they came about */
    if (x->set->permuted != NULL) {
        x->m.split = x->set->permuted->split;
    }
    if (x->split != NULL) {
        x->data.rows = x->split->train_rows;
        x->data.x = x->split->train_x;
        x->data.y = x->split->train_y;
        x->m.split = cid_field(&x->split_cid);
    }
    return 0;
}

static uint64_t row_bytes(const Proctor__Dataset *d)
{
    static const uint8_t of_type[] = {0, 8, 4, 1, 4};

    return (uint64_t)d->width *
           ((unsigned)d->x_type < ARRAY_N(of_type) ? of_type[d->x_type] : 0);
}

static uint64_t label_bytes(const Proctor__Dataset *d)
{
    return d->kind == PROCTOR__DATA_KIND__DATA_REGRESSION ? 8 : 4;
}

/* Rows [from, from + n) of an object, and those before and behind them, as objects
 * of their own. */
static int cut(struct op_train *x, ProtobufCBinaryData *rows, uint64_t each,
               uint64_t from, uint64_t n, struct cid *rest, struct cid *checked)
{
    CLEANUP(fd_closep) int fd = -1;
    struct core *c = x->live->run->core;
    uint64_t all = x->data.rows;
    struct store_part part = {from * each, n * each};
    struct store_part parts[] = {{0, from * each},
                                 {(from + n) * each, (all - from - n) * each}};
    struct cid id;
    uint64_t bytes;

    TRY(cid_from_field(rows, &id));
    TRY(store_get_memfd(c->store, &id, &fd, &bytes));
    if (bytes != all * each) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (budget_charge(&c->budget, BUDGET_BYTES, bytes) != 0) {
        return BUDGET_E_SPENT;
    }
    TRY(store_put_parts(c->store, fd, parts, ARRAY_N(parts), rest));
    TRY(store_put_parts(c->store, fd, &part, 1, checked));
    *rows = cid_field(rest);
    return 0;
}

/* Takes out the rows that are measured on. */
static int cut_checked(struct op_train *x)
{
    const Proctor__TrainSpec *s = live_spec(x->live)->train;
    unsigned metric = x->data.kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION
                          ? METRIC_ACCURACY
                          : METRIC_SQUARED_ERROR;
    uint64_t from;
    uint64_t n;
    int code;

    training_checked(s, x->data.rows, &from, &n);
    if (s->folds == 0 && !(s->validation > 0)) {
        return 0;
    }
    if (n == 0 || n >= x->data.rows ||
        x->data.kind == PROCTOR__DATA_KIND__DATA_TEXT) {
        live_fail(x->live, 0, "%llu of %llu rows cannot be measured on",
                  (unsigned long long)n, (unsigned long long)x->data.rows);
        return 0;
    }
    x->m.metric = s->metric != METRIC_NONE ? s->metric : metric;
    if ((x->m.metric == METRIC_ACCURACY) != (metric == METRIC_ACCURACY)) {
        live_fail(x->live, 0, "accuracy is for classes, errors are for numbers");
        return 0;
    }
    code = cut(x, &x->data.x, row_bytes(&x->data), from, n, &x->x, &x->checked_x);
    code = code ? code
                : cut(x, &x->data.y, label_bytes(&x->data), from, n, &x->y,
                      &x->checked_y);
    x->m.checked_x = cid_field(&x->checked_x);
    x->m.checked_y = cid_field(&x->checked_y);
    x->m.checked_rows = n;
    x->data.rows -= n;
    return code;
}

/* Its labels (of text: its tokens) in another order, which what it is draws. */
static int shuffle(struct op_train *x)
{
    CLEANUP(buf_release) struct buf from;
    CLEANUP(buf_release) struct buf to;
    struct core *c = x->live->run->core;
    int is_text = x->data.kind == PROCTOR__DATA_KIND__DATA_TEXT;
    ProtobufCBinaryData *field = is_text ? &x->data.x : &x->data.y;
    uint64_t each = is_text ? 4 : label_bytes(&x->data);
    struct cid seed;
    struct cid id;
    struct ubytes b;
    uint8_t *p;

    buf_init(&from, LIMIT_HELD_BYTES);
    buf_init(&to, LIMIT_HELD_BYTES);
    TRY(core_cid_message(&x->m.base, &seed));
    TRY(cid_from_field(field, &id));
    TRY(store_get(c->store, &id, &from));
    b = buf_bytes(&from);
    TRY(buf_extend(&to, b.n, &p));
    memcpy(p, b.p, b.n);
    training_shuffle(p, b.n / each, each, seed.b);
    *field = cid_field(&x->twin);
    return core_put(c, buf_bytes(&to), &x->twin);
}

/* All that decides its bits. 0 and the task may be over. */
static int make_training(struct op_train *x)
{
    const Proctor__TrainSpec *s = live_spec(x->live)->train;
    int code;

    proctor__training__init(&x->m);
    TRY(load_set(x, s->data));
    x->image = engine_image(x->live->run->core->engine, WORKER_TRAIN);
    x->m.version = 1;
    x->m.recipe = s->recipe;
    x->m.data = &x->data;
    x->m.image = cid_field(&x->image);
    x->m.twin = s->twin;
    x->m.untrained = s->twin == PROCTOR__TRAIN_TWIN__TWIN_WEIGHTS;
    code = cut_checked(x);
    if (code != 0 || x->live->over) {
        return code;
    }
    if (s->start[0] != '\0') {
        TRY(weights_of(x, s->start, &x->start));
        x->m.start = cid_field(&x->start);
    }
    return s->twin == PROCTOR__TRAIN_TWIN__TWIN_LABELS ? shuffle(x) : 0;
}

static void on_predicted(void *ctx, struct job *j, int code,
                         const Proctor__TrainReply *reply, int area_fd,
                         const struct diag *d)
{
    struct op_train *x = ctx;

    (void)j;
    (void)area_fd;
    if (code < 0) {
        live_error(x->live, code == ERR_INPUT || code == ERR_LIMIT ? 0 : code, d);
    } else if (reply->bytes != x->ask.task.output_bytes) {
        live_fail(x->live, 0, "no well-formed answer: it is of another size");
    } else {
        live_over(x->live, &x->outcome);
    }
}

/* What predicts text has to answer for a first row, as others for a sample. */
static int try_text(struct op_train *x, const struct cid *weights)
{
    struct core *c = x->live->run->core;
    uint64_t each = row_bytes(&x->data);
    struct job_ask *a = &x->ask;
    struct cid tokenizer, rows;
    int all CLEANUP(fd_closep) = -1;
    uint64_t bytes;

    drop_job(x);
    x->first = x->data;
    x->first.rows = 1;
    TRY(cid_from_field(&x->data.tokenizer, &tokenizer));
    TRY(cid_from_field(&x->data.x, &rows));
    TRY(store_get_memfd(c->store, &rows, &all, &bytes));
    proctor__train_task__init(&a->task);
    TRY(store_get_memfd(c->store, &tokenizer, &a->fds[a->fds_n++],
                        &x->weight_bytes[0]));
    TRY(share_sized(each, &a->fds[a->fds_n++]));
    TRY(park_copy(all, 0, a->fds[1], 0, each));
    TRY(share_seal(a->fds[1], each));
    TRY(store_get_memfd(c->store, weights, &a->fds[a->fds_n++],
                        &x->weight_bytes[1]));
    a->task.command = PROCTOR__TRAIN_COMMAND__TRAIN_PREDICT;
    a->task.data = &x->first;
    a->task.file_bytes = &x->weight_bytes[0];
    a->task.n_file_bytes = 1;
    a->task.x_bytes = each;
    a->task.weight_bytes = &x->weight_bytes[1];
    a->task.n_weight_bytes = 1;
    a->task.output_bytes = (x->data.width - 1) * 4ull * x->data.classes;
    a->task.unit = pb_str(live_id(x->live));
    a->limits = x->live->run->policy->limits;
    a->label = live_id(x->live);
    return job_start(c, a, on_predicted, x, &x->job);
}

/* What came out, as something that answers. */
static int make_predictor(struct op_train *x, const struct cid *weights,
                          unsigned kind, uint64_t evidence_ref)
{
    Proctor__Runnable m = PROCTOR__RUNNABLE__INIT;
    struct ubytes takes;
    struct ubytes gives;
    struct cid id;
    int code;

    if (!training_types(kind, &takes, &gives)) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    m.kind = RUNNABLE_MODEL;
    m.takes = bytes_field(takes);
    m.gives = bytes_field(gives);
    m.weights = cid_field(weights);
    m.decide = x->decide;
    code = core_put_message(x->live->run->core, &m.base, &id);
    x->outcome = (struct outcome){.passed = 1,
                                  .level = LEVEL_SCHEMA,
                                  .result = id,
                                  .evidence_ref = evidence_ref};
    return code                                       ? code
           : kind == PROCTOR__DATA_KIND__DATA_TEXT ? try_text(x, weights)
                                                   : smoke_start(x->live, &id,
                                                                 evidence_ref,
                                                                 &x->smoke);
}

static void on_combined(void *ctx, struct job *j, int code,
                        const Proctor__TrainReply *reply, int area_fd,
                        const struct diag *d)
{
    struct op_train *x = ctx;
    struct core *c = x->live->run->core;
    struct store_part part = {0, reply == NULL ? 0 : reply->bytes};
    struct cid weights;

    (void)j;
    if (code < 0) {
        live_error(x->live, code == ERR_INPUT || code == ERR_LIMIT ? 0 : code, d);
        return;
    }
    if (part.bytes == 0 || part.bytes > x->ask.task.output_bytes) {
        live_fail(x->live, 0, "its worker gave weights that cannot be");
        return;
    }
    code = budget_charge(&c->budget, BUDGET_BYTES, part.bytes);
    code = code ? code : store_put_parts(c->store, area_fd, &part, 1, &weights);
    code = code ? code
                : make_predictor(x, &weights, x->set->kind,
                                 x->train == NULL ? 0 : x->train->seq_ref);
    if (code != 0) {
        live_error(x->live, code, NULL);
    }
}

/* One file of several weights. */
static int combine(struct op_train *x, const struct cid *weights, size_t n,
                   const char *how)
{
    struct job_ask *a = &x->ask;

    proctor__train_task__init(&a->task);
    proctor__combine_spec__init(&x->how);
    x->how.how = pb_str(how);
    a->task.command = PROCTOR__TRAIN_COMMAND__TRAIN_COMBINE;
    a->task.combine = &x->how;
    a->task.weight_bytes = x->weight_bytes;
    a->task.n_weight_bytes = n;
    a->task.output_bytes = COMBINE_MORE;
    a->task.unit = pb_str(live_id(x->live));
    for (size_t i = 0; i < n; i++) {
        TRY(store_get_memfd(x->live->run->core->store, &weights[i], &a->fds[i],
                            &x->weight_bytes[i]));
        a->fds_n++;
        a->task.output_bytes += x->weight_bytes[i];
    }
    a->limits = x->live->run->policy->limits;
    a->label = live_id(x->live);
    return job_start(x->live->run->core, a, on_combined, x, &x->job);
}

/* The weights that the spec asks for. */
static int ended(struct op_train *x)
{
    const struct train *t = x->train;
    const Proctor__TrainSpec *s = live_spec(x->live)->train;
    struct cid kept[LIMIT_COMBINED];

    x->decide = x->data.kind != PROCTOR__DATA_KIND__DATA_CLASSIFICATION ? 0
                : t->ready->train->outputs == 1                         ? 1
                                                                        : 2;
    if (s->result == PROCTOR__TRAIN_RESULT__RESULT_LAST || x->m.untrained) {
        return make_predictor(x, &t->weights, x->data.kind, t->seq_ref);
    }
    if (t->log.kept_n == 0) {
        live_fail(x->live, 0, "no epoch's weights were kept: let `checkpoint` "
                              "fall on one");
        return 0;
    }
    for (size_t i = 0; i < t->log.kept_n; i++) {
        kept[i] = t->log.kept[i].weights;
    }
    return s->result == PROCTOR__TRAIN_RESULT__RESULT_BEST || t->log.kept_n == 1
               ? make_predictor(x, &kept[0], x->data.kind, t->seq_ref)
               : combine(x, kept, t->log.kept_n, "weights");
}

static void on_end(void *ctx, struct train *t)
{
    struct op_train *x = ctx;
    struct core *c = x->live->run->core;
    struct outcome o = {.code = t->code, .evidence_ref = t->seq_ref};
    int code;

    if (t->end == TRAIN_ENDED) {
        code = ended(x);
        if (code != 0) {
            live_error(x->live, code, NULL);
        }
        return;
    }
    if (t->end == TRAIN_STOPPED) {
        o.parked = 1;
        snprintf(o.reason, sizeof(o.reason),
                 "stopped after %llu steps; to go on: proctor run --resume",
                 (unsigned long long)t->step);
        say_event(c, t->seq_ref, live_id(x->live), "", o.reason);
    } else {
        say_diag(c, &t->d, live_id(x->live));
        snprintf(o.reason, sizeof(o.reason), "%s", t->d.what);
    }
    live_over(x->live, &o);
}

static void on_rest(struct live *l)
{
    struct op_train *x = l->state;

    if (x->train != NULL && x->train->end == TRAIN_RUNS) {
        train_stop(x->train);
    } else {
        l->on_rest = NULL; /* it is nearly done, or will be done again */
    }
}

static int op_train_new(struct live *l, struct op_train **out)
{
    struct op_train *x = calloc(1, sizeof(*x));

    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = x;
    x->live = l;
    *out = x;
    return 0;
}

static int train_start(struct live *l)
{
    const Proctor__TrainSpec *s = live_spec(l)->train;
    struct run *r = l->run;
    struct train_ask ask = {.workers = s->workers == 0 ? 1 : s->workers,
                            .checkpoint_every = s->checkpoint_every,
                            .checkpoint_steps = s->checkpoint_steps,
                            .limits = r->policy->limits,
                            .task = live_id(l),
                            .is_live = r->req->live,
                            .on_end = on_end};
    struct op_train *x;
    uint64_t seq;
    int code;

    TRY(op_train_new(l, &x));
    code = make_training(x);
    if (code == 0 && !l->over) {
        code = core_put_message(r->core, &x->m.base, &ask.training);
    }
    if (code != 0 || l->over) {
        live_error(l, code, NULL); /* not heard when the task is over */
        return 0;
    }
    if (s->result != PROCTOR__TRAIN_RESULT__RESULT_LAST) {
        ask.keep = s->keep == 0 ? 1 : s->keep;
    }
    ask.m = &x->m;
    ask.ctx = x;
    /* What another task of this run trains is no earlier try of it. */
    if (fold_training(ledger_fold(r->core->ledger), &ask.training, &seq) &&
        seq < r->seq) {
        ask.went_on_ref = seq + 1;
    }
    if (x->m.split.len == 0) {
        say_event(r->core, 0, live_id(l), "",
                  "it gets all rows: nothing is held out of them");
    }
    TRY(train_new(r->core, &ask, &x->train));
    l->on_rest = on_rest;
    return 0;
}

static int combine_start(struct live *l)
{
    const Proctor__CombineSpec *s = live_spec(l)->combine;
    const Proctor__Task *data =
        admission_data(&l->run->admission, l->run->graph, live_spec(l));
    struct cid weights[LIMIT_COMBINED];
    struct op_train *x;

    TRY(op_train_new(l, &x));
    TRY(load_set(x, data->id));
    for (size_t i = 0; i < s->n_of; i++) {
        TRY(weights_of(x, s->of[i], &weights[i]));
    }
    return combine(x, weights, s->n_of, s->how);
}

const struct op op_train = {"train", train_start, op_train_free};
const struct op op_combine = {"train.combine", combine_start, op_train_free};

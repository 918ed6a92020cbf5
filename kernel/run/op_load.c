/* Op `data.load`: files, or a generator's numbers, become a data set. One train
 * worker gets the sealed files and writes rows and labels into an area; when it is
 * gone the area is sealed, its sizes are held against what it says, and the parts
 * become objects. The kernel parses none of it. Same spec and files, same CID.
 * Kernel process. */
#include <stdlib.h>
#include <string.h>

#include "kernel/run/config.h"
#include "kernel/run/guard.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "proto/dataset.h"
#include "proto/err.h"
#include "proto/share.h"

struct loading {
    struct live *live;
    struct guard *guard;
    struct worker_limits limits;
    int fds[LIMIT_DATASET_FILES + 1]; /* owned: files, then the area */
    unsigned fds_n;
    uint64_t sizes[LIMIT_DATASET_FILES + 1];
    Proctor__TrainTask task;
    Proctor__TrainReply *reply; /* owned; NULL until it came */
};

static void load_free(void *state)
{
    struct loading *x = state;

    guard_free(x->guard);
    for (unsigned i = 0; i < x->fds_n; i++) {
        fd_closep(&x->fds[i]);
    }
    pb_free((ProtobufCMessage *)x->reply);
    free(x);
}

/* The parts that the area holds, as objects; d gets their CIDs. */
static int put_parts(struct loading *x, Proctor__Dataset *d,
                     struct cid cids[static 3])
{
    struct core *c = x->live->run->core;
    const Proctor__TrainReply *m = x->reply;
    int area = x->fds[x->fds_n - 1];
    ProtobufCBinaryData *const names[] = {&d->x, &d->y, &d->tokenizer};
    struct store_part parts[] = {{0, m->x_bytes},
                                 {0, m->y_bytes},
                                 {0, m->tokenizer_bytes}};

    for (size_t i = 1; i < ARRAY_N(parts); i++) { /* each from a page on */
        parts[i].at = (parts[i - 1].at + parts[i - 1].bytes + 4095) & ~4095ull;
    }
    TRY(share_seal(area, parts[2].at + parts[2].bytes));
    for (size_t i = 0; i < ARRAY_N(parts); i++) {
        if (parts[i].bytes == 0) {
            continue;
        }
        if (budget_charge(&c->budget, BUDGET_BYTES, parts[i].bytes) != 0) {
            return BUDGET_E_SPENT;
        }
        TRY(store_put_parts(c->store, area, &parts[i], 1, &cids[i]));
        *names[i] = cid_field(&cids[i]);
    }
    return 0;
}

/* The spec without names: files by their CIDs. */
static int put_spec(struct loading *x, struct cid *out)
{
    struct run *r = x->live->run;
    Proctor__DataSpec m = *live_spec(x->live)->data;
    char texts[LIMIT_DATASET_FILES][CID_TEXT_BYTES];
    char *files[LIMIT_DATASET_FILES];

    for (size_t i = 0; i < m.n_files; i++) {
        cid_text(&files_find(&r->files, m.files[i])->cid, texts[i]);
        files[i] = texts[i];
    }
    m.files = files;
    return core_put_message(r->core, &m.base, out);
}

static int record(struct loading *x, const struct cid *spec, struct outcome *o)
{
    struct run *r = x->live->run;
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_LOADED);
    record_set_u(&rec, RF_LOADED_run, r->seq);
    record_set_str(&rec, RF_LOADED_task, live_id(x->live));
    record_set_hash(&rec, RF_LOADED_spec, spec->b);
    record_set_hash(&rec, RF_LOADED_dataset, o->result.b);
    record_set_u(&rec, RF_LOADED_rows, x->reply->data->rows);
    record_set_u(&rec, RF_LOADED_bytes,
                 x->reply->x_bytes + x->reply->y_bytes);
    TRY(run_record(r, &rec, &seq));
    o->evidence_ref = seq + 1;
    TRY(run_commit(r));
    for (size_t i = 0; i < x->reply->data->n_notes; i++) {
        say_quote(r->core, live_id(x->live), x->reply->data->notes[i]);
    }
    return 0;
}

/* Believes nothing but bytes: whoever trains on rows that make no sense learns
 * none, and an exam says so. */
static int take(struct loading *x)
{
    const Proctor__TrainReply *m = x->reply;
    Proctor__Dataset d = PROCTOR__DATASET__INIT;
    struct outcome o = {.passed = 1, .level = LEVEL_SCHEMA};
    struct cid parts[3];
    struct cid spec;
    int code;

    if (m->data != NULL) {
        d = *m->data; /* borrows, and gets its CIDs here */
    }
    if (d.x.len + d.y.len + d.tokenizer.len + d.spec.len > 0 ||
        !dataset_is_sound(&d, m->x_bytes, m->y_bytes) ||
        d.kind != live_spec(x->live)->data->kind ||
        (d.kind == PROCTOR__DATA_KIND__DATA_TEXT) != (m->tokenizer_bytes > 0) ||
        m->tokenizer_bytes > LIMIT_DATASET_BYTES) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    code = put_parts(x, &d, parts);
    code = code ? code : put_spec(x, &spec);
    d.spec = cid_field(&spec);
    code = code ? code : core_put_message(x->live->run->core, &d.base, &o.result);
    code = code ? code : record(x, &spec, &o);
    if (code == 0) {
        live_over(x->live, &o);
    }
    return code;
}

static void on_ready(void *ctx, struct guard *g)
{
    struct loading *x = ctx;
    int code = guard_send(g, MSG_TRAIN_TASK, &x->task.base, x->fds, x->fds_n);

    if (code < 0) {
        live_error(x->live, code, NULL);
    }
}

static void on_message(void *ctx, struct guard *g, struct frame *f)
{
    struct loading *x = ctx;

    if (x->reply != NULL || f->info->msg != MSG_TRAIN_REPLY) {
        live_fail(x->live, ERR_PROTOCOL, "the worker spoke out of turn");
        return;
    }
    x->reply = (Proctor__TrainReply *)f->m;
    f->m = NULL;
    guard_finish(g);
}

static void fail_problem(struct loading *x)
{
    const Proctor__DataSpec *s = live_spec(x->live)->data;
    struct diag d;

    (void)config_problem(x->reply->problem,
                         s->n_files == 1 ? s->files[0] : NULL, &d);
    say_diag(x->live->run->core, &d, live_id(x->live));
    live_fail(x->live, 0, "%s", d.what);
}

static void on_end(void *ctx, UNUSED struct guard *g, const struct guard_end *e)
{
    struct loading *x = ctx;
    int code;

    if (x->live->over) {
        return;
    }
    if (e->code < 0) {
        live_fail(x->live, e->code, "%s", e->what);
    } else if (x->reply == NULL) {
        live_fail(x->live, 0, "the worker that read it %s",
                  e->exit->timed_out ? "took too long"
                                     : "ended without an answer");
    } else if (x->reply->problem != NULL) {
        fail_problem(x);
    } else {
        code = take(x);
        if (code != 0) {
            live_error(x->live, code, NULL);
        }
    }
}

static const struct guard_handler handler = {
    .on_ready = on_ready, .on_message = on_message, .on_end = on_end};

static int load_start(struct live *l)
{
    struct run *r = l->run;
    const Proctor__DataSpec *s = live_spec(l)->data;
    const Proctor__Limits *limits = r->policy->limits;
    struct loading *x = calloc(1, sizeof(*x));
    struct guard_ask ask = {.class = WORKER_TRAIN,
                            .task = live_id(l),
                            .handler = &handler,
                            .ctx = x};

    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = x;
    x->live = l;
    ask.limits = &x->limits;
    proctor__train_task__init(&x->task);
    x->task.command = PROCTOR__TRAIN_COMMAND__TRAIN_LOAD;
    x->task.load = (Proctor__DataSpec *)(uintptr_t)s;
    x->task.file_bytes = x->sizes;
    x->task.unit = pb_str(live_id(l));
    x->limits.cpu_ms = limits->cpu_ms;
    x->limits.memory_bytes = limits->memory_bytes;
    x->limits.wall_ms = limits->wall_ms;
    for (size_t i = 0; i < s->n_files; i++) {
        const struct file *f = files_find(&r->files, s->files[i]);

        ASSERT(f != NULL && f->there && i < LIMIT_DATASET_FILES);
        TRY(store_get_memfd(r->core->store, &f->cid, &x->fds[x->fds_n],
                            &x->sizes[i]));
        x->task.n_file_bytes++;
        if (x->sizes[i] > 0) { /* an empty one is not sent */
            x->fds_n++;
        } else {
            fd_closep(&x->fds[x->fds_n]);
        }
    }
    /* Half of the worker's memory: the rest is for what reading takes. */
    x->task.output_bytes = limits->memory_bytes / 2 < LIMIT_DATASET_BYTES
                               ? limits->memory_bytes / 2
                               : LIMIT_DATASET_BYTES;
    TRY(share_sized(x->task.output_bytes, &x->fds[x->fds_n]));
    x->fds_n++;
    return guard_start(r->core, &ask, &x->guard);
}


const struct op op_load = {"data.load", load_start, load_free};

/* Op `data.load`: files, or a generator's numbers, become a data set. One train
 * worker gets the sealed files and writes rows and labels into an area; when it is
 * gone, its sizes are held against what it says, and the parts
 * become objects. The kernel parses none of it. Same spec and files, same CID.
 * Kernel process. */
#include <stdlib.h>
#include <string.h>

#include "kernel/run/job.h"
#include "kernel/run/load.h"
#include "kernel/run/say.h"
#include "proto/dataset.h"
#include "proto/err.h"
#include "proto/share.h"

struct loading {
    struct live *live;
    struct job *job;
    struct job_ask ask; /* owns its descriptors: files */
    uint64_t sizes[LIMIT_DATASET_FILES];
};

static void load_free(void *state)
{
    struct loading *x = state;

    job_free(x->job);
    for (unsigned i = 0; i < x->ask.fds_n; i++) {
        fd_closep(&x->ask.fds[i]);
    }
    free(x);
}

/* The parts that the area holds, as objects; d gets their CIDs. */
static int put_parts(struct core *c, const Proctor__TrainReply *m, int area,
                     Proctor__Dataset *d, struct cid cids[static 3])
{
    ProtobufCBinaryData *const names[] = {&d->x, &d->y, &d->tokenizer};
    struct store_part parts[] = {{0, m->x_bytes},
                                 {0, m->y_bytes},
                                 {0, m->tokenizer_bytes}};

    for (size_t i = 1; i < ARRAY_N(parts); i++) { /* each from a page on */
        parts[i].at = (parts[i - 1].at + parts[i - 1].bytes + 4095) & ~4095ull;
    }
    TRY(share_seal(area, parts[2].at + parts[2].bytes)); /* do they lie there? */
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

int load_record(struct live *l, const struct cid *spec,
                const Proctor__Dataset *d, uint64_t bytes, struct outcome *o)
{
    struct record rec;
    uint64_t seq;
    int code = core_put_message(l->run->core, &d->base, &o->result);

    if (code != 0) {
        return code;
    }
    record_init(&rec, RECORD_LOADED);
    record_set_u(&rec, RF_LOADED_run, l->run->seq);
    record_set_str(&rec, RF_LOADED_task, live_id(l));
    record_set_hash(&rec, RF_LOADED_spec, spec->b);
    record_set_hash(&rec, RF_LOADED_dataset, o->result.b);
    record_set_u(&rec, RF_LOADED_rows, d->rows);
    record_set_u(&rec, RF_LOADED_bytes, bytes);
    TRY(run_record(l->run, &rec, &seq));
    o->evidence_ref = seq + 1;
    return run_commit(l->run);
}

/* Believes nothing but bytes: whoever trains on rows that make no sense learns
 * none, and an exam says so. */
static int take(struct loading *x, const Proctor__TrainReply *m, int area)
{
    Proctor__Dataset d = PROCTOR__DATASET__INIT;
    struct outcome o = {.passed = 1, .level = LEVEL_SCHEMA};
    struct cid parts[3];
    struct cid spec;
    int code;

    if (m->data != NULL) {
        d = *m->data; /* borrows, and gets its CIDs here */
    }
    if (d.x.len + d.y.len + d.tokenizer.len + d.spec.len > 0 || d.permuted ||
        !dataset_is_sound(&d, m->x_bytes, m->y_bytes) ||
        d.kind != live_spec(x->live)->data->kind ||
        (d.kind == PROCTOR__DATA_KIND__DATA_TEXT) != (m->tokenizer_bytes > 0) ||
        m->tokenizer_bytes > LIMIT_DATASET_BYTES) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    code = put_parts(x->live->run->core, m, area, &d, parts);
    code = code ? code : put_spec(x, &spec);
    d.spec = cid_field(&spec);
    code = code ? code
                : load_record(x->live, &spec, &d, m->x_bytes + m->y_bytes, &o);
    if (code != 0) {
        return code;
    }
    for (size_t i = 0; i < d.n_notes; i++) {
        say_quote(x->live->run->core, live_id(x->live), d.notes[i]);
    }
    live_over(x->live, &o);
    return 0;
}

static void on_reply(void *ctx, UNUSED struct job *j, int code,
                     const Proctor__TrainReply *reply, int area,
                     const struct diag *d)
{
    struct loading *x = ctx;

    if (code == ERR_INPUT || code == ERR_LIMIT) {
        say_diag(x->live->run->core, d, live_id(x->live));
        code = 0;
    }
    if (reply == NULL) {
        live_fail(x->live, code == ERR_WORKER ? 0 : code, "%s", d->what);
        return;
    }
    code = take(x, reply, area);
    if (code != 0) {
        live_error(x->live, code, NULL);
    }
}

static int load_start(struct live *l)
{
    struct run *r = l->run;
    const Proctor__DataSpec *s = live_spec(l)->data;
    const Proctor__Limits *limits = r->policy->limits;
    struct loading *x = calloc(1, sizeof(*x));
    Proctor__TrainTask *m;

    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->state = x;
    x->live = l;
    x->ask.limits = limits;
    x->ask.label = live_id(l);
    x->ask.path = s->n_files == 1 ? s->files[0] : NULL;
    m = &x->ask.task;
    proctor__train_task__init(m);
    m->command = PROCTOR__TRAIN_COMMAND__TRAIN_LOAD;
    m->load = (Proctor__DataSpec *)(uintptr_t)s;
    m->file_bytes = x->sizes;
    m->unit = pb_str(live_id(l));
    for (size_t i = 0; i < s->n_files; i++) {
        const struct file *f = files_find(&r->files, s->files[i]);

        ASSERT(f != NULL && f->there && i < LIMIT_DATASET_FILES);
        TRY(store_get_memfd(r->core->store, &f->cid, &x->ask.fds[x->ask.fds_n],
                            &x->sizes[i]));
        m->n_file_bytes++;
        if (x->sizes[i] > 0) { /* an empty one is not sent */
            x->ask.fds_n++;
        } else {
            fd_closep(&x->ask.fds[x->ask.fds_n]);
        }
    }
    /* Half of the worker's memory: the rest is for what reading takes. */
    m->output_bytes = limits->memory_bytes / 2 < LIMIT_DATASET_BYTES
                          ? limits->memory_bytes / 2
                          : LIMIT_DATASET_BYTES;
    return job_start(r->core, &x->ask, on_reply, x, &x->job);
}

const struct op op_load = {"data.load", load_start, load_free};

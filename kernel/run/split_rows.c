/* Rows of a data set for op data.split: what fixes them, and their parts
 * (proto/dataset.h). Kernel process. */
#include "kernel/run/split.h"

#include <string.h>

#include "proto/err.h"

/* What is split once in a store: the file that holds the labels, the last one of the
 * set, whatever columns were taken; a text or a generator hides no labels. */
static void find_file(struct splitting *x, const Proctor__DataSpec *s)
{
    struct run *r = x->live->run;

    x->file = x->set_cid;
    x->name = x->spec->of;
    if (s->n_files > 0 && s->kind != PROCTOR__DATA_KIND__DATA_TEXT) {
        x->name = s->files[s->n_files - 1];
        x->file = files_find(&r->files, x->name)->cid;
    }
}

static int put_data(struct splitting *x)
{
    Proctor__Data m = PROCTOR__DATA__INIT;
    struct type takes;
    struct type gives;

    m.file = cid_field(&x->file);
    m.dataset = cid_field(&x->set_cid);
    m.holdout = x->spec->holdout;
    m.stratified = x->spec->stratified;
    if (dataset_types(x->set->kind, &takes, &gives) == 0) {
        m.takes = bytes_field((struct ubytes){takes.b, takes.n});
        m.gives = bytes_field((struct ubytes){gives.b, gives.n});
    }
    return core_put_message(x->live->run->core, &m.base, &x->data);
}

static int get_object(struct core *c, const ProtobufCBinaryData *name,
                      struct buf *out)
{
    struct cid cid;

    if (name->len == 0) {
        return 0;
    }
    TRY(cid_from_field(name, &cid));
    return store_get(c->store, &cid, out);
}

int split_load_rows(struct splitting *x)
{
    struct run *r = x->live->run;
    uint32_t k = run_find(r, x->spec->of);
    CLEANUP(buf_release) struct buf rows;
    CLEANUP(buf_release) struct buf labels;
    int code;

    ASSERT(k != UINT32_MAX && r->tasks[k].spec->data != NULL);
    x->set_cid = r->tasks[k].result;
    buf_init(&rows, LIMIT_HELD_BYTES);
    buf_init(&labels, LIMIT_HELD_BYTES);
    TRY(core_get_message(r->core, &x->set_cid, &proctor__dataset__descriptor,
                         (ProtobufCMessage **)&x->set));
    TRY(get_object(r->core, &x->set->x, &rows));
    TRY(get_object(r->core, &x->set->y, &labels));
    if (!dataset_is_sound(x->set, buf_len(&rows), buf_len(&labels))) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    code = dataset_rows_init(&x->rows, x->set, &rows, &labels);
    if (code == ERR_ENCODING) {
        live_fail(x->live, 0, "a label is none of its classes, or not finite");
        return HOLDOUT_E_SMALL;
    }
    TRY(code);
    find_file(x, r->tasks[k].spec->data);
    return put_data(x);
}

int split_put_rows(const struct splitting *x, Proctor__Split *m,
                   struct cid part[static PARTS_N])
{
    struct core *c = x->live->run->core;

    for (unsigned i = 0; i < PARTS_N; i++) {
        CLEANUP(buf_release) struct buf b;
        int code;

        buf_init(&b, LIMIT_HELD_BYTES);
        if (!dataset_has_part(x->set, i)) {
            continue;
        }
        TRY(dataset_put_part(&x->rows, &x->h, i, &b));
        code = core_put(c, buf_bytes(&b), &part[i]);
        if (code != 0) {
            return code;
        }
        *dataset_part_field(m, i) = cid_field(&part[i]);
    }
    m->dataset = cid_field(&x->set_cid);
    return 0;
}

void split_release_rows(struct splitting *x)
{
    dataset_rows_release(&x->rows);
    pb_free((ProtobufCMessage *)x->set);
}

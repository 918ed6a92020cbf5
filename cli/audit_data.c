/* Splits and looks, computed again from the objects that records name: the same
 * arithmetic as the kernel's (proto/holdout.h), over what is stored. Objects
 * that are missing or damaged are audit_objects.c's to tell. */
#include <stdlib.h>
#include <string.h>

#include "cli/audit_int.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/dataset.h"
#include "proto/limits.h"
#include "proto/pb.h"

struct audit_best { /* what the last look by one metric released */
    uint8_t split[32];
    unsigned metric;
    uint32_t loss;
};

struct audit_data {
    struct audit_best *best; /* owned */
    size_t n;
};

int audit_data_new(struct audit_data **out)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : ERR_TRACE(ERR_NOMEM);
}

void audit_data_free(struct audit_data *d)
{
    if (d != NULL) {
        free(d->best);
        free(d);
    }
}

static struct ubytes bytes_of(ProtobufCBinaryData b)
{
    return (struct ubytes){b.data, b.len};
}

int audit_same(ProtobufCBinaryData b, const uint8_t h[static CID_BYTES])
{
    return b.len == CID_BYTES && memcmp(b.data, h, CID_BYTES) == 0;
}

int audit_read_values(const char *store, const struct cid *c,
                       const struct type *t, struct values *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_HELD_BYTES);
    TRY(object_read(store, c, LIMIT_HELD_BYTES, &b));
    return values_decode(out, buf_bytes(&b), t, LIMIT_DATASET_ROWS);
}

int audit_field_values(const char *store, ProtobufCBinaryData field,
                        const struct type *t, struct values *out)
{
    struct cid c;

    return object_cid(field, &c) ? audit_read_values(store, &c, t, out)
                                 : ERR_TRACE(ERR_ENCODING);
}

int audit_read_message(const char *store, const uint8_t *hash,
                        const ProtobufCMessageDescriptor *type,
                        ProtobufCMessage **out)
{
    struct cid c;

    memcpy(c.b, hash, CID_BYTES);
    return object_message(store, &c, type, out);
}

/* Are these rows, in this order, the values object that is named? */
static int is_part(const struct values *v, const uint32_t *rows, uint32_t n,
                   ProtobufCBinaryData name)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    struct cid c;

    if (values_builder_init(&w, LIMIT_HELD_BYTES) != 0 ||
        values_builder_pick(&w, v, rows, n) != 0) {
        return 0;
    }
    c = cid_of(values_builder_bytes(&w));
    return audit_same(name, c.b);
}

static int is_csv(const struct values_table *t, const uint32_t *rows,
                  uint32_t n, ProtobufCBinaryData name)
{
    CLEANUP(buf_release) struct buf b;
    struct cid c;

    buf_init(&b, LIMIT_CODE_FILE_BYTES);
    if (values_put_csv(&b, t, rows, n) != 0) {
        return 0;
    }
    c = cid_of(buf_bytes(&b));
    return audit_same(name, c.b);
}

/* Does the split follow from data and seed? */
static int split_follows(const Proctor__Data *d, const Proctor__Split *s,
                         const struct values_table *t,
                         const uint8_t seed[static 32])
{
    struct holdout h = {0};
    const uint32_t *train;
    uint32_t train_n;
    int ok = holdout_draw(t->inputs, t->outputs, d->holdout, seed, &h) == 0;

    train = h.rows + h.held_n;
    train_n = values_n(t->inputs) - h.held_n;
    ok = ok && s->train_rows == train_n && s->held_rows == h.held_n &&
         s->held_distinct == h.held_distinct &&
         s->contradictions == h.contradictions &&
         is_csv(t, train, train_n, s->train_csv) &&
         is_part(t->outputs, train, train_n, s->train_outputs) &&
         is_part(t->inputs, h.rows, h.held_n, s->held_inputs) &&
         is_part(t->outputs, h.rows, h.held_n, s->held_outputs);
    holdout_release(&h);
    return ok;
}

static int read_rows(const char *store, const Proctor__Data *d,
                     ProtobufCMessage **set, struct dataset_rows *out)
{
    CLEANUP(buf_release) struct buf x;
    CLEANUP(buf_release) struct buf y;
    const Proctor__Dataset *m;
    struct cid c;

    buf_init(&x, LIMIT_HELD_BYTES);
    buf_init(&y, LIMIT_HELD_BYTES);
    if (d->dataset.len != CID_BYTES) {
        return ERR_TRACE(ERR_ENCODING);
    }
    TRY(audit_read_message(store, d->dataset.data, &proctor__dataset__descriptor,
                     set));
    m = (const Proctor__Dataset *)*set;
    if (!object_cid(m->x, &c)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    TRY(object_read(store, &c, LIMIT_HELD_BYTES, &x));
    if (m->y.len > 0) {
        TRY(object_cid(m->y, &c) ? object_read(store, &c, LIMIT_HELD_BYTES, &y)
                                 : ERR_TRACE(ERR_ENCODING));
    }
    return dataset_is_sound(m, buf_len(&x), buf_len(&y))
               ? dataset_rows_init(out, m, &x, &y)
               : ERR_TRACE(ERR_ENCODING);
}

/* Is that part of the rows the object that the split names? */
static int is_rows_part(const struct dataset_rows *r, const struct holdout *h,
                        Proctor__Split *s, enum dataset_part part)
{
    ProtobufCBinaryData *name = dataset_part_field(s, part);
    CLEANUP(buf_release) struct buf b;
    struct cid c;

    if (!dataset_has_part(r->d, part)) {
        return name->len == 0;
    }
    buf_init(&b, LIMIT_HELD_BYTES);
    if (dataset_put_part(r, h, part, &b) != 0) {
        return 0;
    }
    c = cid_of(buf_bytes(&b));
    return audit_same(*name, c.b);
}

static int rows_follow(const Proctor__Data *d, Proctor__Split *s,
                       const struct dataset_rows *r,
                       const uint8_t seed[static 32])
{
    struct holdout h = {0};
    int ok = dataset_draw(r, d->holdout, d->stratified, seed, &h) == 0;

    ok = ok && s->train_rows == values_n(&r->x) - h.held_n &&
         s->held_rows == h.held_n && s->held_distinct == h.held_distinct &&
         s->contradictions == h.contradictions && s->train_csv.len == 0 &&
         audit_same(s->dataset, d->dataset.data);
    for (unsigned i = 0; ok && i < PARTS_N; i++) {
        ok = is_rows_part(r, &h, s, i);
    }
    holdout_release(&h);
    return ok;
}

/* Of a data set: 1 when it follows. */
static int rows_split_follows(const char *store, const Proctor__Data *d,
                              Proctor__Split *s, const uint8_t *seed,
                              int *out_ok)
{
    ProtobufCMessage *set CLEANUP(pb_freep) = NULL;
    struct dataset_rows rows = {0};

    TRY(read_rows(store, d, &set, &rows));
    *out_ok = rows_follow(d, s, &rows, seed);
    dataset_rows_release(&rows);
    return 0;
}

static int table_split_follows(const char *store, const Proctor__Data *d,
                               const Proctor__Split *s, const uint8_t *seed,
                               int *out_ok)
{
    CLEANUP(values_release) struct values inputs = {0};
    CLEANUP(values_release) struct values outputs = {0};
    struct values_table t;
    struct type takes;
    struct type gives;

    TRY(type_decode(bytes_of(d->takes), &takes));
    TRY(type_decode(bytes_of(d->gives), &gives));
    TRY(audit_field_values(store, d->inputs, &takes, &inputs));
    TRY(audit_field_values(store, d->outputs, &gives, &outputs));
    t = (struct values_table){d->columns, d->n_columns, &inputs,
                              &outputs,   &takes,       &gives};
    *out_ok = values_n(&inputs) == values_n(&outputs) &&
              split_follows(d, s, &t, seed);
    return 0;
}

static int check_split(struct audit *a, const struct record *r)
{
    ProtobufCMessage *dm CLEANUP(pb_freep) = NULL;
    ProtobufCMessage *sm CLEANUP(pb_freep) = NULL;
    const uint8_t *seed = record_hash(r, RF_SPLIT_seed);
    const Proctor__Data *d;
    Proctor__Split *s;
    int ok = 0;

    TRY(audit_read_message(a->store, record_hash(r, RF_SPLIT_data),
                     &proctor__data__descriptor, &dm));
    TRY(audit_read_message(a->store, record_hash(r, RF_SPLIT_split),
                     &proctor__split__descriptor, &sm));
    d = (const Proctor__Data *)dm;
    s = (Proctor__Split *)sm;
    TRY(d->dataset.len > 0
            ? rows_split_follows(a->store, d, s, seed, &ok)
            : table_split_follows(a->store, d, s, seed, &ok));
    if (!ok || !audit_same(s->data, record_hash(r, RF_SPLIT_data)) ||
        !audit_same(s->file, record_hash(r, RF_SPLIT_file)) ||
        !audit_same(d->file, record_hash(r, RF_SPLIT_file)) ||
        !audit_same(s->seed, seed)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "its split does not follow from data and seed");
    }
    return 0;
}

static int best_of(struct audit_data *d, const struct record *r,
                   struct audit_best **out)
{
    unsigned metric = (unsigned)record_u(r, RF_LOOK_metric);
    struct audit_best *v;

    for (size_t i = 0; i < d->n; i++) {
        if (d->best[i].metric == metric &&
            memcmp(d->best[i].split, record_hash(r, RF_LOOK_split), 32) == 0) {
            *out = &d->best[i];
            return 0;
        }
    }
    v = reallocarray(d->best, d->n + 1, sizeof(*v));
    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    d->best = v;
    *out = &v[d->n++];
    (*out)->metric = metric;
    (*out)->loss = UINT32_MAX;
    memcpy((*out)->split, record_hash(r, RF_LOOK_split), 32);
    return 0;
}

int audit_data_add(struct audit_data *d, struct audit *a,
                   const struct record *r)
{
    struct audit_best *best;
    int code = 0;

    if (r->kind == RECORD_SPLIT && record_u(r, RF_SPLIT_fixed_ref) != 0) {
        code = check_split(a, r);
    } else if (r->kind == RECORD_HOLDOUT) {
        code = audit_holdout(a, r);
    } else if (r->kind == RECORD_LOOK) {
        TRY(best_of(d, r, &best));
        code = audit_look(a, r, best->loss);
        best->loss = (uint32_t)record_u(r, RF_LOOK_loss);
    }
    if (code < 0 && code != ERR_NOMEM) {
        err_trace_clear(); /* objects: told by audit_objects */
        code = 0;
    }
    return code;
}

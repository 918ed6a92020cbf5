/* Training runs: each record of one was begun or gone on with, no step goes back but
 * to a state that is named, nothing follows an end; and, in full, what was measured,
 * computed again from stored predictions and labels. Objects that are missing or
 * damaged are audit_objects.c's to tell. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_int.h"
#include "cli/object.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "proto/training.h"

struct trained { /* a record that can be gone on from */
    uint64_t seq;
    uint64_t step;
    uint8_t training[32];
};

struct audit_train {
    struct audit_map open; /* run, task and training -> steps, plus one; 0: ended */
    struct trained *states; /* owned; in order */
    size_t n, cap;
};

int audit_train_new(struct audit_train **out)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : ERR_TRACE(ERR_NOMEM);
}

void audit_train_free(struct audit_train *t)
{
    if (t != NULL) {
        audit_map_release(&t->open);
        free(t->states);
        free(t);
    }
}

/* Its row, for the run and task that the record is of. */
static int row_of(struct audit_train *t, uint64_t run, struct ubytes task,
                  const uint8_t training[static 32], struct audit_map_row **out)
{
    uint8_t b[8 + 32 + 32];
    struct cid name = cid_of(task);
    struct cid key;

    memcpy(b, &run, 8);
    memcpy(b + 8, name.b, 32);
    memcpy(b + 40, training, 32);
    key = cid_of((struct ubytes){b, sizeof(b)});
    return audit_map_put(&t->open, key.b, out);
}

static const struct trained *find_state(const struct audit_train *t,
                                        uint64_t seq)
{
    size_t lo = 0;
    size_t hi = t->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (t->states[mid].seq < seq) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < t->n && t->states[lo].seq == seq ? &t->states[lo] : NULL;
}

static int add_state(struct audit_train *t, const struct record *r)
{
    struct trained *s;

    if (t->n == t->cap) {
        size_t cap = t->cap == 0 ? 64 : 2 * t->cap;
        void *v = reallocarray(t->states, cap, sizeof(*t->states));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        t->states = v;
        t->cap = cap;
    }
    s = &t->states[t->n++];
    s->seq = r->seq;
    s->step = record_u(r, RF_TRAINED_step);
    memcpy(s->training, record_hash(r, RF_TRAINED_training), 32);
    return 0;
}

static int add_train(struct audit_train *t, struct audit *a,
                     const struct record *r)
{
    uint64_t ref = record_u(r, RF_TRAIN_went_on_ref);
    const uint8_t *training = record_hash(r, RF_TRAIN_training);
    const struct trained *s = ref == 0 ? NULL : find_state(t, ref - 1);
    struct audit_map_row *row;

    TRY(row_of(t, record_u(r, RF_TRAIN_run), record_bytes(r, RF_TRAIN_task),
               training, &row));
    if (ref != 0 && (s == NULL || memcmp(s->training, training, 32) != 0)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "goes on from a state that is not of its training");
    }
    row->n = 1;
    return 0;
}

static int add_trained(struct audit_train *t, struct audit *a,
                       const struct record *r)
{
    static const uint8_t none[32];
    struct ubytes why = record_bytes(r, RF_TRAINED_why);
    uint64_t step = record_u(r, RF_TRAINED_step);
    struct audit_map_row *row;

    TRY(row_of(t, record_u(r, RF_TRAINED_run), record_bytes(r, RF_TRAINED_task),
               record_hash(r, RF_TRAINED_training), &row));
    if (row->n == 0) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "is of a training that was not begun, or has ended");
    } else if (step + 1 < row->n) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "goes back to step %" PRIu64 " from step %" PRIu64,
                          step, row->n - 1);
    }
    row->n = why.n == 3 && memcmp(why.p, "end", 3) == 0 ? 0 : step + 1;
    return memcmp(record_hash(r, RF_TRAINED_state), none, 32) == 0
               ? 0
               : add_state(t, r);
}

static int read_message(const char *store, const uint8_t *hash,
                        const ProtobufCMessageDescriptor *type,
                        ProtobufCMessage **out)
{
    struct cid c;

    memcpy(c.b, hash, CID_BYTES);
    return object_message(store, &c, type, out);
}

static int read_bytes(const char *store, ProtobufCBinaryData field,
                      struct buf *out)
{
    struct cid c;

    return object_cid(field, &c) ? object_read(store, &c, LIMIT_HELD_BYTES, out)
                                 : ERR_TRACE(ERR_ENCODING);
}

/* Every epoch's measure follows from its predictions and the labels. */
static void compare(struct audit *a, const struct record *r,
                    const Proctor__TrainLog *log, const Proctor__Training *m,
                    struct ubytes predictions, struct ubytes labels)
{
    uint64_t each = m->checked_rows * log->outputs * 4;
    const Proctor__TrainEpoch *last = NULL;
    double v = 0;
    uint64_t at = 0;

    for (size_t i = 0; i < log->n_epochs; i++) {
        const Proctor__TrainEpoch *e = log->epochs[i];

        if (!e->has_measured) {
            continue;
        }
        last = e;
        if (each > predictions.n - at ||
            training_measure(m->metric,
                             (struct ubytes){predictions.p + at, (size_t)each},
                             labels, m->checked_rows, &v) != 0 ||
            memcmp(&v, &e->measured, sizeof(v)) != 0) {
            audit_find_record(a, AUDIT_DAMAGE, r->seq,
                              "what was measured after epoch %u does not follow "
                              "from its predictions",
                              e->epoch);
            return;
        }
        at += each;
    }
    v = record_f64(r, RF_TRAINED_measured);
    if (at != predictions.n ||
        (last != NULL && memcmp(&v, &last->measured, sizeof(v)) != 0)) {
        audit_find_record(a, AUDIT_DAMAGE, r->seq,
                          "says another measure than its log");
    }
}

static int check_measures(struct audit *a, const struct record *r)
{
    CLEANUP(pb_freep) ProtobufCMessage *log = NULL;
    CLEANUP(pb_freep) ProtobufCMessage *m = NULL;
    CLEANUP(buf_release) struct buf predictions;
    CLEANUP(buf_release) struct buf labels;

    buf_init(&predictions, LIMIT_HELD_BYTES);
    buf_init(&labels, LIMIT_HELD_BYTES);
    TRY(read_message(a->store, record_hash(r, RF_TRAINED_log),
                     &proctor__train_log__descriptor, &log));
    if (((Proctor__TrainLog *)log)->predictions.len == 0) {
        return 0; /* nothing was measured since the record before */
    }
    TRY(read_message(a->store, record_hash(r, RF_TRAINED_training),
                     &proctor__training__descriptor, &m));
    TRY(read_bytes(a->store, ((Proctor__TrainLog *)log)->predictions,
                   &predictions));
    TRY(read_bytes(a->store, ((Proctor__Training *)m)->checked_y, &labels));
    compare(a, r, (Proctor__TrainLog *)log, (Proctor__Training *)m,
            buf_bytes(&predictions), buf_bytes(&labels));
    return 0;
}

int audit_train_add(struct audit_train *t, struct audit *a,
                    const struct record *r)
{
    int code;

    if (r->kind == RECORD_TRAIN) {
        return add_train(t, a, r);
    }
    if (r->kind != RECORD_TRAINED) {
        return 0;
    }
    TRY(add_trained(t, a, r));
    code = a->full ? check_measures(a, r) : 0;
    if (code < 0 && code != ERR_NOMEM) {
        err_trace_clear(); /* objects: told by audit_objects */
        code = 0;
    }
    return code;
}

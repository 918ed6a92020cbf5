/* What is kept of a training run: claims and weights of its epochs, states to go on
 * from, what was measured. Everything is copied out of the workers' area at once and
 * becomes objects and one record some time later, so that short epochs do not each
 * wait for a disk. Kernel process. */
#include "kernel/run/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "kernel/run/park.h"
#include "kernel/run/say.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/share.h"

enum {
    LOG_GAP_MS = 250,       /* between two records, at least, */
    LOG_COST = 25,          /* and so many times what the last one took */
    LOG_BYTES = 256 << 20   /* but no more than this lies in memory */
};

int train_log_init(struct train *t)
{
    struct spool *const spools[] = {&t->log.weights, &t->log.predictions,
                                    &t->log.state};

    for (size_t i = 0; i < ARRAY_N(spools); i++) {
        spools[i]->fd = -1;
    }
    for (size_t i = 0; i < ARRAY_N(spools); i++) {
        TRY(share_sized(0, &spools[i]->fd));
    }
    t->log.last_ms = loop_now_ms(t->core->loop);
    return 0;
}

static void clear(struct train_log *l)
{
    for (size_t i = 0; i < l->epochs_n; i++) {
        pb_free((ProtobufCMessage *)l->last);
        l->last = l->epochs[i];
    }
    for (size_t i = 0; i < l->notes_n; i++) {
        free(l->notes[i]);
    }
    free(l->notes);
    l->notes = NULL;
    l->epochs_n = l->notes_n = 0;
    l->weights.n = l->predictions.n = l->last_bytes = l->last_at = 0;
    l->has_state = 0;
}

void train_log_release(struct train *t)
{
    clear(&t->log);
    pb_free((ProtobufCMessage *)t->log.last);
    free(t->log.epochs);
    fd_closep(&t->log.weights.fd);
    fd_closep(&t->log.predictions.fd);
    fd_closep(&t->log.state.fd);
}

int train_log_load(struct train *t, uint64_t seq)
{
    CLEANUP(buf_release) struct buf b;
    CLEANUP(pb_freep) ProtobufCMessage *p = NULL;
    const Proctor__TrainLog *m;
    struct record rec;
    struct cid id;

    TRY(core_read_record(t->core, seq, RECORD_TRAINED, &b, &rec));
    memcpy(t->state.b, record_hash(&rec, RF_TRAINED_state), CID_BYTES);
    memcpy(id.b, record_hash(&rec, RF_TRAINED_log), CID_BYTES);
    TRY(core_get_message(t->core, &id, &proctor__train_log__descriptor, &p));
    m = (const Proctor__TrainLog *)p;
    if (memcmp(record_hash(&rec, RF_TRAINED_training), t->ask.training.b,
               CID_BYTES) != 0 ||
        m->n_kept > LIMIT_COMBINED || m->n_kept_epochs != m->n_kept ||
        m->n_kept_measured != m->n_kept) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    for (size_t i = 0; i < m->n_kept; i++) {
        struct training_kept k = {.epoch = m->kept_epochs[i],
                                  .measured = m->kept_measured[i]};

        TRY(cid_from_field(&m->kept[i], &k.weights));
        training_keep(t->kept, &t->kept_n, t->ask.keep, t->ask.m->metric, &k);
    }
    t->state_ref = seq + 1;
    t->state_step = m->state_step;
    t->state_waits = m->has_measured;
    t->state_measured = m->measured;
    return 0;
}

int train_log_begin(struct train *t)
{
    const Proctor__TrainReady *p = t->ready->train;
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_TRAIN);
    record_set_u(&rec, RF_TRAIN_run, t->core->run_seq);
    record_set_str(&rec, RF_TRAIN_task, t->ask.task);
    record_set_hash(&rec, RF_TRAIN_training, t->ask.training.b);
    record_set_u(&rec, RF_TRAIN_went_on_ref, t->state_ref);
    record_set_u(&rec, RF_TRAIN_workers, t->ask.workers);
    record_set_u(&rec, RF_TRAIN_parameters, p->parameters);
    record_set_u(&rec, RF_TRAIN_memory, p->memory_bytes);
    return core_record(t->core, &rec, &seq);
}

/* Behind what lies there. */
static int add_part(const struct train *t, struct spool *s,
                    const Proctor__AreaPart *p)
{
    TRY(park_copy(t->area, p->offset, s->fd, s->n, p->bytes));
    s->n += p->bytes;
    return 0;
}

static int add_weights(struct train *t, const Proctor__AreaPart *p)
{
    t->log.last_at = t->log.weights.n;
    t->log.last_bytes = p->bytes;
    return add_part(t, &t->log.weights, p);
}

static int add_epoch(struct train *t, Proctor__TrainEpoch *e)
{
    struct train_log *l = &t->log;
    struct training_kept k = {.epoch = e->epoch, .measured = e->measured};

    if (l->epochs_n == l->epochs_cap) {
        size_t cap = l->epochs_cap == 0 ? 16 : 2 * l->epochs_cap;
        void *v = reallocarray(l->epochs, cap, sizeof(*l->epochs));

        if (v == NULL) {
            pb_free(&e->base);
            return ERR_TRACE(ERR_NOMEM);
        }
        l->epochs = v;
        l->epochs_cap = cap;
    }
    l->epochs[l->epochs_n++] = e;
    t->turn.listed = e->epoch;
    if (e->weights == NULL || e->weights->bytes == 0) {
        return 0;
    }
    TRY(add_weights(t, e->weights));
    k.at = e->weights->offset = l->last_at;
    k.bytes = l->last_bytes;
    if (t->ask.m->metric == 0 || e->has_measured) {
        training_keep(t->kept, &t->kept_n, t->ask.keep, t->ask.m->metric, &k);
    }
    return 0;
}

static int add_notes(struct train_log *l, Proctor__TrainDone *d)
{
    void *v = reallocarray(l->notes, l->notes_n + d->n_notes + 1, sizeof(char *));

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->notes = v;
    for (size_t i = 0; i < d->n_notes; i++) {
        l->notes[l->notes_n++] = d->notes[i];
    }
    d->n_notes = 0; /* taken */
    return 0;
}

int train_log_take(struct train *t, Proctor__TrainDone *d,
                   struct ubytes predictions)
{
    struct train_log *l = &t->log;

    if (predictions.n > 0) {
        d->epochs[d->n_epochs - 1]->measured = t->measured;
        d->epochs[d->n_epochs - 1]->has_measured = 1;
        TRY(disk_write(l->predictions.fd, l->predictions.n, predictions.p,
                       predictions.n));
        l->predictions.n += predictions.n;
    }
    for (size_t i = 0; i < d->n_epochs; i++) {
        Proctor__TrainEpoch *e = d->epochs[i];

        d->epochs[i] = NULL; /* taken */
        TRY(add_epoch(t, e));
    }
    TRY(add_notes(l, d));
    if (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_END) {
        TRY(add_weights(t, d->weights));
    }
    if (d->state != NULL && d->state->bytes > 0) {
        l->state.n = 0; /* only the newest counts */
        TRY(add_part(t, &l->state, d->state));
        l->has_state = 1;
        l->state_step = d->step;
        l->has_measured = t->has_measured;
        l->measured = t->measured;
        t->saved_ms = loop_now_ms(t->core->loop);
    }
    return 0;
}

int train_log_is_due(const struct train *t)
{
    const struct train_log *l = &t->log;
    uint64_t gap = LOG_COST * l->cost_ms;

    return (l->epochs_n > 0 || l->has_state) &&
           (loop_now_ms(t->core->loop) - l->last_ms >=
                (gap > LOG_GAP_MS ? gap : LOG_GAP_MS) ||
            l->weights.n + l->predictions.n > LOG_BYTES);
}

static int put(struct train *t, const struct spool *s, uint64_t at,
               uint64_t bytes, struct cid *out)
{
    struct store_part part = {at, bytes};

    if (budget_charge(&t->core->budget, BUDGET_BYTES, bytes) != 0) {
        return BUDGET_E_SPENT;
    }
    return store_put_parts(t->core->store, s->fd, &part, 1, out);
}

/* The newest weights are an object of their own, as are those that are kept; the
 * others are one, where their epochs say which part. */
static int put_weights(struct train *t, struct cid *newest, struct cid *others)
{
    const struct train_log *l = &t->log;
    int code = l->last_bytes == 0
                   ? 0
                   : put(t, &l->weights, l->last_at, l->last_bytes, newest);

    if (code == 0 && l->last_at > 0) {
        code = put(t, &l->weights, 0, l->last_at, others);
    }
    for (size_t i = 0; code == 0 && i < t->kept_n; i++) {
        struct training_kept *k = &t->kept[i];

        if (k->bytes > 0) {
            code = k->at == l->last_at
                       ? 0
                       : put(t, &l->weights, k->at, k->bytes, &k->weights);
            k->weights = k->at == l->last_at ? *newest : k->weights;
            k->bytes = 0;
        }
    }
    for (size_t i = 0; i < l->epochs_n; i++) {
        Proctor__AreaPart *p = l->epochs[i]->weights;

        if (p != NULL && p->offset >= l->last_at) {
            p->offset = p->bytes = 0; /* the record names them */
        }
    }
    return code;
}

struct objects {
    struct cid newest, others, predictions, state, log;
};

static int put_log(struct train *t, struct objects *o)
{
    Proctor__TrainLog m = PROCTOR__TRAIN_LOG__INIT;
    ProtobufCBinaryData kept[LIMIT_COMBINED];
    uint32_t epochs[LIMIT_COMBINED];
    double measured[LIMIT_COMBINED];
    struct train_log *l = &t->log;

    for (size_t i = 0; i < t->kept_n; i++) {
        kept[i] = cid_field(&t->kept[i].weights);
        epochs[i] = t->kept[i].epoch;
        measured[i] = t->kept[i].measured;
    }
    m.epochs = l->epochs;
    m.n_epochs = l->epochs_n;
    if (l->epochs_n == 0 && l->last != NULL && t->end == TRAIN_ENDED) {
        m.epochs = &l->last;
        m.n_epochs = 1;
    }
    m.notes = l->notes;
    m.n_notes = l->notes_n;
    if (l->last_at > 0) {
        m.area = cid_field(&o->others);
    }
    if (l->predictions.n > 0) {
        m.predictions = cid_field(&o->predictions);
    }
    m.kept = kept;
    m.kept_epochs = epochs;
    m.kept_measured = measured;
    m.n_kept = m.n_kept_epochs = m.n_kept_measured = t->kept_n;
    if (!cid_is_zero(&o->state)) {
        m.state_step = l->state_step;
        m.measured = l->has_measured ? l->measured : 0;
        m.has_measured = l->has_measured;
    }
    m.outputs = t->ready->train->outputs;
    return core_put_message(t->core, &m.base, &o->log);
}

static const Proctor__TrainEpoch *last_epoch(const struct train_log *l)
{
    return l->epochs_n > 0 ? l->epochs[l->epochs_n - 1] : l->last;
}

static int record(struct train *t, const struct objects *o, const char *why)
{
    const Proctor__TrainEpoch *e = last_epoch(&t->log);
    int is_measured = e != NULL && e->has_measured;
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_TRAINED);
    record_set_u(&rec, RF_TRAINED_run, t->core->run_seq);
    record_set_str(&rec, RF_TRAINED_task, t->ask.task);
    record_set_hash(&rec, RF_TRAINED_training, t->ask.training.b);
    record_set_u(&rec, RF_TRAINED_step, t->step);
    record_set_u(&rec, RF_TRAINED_epoch, t->turn.epoch);
    record_set_hash(&rec, RF_TRAINED_log, o->log.b);
    record_set_hash(&rec, RF_TRAINED_state, o->state.b);
    record_set_hash(&rec, RF_TRAINED_weights, o->newest.b);
    record_set_f64(&rec, RF_TRAINED_claimed,
                   e != NULL && e->n_claims > 0 ? e->claims[0]->value : t->loss);
    record_set_u(&rec, RF_TRAINED_metric, is_measured ? t->ask.m->metric : 0);
    record_set_f64(&rec, RF_TRAINED_measured, is_measured ? e->measured : 0);
    record_set_str(&rec, RF_TRAINED_why, why);
    TRY(core_record(t->core, &rec, &seq));
    t->seq_ref = seq + 1;
    return 0;
}

int train_log_flush(struct train *t, const char *why)
{
    struct train_log *l = &t->log;
    int goes_on = t->end == TRAIN_RUNS || t->end == TRAIN_STOPPED;
    uint64_t from_ms = loop_now_ms(t->core->loop);
    struct objects o = {0};
    int code;

    if (t->ready == NULL ||
        (goes_on && l->epochs_n == 0 && !l->has_state && l->notes_n == 0)) {
        return 0;
    }
    code = put_weights(t, &o.newest, &o.others);
    if (code == 0 && l->predictions.n > 0) {
        code = put(t, &l->predictions, 0, l->predictions.n, &o.predictions);
    }
    if (code == 0 && goes_on && l->has_state) {
        code = put(t, &l->state, 0, l->state.n, &o.state);
    }
    code = code == 0 ? put_log(t, &o) : code;
    code = code == 0 ? record(t, &o, why) : code;
    if (code != 0) {
        return code;
    }
    if (!cid_is_zero(&o.state)) {
        t->state = o.state;
        t->state_ref = t->seq_ref;
        t->state_step = l->state_step;
        t->state_waits = l->has_measured;
        t->state_measured = l->measured;
    }
    t->weights = o.newest;
    train_tell(t, l->epochs, l->epochs_n);
    clear(l);
    l->last_ms = loop_now_ms(t->core->loop);
    l->cost_ms = l->last_ms - from_ms;
    return 0;
}

void train_tell(struct train *t, Proctor__TrainEpoch **ended, size_t n)
{
    const Proctor__TrainReady *p = t->ready->train;
    const Proctor__TrainEpoch *e = n > 0 ? ended[n - 1] : NULL;
    const struct train_log *l = &t->log;
    Proctor__TrainEvent m = PROCTOR__TRAIN_EVENT__INIT;

    for (size_t i = 0; i < l->notes_n && n > 0 && !t->ask.is_live; i++) {
        say_quote(t->core, t->ask.task, l->notes[i]);
    }
    if (!t->ask.is_live) {
        say_progress(t->core, t->ask.task, "steps", t->step, p->steps_all);
        return;
    }
    m.epoch = t->turn.epoch;
    m.epochs = t->ask.m->recipe->epochs;
    m.step = t->step;
    m.steps = p->steps_all;
    m.loss = t->loss;
    m.rate = t->rate;
    m.ended = ended;
    m.n_ended = n;
    m.measured = e != NULL && e->has_measured ? e->measured : 0;
    m.has_measured = e != NULL && e->has_measured;
    m.batch = t->ask.m->recipe->batch;
    m.tokens = p->tokens;
    m.parameters = p->parameters;
    m.memory_bytes = p->memory_bytes;
    m.notes = l->notes;
    m.n_notes = n > 0 ? l->notes_n : 0;
    if (!cid_is_zero(&t->weights)) {
        m.weights = cid_field(&t->weights);
    }
    say_train(t->core, t->ask.task, &m);
}

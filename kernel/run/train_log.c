/* What is kept of a training run. Everything is copied out of the workers' area at
 * once and becomes objects and one record some time later, so that short epochs do
 * not each wait for a disk. Kernel process. */
#include "kernel/run/train.h"

#include <stdio.h>
#include <string.h>

#include "kernel/engine/loop.h"
#include "kernel/run/park.h"
#include "kernel/run/say.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/share.h"

enum {
    LOG_GAP_MS = 100,     /* between two records, at least, */
    LOG_COST = 25,        /* and so many times what the last one took, */
    LOG_BYTES = 256 << 20 /* unless so much lies in memory */
};

int train_log_init(struct train *t)
{
    t->log.metric = t->ask.m->metric;
    t->log.keep = t->ask.keep;
    t->logged_ms = loop_now_ms(t->core->loop);
    for (size_t i = 0; i < SPOOLS_N; i++) {
        TRY(share_sized(0, &t->spools[i]));
    }
    return 0;
}

void train_log_release(struct train *t)
{
    training_log_release(&t->log);
    for (size_t i = 0; i < SPOOLS_N; i++) {
        fd_closep(&t->spools[i]);
    }
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
    if (memcmp(record_hash(&rec, RF_TRAINED_training), t->ask.training.b,
               CID_BYTES) != 0) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(core_get_message(t->core, &id, &proctor__train_log__descriptor, &p));
    m = (const Proctor__TrainLog *)p;
    TRY(training_log_kept(&t->log, m));
    t->state_ref = seq + 1;
    t->state_step = m->state_step;
    t->state_waits = m->has_measured;
    t->state_measured = m->measured;
    return 0;
}

int train_log_begin(struct train *t)
{
    struct record rec;
    uint64_t seq;

    record_init(&rec, RECORD_TRAIN);
    record_set_u(&rec, RF_TRAIN_run, t->core->run_seq);
    record_set_str(&rec, RF_TRAIN_task, t->ask.task);
    record_set_hash(&rec, RF_TRAIN_training, t->ask.training.b);
    record_set_u(&rec, RF_TRAIN_went_on_ref, t->state_ref);
    record_set_u(&rec, RF_TRAIN_workers, t->ask.workers);
    record_set_u(&rec, RF_TRAIN_parameters, t->turn.plan->parameters);
    record_set_u(&rec, RF_TRAIN_memory, t->turn.plan->memory_bytes);
    return core_record(t->core, &rec, &seq);
}

static int copy_weights(void *ctx, const Proctor__AreaPart *p, uint64_t to)
{
    const struct train *t = ctx;

    return park_copy(t->area, p->offset, t->spools[SPOOL_WEIGHTS], to, p->bytes);
}

int train_log_take(struct train *t, Proctor__TrainDone *d,
                   struct ubytes predictions)
{
    struct training_log *l = &t->log;

    TRY(disk_write(t->spools[SPOOL_PREDICTIONS], l->predictions_n,
                   predictions.p, predictions.n));
    l->predictions_n += predictions.n;
    TRY(training_log_add(l, d, t->has_measured, t->measured, copy_weights, t));
    t->turn.listed =
        l->epochs_n > 0 ? l->epochs[l->epochs_n - 1]->epoch : t->turn.listed;
    if (d->state != NULL && d->state->bytes > 0) { /* only the newest counts */
        TRY(park_copy(t->area, d->state->offset, t->spools[SPOOL_STATE], 0,
                      d->state->bytes));
        t->saved_ms = loop_now_ms(t->core->loop);
    }
    return 0;
}

int train_log_is_due(const struct train *t)
{
    const struct training_log *l = &t->log;
    uint64_t gap = LOG_COST * t->log_cost_ms;

    return (l->epochs_n > 0 || l->has_state) &&
           (loop_now_ms(t->core->loop) - t->logged_ms >=
                (gap > LOG_GAP_MS ? gap : LOG_GAP_MS) ||
            l->weights_n + l->predictions_n > LOG_BYTES);
}

static int put(struct train *t, enum train_spool s, uint64_t at, uint64_t bytes,
               struct cid *out)
{
    struct store_part part = {at, bytes};

    if (bytes == 0) {
        return 0;
    }
    if (budget_charge(&t->core->budget, BUDGET_BYTES, bytes) != 0) {
        return BUDGET_E_SPENT;
    }
    return store_put_parts(t->core->store, t->spools[s], &part, 1, out);
}

struct objects {
    struct cid newest, others, predictions, state, log;
};

/* The newest weights are an object of their own, as are those that are kept; the
 * others are one, where their epochs say which part. */
static int put_weights(struct train *t, struct objects *o)
{
    struct training_log *l = &t->log;
    int code = put(t, SPOOL_WEIGHTS, l->newest_at, l->newest_bytes, &o->newest);

    code = code ? code : put(t, SPOOL_WEIGHTS, 0, l->newest_at, &o->others);
    if (code == 0 && l->newest_bytes > 0) {
        training_log_named(l, &o->newest);
    }
    for (size_t i = 0; code == 0 && i < l->kept_n; i++) {
        struct training_kept *k = &l->kept[i];

        code = put(t, SPOOL_WEIGHTS, k->at, k->bytes, &k->weights);
        k->bytes = 0;
    }
    return code;
}

static int put_log(struct train *t, struct objects *o)
{
    struct training_message x;

    training_log_message(&t->log, t->end == TRAIN_ENDED, !cid_is_zero(&o->state),
                         &x);
    x.m.area = cid_is_zero(&o->others) ? x.m.area : cid_field(&o->others);
    x.m.predictions = cid_is_zero(&o->predictions) ? x.m.predictions
                                                   : cid_field(&o->predictions);
    x.m.outputs = t->turn.plan->outputs;
    return core_put_message(t->core, &x.m.base, &o->log);
}

static int record(struct train *t, const struct objects *o, const char *why)
{
    const Proctor__TrainEpoch *e = training_log_last(&t->log);
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
    struct training_log *l = &t->log;
    int goes_on = t->end == TRAIN_RUNS || t->end == TRAIN_STOPPED;
    uint64_t from_ms = loop_now_ms(t->core->loop);
    struct objects o = {0};
    int code;

    if (t->ready == NULL ||
        (goes_on && l->epochs_n == 0 && !l->has_state && l->notes_n == 0)) {
        return 0;
    }
    code = put_weights(t, &o);
    code = code ? code
                : put(t, SPOOL_PREDICTIONS, 0, l->predictions_n, &o.predictions);
    if (code == 0 && goes_on && l->has_state) {
        code = put(t, SPOOL_STATE, 0, l->state_n, &o.state);
    }
    code = code ? code : put_log(t, &o);
    code = code ? code : record(t, &o, why);
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
    train_tell(t, 1);
    training_log_clear(l);
    t->logged_ms = loop_now_ms(t->core->loop);
    t->log_cost_ms = t->logged_ms - from_ms;
    return 0;
}

void train_tell(struct train *t, int is_recorded)
{
    const struct training_log *l = &t->log;
    Proctor__TrainEvent m = PROCTOR__TRAIN_EVENT__INIT;

    if (t->ask.is_live) {
        training_event(&t->turn, l, is_recorded, &m);
        m.loss = t->loss;
        m.rate = t->rate;
        m.weights = cid_is_zero(&t->weights) ? m.weights : cid_field(&t->weights);
        say_train(t->core, t->ask.task, &m);
        return;
    }
    for (size_t i = 0; is_recorded && i < l->notes_n; i++) {
        say_quote(t->core, t->ask.task, l->notes[i]);
    }
    say_progress(t->core, t->ask.task, "steps", t->step,
                 t->turn.plan->steps_all);
}

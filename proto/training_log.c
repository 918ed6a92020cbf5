/* See training_log.h. */
#include "proto/training_log.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"

static int add_weights(struct training_log *l, const Proctor__AreaPart *p,
                       training_copy copy, void *ctx)
{
    TRY(copy(ctx, p, l->weights_n));
    l->newest_at = l->weights_n;
    l->newest_bytes = p->bytes;
    l->weights_n += p->bytes;
    return 0;
}

static int add_epoch(struct training_log *l, Proctor__TrainEpoch *e)
{
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
    return 0;
}

/* An epoch with weights is kept if it is one of the best. */
static int take_epoch(struct training_log *l, Proctor__TrainEpoch *e,
                      training_copy copy, void *ctx)
{
    struct training_kept k = {.epoch = e->epoch, .measured = e->measured};

    TRY(add_epoch(l, e));
    if (e->weights == NULL || e->weights->bytes == 0) {
        return 0;
    }
    TRY(add_weights(l, e->weights, copy, ctx));
    k.at = e->weights->offset = l->newest_at;
    k.bytes = l->newest_bytes;
    if (l->metric == 0 || e->has_measured) {
        training_keep(l->kept, &l->kept_n, l->keep, l->metric, &k);
    }
    return 0;
}

static int take_notes(struct training_log *l, Proctor__TrainDone *d)
{
    void *v = reallocarray(l->notes, l->notes_n + d->n_notes + 1, sizeof(char *));

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->notes = v;
    for (size_t i = 0; i < d->n_notes; i++) {
        l->notes[l->notes_n++] = d->notes[i];
    }
    d->n_notes = 0;
    return 0;
}

int training_log_add(struct training_log *l, Proctor__TrainDone *d,
                     int is_measured, double measured, training_copy copy,
                     void *ctx)
{
    if (is_measured && d->n_epochs > 0) {
        d->epochs[d->n_epochs - 1]->measured = measured;
        d->epochs[d->n_epochs - 1]->has_measured = 1;
    }
    for (size_t i = 0; i < d->n_epochs; i++) {
        Proctor__TrainEpoch *e = d->epochs[i];

        d->epochs[i] = NULL;
        TRY(take_epoch(l, e, copy, ctx));
    }
    TRY(take_notes(l, d));
    if (d->at == PROCTOR__TRAIN_AT__TRAIN_AT_END) {
        TRY(add_weights(l, d->weights, copy, ctx));
    }
    if (d->state != NULL && d->state->bytes > 0) {
        l->has_state = 1;
        l->state_n = d->state->bytes;
        l->state_step = d->step;
        l->has_measured = is_measured;
        l->measured = measured;
    }
    return 0;
}

void training_log_named(struct training_log *l, const struct cid *newest)
{
    for (size_t i = 0; i < l->kept_n; i++) {
        if (l->kept[i].bytes > 0 && l->kept[i].at == l->newest_at) {
            l->kept[i].weights = *newest;
            l->kept[i].bytes = 0;
        }
    }
    for (size_t i = 0; i < l->epochs_n; i++) {
        Proctor__AreaPart *p = l->epochs[i]->weights;

        if (p != NULL && p->offset >= l->newest_at) {
            p->offset = p->bytes = 0;
        }
    }
}

void training_log_message(struct training_log *l, int is_end, int has_state,
                          struct training_message *out)
{
    Proctor__TrainLog *m = &out->m;

    proctor__train_log__init(m);
    for (size_t i = 0; i < l->kept_n; i++) {
        out->kept[i] = (ProtobufCBinaryData){CID_BYTES, l->kept[i].weights.b};
        out->epochs[i] = l->kept[i].epoch;
        out->measured[i] = l->kept[i].measured;
    }
    m->kept = out->kept;
    m->kept_epochs = out->epochs;
    m->kept_measured = out->measured;
    m->n_kept = m->n_kept_epochs = m->n_kept_measured = l->kept_n;
    m->epochs = l->epochs;
    m->n_epochs = l->epochs_n;
    if (is_end && l->epochs_n == 0 && l->last != NULL) {
        m->epochs = &l->last;
        m->n_epochs = 1;
    }
    m->notes = l->notes;
    m->n_notes = l->notes_n;
    if (has_state) {
        m->state_step = l->state_step;
        m->has_measured = l->has_measured;
        m->measured = l->has_measured ? l->measured : 0;
    }
}

int training_log_kept(struct training_log *l, const Proctor__TrainLog *m)
{
    if (m->n_kept > LIMIT_COMBINED || m->n_kept_epochs != m->n_kept ||
        m->n_kept_measured != m->n_kept) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (size_t i = 0; i < m->n_kept; i++) {
        struct training_kept k = {.epoch = m->kept_epochs[i],
                                  .measured = m->kept_measured[i]};

        if (m->kept[i].len != CID_BYTES) {
            return ERR_TRACE(ERR_ENCODING);
        }
        memcpy(k.weights.b, m->kept[i].data, CID_BYTES);
        training_keep(l->kept, &l->kept_n, l->keep, l->metric, &k);
    }
    return 0;
}

const Proctor__TrainEpoch *training_log_last(const struct training_log *l)
{
    return l->epochs_n > 0 ? l->epochs[l->epochs_n - 1] : l->last;
}

void training_log_clear(struct training_log *l)
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
    l->weights_n = l->newest_at = l->newest_bytes = l->predictions_n = 0;
    l->has_state = 0;
}

void training_log_release(struct training_log *l)
{
    training_log_clear(l);
    pb_free((ProtobufCMessage *)l->last);
    free(l->epochs);
    l->epochs = NULL;
    l->last = NULL;
}

void training_event(const struct training_turn *t, const struct training_log *l,
                    int is_recorded, Proctor__TrainEvent *out)
{
    const Proctor__TrainEpoch *e = training_log_last(l);

    out->epoch = t->epoch;
    out->epochs = t->m->recipe->epochs;
    out->step = t->step;
    out->steps = t->plan->steps_all;
    out->batch = t->m->recipe->batch;
    out->tokens = t->plan->tokens;
    out->parameters = t->plan->parameters;
    out->memory_bytes = t->plan->memory_bytes;
    if (!is_recorded) {
        return;
    }
    out->ended = l->epochs;
    out->n_ended = l->epochs_n;
    out->notes = l->notes;
    out->n_notes = l->notes_n;
    if (e != NULL && e->has_measured) {
        out->measured = e->measured;
        out->has_measured = 1;
    }
}

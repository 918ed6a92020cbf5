/* What an answer to a TRAIN_GO holds, and its parts in the area. Must never write
 * behind the parts' end: others' gradients lie there. Runs in worker-train. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/drive_int.h"

uint64_t drive_aligned(uint64_t bytes)
{
    return (bytes + DRIVE_ALIGN - 1) / DRIVE_ALIGN * DRIVE_ALIGN;
}

uint64_t drive_predictions_bytes(const struct drive *v)
{
    return v->checked.n * v->plan.outputs * sizeof(float);
}

void answer_clear(struct answer *a)
{
    for (size_t i = 0; i < a->m.n_epochs; i++) {
        free(a->epochs[i]);
    }
    proctor__train_done__init(&a->m);
    proctor__problem__init(&a->problem);
    a->m.epochs = a->epochs_v;
    a->used = 0;
    a->has_weights = 0;
}

int answer_has_room(const struct drive *v)
{
    uint64_t need = 2 * drive_aligned(v->plan.weights_bytes) +
                    drive_aligned(v->plan.state_bytes) +
                    drive_aligned(drive_predictions_bytes(v));

    return v->answer.m.n_epochs < DRIVE_EPOCHS_MAX &&
           v->answer.used <= v->parts_bytes &&
           v->parts_bytes - v->answer.used >= need;
}

static Proctor__AreaPart part_of(struct drive *v, uint64_t bytes)
{
    Proctor__AreaPart part = PROCTOR__AREA_PART__INIT;

    part.offset = v->answer.used;
    part.bytes = bytes;
    v->answer.used = drive_aligned(v->answer.used + bytes);
    return part;
}

struct room {
    uint8_t *p;
    uint64_t left;
};

static int room_sink(void *ctx, struct ubytes b)
{
    struct room *r = ctx;

    if (b.n > r->left) {
        return ERR_TRACE(ERR_LIMIT);
    }
    if (b.n > 0) {
        memcpy(r->p, b.p, b.n);
        r->p += b.n;
        r->left -= b.n;
    }
    return 0;
}

static int write_weights(struct drive *v)
{
    struct answer *a = &v->answer;
    struct room r = {v->area + a->used, v->parts_bytes - a->used};
    struct fit_place place;
    uint64_t bytes;

    TRY(v->ops->weights(v->fit, r.left, room_sink, &r, &bytes));
    v->ops->place(v->fit, &place);
    a->newest = part_of(v, bytes);
    a->weights_step = place.step;
    a->has_weights = 1;
    return 0;
}

int answer_weights(struct drive *v, Proctor__AreaPart **out)
{
    struct answer *a = &v->answer;
    struct fit_place place;

    v->ops->place(v->fit, &place);
    if (!a->has_weights || a->weights_step != place.step) {
        TRY(write_weights(v));
    }
    a->weights = a->newest;
    *out = &a->weights;
    return 0;
}

int answer_predictions(struct drive *v)
{
    struct answer *a = &v->answer;
    float *out = (float *)(void *)(v->area + a->used);

    if (v->checked.n == 0) {
        return 0;
    }
    TRY(v->ops->predict(v->fit, &v->checked, 0, (size_t)v->checked.n, out));
    a->predictions = part_of(v, drive_predictions_bytes(v));
    a->m.predictions = &a->predictions;
    return 0;
}

int answer_state(struct drive *v)
{
    struct answer *a = &v->answer;
    struct state_at at = {0, v->waits};
    struct fit_place place;
    struct buf b;
    size_t start;

    v->ops->place(v->fit, &place);
    at.step = place.step;
    buf_init_over(&b, v->area + a->used, v->parts_bytes - a->used);
    TRY(state_begin(&b, &v->owner, &at, &start));
    TRY(v->ops->save(v->fit, &b));
    TRY(state_end(&b, start));
    a->state = part_of(v, buf_len(&b));
    a->m.state = &a->state;
    v->state_due = 0;
    return 0;
}

static void epoch_claims(struct ended *e)
{
    for (size_t i = 0; i < e->claims.n; i++) {
        proctor__claim__init(&e->claim[i]);
        e->claim[i].name = e->claims.v[i].name;
        e->claim[i].value = e->claims.v[i].value;
        e->claims_v[i] = &e->claim[i];
    }
    e->m.claims = e->claims_v;
    e->m.n_claims = e->claims.n;
}

int answer_epoch(struct drive *v, int with_weights)
{
    struct answer *a = &v->answer;
    struct ended *e = calloc(1, sizeof(*e));
    struct fit_place place;

    if (e == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    ASSERT(a->m.n_epochs < DRIVE_EPOCHS_MAX);
    a->epochs[a->m.n_epochs] = e;
    a->epochs_v[a->m.n_epochs++] = &e->m;
    proctor__train_epoch__init(&e->m);
    v->ops->place(v->fit, &place);
    e->m.epoch = place.epoch;
    e->m.step = place.step;
    e->m.rate = place.rate;
    TRY(v->ops->claims(v->fit, &e->claims));
    epoch_claims(e);
    if (with_weights) {
        TRY(write_weights(v));
        e->weights = a->newest;
        e->m.weights = &e->weights;
    }
    return 0;
}

static void finish_notes(struct drive *v)
{
    struct answer *a = &v->answer;

    for (size_t i = 0; i < v->notes.n; i++) {
        a->notes_v[a->m.n_notes++] = v->notes.v[i];
    }
    if (v->notes.left_off > 0) {
        (void)snprintf(a->left_off, sizeof(a->left_off), "%llu more notes",
                       (unsigned long long)v->notes.left_off);
        a->notes_v[a->m.n_notes++] = a->left_off;
    }
    a->m.notes = a->notes_v;
}

void answer_finish(struct drive *v, uint32_t id, Proctor__TrainAt at)
{
    struct answer *a = &v->answer;
    struct fit_place place;

    v->ops->place(v->fit, &place);
    a->m.id = id;
    a->m.at = at;
    a->m.step = place.step;
    a->m.epoch = place.epoch;
    a->m.loss = place.loss;
    a->m.rate = place.rate;
    if (v->task->worker == 0) {
        finish_notes(v);
    }
    if (v->failed.code != 0) {
        a->problem.what = v->failed.what;
        a->problem.hint = v->failed.hint;
        a->problem.kind = v->failed.code == ERR_LIMIT;
        a->m.problem = &a->problem;
    }
}

/* Inside of drive: what drive.c and answer.c share. Worker train only. */
#ifndef WORKERS_TRAIN_DRIVE_INT_H
#define WORKERS_TRAIN_DRIVE_INT_H

#include "workers/train/drive.h"
#include "workers/train/state.h"

/* An epoch that ended, as its message; owned by struct answer. */
struct ended {
    Proctor__TrainEpoch m;
    Proctor__AreaPart weights;
    struct fit_claims claims;
    Proctor__Claim claim[FIT_CLAIMS_MAX];
    Proctor__Claim *claims_v[FIT_CLAIMS_MAX];
};

struct answer {
    Proctor__TrainDone m;
    Proctor__AreaPart state, weights, predictions;
    Proctor__Problem problem;
    struct ended *epochs[DRIVE_EPOCHS_MAX]; /* owned, m.n_epochs */
    Proctor__TrainEpoch *epochs_v[DRIVE_EPOCHS_MAX];
    char *notes_v[FIT_NOTES_MAX + 1];
    char left_off[64];
    uint64_t used;            /* bytes of the area's parts */
    int has_weights;          /* of the step that place names */
    uint64_t weights_step;    /* the newest, */
    Proctor__AreaPart newest; /* where they lie */
};

struct drive {
    const Proctor__TrainTask *task;
    const struct inputs *in;
    struct rows rows;
    struct rows checked; /* n 0: none */
    struct gguf weights; /* first ones */
    const struct fit_ops *ops;
    struct fit *fit;
    struct fit_plan plan;
    struct fit_notes notes;
    struct state_owner owner;
    struct ubytes body; /* of the state to go on from */
    uint64_t state_step;
    uint64_t parts_bytes; /* of the area, before what is exchanged */
    uint8_t *area;
    struct diag failed; /* code 0: it has not */
    enum fit_at at;     /* where the fit stands */
    int waits;          /* for the measure of the epoch that ended */
    int answered;       /* what was noted until then has been told */
    int ended;
    int state_due;
    struct answer answer;
};

uint64_t drive_aligned(uint64_t bytes); /* up to DRIVE_ALIGN */
uint64_t drive_predictions_bytes(const struct drive *v);

/* An answer without anything in it. */
void answer_clear(struct answer *a);
/* Is there room for an epoch's weights, and then for all of an end? */
int answer_has_room(const struct drive *v);
/* All of these but answer_finish only by worker 0; 0 or an error of the fit. */
int answer_epoch(struct drive *v, int with_weights) MUST_USE;
int answer_weights(struct drive *v, Proctor__AreaPart **out) MUST_USE;
int answer_predictions(struct drive *v) MUST_USE;
int answer_state(struct drive *v) MUST_USE;
/* Place, notes, problem. */
void answer_finish(struct drive *v, uint32_t id, Proctor__TrainAt at);

#endif

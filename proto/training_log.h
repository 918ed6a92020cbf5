/* What a training run came to since it was last recorded: epochs with their claims,
 * notes, which bytes of its weights are where, and those that are kept. Memory only:
 * who holds the bytes themselves copies them where this says. */
#ifndef PROTO_TRAINING_LOG_H
#define PROTO_TRAINING_LOG_H

#include "proto/training.h"

struct training_log {
    unsigned metric; /* set by its owner, as keep */
    size_t keep;
    Proctor__TrainEpoch **epochs; /* owned; parts: in the bytes of weights */
    size_t epochs_n, epochs_cap;
    Proctor__TrainEpoch *last; /* owned: of the log before; NULL: none */
    char **notes;              /* owned */
    size_t notes_n;
    struct training_kept kept[LIMIT_COMBINED + 1];
    size_t kept_n;
    uint64_t weights_n; /* bytes */
    uint64_t newest_at, newest_bytes; /* among them, at their end; 0 bytes: none */
    uint64_t predictions_n;           /* bytes */
    int has_state;
    uint64_t state_n;    /* bytes */
    uint64_t state_step; /* and what a state waits for, if it does */
    double measured;
    int has_measured;
};

/* Copies p of the area to byte `to` of the log's weights. 0, ERR_*. */
typedef int (*training_copy)(void *ctx, const Proctor__AreaPart *p, uint64_t to);

/* Takes an answer that training_done_problem found nothing wrong with: its epochs
 * and notes leave d. measured: of the last of them, if is_measured. 0, ERR_NOMEM,
 * what copy said. */
int training_log_add(struct training_log *l, Proctor__TrainDone *d,
                     int is_measured, double measured, training_copy copy,
                     void *ctx) MUST_USE;
/* The newest weights are an object of their own from now on: their epoch has no part
 * any more, and if they are kept, that is where. */
void training_log_named(struct training_log *l, const struct cid *newest);
/* As a message, which borrows from l and these. */
struct training_message {
    Proctor__TrainLog m;
    ProtobufCBinaryData kept[LIMIT_COMBINED];
    uint32_t epochs[LIMIT_COMBINED];
    double measured[LIMIT_COMBINED];
};
/* is_end: the last epoch stands in it again, if no other does. */
void training_log_message(struct training_log *l, int is_end, int has_state,
                          struct training_message *out);
/* Reads back what is kept of it. 0, ERR_ENCODING. */
int training_log_kept(struct training_log *l,
                      const Proctor__TrainLog *m) MUST_USE;
/* The last epoch, here or before; NULL: none ended. */
const Proctor__TrainEpoch *training_log_last(const struct training_log *l);
/* For the next one. */
void training_log_clear(struct training_log *l);
void training_log_release(struct training_log *l);

/* What people who watch are told. */
void training_event(const struct training_turn *t, const struct training_log *l,
                    int is_recorded, Proctor__TrainEvent *out);

#endif

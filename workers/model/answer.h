/* From values to a forward pass and back: what a MODEL_TASK's types mean for a
 * network. takes: a tuple of f32, one per input, or a tuple of one list of f32.
 * gives, by decide:
 *   DECIDE_RAW        f32 (one output) or a list of f32
 *   DECIDE_THRESHOLD  an integer: 1 if the one output is >= 0.5, else 0
 *   DECIDE_ARGMAX     an integer: index of the largest output, the lowest of
 *                     equals
 * Model worker only. */
#ifndef WORKERS_MODEL_ANSWER_H
#define WORKERS_MODEL_ANSWER_H

#include "proto/limits.h"
#include "proto/value.h"
#include "workers/nn/mlp.h"

#include "worker.pb-c.h"

enum decide {
    DECIDE_RAW = 0,
    DECIDE_THRESHOLD = 1,
    DECIDE_ARGMAX = 2
};

struct answerer {
    struct mlp *mlp; /* borrowed */
    struct type takes;
    struct type gives;
    enum decide decide;
    int takes_list;
};

/* Do the types fit the network? 0, or ERR_INPUT with ${d} set. */
int answerer_init(struct answerer *a, struct mlp *mlp,
                  const Proctor__ModelTask *task, struct diag *d) MUST_USE;

struct answers {
    struct values_builder outputs;
    Proctor__Ending ending; /* OK, MALFORMED (a list of another length than the
                               network's input), NONFINITE, FLOOD */
    char text[160];         /* why, when not OK */
};

/* Answers inputs in order up to the first that has no answer. 0, ERR_NOMEM. Out
 * is released by the caller in either case. */
int answer_batch(const struct answerer *a, const struct values *inputs,
                 struct answers *out) MUST_USE;
void answers_release(struct answers *out);

#endif

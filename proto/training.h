/* Training, as far as no process runs in it: what a spec and a worker's words must
 * look like before anything is done with them, what the kernel measures, and which
 * weights count. Pure; IEEE + - * / and integers only, so that anybody gets the
 * same bits. */
#ifndef PROTO_TRAINING_H
#define PROTO_TRAINING_H

#include "proto/base.h"
#include "proto/cid.h"
#include "proto/limits.h"

#include "evidence.pb-c.h"
#include "graph.pb-c.h"
#include "kernel.pb-c.h"
#include "worker.pb-c.h"

/* NULL, or why it cannot be: of what stands under `with` (is_drawn: its rows come of
 * a split; kind: enum DataKind, 0 when that is not known yet); */
const char *training_spec_problem(const Proctor__TrainSpec *x, int is_drawn,
                                  unsigned kind);
/* of a worker's plan for m, when it goes on from state_step (0: the start); */
const char *training_plan_problem(const Proctor__Training *m,
                                  const Proctor__TrainReady *p,
                                  uint64_t state_step);
/* of another worker's plan beside it. */
const char *training_same_plan(const Proctor__TrainReady *p,
                               const Proctor__TrainReady *other);
/* Where a training stands, and what its workers may do in a turn. */
struct training_turn {
    const Proctor__Training *m;
    const Proctor__TrainReady *plan;
    unsigned workers;
    uint32_t id;
    uint64_t steps;   /* at most */
    int saves;        /* state must come back */
    uint64_t step;    /* before it */
    uint32_t epoch;   /* likewise */
    uint32_t listed;  /* the last epoch that was listed */
};
/* of the first worker's answer to it, */
const char *training_done_problem(const struct training_turn *t,
                                  const Proctor__TrainDone *d);
/* and of another one's beside it. */
const char *training_other_problem(const Proctor__TrainDone *first,
                                   const Proctor__TrainDone *d);

/* What a predictor of rows of a kind takes and gives: of numbers ([f32]) -> u32 or
 * f32; of text ([u32]) -> [f32]. 0: the kind is not known. For ever. */
int training_types(unsigned kind, struct ubytes *out_takes,
                   struct ubytes *out_gives);

/* Which rows of n are checked: [*from, *from + *rows), in the drawn order. */
void training_checked(const Proctor__TrainSpec *x, uint64_t n, uint64_t *from,
                      uint64_t *rows);

/* What predictions (f32, rows x outputs) are worth by enum metric: of labels u32
 * (accuracy: the first of the largest outputs; of one output, whether it is one half or
 * more) or f64 (errors; one output), all little endian, summed in row order. 0, or
 * ERR_INPUT: sizes that are other ones, or a prediction that is no number. */
int training_measure(unsigned metric, struct ubytes predictions,
                     struct ubytes labels, uint64_t rows, double *out) MUST_USE;
int training_is_better(unsigned metric, double a, double b);

/* n elements of `bytes` (4 or 8) each, in an order drawn by the seed. */
void training_shuffle(uint8_t *p, uint64_t n, size_t bytes,
                      const uint8_t seed[static 32]);

/* Weights that a result may be made of: by metric the best, of equals the older;
 * metric 0: the newest. */
struct training_kept {
    uint32_t epoch;
    double measured;
    struct cid weights;
    uint64_t at, bytes; /* where they lie until they are an object; 0: they are */
};
/* Takes k among v[0, *n), at most `most` of them. An epoch that is there stays. */
void training_keep(struct training_kept *v, size_t *n, size_t most,
                   unsigned metric, const struct training_kept *k);

#endif

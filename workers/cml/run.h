/* One artifact over batches of inputs: a candidate at work. */
#ifndef WORKERS_CML_RUN_H
#define WORKERS_CML_RUN_H

#include "proto/type.h"
#include "proto/value.h"
#include "workers/cml/columns.h"
#include "workers/cml/document.h"
#include "workers/cml/eval.h"
#include "workers/cml/variants.h"

#include "worker.pb-c.h"

struct run {
    struct cml_dag dag;
    struct document doc;
    uint32_t unit;
    struct type takes;
    struct type gives;
    struct eval eval;
    struct columns *columns; /* owned; NULL: the reference works */
    uint64_t fuel;           /* of each input */
    struct variants *variants; /* owned; NULL: the unit's answers are asked for */
};

/* The answers that came before the first that did not. */
struct run_answers {
    struct values_builder outputs;
    Proctor__Ending ending;
    uint32_t detail; /* enum eval_error when ending is ERROR */
};

/* In any case run_release follows. 0, ERR_INPUT or ERR_LIMIT with d (the bundle, other
 * types than the task's, or not for the engine that the task demands), ERR_NOMEM. */
int run_open(struct run *r, const Proctor__CmlTask *task, struct diag *d)
    MUST_USE;
void run_release(struct run *r);
/* Stops at the first input without a value. 0, ERR_ENCODING, ERR_NOMEM. */
int run_batch(struct run *r, const struct values *inputs,
              struct run_answers *out) MUST_USE;

/* The columnar engine for a unit, if `engine` (CmlEngine) wants it and it can: else
 * NULL in *out, and what stands in the way in why. 0; ERR_INPUT: no such engine, or
 * the columnar one is demanded and cannot (d); ERR_NOMEM. */
int run_engine(const struct cml_dag *dag, const struct term *unit,
               const char *path, uint32_t engine, struct columns **out,
               struct diag *why, struct diag *d) MUST_USE;
/* Does the unit take and give these? d has the place of the unit. */
int run_check_types(const struct cml_dag *dag, const struct term *unit,
                    const char *path, const Proctor__CmlTask *task,
                    struct diag *d) MUST_USE;

#endif

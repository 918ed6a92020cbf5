/* A unit over batches, looked at from the inside: which branches an input reaches,
 * which mutants it tells from the unit (docs/exam.md, sections 15 and 16). Every input
 * has an answer, a u64, whatever the unit gives. Runs in the `cml` worker. */
#ifndef WORKERS_CML_VARIANTS_H
#define WORKERS_CML_VARIANTS_H

#include "proto/diag.h"
#include "proto/value.h"
#include "workers/cml/columns.h"
#include "workers/cml/document.h"
#include "workers/cml/walk.h"

#include "worker.pb-c.h"

enum variants_kind { VARIANTS_NONE, VARIANTS_BRANCHES, VARIANTS_MUTANTS };

/* A unit at work: a walk, and columns once it has many inputs before it, if it is one
 * for them. */
struct variant {
    uint32_t unit;
    struct walk *walk;       /* owned */
    int was_asked;           /* for columns */
    struct document doc;     /* then: theirs */
    struct columns *columns; /* owned, or NULL */
};

struct variants {
    enum variants_kind kind;
    struct cml_dag *dag; /* borrowed */
    uint64_t fuel;
    uint32_t first;
    struct variant unit;
    struct variant mutants[64];
    uint32_t mutants_n;
    uint64_t alive; /* bits: mutants that no input of the batch told so far */
    struct walk_watch watch;
    uint64_t bits; /* of the input under way */
    struct eval eval;
    struct buf got;
    struct buf wanted; /* the unit's answers to some inputs, one behind another */
    struct variant_answer {
        size_t at; /* in wanted */
        size_t n;
        uint64_t fuel; /* of a mutant here */
        int code;
    } answers[COLUMNS_LANES];
};

/* The Unit was read and checked, its takes are the task's. In any case
 * variants_release follows. 0, ERR_INPUT, ERR_LIMIT (both with d), ERR_NOMEM. */
int variants_open(struct variants *v, struct cml_dag *dag, uint32_t unit,
                  const Proctor__CmlTask *task, struct diag *d) MUST_USE;
void variants_release(struct variants *v);
/* A u64 for each input. 0, ERR_ENCODING, ERR_NOMEM. */
int variants_batch(struct variants *v, const struct values *inputs,
                   struct values_builder *out) MUST_USE;

#endif

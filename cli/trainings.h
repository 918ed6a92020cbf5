/* Training runs as the records of the ledger have them (docs/runs.md): of each task's
 * name a list, in which a run's position is its name. A run that a kernel did not
 * finish stays where it is, open until another one goes on with it or until a record
 * says that it was given up. Reads only. */
#ifndef CLI_TRAININGS_H
#define CLI_TRAININGS_H

#include "cli/json.h"
#include "cli/ledger.h"
#include "proto/cid.h"

enum training_state {
    TRAINING_OPEN,
    TRAINING_DONE,
    TRAINING_FAILED,
    TRAINING_ABORTED /* its run was given up, or found unfinished by a later one */
};

struct training_run {
    char *task;        /* owned */
    size_t index;      /* among those of that name */
    size_t first;      /* the first of that name of the same training */
    uint64_t run;      /* RUN record, of the last that went on with it */
    uint64_t train_seq; /* TRAIN record that it began with */
    uint64_t last_seq; /* its last TRAIN or TRAINED record */
    uint64_t step;
    uint32_t epoch;
    unsigned metric;   /* 0: nothing was measured */
    double measured;
    double claimed;
    unsigned went_on;  /* times */
    enum training_state state;
    struct cid training;
    struct cid weights; /* zero: none yet */
    char *why;         /* owned; of its last record */
};

struct trainings {
    struct training_run *v; /* owned; in the order of their TRAIN records */
    size_t n;
};

/* ERR_* of ledger_each. On failure out is empty. */
int trainings_load(const char *store, struct trainings *out,
                   struct diag *d) MUST_USE;
void trainings_release(struct trainings *t);
/* NULL: there is none. i SIZE_MAX: the last. */
const struct training_run *trainings_find(const struct trainings *t,
                                          const char *task, size_t i);
const char *training_state_text(enum training_state s);

struct cli;
/* Those of a task, or of all (NULL), for a person or as JSON. */
int trainings_list(struct cli *c, const struct trainings *t,
                   const char *task) MUST_USE;
/* Trains again: the graph of its run, out of the store's own objects, as a run of its
 * own. The weights must be the recorded ones. Prints. ERR_TASK_FAILED when they are
 * not. */
int trainings_replay(struct cli *c, const char *store,
                     const struct training_run *r) MUST_USE;

#endif

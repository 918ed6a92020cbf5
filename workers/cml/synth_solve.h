/* One search, and what it ended with. */
#ifndef WORKERS_CML_SYNTH_SOLVE_H
#define WORKERS_CML_SYNTH_SOLVE_H

#include "workers/cml/synth_int.h"

struct search {
    struct problem p;
    struct bank bank;
    struct arena plans; /* of the plan and the tree */
    uint32_t active[SYNTH_ACTIVE_MAX];
    uint32_t active_n;
    uint64_t probes[TYPE_TUPLE_MAX * SYNTH_PROBES]; /* params_n rows */
    uint32_t probes_n;
    uint64_t patience; /* candidates that are looked at when there is a plan */
    struct plan *plan;
    struct tree *tree; /* the answer; NULL: none */
    int code;          /* ERR_* of a look */
    int is_spent;      /* the budget */
    int is_all;        /* there are no more terms of max_size */
    int is_full;       /* memory */
    int is_contradicted;
    uint32_t first; /* examples that contradict each other */
    uint32_t second;
    uint64_t evaluations;
    uint64_t terms;
};

/* In any case synth_search_release follows. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int synth_search(struct search *s, const Proctor__SynthTask *task,
                 struct diag *d) MUST_USE;
void synth_search_release(struct search *s);
/* Fresh inputs: of the parameters' types, like those of the examples; none unless
 * evidence is asked for. ERR_NOMEM. */
int probes_make(struct search *s) MUST_USE;

#endif

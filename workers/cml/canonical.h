/* The canonical form of a unit: the same value or error for every input (fuel
 * apart), written in one way where the rules of docs/exam.md, section 13, know it.
 * Two units with one canonical form mean the same; the reverse is not so. */
#ifndef WORKERS_CML_CANONICAL_H
#define WORKERS_CML_CANONICAL_H

#include "workers/cml/tree.h"

/* Errors that an expression may end in, as bits 1 << EVAL_E_*. FUEL stands for
 * loops, whose end is not looked for. */
#define CANONICAL_ERRORS_ALL 0xfeu

struct canonical_known {
    uint32_t id;   /* of a Unit */
    uint32_t made; /* its canonical form */
    uint32_t called; /* the same with the name that it has in others */
    uint32_t errors;
};

/* Kept over many units of one dag: what was rewritten is remembered. */
struct canonical {
    struct cml_dag *dag; /* borrowed; gets nodes */
    struct eval eval;    /* folds constants */
    struct canonical_known *known; /* owned */
    uint32_t known_n;
    uint32_t known_cap;
    struct tree *tree; /* of the unit under way */
    int code;          /* first failure */
};

/* In any case canonical_release follows. ERR_NOMEM. */
int canonical_init(struct canonical *c, struct cml_dag *dag) MUST_USE;
void canonical_release(struct canonical *c);
/* Of a checked Unit. One that is too large to be written out (LIMIT_CML_TERMS)
 * keeps its form and only loses its name. 0, ERR_NOMEM, ERR_LIMIT (the dag). */
int canonical_of(struct canonical *c, uint32_t unit, uint32_t *out_id) MUST_USE;

#endif

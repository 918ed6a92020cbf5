/* Shared by the files of walk.h. */
#ifndef WORKERS_CML_WALK_INT_H
#define WORKERS_CML_WALK_INT_H

#include "workers/cml/eval_int.h"
#include "workers/cml/walk.h"

enum walk_kind {
    WALK_CONSTANT,
    WALK_VARIABLE,
    WALK_OPERATOR,
    WALK_BOTH,   /* && */
    WALK_EITHER, /* || */
    WALK_CORE,
    WALK_FIELD,
    WALK_CONVERT,
    WALK_MAKE,
    WALK_UNIT,
    WALK_APPLY, /* kids[0] is the function */
    WALK_MATCH, /* kids: value, then (pattern, block) for each arm */
    WALK_WHILE, /* kids: first state, condition or count, block */
    WALK_FOR,
    WALK_REPEAT,
    WALK_NOTHING,  /* a reference */
    WALK_BLOCK,    /* kids: bound values, then the value */
    WALK_WILDCARD, /* patterns */
    WALK_BIND,
    WALK_LITERAL,
    WALK_CONS
};

struct walk_node {
    enum walk_kind kind;
    unsigned op;     /* enum cml_op, core, cml_primitive; VARIABLE: its index */
    uint32_t n;
    uint32_t branch; /* first of its own */
    uint32_t site;   /* of OPERATOR, if it compares, and LITERAL */
    uint32_t node;   /* MAKE: the type; UNIT: which of walk.units */
    struct ubytes name;   /* FIELD */
    struct val constant;  /* CONSTANT, LITERAL */
    struct walk_node **kids;
};

struct walk_unit {
    uint32_t id; /* in the dag */
    uint32_t params_n;
    struct walk_node *body;
};

struct walk {
    const struct cml_dag *dag;
    struct arena arena;
    struct walk_unit *units;
    uint32_t units_n;
    uint32_t branches_n;
    uint32_t sites_n;
    uint32_t *params; /* types of the root's */
    const struct walk_watch *watch;
};

/* Calls a function value: eval.apply points here while a walk runs. */
int walk_apply(void *ctx, struct eval *e, const struct val *f,
               const struct val *args, uint32_t n, struct val *out) MUST_USE;

#endif

/* The reference interpreter of CML: the definition of the language in C. Plain
 * before fast; every other engine must agree with it bit for bit.
 *
 * Fuel: 1 for each round of a loop and each call of a Unit, the length of each
 * sequence that an operator or the core makes, and what core.def says. Costs are
 * part of the language, and they are what bounds memory: an evaluation needs at
 * most about 100 bytes for each unit of fuel. To run out of memory is never a
 * value: ERR_NOMEM, and nobody has an answer. Arguments are evaluated left to right; the first error
 * is the value of the whole. */
#ifndef WORKERS_CML_EVAL_H
#define WORKERS_CML_EVAL_H

#include "proto/cml.h"

#define EVAL_SEQUENCE_MAX (1u << 20) /* elements, or bytes */

enum eval_error {
    EVAL_OK,
#define EVAL(name, text) EVAL_E_##name,
#include "proto/cml_error.def"
};
const char *eval_error_text(int error);
const char *eval_error_name(int error); /* "DIVISION"; "" for EVAL_OK */

#define VAL_PAIR UINT32_MAX /* {a, b}, made by zip */

/* A value. Sequences and composites borrow from the evaluation's memory. */
struct val {
    enum { VAL_VOID, VAL_BOOL, VAL_INT, VAL_FLOAT, VAL_STRING, VAL_BYTES,
           VAL_ARRAY, VAL_COMPOSITE, VAL_FUNCTION, VAL_CID } kind;
    uint8_t code;  /* VAL_INT, VAL_FLOAT: as in the bytes */
    uint32_t n;    /* bytes, elements, fields */
    uint32_t node; /* VAL_COMPOSITE: its type, or VAL_PAIR; VAL_FUNCTION: its Unit */
    union {
        uint64_t bits; /* VAL_BOOL 0 1; VAL_INT sign- or zero-extended */
        const uint8_t *p;
        const struct val *items;
    } u;
};

struct eval {
    const struct cml_dag *dag;
    struct arena arena; /* values; released by eval_release */
    struct arena args;  /* arguments of the calls that are going on */
    uint64_t fuel;      /* what is left */
    struct val *env;    /* owned; binders, the last is nearest */
    uint32_t env_n;
    /* who calls function values for the core; NULL: the interpreter (walk.h) */
    int (*apply)(void *ctx, struct eval *e, const struct val *f,
                 const struct val *args, uint32_t n, struct val *out);
    void *apply_ctx;
};

/* ERR_NOMEM. */
int eval_init(struct eval *e, const struct cml_dag *dag, uint64_t fuel)
    MUST_USE;
void eval_release(struct eval *e);
/* Forgets all values and sets the fuel anew. */
void eval_reset(struct eval *e, uint64_t fuel);
/* Applies a Unit to as many arguments as it has. 0, EVAL_E_*, ERR_NOMEM. */
int eval_unit(struct eval *e, uint32_t unit, const struct val *args, uint32_t n,
              struct val *out) MUST_USE;

/* Value from canonical bytes (proto/value.h; composites are tuples), of this
 * type, and back. 0, ERR_ENCODING, ERR_NOMEM. */
int eval_read(struct eval *e, uint32_t type, struct rd *r, struct val *out)
    MUST_USE;
int eval_put(struct buf *b, const struct val *v) MUST_USE;
/* The arguments of a unit from a tuple's bytes, as many as it has, to args. 0,
 * ERR_ENCODING, ERR_NOMEM. */
int eval_read_args(struct eval *e, uint32_t unit, struct ubytes tuple,
                   struct val *args) MUST_USE;
/* The unit of a tuple of arguments, after eval_reset. As eval_unit, ERR_ENCODING. */
int eval_tuple(struct eval *e, uint32_t unit, struct ubytes tuple,
               uint64_t fuel, struct val *out) MUST_USE;

#endif

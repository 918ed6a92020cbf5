/* A checked unit of scalars as flat code: functions of 64-bit registers, with
 * composites taken apart, units with constraints made once for each list of
 * types, and control flow kept as nested marks. What the export to C is written
 * from. Its meaning is that of the interpreter (eval.h), fuel and errors too.
 *
 * What has strings, bytes, arrays or functions as values is refused, at its
 * place. Runs in the `cml` worker. */
#ifndef WORKERS_CML_FLAT_H
#define WORKERS_CML_FLAT_H

#include "workers/cml/core.h"
#include "workers/cml/term.h"

#define FLAT_LEAVES_MAX 64 /* scalars in one value */
#define FLAT_NEST_MAX 100  /* marks within each other: compilers have limits */
#define FLAT_CODE_MAX (1u << 17)
#define FLAT_FUNCTIONS_MAX 1024

/* A register holds an integer sign- or zero-extended to 64 bits, a bool as 0 or
 * 1, or the bits of a float, whose one NaN is that of docs/cml.md. */
enum flat_what {
    FLAT_CONST,   /* d = bits */
    FLAT_MOVE,    /* d = a */
    FLAT_BINARY,  /* d = a op b, of type `type`; may end in DIVISION */
    FLAT_CORE,    /* d = core(a, b), of type `type`: one or two arguments */
    FLAT_CONVERT, /* d = a, from `from` to `type` */
    FLAT_SELECT,  /* d = c ? a : b */
    FLAT_SPEND,   /* fuel -= bits, or ends in FUEL */
    FLAT_FAIL,    /* ends in the error `bits` */
    FLAT_IF,      /* if a == bits: up to its ELSE, which is always there */
    FLAT_ELSE,
    FLAT_END,
    FLAT_LOOP,   /* up to its AGAIN, for ever */
    FLAT_UNLESS, /* leaves the loop if a is 0 */
    FLAT_AGAIN,
    FLAT_CALL /* registers from d on = function `bits` of those from d on */
};

struct flat_code {
    enum flat_what what;
    unsigned op; /* enum cml_op of BINARY, enum core of CORE */
    enum cml_primitive type;
    enum cml_primitive from;
    uint32_t d, a, b, c;
    uint64_t bits;
};

struct flat_function {
    const struct term *unit;
    uint32_t *types; /* of the parameters, then of the value: flat_leaves */
    uint32_t types_n;
    struct flat_code *code; /* owned */
    uint32_t code_n;
    uint32_t code_cap;
    uint32_t registers; /* arguments are the first */
    uint32_t args_n;    /* scalars */
    uint32_t result;    /* first register of the value */
    uint32_t results_n; /* scalars */
    uint32_t env;       /* binders at once, with those of what it calls */
};

struct flat {
    const struct cml_dag *dag; /* borrowed */
    struct arena arena;
    struct flat_function
        *functions[FLAT_FUNCTIONS_MAX]; /* the last is the unit's */
    uint32_t functions_n;
    uint32_t code_n;  /* of all */
    const char *path; /* borrowed; of places */
    struct diag *diag;
};

void flat_init(struct flat *f, const struct cml_dag *dag);
void flat_release(struct flat *f);
/* 0; ERR_INPUT: what stands in the way, and where; ERR_LIMIT, ERR_NOMEM. */
int flat_unit(struct flat *f, const struct term *unit, const char *path,
              struct diag *diag) MUST_USE;
/* A type is FLAT_SCALAR + enum cml_primitive, or the id of a composite. Its
 * scalars in order: how many, or 0 when it has others or too many. */
#define FLAT_SCALAR 0x80000000u
uint32_t flat_leaves(const struct cml_dag *dag, uint32_t type,
                     enum cml_primitive out[static FLAT_LEAVES_MAX]);
/* Of a type's node, behind references. */
uint32_t flat_type(const struct cml_dag *dag, uint32_t id);

#endif

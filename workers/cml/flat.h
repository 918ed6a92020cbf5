/* A checked unit as flat code: functions of 64-bit registers, with composites taken
 * apart, units with constraints made once for each list of types, and control flow
 * kept as nested marks. What the export to C and the columnar engine are made
 * from. Its meaning is that of the interpreter (eval.h), fuel and errors too.
 *
 * Strings, bytes, arrays and functions as values are objects: one register each,
 * whose content is the business of who runs the code. Without flat.objects they
 * are refused, at their place. Runs in the `cml` worker. */
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
    FLAT_LOOP,   /* up to its AGAIN, for ever; v: what it carries */
    FLAT_UNLESS, /* leaves the loop if a is 0 */
    FLAT_AGAIN,
    FLAT_CALL, /* registers from d on = function `bits` of those from d on, under c
                  binders */
    /* With objects; values v[0..c), and v[c] the one that is made: */
    FLAT_OBJECT,  /* d = the literal of node `bits`, or its unit as a value */
    FLAT_CORE_OF, /* v[c] = core(v[0], ...), under `bits` binders */
    FLAT_OP_OF,   /* v[2] = v[0] op v[1]; without fuel if bits is 1 */
    FLAT_ARRAY,   /* v[c] = array of v[0], ... */
    FLAT_APPLY,   /* v[c] = v[0], a function, of v[1], ..., as CORE_OF */
    FLAT_LENGTH,  /* d = elements of v[0] */
    FLAT_ITEM     /* v[2] = element v[1] of v[0], which is there */
};

/* A value: registers from `first` on. What an expression makes new starts at the
 * top that was before it, so that values die in the order in which they were
 * made. */
struct flat_value {
    uint32_t type;
    uint32_t first;
    uint32_t n;
};

struct flat_code {
    enum flat_what what;
    unsigned op; /* enum cml_op of BINARY, enum core of CORE */
    enum cml_primitive type;
    enum cml_primitive from;
    uint32_t d, a, b, c;
    uint32_t top; /* at marks: what is below lives on, what is above does not */
    uint64_t bits;
    const struct flat_value *v;
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

/* A unit that is a value somewhere. */
struct flat_unit {
    const struct term *unit;
    struct flat_unit *next;
};

struct flat {
    const struct cml_dag *dag; /* borrowed */
    int objects;
    struct flat_unit *units; /* with objects */
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
/* The same, and with f->objects every other part is one object: for it stands a
 * primitive that is no scalar, or CML_PRIMITIVES. */
uint32_t flat_parts(const struct flat *f, uint32_t type,
                    enum cml_primitive out[static FLAT_LEAVES_MAX]);
int flat_is_object(enum cml_primitive p);
/* The function of the unit for these types of arguments, made when it is not
 * there: its number. As flat_unit. */
int flat_function_of(struct flat *f, const struct term *unit,
                     const struct term *site, const uint32_t *types,
                     uint32_t *out) MUST_USE;
/* Of a type's node, behind references. */
uint32_t flat_type(const struct cml_dag *dag, uint32_t id);

#endif

/* Shared by the files of columns.h. */
#ifndef WORKERS_CML_COLUMNS_INT_H
#define WORKERS_CML_COLUMNS_INT_H

#include "workers/cml/columns.h"
#include "workers/cml/eval_int.h"
#include "workers/cml/flat.h"

#define COLUMNS_REGISTERS_MAX 16384u /* at once: 32 MiB */
#define COLUMNS_MASKS_MAX 4096u      /* choices and loops within each other */

enum step_what {
    STEP_NONE,
    STEP_KERNEL, /* d = run(a, b, k) */
    STEP_SELECT,
    STEP_DIVIDE, /* lanes where b is 0 end in DIVISION */
    STEP_LANES,  /* code, by the reference's own functions */
    STEP_MARK,   /* code is SPEND, FAIL, IF .. AGAIN */
    STEP_CALL,
    STEP_OBJECT /* code, on values */
};

struct step {
    enum step_what what;
    int is_masked; /* d lives on in lanes that are not active */
    enum column_kernel_name kernel;
    uint32_t d, a, b, c;
    uint64_t k;
    uint32_t jump; /* IF: its ELSE; ELSE: its END; UNLESS: its AGAIN; AGAIN: LOOP */
    const struct flat_code *code;
};

struct column_function {
    const struct flat_function *flat;
    struct step *steps; /* owned */
    uint32_t steps_n;
    uint32_t frame; /* registers, and the last one for what comes in between */
};

struct columns {
    struct flat flat;
    struct diag diag;
    struct eval e;   /* of the core on lanes, and of lanes that are redone */
    struct eval ref; /* those */
    uint32_t unit;   /* node */
    uint32_t main;   /* function */
    struct column_function functions[FLAT_FUNCTIONS_MAX]; /* as flat.functions */
    const struct column_kernels *kernels;
    void *memory; /* owned; the columns */
    uint64_t *registers;
    uint64_t *masks; /* COLUMNS_MASKS_MAX of them; the last is who is active */
    uint32_t masks_n;
    uint32_t active_n;
    uint64_t *alive; /* lanes without an error */
    uint32_t alive_n;
    uint64_t *fuel; /* column; `pending` is to be taken from each that is alive */
    uint64_t pending;
    uint64_t least; /* no lane that is alive has less, pending taken */
    int error[COLUMNS_LANES]; /* EVAL_E_*, COLUMNS_REDO */
    uint64_t left[COLUMNS_LANES]; /* of lanes that are not alive */
    uint32_t env;                 /* binders around the function that runs */
    uint64_t *args;               /* owned; the columns of the inputs */
    const struct ubytes *inputs;  /* borrowed */
    uint32_t lanes_n;
    uint64_t given; /* fuel of each */
    uint64_t redone;
};

#define COLUMNS_REDO 1000 /* the reference has to say */

/* The engine's code of a function of flat code. ERR_NOMEM. */
int columns_compile(struct columns *c, uint32_t function) MUST_USE;
/* Leaves out what nobody reads, and copies of what the step before made for them
 * alone. ERR_NOMEM. */
int columns_prune(const struct flat *flat, const struct flat_function *f,
                  struct step *steps, uint32_t *n) MUST_USE;
/* Runs a function whose arguments are in the registers from base on, for the lanes
 * that are active; its value replaces them. Like all below 0, ERR_NOMEM, or
 * COLUMNS_REDO: then the reference has to do all lanes that are alive. */
int columns_run(struct columns *c, uint32_t function, uint32_t base) MUST_USE;
int columns_object(struct columns *c, const struct flat_code *k,
                   uint32_t base, uint32_t next) MUST_USE;
/* map, filter, fold, any, all, and calls of functions that are values. */
int columns_each(struct columns *c, const struct flat_code *k, uint32_t base,
                 uint32_t next) MUST_USE;
void columns_lane_op(struct columns *c, const struct flat_code *k,
                     uint32_t base);

/* A lane ends in an error; its fuel is what is left then. */
void columns_end_lane(struct columns *c, uint32_t lane, int error,
                      uint64_t left);
void columns_end_active(struct columns *c, int error);
static inline uint64_t *columns_at(const struct columns *c, uint32_t reg)
{
    return c->registers + (size_t)reg * COLUMN_LANES;
}
static inline uint64_t *columns_mask(const struct columns *c)
{
    return c->masks + (size_t)(c->masks_n - 1) * COLUMN_LANES;
}
static inline uint64_t columns_left(const struct columns *c, uint32_t lane)
{
    return c->fuel[lane] - c->pending;
}
/* After a lane spent some by itself. */
static inline void columns_spent(struct columns *c, uint32_t lane, uint64_t left)
{
    c->fuel[lane] = left + c->pending;
    c->least = left < c->least ? left : c->least;
}
/* Puts a mask on top of the others and makes it the active one; it is not set. */
int columns_push_mask(struct columns *c) MUST_USE;
/* Takes off n masks; the one below is active again, without lanes that ended. */
void columns_pop_mask(struct columns *c, uint32_t n);

/* A copy of v that a register can point to. 0, COLUMNS_REDO. */
int columns_hold(struct columns *c, const struct val *v, uint64_t *out)
    MUST_USE;
/* A value of a lane as the reference has it, and back. 0, COLUMNS_REDO. */
int columns_box(struct columns *c, const struct flat_value *v, uint32_t base,
                uint32_t lane, struct val *out) MUST_USE;
int columns_unbox(struct columns *c, const struct flat_value *v, uint32_t base,
                  uint32_t lane, const struct val *from) MUST_USE;

#endif

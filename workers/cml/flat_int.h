/* Shared by the files of flat.h. */
#ifndef WORKERS_CML_FLAT_INT_H
#define WORKERS_CML_FLAT_INT_H

#include "workers/cml/flat.h"

#define FLAT_ENV_MAX 65536 /* as the interpreter's */

/* A value: registers from `first` on. What an expression makes new starts at the
 * top that was before it, so that values die in the order in which they were
 * made. */
struct flat_value {
    uint32_t type;
    uint32_t first;
    uint32_t n;
};

struct flattener {
    struct flat *f;
    struct flat_function *to;
    struct flat_value *env; /* the last is nearest */
    uint32_t env_n;
    uint32_t top; /* first free register */
    uint32_t nest;
};

int flat_refuse(struct flattener *l, const struct term *t, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
int flat_emit(struct flattener *l, struct flat_code code) MUST_USE;
/* A new value of the type at the top. */
int flat_new(struct flattener *l, const struct term *t, uint32_t type,
             struct flat_value *out) MUST_USE;
int flat_move(struct flattener *l, const struct flat_value *to,
              const struct flat_value *from) MUST_USE;
/* Frees what is above mark but for v, which moves down. */
int flat_settle(struct flattener *l, uint32_t mark,
                struct flat_value *v) MUST_USE;
int flat_expression(struct flattener *l, const struct term *t,
                    struct flat_value *out) MUST_USE;
int flat_call(struct flattener *l, const struct term *t,
              struct flat_value *out) MUST_USE;
int flat_binop(struct flattener *l, const struct term *t,
               struct flat_value *out) MUST_USE;
int flat_literal(struct flattener *l, const struct term *t,
                 struct flat_value *out) MUST_USE;
/* d = a op b of two values of one type. */
int flat_compare(struct flattener *l, enum cml_op op,
                 const struct flat_value *a, const struct flat_value *b,
                 uint32_t d) MUST_USE;
/* The function of a unit for these types of arguments, made when it is not there:
 * its number. */
int flat_function_of(struct flat *f, const struct term *unit,
                     const struct term *site, const uint32_t *types,
                     uint32_t *out) MUST_USE;

#endif

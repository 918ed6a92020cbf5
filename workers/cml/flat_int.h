/* Shared by the files of flat.h. */
#ifndef WORKERS_CML_FLAT_INT_H
#define WORKERS_CML_FLAT_INT_H

#include "workers/cml/flat.h"

#define FLAT_ENV_MAX 65536 /* as the interpreter's */

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
int flat_block(struct flattener *l, const struct term *t,
               struct flat_value *out) MUST_USE;
int flat_loop(struct flattener *l, const struct term *t,
              struct flat_value *out) MUST_USE;
/* One more name. */
int flat_bind(struct flattener *l, const struct term *t,
              struct flat_value v) MUST_USE;
/* A mark that others lie within. */
int flat_mark_in(struct flattener *l, const struct term *t,
                 struct flat_code code) MUST_USE;
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
/* An operation on values, of which some may be objects; n of them, then what it
 * makes, of this type, at mark. */
int flat_operate(struct flattener *l, const struct term *t,
                 struct flat_code code, const struct flat_value *v, uint32_t n,
                 uint32_t type, uint32_t mark, struct flat_value *out) MUST_USE;
int flat_has_objects(const struct flattener *l, const struct flat_value *v);
/* The type of what a term computes: that of an argument if it is constrained. */
uint32_t flat_type_of(const struct flattener *l, const struct term *t);

#endif

/* Numbers of CML's surfaces, made literals. */
#ifndef WORKERS_CML_NUMBER_H
#define WORKERS_CML_NUMBER_H

#include "workers/cml/term.h"

/* term.is_plain of a number whose text names no type. */
enum { PLAIN_NO, PLAIN_WHOLE, PLAIN_NEGATIVE, PLAIN_FLOAT };

/* Makes t, a Literal, from the text of a number: 12, 0xffu8, 1.5e-3f32. Without a
 * type in the text it is plain, and has i64 or f64 until number_give_type.
 * 0, ERR_NOMEM, ERR_INPUT: no number, or none of its type (diag without place). */
int number_read(struct arena *a, struct term *t, struct ubytes text, int negative,
                struct diag *diag) MUST_USE;
/* A literal of a scalar type (canonical names and values: Int32 "10"), for XML. */
int number_of_type(struct arena *a, struct term *t, enum cml_primitive type,
                   struct ubytes text, struct diag *diag) MUST_USE;
/* A plain literal gets this type. 0, ERR_NOMEM, ERR_INPUT: it does not fit. */
int number_give_type(struct arena *a, struct term *t, enum cml_primitive type,
                     struct diag *diag) MUST_USE;

#endif

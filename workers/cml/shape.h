/* CML's types as those that cross to the kernel (proto/type.h): composites are
 * tuples, functions and the like have none. */
#ifndef WORKERS_CML_SHAPE_H
#define WORKERS_CML_SHAPE_H

#include "proto/cml.h"
#include "proto/type.h"

/* 0, or ERR_INPUT: this type cannot cross. */
int shape_of_type(const struct cml_dag *d, uint32_t type, struct type *out)
    MUST_USE;
/* A unit's parameters as one tuple, and its result. 0, ERR_INPUT. */
int shape_of_unit(const struct cml_dag *d, uint32_t unit, struct type *out_takes,
                  struct type *out_gives) MUST_USE;

#endif

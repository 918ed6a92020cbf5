/* Shared by the files of cml.h. */
#ifndef PROTO_CML_INT_H
#define PROTO_CML_INT_H

#include "proto/cml.h"

/* Shapes, kinds of children, and texts of the fields of a kind. 0 or ERR_INPUT;
 * diag says which. */
int cml_check_fields(const struct cml_dag *d, enum cml_kind kind,
                     const struct cml_value *fields, struct diag *diag)
    MUST_USE;
/* Canonical bytes of a node whose fields were checked. */
int cml_encode(const struct cml_dag *d, enum cml_kind kind,
               const struct cml_value *fields, struct buf *out) MUST_USE;

#endif

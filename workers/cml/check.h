/* Types of CML: is a unit well formed, and what is the type of each of its
 * expressions. Numbers without a type get theirs here. A unit that passes can
 * fail at run time only with the errors of docs/cml.md. */
#ifndef WORKERS_CML_CHECK_H
#define WORKERS_CML_CHECK_H

#include "workers/cml/term.h"

/* Units that it calls were checked and interned before. Sets `type` of every
 * expression, and the types of plain numbers. 0, ERR_INPUT (place, what was found,
 * what was expected), ERR_LIMIT, ERR_NOMEM. */
int check_unit(struct cml_dag *dag, struct term *unit, struct arena *a,
               const char *path, struct diag *diag) MUST_USE;
/* Text of a type, cut to n. */
void check_type_text(const struct cml_dag *dag, uint32_t type, char *out,
                     size_t n);

#endif

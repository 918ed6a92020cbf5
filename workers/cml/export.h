/* A unit as plain C17 without dependencies: what `proctor cml export --c` writes.
 * Runs in the `cml` worker. */
#ifndef WORKERS_CML_EXPORT_H
#define WORKERS_CML_EXPORT_H

#include "workers/cml/term.h"

/* NAME.h, a NUL, NAME.c; name: of the unit, and of its file, letters, digits and _
 * only. The same results as the interpreter's bit for bit, errors and fuel too. 0,
 * ERR_INPUT (what cannot be exported, and where), ERR_LIMIT, ERR_NOMEM. */
int export_c(const struct cml_dag *dag, const struct term *unit,
             const char *path, struct buf *out, struct diag *diag) MUST_USE;

#endif

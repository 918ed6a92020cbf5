/* What an exam asks of the inside of a unit (docs/exam.md, sections 14 to 17).
 * Runs in the `cml` worker. */
#ifndef WORKERS_CML_INSIDE_H
#define WORKERS_CML_INSIDE_H

#include "proto/cml.h"

#include "worker.pb-c.h"

#define INSIDE_UNKNOWN UINT32_MAX /* branches of a unit over LIMIT_CML_TERMS */

/* canonical, branches and mutants of a checked Unit; memory from a. The dag gets
 * nodes. 0, ERR_NOMEM, ERR_LIMIT. */
int inside_describe(struct arena *a, struct cml_dag *dag, uint32_t unit,
                    Proctor__CmlUnit *out) MUST_USE;
/* The Unit that is its canonical form. */
int inside_canonical_of(struct cml_dag *dag, uint32_t unit, uint32_t *out_id)
    MUST_USE;

#endif

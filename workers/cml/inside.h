/* What an exam asks of the inside of a unit (docs/exam.md, sections 14 to 17).
 * Runs in the `cml` worker. */
#ifndef WORKERS_CML_INSIDE_H
#define WORKERS_CML_INSIDE_H

#include "proto/cml.h"
#include "proto/diag.h"

#include "worker.pb-c.h"

#define INSIDE_UNKNOWN UINT32_MAX /* branches of a unit over LIMIT_CML_TERMS */

/* canonical, branches and mutants of a checked Unit; memory from a. The dag gets
 * nodes. 0, ERR_NOMEM, ERR_LIMIT. */
int inside_describe(struct arena *a, struct cml_dag *dag, uint32_t unit,
                    Proctor__CmlUnit *out) MUST_USE;
/* The Unit that is its canonical form. */
int inside_canonical_of(struct cml_dag *dag, uint32_t unit, uint32_t *out_id)
    MUST_USE;
/* The Unit with the task's branches as traps. ERR_INPUT, ERR_LIMIT with d. */
int inside_trap(struct cml_dag *dag, uint32_t unit, const Proctor__CmlTask *task,
                uint32_t *out_id, struct diag *d) MUST_USE;
/* literals and inputs of a reply; memory from a. ERR_INPUT, ERR_LIMIT with d. */
int inside_probe(struct arena *a, struct cml_dag *dag, uint32_t unit,
                 const Proctor__CmlTask *task, Proctor__CmlReply *out,
                 struct diag *d) MUST_USE;

#endif

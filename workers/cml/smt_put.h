/* A unit that the enumerator made of a SyGuS problem, as SMT-LIB writes it, so that
 * other tools can check it. Operators come out with SMT-LIB's meaning, macros
 * written out. Runs in the `cml` worker. */
#ifndef WORKERS_CML_SMT_PUT_H
#define WORKERS_CML_SMT_PUT_H

#include "workers/cml/pbe.h"
#include "workers/cml/term.h"

/* Writes (define-fun ...) with the names of p; unit: checked and interned. 0;
 * ERR_INPUT (d: what of it SMT-LIB has no word for), ERR_LIMIT, ERR_NOMEM. */
int smt_put(struct buf *out, const struct cml_dag *dag, const struct term *unit,
            const struct pbe *p, struct diag *d) MUST_USE;

#endif

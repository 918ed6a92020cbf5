/* Inputs that turn the branches of a unit, found by search: evaluations that are
 * watched, from constants and random members of the domain, then steps that bring a
 * comparison nearer to its other outcome (Korel 1990, the alternating variable
 * method). A fixed number of evaluations and of fuel: the same unit and domain give
 * the same inputs on every host. Runs in the `cml` worker; nothing depends on what
 * it finds but power. */
#ifndef WORKERS_CML_PROBE_H
#define WORKERS_CML_PROBE_H

#include "workers/cml/literals.h"

#define PROBE_EVALUATIONS 24576u
#define PROBE_FUEL 8192u              /* of one */
#define PROBE_FUEL_ALL (UINT64_C(1) << 24)
#define PROBE_BYTES_ALL (UINT64_C(1) << 26) /* of inputs that are gone over */

/* Values of the unit's takes, members of the domain (checked, of that type), as
 * values.h holds them; none when the domain needs a corpus. At most
 * LIMIT_PROBE_INPUTS and LIMIT_PROBE_BYTES. 0, ERR_NOMEM, ERR_LIMIT. */
int probe_inputs(struct cml_dag *dag, uint32_t unit, struct ubytes domain,
                 const struct literals *literals, struct buf *out) MUST_USE;

#endif

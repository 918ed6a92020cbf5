/* First-order mutants of a unit: one small change each, which checks, and whose
 * canonical form is neither the unit's (then it is proved equal) nor that of a
 * mutant chosen before. How they are made and chosen: docs/exam.md, section 16. */
#ifndef WORKERS_CML_MUTANT_H
#define WORKERS_CML_MUTANT_H

#include "workers/cml/tree.h"

#define MUTANT_SEED_BYTES 32
#define MUTANT_FIRST_MAX 960u /* of a choice: 15 times 64 go before */

/* How many can be chosen, counted up to LIMIT_CML_MUTANTS; 0 for a unit over
 * LIMIT_CML_TERMS. 0, ERR_NOMEM, ERR_LIMIT (the dag). */
int mutant_count(struct cml_dag *dag, uint32_t unit, uint32_t *out_n) MUST_USE;
/* Mutants first ... first + 63 of those that the seed chooses, fewer when there are
 * no more; Units of the dag. first <= MUTANT_FIRST_MAX. As mutant_count. */
int mutant_choose(struct cml_dag *dag, uint32_t unit,
                  const uint8_t seed[static MUTANT_SEED_BYTES], uint32_t first,
                  uint32_t out_units[static 64], uint32_t *out_n) MUST_USE;

/* Number `at` of all changes that can be tried, made in place: 1 if there is such a
 * number. The count of them in *out_n when at is UINT32_MAX. ERR_NOMEM. */
int mutant_change(struct tree *t, uint32_t at, uint32_t *out_n) MUST_USE;

#endif

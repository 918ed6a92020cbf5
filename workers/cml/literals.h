/* The constants of a unit: of its Literals, patterns, bounds and counts, and of its
 * canonical form's, where they were computed. Runs in the `cml` worker. */
#ifndef WORKERS_CML_LITERALS_H
#define WORKERS_CML_LITERALS_H

#include "proto/buf.h"
#include "workers/cml/tree.h"

struct literals {
    uint64_t *integers; /* as u64 bits, sign-extended */
    uint64_t *floats;   /* bits of binary64 */
    struct ubytes *texts;
    uint32_t integers_n;
    uint32_t floats_n;
    uint32_t texts_n;
};

/* In the order of tree.h, the unit first; each once; an integer also as a float, a
 * whole float as an integer; at most LIMIT_LITERALS of each. Memory from a. The unit
 * was checked. 0, ERR_NOMEM, ERR_LIMIT (LIMIT_CML_TERMS). */
int literals_of(struct arena *a, struct cml_dag *dag, uint32_t unit,
                struct literals *out) MUST_USE;
/* docs/exam.md, section 6. */
int literals_put(const struct literals *l, struct buf *out) MUST_USE;

#endif

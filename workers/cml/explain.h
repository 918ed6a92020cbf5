/* Artifacts drawn for people: the DAG as a tree of lines or for Graphviz, and what
 * two of them differ in. */
#ifndef WORKERS_CML_EXPLAIN_H
#define WORKERS_CML_EXPLAIN_H

#include "proto/cml.h"

/* Every node once; what is used again is a number that stands at its node. 0,
 * ERR_LIMIT, ERR_NOMEM. */
int explain_text(const struct cml_dag *d, uint32_t root, struct buf *out)
    MUST_USE;
int explain_dot(const struct cml_dag *d, uint32_t root, struct buf *out)
    MUST_USE;
/* One line per difference: path, then old and new. Nothing when they are the
 * same. Lists by longest common subsequence of children. */
int explain_diff(const struct cml_dag *d, uint32_t a, uint32_t b,
                 struct buf *out) MUST_USE;

#endif

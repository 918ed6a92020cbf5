/* References (M4) replaced by what refs lead to: an artifact that is closed. A ref
 * leads to a Leaf or a Literal of the type that the reference must have, to a
 * Unit without parameters that gives it, or, where a function is wanted, to a Unit
 * of that type. What it leads to is linked in turn. docs/cml.md, State. */
#ifndef WORKERS_CML_LINK_H
#define WORKERS_CML_LINK_H

#include "proto/cml.h"
#include "proto/limits.h"

#include "worker.pb-c.h"

struct link {
    struct cml_dag *dag; /* borrowed, like the task */
    const Proctor__CmlTask *task;
    struct arena *arena; /* of what missing holds */
    struct diag *diag;
    char **missing; /* paths that are not among the task's refs; in the arena */
    size_t missing_n;
    uint32_t culprit; /* after an error: the Reference of the unit itself */
    struct link_ref *refs_;
    uint32_t *map_; /* owned; linked id + 1, by id */
    size_t map_n_;
    const char **path_; /* of refs that are being followed */
    uint32_t path_n_;
};

/* dag, task, arena, diag are set. ERR_NOMEM. link_release in any case. */
int link_init(struct link *k) MUST_USE;
void link_release(struct link *k);
/* 0; *out is the linked unit, when nothing is missing. ERR_INPUT (a ref leads
 * nowhere, to another type, or in a circle), ERR_LIMIT, ERR_ENCODING, ERR_NOMEM. */
int link_unit(struct link *k, uint32_t unit, uint32_t *out) MUST_USE;
/* The path that a Reference names: refs/cml/...; SELF and the store's own DID are
 * its root, another DID is below remotes, any other subject a part like the others.
 * ERR_LIMIT: too long, out is cut. */
int link_path(const struct cml_node *r, const char *did,
              char out[static LIMIT_REF_BYTES + 1]) MUST_USE;
/* What a payload is as an expression of this type. name: for messages. */
int link_value(struct link *k, uint32_t type, uint32_t payload,
               const char *name, uint32_t *out) MUST_USE;

#endif

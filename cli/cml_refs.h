/* What refs of CML lead to, for a worker that links: read from a store, as of a
 * record, or as a snapshot says. Bytes are hashed again. */
#ifndef CLI_CML_REFS_H
#define CLI_CML_REFS_H

#include "cli/index.h"
#include "proto/assertion.h"
#include "proto/cid.h"

#include "evidence.pb-c.h"
#include "worker.pb-c.h"

struct cml_refs {
    const char *store;       /* borrowed */
    struct index *ix;        /* borrowed */
    uint64_t at;             /* INT64_MAX: now */
    Proctor__CmlSnapshot *snapshot; /* borrowed; instead of at, or NULL */
    size_t n;
    struct cid cids[LIMIT_CML_REFS]; /* zero: leads nowhere */
    Proctor__CmlRef m[LIMIT_CML_REFS];
    Proctor__CmlRef *list[LIMIT_CML_REFS];
    struct buf bundles_[LIMIT_CML_REFS];
    char paths_[LIMIT_CML_REFS][LIMIT_REF_BYTES + 1];
};

/* The caller sets the first four. */
void cml_refs_release(struct cml_refs *r);
/* One more. ERR_LIMIT, ERR_NOT_FOUND (not in the snapshot),
 * ERR_STORE_DAMAGED, ...; d says. */
int cml_refs_add(struct cml_refs *r, const char *path, struct diag *d) MUST_USE;
/* The bundle of a payload that some ref was said to lead to. ERR_NOT_FOUND. */
int cml_refs_bundle(struct index *ix, const struct cid *payload,
                    struct cid *out, struct diag *d) MUST_USE;

#endif

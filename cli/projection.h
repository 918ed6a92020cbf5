/* What a store says in CML, as one message for the bridges: the names that earned
 * a CML unit and their moves (spec cml section 11), every node of the units that
 * were admitted, and the manifest of all names (section 13). Made from the
 * ledger's records and objects; objects are hashed and decoded again on the way.
 *
 * A REF record that moves NAME to a unit is the assertion SET of
 * refs/cml/names/NAME, and one that moves it on to something else is DELETE: CML
 * has no word for that. They are signed where they stand, in the ledger. What was
 * asserted of refs (op assert) comes along as it is. */
#ifndef CLI_PROJECTION_H
#define CLI_PROJECTION_H

#include "cli/names.h"
#include "proto/arena.h"
#include "proto/assertion.h"
#include "proto/cml.h"

#include "bridge.pb-c.h"

struct projection {
    Proctor__Projection m; /* borrows from all below */
    struct cml_dag dag;
    struct arena arena;
    struct names manifest;
    struct buf manifest_bytes; /* owned */
    char did[DID_BYTES];
    uint64_t refs_other; /* refs to what is no CML */
};

void projection_init(struct projection *p);
void projection_release(struct projection *p);

/* All of a store (absolute path). 0, ERR_STORE_DAMAGED, ERR_LIMIT, ERR_NOMEM,
 * ERR_IO with d. */
int projection_store(struct projection *p, const char *store,
                     struct diag *d) MUST_USE;
/* One more artifact under a name, from a bundle. *out_root may be NULL. 0,
 * ERR_INPUT, ERR_ENCODING, ERR_LIMIT with d. */
int projection_unit(struct projection *p, const char *name,
                    struct ubytes bundle, struct diag *d) MUST_USE;
/* A readable form. Copies. */
int projection_text(struct projection *p, const char *name,
                    struct ubytes text) MUST_USE;
/* Makes p->m whole; nothing may be added afterwards. */
int projection_end(struct projection *p, struct diag *d) MUST_USE;

#endif

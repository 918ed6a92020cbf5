/* What a bridge found, verified: every blob hashes to the CID that it stands under
 * and is a canonical node (or a manifest), and every name leads to a whole
 * artifact. Only then is anything written. In the person's process; believes
 * nothing of what proctor-git says. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/limits.h"

#include "bridge.pb-c.h"

struct import_item {
    char name[LIMIT_REF_BYTES + 1];
    struct cid cid;
    uint32_t nodes;
    struct buf bundle; /* owned */
};
struct import {
    struct import_item *items; /* owned */
    size_t n;
    size_t bytes; /* of all bundles */
};

void import_init(struct import *x);
void import_release(struct import *x);
/* Names of the manifest of refs/cml/heads/main, and every other ref under
 * refs/cml/ by the rest of its path. 0, ERR_INPUT (a blob is not what its CID
 * says, a node is missing, names are twice there; d names it), ERR_LIMIT,
 * ERR_NOMEM. */
int import_check(struct import *x, Proctor__Projection *p,
                 struct diag *d) MUST_USE;
/* NAME.cmlb for each, beneath dir (made if missing; links are not followed). A file
 * that is there with the same bytes stays, with others it is an error and nothing
 * is written. 0, ERR_EXISTS, ERR_INPUT, ERR_IO, ERR_ACCESS. */
int import_write(const struct import *x, const char *dir,
                 struct diag *d) MUST_USE;

#endif

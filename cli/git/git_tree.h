/* What a projection looks like as a tree, without git: which blobs a root reaches,
 * and under which path each file stands.
 *
 *   cid            the root's CID and a newline
 *   manifest       for people, under refs/cml/heads/main: "CID  NAME" a line
 *   blobs/ab/cd... canonical bytes of every node that the root reaches, the
 *                  manifest's too
 *   units/NAME.cml what a unit reads like; nothing depends on it */
#ifndef CLI_GIT_GIT_TREE_H
#define CLI_GIT_GIT_TREE_H

#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/diag.h"

#include "bridge.pb-c.h"

#define GIT_TREE_PATH_BYTES 256

/* "blobs/ab/cdef..." */
void git_tree_blob_path(const struct cid *c,
                        char out[static GIT_TREE_PATH_BYTES]);
/* "units/NAME.cml"; ERR_INPUT when that is no good path. */
int git_tree_unit_path(const char *name,
                       char out[static GIT_TREE_PATH_BYTES]) MUST_USE;

/* The blob of p with this CID, or NULL. Those of p ascend. */
const Proctor__BridgeBlob *git_tree_find(const Proctor__Projection *p,
                                         const struct cid *c);
/* fn for every blob that root reaches, root too, each once, in ascending order of
 * CIDs. ERR_NOT_FOUND (a child is missing; d names both), ERR_ENCODING,
 * ERR_NOMEM, or what fn returned. */
typedef int (*git_tree_fn)(void *ctx, const char *path, struct ubytes bytes);
int git_tree_blobs(const Proctor__Projection *p, const struct cid *root,
                   git_tree_fn fn, void *ctx, struct diag *d) MUST_USE;
/* All files under one root; is_main: with manifest and units. */
int git_tree_files(const Proctor__Projection *p, const struct cid *root,
                   int is_main, git_tree_fn fn, void *ctx,
                   struct diag *d) MUST_USE;

#endif

/* What refs/cml/... of a repository hold, as a projection of which nothing is
 * verified: that is done by who asked (cli/import.h), apart from the library that
 * read foreign files. Process proctor-git, shut in, reading only. */
#ifndef CLI_GIT_GIT_IMPORT_H
#define CLI_GIT_GIT_IMPORT_H

#include <git2.h>

#include "proto/diag.h"

#include "bridge.pb-c.h"

#define GIT_IMPORT_REFS_MAX 4096u
#define GIT_IMPORT_ENTRIES_MAX (4u << 20) /* of all trees */

/* Every ref under refs/cml/ (a clone has none: then what HEAD names, as
 * refs/cml/heads/main), its file `cid` as target, its blobs under the CIDs that
 * their paths say, its file `manifest` as a text named by the ref. Trees may hold
 * nothing but plain files and folders, by the layout of git_tree.h. *out: pb_free.
 * ERR_INPUT, ERR_LIMIT, ERR_NOT_FOUND with the ref and the path. */
int git_import(git_repository *repo, Proctor__Projection **out,
               struct diag *d) MUST_USE;

#endif

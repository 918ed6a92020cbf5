/* A projection into a git repository: one commit under each ref of refs/cml/, and
 * the next one on top of it only when something changed. The same projection makes
 * the same commit in every new repository: authors are the store, times the
 * ledger's. Process proctor-git, shut in. */
#ifndef CLI_GIT_GIT_EXPORT_H
#define CLI_GIT_GIT_EXPORT_H

#include <git2.h>

#include "proto/diag.h"

#include "bridge.pb-c.h"

/* Objects first, on the disk, then refs: whatever stops it leaves a repository
 * that is whole, and says what it said before. In a bare one the branch main, if
 * it is not somebody else's, goes along, so that a clone has files. a->commit is
 * allocated (free). */
int git_export(git_repository *repo, const Proctor__Projection *p,
               Proctor__BridgeAnswer *a, struct diag *d) MUST_USE;

#endif

/* A git repository in one folder, opened after this process has shut itself in
 * there: neither the person's nor the host's configuration is read, nothing
 * outside of the folder can be (alternates, included files), no hook or filter
 * runs. Process proctor-git. */
#ifndef CLI_GIT_GIT_REPO_H
#define CLI_GIT_GIT_REPO_H

#include <git2.h>

#include "proto/diag.h"

/* Starts the library; the process shuts itself in. dir is made when `writes` and it
 * is not there; an empty one becomes a bare repository with the branch main.
 * *out: git_repository_free. 0, ERR_NOT_FOUND, ERR_ACCESS, ERR_INPUT (no
 * repository, a damaged one), ERR_CONFINE, ERR_IO. */
int git_repo_open(const char *dir, int writes, git_repository **out,
                  struct diag *d) MUST_USE;

/* The library's last words, as a diagnosis: "what: words". The code fits git_code
 * (GIT_E*). */
int git_repo_failed(struct diag *d, int git_code, const char *what);

#endif

/* The root of a class `program` worker: declared paths of the host, read-only,
 * and two small tmpfs. Runs in the worker, in a mount namespace of its own,
 * while it still has CAP_SYS_ADMIN over it. */
#ifndef WORKERS_LIB_ROOT_H
#define WORKERS_LIB_ROOT_H

#include "proto/zygote.h"

/* Where the zygote sees the host's tree, read-only, and an empty directory. */
#define ROOT_HOST "/host"
#define ROOT_NEW "/new"

/* roots: NUL-terminated real absolute paths, one after the other. On success
 * the process stands in /work of the new root and the host's tree is gone.
 * Returns 0 or an errno, with the step that failed. */
int root_build(const struct zygote_request *request, const char *roots,
               enum confine_step *out_step) MUST_USE;

#endif

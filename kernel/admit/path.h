/* Names of files in a graph: relative, beneath its folder, one spelling each.
 * Only names are looked at; nothing here opens a file. */
#ifndef KERNEL_ADMIT_PATH_H
#define KERNEL_ADMIT_PATH_H

#include "proto/base.h"
#include "proto/limits.h"

struct path {
    char s[LIMIT_PATH_BYTES + 1];
};

/* Writes the one spelling of a path (a leading "./" is dropped) to *out. 0, or
 * ERR_INPUT with *out_why: absolute, an empty or "." or ".." part, a control
 * byte, too long. */
int path_normal(const char *in, struct path *out, const char **out_why)
    MUST_USE;

#endif

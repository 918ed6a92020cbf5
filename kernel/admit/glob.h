/* Globs of policies, over file paths and ref names.
 *   ?    one character, not '/'
 *   *    any number of those
 *   **   any characters, '/' included; with a '/' after it, and at the start or
 *        after a '/': any number of whole folders, or none
 * Everything else stands for itself; there is no escape. Byte-wise, but `?`
 * takes a whole UTF-8 character. O(pattern x text), no recursion, no memory. */
#ifndef KERNEL_ADMIT_GLOB_H
#define KERNEL_ADMIT_GLOB_H

#include "proto/base.h"

#define GLOB_BYTES_MAX 1024

/* True when the whole text matches. A pattern or text over GLOB_BYTES_MAX does
 * not match anything. */
int glob_match(const char *pattern, const char *text);

#endif

/* Declared paths of a program worker, as the zygote wants them: real, absolute,
 * sorted, none inside another. */
#ifndef KERNEL_ENGINE_ROOTS_H
#define KERNEL_ENGINE_ROOTS_H

#include "proto/diag.h"

/* *out_text is owned by the caller (free): paths, each NUL-terminated; its size
 * in *out_bytes. 0, or ERR_CONFINE, ERR_NOMEM with d naming the path. */
int roots_resolve(const char *const *paths, size_t paths_n, char **out_text,
                  uint32_t *out_bytes, struct diag *d) MUST_USE;

#endif

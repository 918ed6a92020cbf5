/* What a host must offer before any worker exists. */
#ifndef KERNEL_CONFINE_HOST_H
#define KERNEL_CONFINE_HOST_H

#include "proto/diag.h"

/* Checks privileges, /proc, user namespaces, seccomp and Landlock. 0, or
 * ERR_CONFINE with d naming what is missing and what to do. There is no weaker
 * mode to fall back to. */
int host_check(unsigned *out_landlock_abi, struct diag *d) MUST_USE;

#endif

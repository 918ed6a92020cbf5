/* What a host must offer before any worker exists, and what of it this kernel
 * uses. `proctor doctor` (cli/) tells people more; here a missing layer is only
 * named. */
#ifndef KERNEL_CONFINE_HOST_H
#define KERNEL_CONFINE_HOST_H

#include "proto/diag.h"

struct host {
    unsigned landlock_abi;
    int filters_are_watched; /* they cannot be read back (watch.h) */
    unsigned filters_n;      /* on this process itself: workers inherit them */
    uint32_t uid_base; /* first of UID_SLOT uids (and gids) of this kernel */
    int uid_fd;        /* owned; holds the name that keeps others off them */
};

/* The least that keeps every promised layer (Linux 6.12): a domain that also
 * scopes signals and abstract sockets. Workers of one zygote share its network
 * namespace, so that there no namespace stands behind the filter. */
#define LANDLOCK_ABI_MIN 6u

void host_init(struct host *h);
void host_release(struct host *h);

/* Checks privileges, /proc, user namespaces, seccomp, ptrace and Landlock, and
 * takes a range of uids. 0, or ERR_CONFINE with d naming what is missing. There
 * is no weaker mode to fall back to. */
int host_check(struct host *h, struct diag *d) MUST_USE;

#endif

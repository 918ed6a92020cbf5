/* Leaving chroot(2) for a mount namespace of our own, without seeing more.
 *
 * The Linux kernel makes no user namespace for a process whose root is not that
 * of its mount namespace, so nothing could be confined inside a chroot. Here the
 * tree below the chroot becomes the root of a new, private mount namespace by
 * pivot_root(2): the same files, and nothing above them. */
#ifndef CLI_UNROOT_H
#define CLI_UNROOT_H

#include "proto/base.h"

/* True when this process's root is not that of its mount namespace. Asks by a
 * child that tries to make a user namespace. */
int unroot_is_needed(void);

/* 0, or the errno of the step that failed (then the process must not go on: its
 * root may be the host's). Needs CAP_SYS_ADMIN, CAP_SYS_CHROOT and /proc. The
 * working directory stays, open descriptors stay. */
int unroot(void) MUST_USE;

#endif

/* The child side of spawn_zygote: from clone to execveat. */
#ifndef KERNEL_CONFINE_SPAWN_CHILD_H
#define KERNEL_CONFINE_SPAWN_CHILD_H

#include "kernel/confine/spawn.h"

/* Runs in the fresh child, which shares nothing but copied memory with the
 * kernel: waits for one byte on sock (its maps are written), sets every layer,
 * executes the image. On a failure sends ZYGOTE_BROKEN and exits. */
NORETURN void spawn_child(const struct spawn *s, int sock);

#endif

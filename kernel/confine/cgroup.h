/* Control groups for workers that run processes: memory and process count of
 * the whole group. Version 2 where its controllers can be used, else version 1,
 * else none (which the confinement report says; resource limits remain). */
#ifndef KERNEL_CONFINE_CGROUP_H
#define KERNEL_CONFINE_CGROUP_H

#include <sys/types.h>

#include "proto/base.h"

#define CGROUP_PATH_BYTES 512

struct cgroups;

/* Makes this kernel's group below its own and removes those that dead kernels
 * left. 0 (also when the host has none to give) or ERR_*: what the host has
 * could not be found out, which is not the same. */
int cgroups_open(struct cgroups **out) MUST_USE;
void cgroups_close(struct cgroups *c); /* removes all; NULL is fine */

const char *cgroups_version(const struct cgroups *c); /* "v1", "v2", "none" */
/* Last parts of a worker's group path, as /proc/PID/cgroup ends in; "" = none. */
void cgroups_name(const struct cgroups *c, uint32_t ordinal,
                  char out[static 80]);

/* Puts pid alone into a new group with these limits. 0 or ERR_CONFINE (errno
 * says why): a limit that is to be had but cannot be set is a refusal. */
int cgroups_add(struct cgroups *c, uint32_t ordinal, pid_t pid,
                uint64_t memory_bytes, uint64_t processes) MUST_USE;
/* After its processes are gone; what is still busy goes with the next call. */
void cgroups_remove(struct cgroups *c, uint32_t ordinal);

#endif

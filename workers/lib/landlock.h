/* Landlock, which has no library: one domain per worker, denying everything it
 * knows but what the rules name. Runs in the worker, before any input. */
#ifndef WORKERS_LIB_LANDLOCK_H
#define WORKERS_LIB_LANDLOCK_H

#include "proto/base.h"

enum landlock_use {
    LANDLOCK_USE_READ,  /* read files, list directories */
    LANDLOCK_USE_RUN,   /* and execute */
    LANDLOCK_USE_WRITE, /* read, create, write, remove */
    LANDLOCK_USE_BUILD, /* write and execute */
    LANDLOCK_USE_NULL   /* read and write a device, nothing else */
};

struct landlock_rule {
    const char *path; /* borrowed */
    enum landlock_use use;
};

/* Enters a domain in which only rules are allowed: no other file, no TCP, no
 * abstract unix socket and no signal out of the domain, as far as the host's
 * version goes (*out_abi >= 1). Returns 0 or an errno; a host without Landlock
 * is an error. */
int landlock_enter(const struct landlock_rule *rules, size_t rules_n,
                   unsigned *out_abi) MUST_USE;

#endif

/* How a forked worker gives up everything but its channel. */
#ifndef WORKERS_LIB_NARROW_H
#define WORKERS_LIB_NARROW_H

#include "proto/zygote.h"

struct narrow {
    const struct zygote_request *request; /* borrowed */
    const struct sock_filter *filter;     /* request->filter_n instructions */
    const char *roots;
    int channel;           /* becomes ZYGOTE_FD */
    int share_fd;          /* mapped, then closed; -1 = none */
    void *share;           /* out: request->share_bytes, or NULL */
    unsigned landlock_abi; /* out */
};

/* In the zygote, once: the limits that are the same for every worker. 0 or -1. */
int narrow_limits_common(void) MUST_USE;

/* All layers, in the one order that works; a watched worker's filter is left to
 * narrow_filter. Returns 0 or an errno, with the step that failed; nothing may
 * run after a failure but _exit. */
int narrow_all(struct narrow *n, enum confine_step *out_step) MUST_USE;
int narrow_filter(struct narrow *n) MUST_USE;

#endif

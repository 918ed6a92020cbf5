/* Starting one of our own programs, the one that lies beside this one, with one
 * end of a new socket as its descriptor 3 and nothing else of ours: /dev/null to
 * read from, standard error to print on, a process group of its own. */
#ifndef PROTO_LAUNCH_H
#define PROTO_LAUNCH_H

#include <limits.h>
#include <signal.h>
#include <sys/types.h>

#include "proto/diag.h"

#define LAUNCH_SOCKET 3

struct launch {
    const char *name;     /* of the program */
    const char *store;    /* for its --store, or NULL */
    const sigset_t *mask; /* that it begins with */
    /* Called in the child first, or NULL; not 0: it leaves. */
    int (*prepare)(void *ctx);
    void *ctx;
};

/* Path of the program of that name beside this one. ERR_NOT_FOUND, ERR_LIMIT,
 * ERR_CONFINE (no /proc) with d. */
int launch_path(const char *name, char out[static PATH_MAX],
                struct diag *d) MUST_USE;
/* The caller owns *out_sock and reaps *out_pid. 0, ERR_NOT_FOUND, ERR_LIMIT,
 * ERR_IO with d. */
int launch(const struct launch *l, pid_t *out_pid, int *out_sock,
           struct diag *d) MUST_USE;

#endif

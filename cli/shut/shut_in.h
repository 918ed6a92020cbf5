/* How a bridge shuts itself in before it reads foreign bytes: nothing of the file
 * system but one folder (or nothing at all), no new sockets, no new programs, no
 * other processes, small limits. */
#ifndef CLI_SHUT_SHUT_IN_H
#define CLI_SHUT_SHUT_IN_H

#include "proto/diag.h"

enum shut_in_kind {
    SHUT_IN_READ,  /* may read the folder */
    SHUT_IN_WRITE, /* may also write in it */
    SHUT_IN_TALK   /* no folder; may talk over what is open */
};

/* dir_fd: the folder, -1 with TALK. Cannot be undone. 0, or ERR_CONFINE with d:
 * the caller must not go on. */
int shut_in(enum shut_in_kind kind, int dir_fd, struct diag *d) MUST_USE;

#endif

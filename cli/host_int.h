/* Inside of host.h: host.c (what this machine and person have) and host_linux.c
 * (what its Linux offers). */
#ifndef CLI_HOST_INT_H
#define CLI_HOST_INT_H

#include "cli/host.h"

/* What a row found, and what to do about it. */
void host_found(struct host_row *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
void host_todo(struct host_row *r, enum host_state s, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The number that a file holds; 0 when there is none. */
int host_number_in(const char *path, long *out);

/* host_linux.c: each fills one row. */
void host_look_userns(struct host_row *r);
void host_look_namespaces(struct host_row *r);
void host_look_root(struct host_row *r);
void host_look_mount_api(struct host_row *r);
void host_look_proc(struct host_row *r);
void host_look_seccomp(struct host_row *r);
void host_look_landlock(struct host_row *r);
void host_look_ptrace(struct host_row *r);
void host_look_memfd(struct host_row *r);
void host_look_execveat(struct host_row *r);
void host_look_close_range(struct host_row *r);
void host_look_pidfd(struct host_row *r);

#endif

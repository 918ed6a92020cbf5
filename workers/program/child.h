/* One process of a program, with a pipe on each of its three descriptors, and
 * the end of everything it started. Only for process 1 of a pid namespace: then
 * every descendant is ours to reap, and none outlives us. Program worker only.
 * */
#ifndef WORKERS_PROGRAM_CHILD_H
#define WORKERS_PROGRAM_CHILD_H

#include <sys/types.h>

#include "proto/base.h"

struct child {
    pid_t pid;  /* 0 = reaped or never started */
    int status; /* of waitpid, when reaped */
    int in_fd;  /* its standard input, our end: non-blocking; -1 = closed */
    int out_fd; /* its standard output, non-blocking */
    int err_fd; /* its standard error, non-blocking */
};

/* Starts argv in folder dir with a fixed environment, default signals, and no
 * descriptor of ours but the three pipes. 0, ERR_CONFINE when we are not
 * process 1, ERR_IO or ERR_NOMEM; *out_errno != 0 (and ERR_NOT_FOUND) when the
 * program could not be executed. */
int child_start(const char *const *argv, const char *dir, struct child *c,
                int *out_errno) MUST_USE;
void child_close(int *fd); /* closes one end; -1 is fine */
/* Reaps whatever has ended, without waiting. True when the child itself has. */
int child_has_ended(struct child *c);
/* Waits for the child itself, reaping others on the way. */
void child_wait(struct child *c);
/* Kills every other process of the namespace and reaps them all. After it no
 * pipe has a writer but what we hold. */
void child_kill_all(struct child *c);

#endif

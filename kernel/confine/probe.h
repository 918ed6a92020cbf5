/* Looking into a stopped worker: its installed filters, and the answer of single
 * system calls made in its name. Landlock and securebits show nowhere in /proc;
 * what the worker itself may do is the only outside evidence there is. */
#ifndef KERNEL_CONFINE_PROBE_H
#define KERNEL_CONFINE_PROBE_H

#include <sched.h>
#include <sys/types.h>
#include <sys/user.h>

#include "kernel/confine/filter.h"

struct probe {
    pid_t pid;
    int pidfd; /* borrowed */
    int held;
    int moved; /* to our processor; cpus: where it may run */
    int away;  /* its registers are not those of home */
    cpu_set_t cpus;
    struct user_regs_struct home; /* from which it goes on afterwards */
    unsigned long site;           /* of a system call instruction of its own */
};

/* Seizes and stops the process; its seccomp filters are suspended until
 * probe_end. watched: they are not, and it dies with us until then (watch.h). 0,
 * ERR_CONFINE (it is gone or may not be traced; errno says). */
int probe_begin(struct probe *p, pid_t pid, int pidfd, int watched) MUST_USE;
/* Lets it go on as if nothing had happened. ERR_CONFINE: it could not, and was
 * killed; errno says why. */
int probe_end(struct probe *p) MUST_USE;

enum probe_outcome {
    PROBE_E_NONE = 1
};
/* Instructions of installed filter number i, oldest first; BPF_MAXINSNS is the
 * host's own maximum. 0, PROBE_E_NONE past the last, ERR_CONFINE. */
int probe_filter(struct probe *p, unsigned i,
                 struct sock_filter out[static BPF_MAXINSNS],
                 unsigned *out_n) MUST_USE;

/* Runs prctl(PR_GET_SECUREBITS) in the process. */
int probe_securebits(struct probe *p, long *out) MUST_USE;
/* Opens the directory "/" for reading in the process: *out is a descriptor
 * number or a negative errno. An open descriptor is left behind: a process in
 * which this succeeds is to be killed. */
int probe_open_root(struct probe *p, long *out) MUST_USE;

/* For watch.c. The next stop (*out_signal: by which signal), or ERR_CONFINE. */
int probe_stop_wait(const struct probe *p, int *out_signal) MUST_USE;
/* It is entering a system call: makes call nr in its place, with -1 as its first
 * argument; its own is made when it goes on from home. */
int probe_call_replace(struct probe *p, unsigned long nr) MUST_USE;

#endif

/* What every worker image shares. An image's main is
 *
 *     int main(void) { return worker_main(&hooks); }
 *
 * worker_main runs the zygote loop (one process per class, started by the
 * kernel); for each request it forks a child that narrows itself (own uid, no
 * capability, Landlock, limits, final filter), waits to be measured, and only
 * then calls `serve`. Runs in: zygote and worker.
 *
 * What serve finds, class config and model: descriptor WORKER_CHANNEL_FD and
 * no other; an empty root; at most 20 system calls (policy/profiles/): read,
 * write, recvmsg, sendmsg, close, lseek, fstat, mmap and mprotect without
 * PROT_EXEC, munmap, mremap, madvise, brk, getrandom, clock_gettime, exit.
 * malloc, memory streams (open_memstream, fmemopen) and mapping a received
 * descriptor read-only work; everything else ends the process.
 *
 * Class program: descriptors 0, 1, 2 are /dev/null, 3 is the channel. It is
 * process 1 of its own pid namespace (it must reap every child; when it ends,
 * all its processes end). Working directory /work: an empty writable tmpfs,
 * files there may be executed; /tmp: writable, nothing there may be executed.
 * The policy's roots are visible read-only under their own paths, with the
 * usual symbolic links (/bin, /lib, /lib64) where the host has them. No /proc,
 * no /sys, no device but /dev/null. fork, vfork, execve, pipe, poll, wait4,
 * waitid, kill, prlimit (lowering), sigaction, clock and timers work; threads
 * work; sockets (but AF_UNIX, answered EACCES), memfd and namespaces end the
 * process. The environment is empty: whoever calls execve sets PATH, HOME=/work,
 * LANG, PYTHONHASHSEED and such. */
#ifndef WORKERS_LIB_WORKER_H
#define WORKERS_LIB_WORKER_H

#include "proto/base.h"

#define WORKER_CHANNEL_FD 3

struct worker_hooks {
    const char *class_name; /* "config", "program" or "model" */
    /* Called once in the zygote, before any request: whatever is the same for
     * every worker and touches no input (warm a library up, seed a hash table).
     * Every page touched here costs each fork; NULL = nothing. */
    void (*prepare)(void);
    /* The worker's work: reads frames from channel_fd with
     * frame_receive(channel_fd, MSG_FROM_KERNEL, ...) until ERR_CLOSED. share:
     * the values of batches (proto/share.h); NULL in class config. Returns the
     * exit status, 0..63 (64 and above are this library's). */
    int (*serve)(int channel_fd, uint8_t *share);
};

/* Never returns to a worker's code: the zygote's exit status, after the kernel
 * closed its socket. */
int worker_main(const struct worker_hooks *hooks);

#endif

/* Zygotes: one process per worker class, running the class's image inside its
 * own namespaces, root, capability set and filter from its first instruction
 * on. Made by the kernel; forks workers on request (workers/lib/zygote.c).
 *
 * Uids: a kernel gives out UID_SLOT numbers that it holds alone (host.c takes
 * them); of these each class has UID_CLASS, the first of which is its zygote.
 * Where all of the host's numbers are mapped, they lie between those that systemd
 * and distributions use (Debian policy 9.2.2, systemd UIDS-GIDS.md); no account
 * may be given out there. */
#ifndef KERNEL_CONFINE_SPAWN_H
#define KERNEL_CONFINE_SPAWN_H

#include <sys/types.h>

#include "proto/diag.h"
#include "proto/limits.h"
#include "proto/zygote.h"

#include "kernel/confine/filter.h"

#define UID_BASE 2000000000u
#define UID_CLASS 384u
#define UID_SLOT LIMIT_UIDS /* room for five classes */
#define UID_SLOTS 65536u

_Static_assert(UID_BASE + UID_SLOT * UID_SLOTS < 2147352576u,
               "below the range that systemd reserves for foreign images");

struct zygote_process {
    pid_t pid;
    int pidfd; /* owned */
    int sock;  /* owned: the kernel's end, non-blocking */
};
void zygote_process_init(struct zygote_process *z);
/* Kills it with all its workers, reaps it, closes all. */
void zygote_process_release(struct zygote_process *z);

struct spawn {
    const char *class_name; /* borrowed; also argv[0] "worker-CLASS" */
    int own_root;
    int image_fd; /* sealed image */
    uint32_t uid_base;
    const struct filter *filter; /* of the zygote */
    int watched; /* that it is installed cannot be read back later (watch.h) */
};

/* Returns when the zygote runs its image and has said so, or after ten seconds.
 * 0 or ERR_CONFINE with d naming the layer, ERR_NOMEM, ERR_IO. */
int spawn_zygote(const struct spawn *s, struct zygote_process *out,
                 struct diag *d) MUST_USE;

/* Asks for one worker. request->filter_n and roots_bytes say what follows.
 * fds: the worker's channel and, when share_bytes says so, its shared memory.
 * Borrows all. 0, ERR_CLOSED (the zygote is gone), ERR_IO. */
int zygote_ask(int sock, const struct zygote_request *request,
               const struct sock_filter *filter, const char *roots,
               const int fds[static ZYGOTE_FDS_MAX]) MUST_USE;

enum zygote_outcome {
    ZYGOTE_E_AGAIN = 1
};
/* The next event; *out_fd the attached descriptor or -1. 0, ZYGOTE_E_AGAIN,
 * ERR_CLOSED, ERR_PROTOCOL. */
int zygote_next(int sock, struct zygote_event *out, int *out_fd) MUST_USE;

/* Text of a layer, e.g. "landlock"; "unknown" for a bad number. */
const char *confine_step_text(uint32_t step);

/* Sets d to ERR_CONFINE for a failed step, with a hint where one is known. */
int confine_step_diag(struct diag *d, const char *class_name, uint32_t step,
                      int error);

#endif

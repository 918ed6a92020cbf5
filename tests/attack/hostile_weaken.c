/* Leaves one layer out, or puts something in, while a test worker narrows. Linked
 * into the hostile image only, through NARROW_SKIP of workers/lib/narrow.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/attack/cases.h"
#include "workers/lib/narrow.h"

int hostile_skip(struct narrow *n, enum confine_step step);

static void filter_add_allow_all(void)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = 1, .filter = code};

    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* The selector of this worker, 0 for an ordinary one. */
static unsigned selector(const struct narrow *n)
{
    unsigned pages =
        (unsigned)((n->request->as_bytes - n->request->share_bytes) >> 12 &
                   0xfffu);

    return pages > WEAKEN_PAGES && pages < WEAKEN_PAGES + 64
               ? pages - WEAKEN_PAGES
               : 0;
}

static const enum confine_step left_out[] = {
    [1] = STEP_LIMITS,     [2] = STEP_BOUNDING, [3] = STEP_GROUPS,
    [4] = STEP_SECUREBITS, [5] = STEP_UID,      [6] = STEP_CAPS,
    [7] = STEP_UNDUMPABLE, [8] = STEP_LANDLOCK, [9] = STEP_FILTER,
    [14] = STEP_SESSION,
};

int hostile_skip(struct narrow *n, enum confine_step step)
{
    unsigned s = selector(n);

    if (s < ARRAY_N(left_out) && left_out[s] == step && step != STEP_NONE) {
        if (step == STEP_UNDUMPABLE) {
            prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        }
        if (step == STEP_LANDLOCK) { /* and it lies about that */
            n->landlock_abi =
                (unsigned)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
        }
        return 1;
    }
    if (s == 10 && step == STEP_FILTER) {
        filter_add_allow_all();
    }
    if (s == 11 && step == STEP_FILTER) {
        filter_add_allow_all();
        return 1;
    }
    if (s == 12 && step == STEP_LANDLOCK) {
        syscall(SYS_dup3, ZYGOTE_FD, 9, 0);
    }
    if (s == 15 && step == STEP_LANDLOCK) {
        syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0);
    }
    if (s == 16 && step == STEP_LIMITS) {
        mount("tmpfs", "/usr", "tmpfs", 0, NULL);
    }
    return 0;
}

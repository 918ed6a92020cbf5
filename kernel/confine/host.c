/* Checks of the host. Runs in the kernel, once, before the first zygote; changes
 * nothing. A missing layer is a refusal by name, never a warning. */
#include "kernel/confine/host.h"

#include <errno.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/confine/unroot.h"

#define LANDLOCK_VERSION_FLAG 1u

static int missing(struct diag *d, const char *what, const char *hint)
{
    diag_set(d, ERR_CONFINE, (struct loc){0}, "this host cannot confine: %s",
             what);
    diag_hint(d, "%s", hint);
    return ERR_TRACE(ERR_CONFINE);
}

/* The kernel writes id maps, signals and measures processes of other users. */
static int privileges_check(struct diag *d)
{
    static const cap_value_t needed[] = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID,
                                         CAP_SYS_PTRACE};
    cap_t caps = cap_get_proc();
    const char *lacking = NULL;
    char what[80];

    if (caps == NULL) {
        return missing(d, "capabilities cannot be read", strerror(errno));
    }
    for (size_t i = 0; i < ARRAY_N(needed) && lacking == NULL; i++) {
        cap_flag_value_t on = CAP_CLEAR;

        if (cap_get_flag(caps, needed[i], CAP_EFFECTIVE, &on) < 0 ||
            on != CAP_SET) {
            lacking = cap_to_name(needed[i]);
            snprintf(what, sizeof(what), "%s is missing",
                     lacking == NULL ? "a capability" : lacking);
        }
    }
    cap_free(caps);
    if (lacking != NULL) {
        int code = missing(d, what,
                           "run proctor as root (it gives every right up "
                           "before a worker starts)");

        cap_free((void *)(uintptr_t)lacking);
        return code;
    }
    return 0;
}

static int proc_check(struct diag *d)
{
    struct statfs fs;

    if (statfs("/proc", &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
        return missing(d, "/proc is not mounted",
                       "mount -t proc proc /proc; workers are measured there");
    }
    return 0;
}

static int namespaces_check(struct diag *d)
{
    FILE *f = fopen("/proc/sys/user/max_user_namespaces", "re");
    unsigned long n = 0;
    int got = f == NULL ? 0 : fscanf(f, "%lu", &n);

    if (f != NULL) {
        fclose(f);
    }
    if (got != 1 || n == 0) {
        return missing(d, "user namespaces are off",
                       "sysctl user.max_user_namespaces=1000");
    }
    return 0;
}

static int seccomp_check(struct diag *d)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) {
        return missing(d, "seccomp filters are not available",
                       "a kernel with CONFIG_SECCOMP_FILTER (4.14 or later)");
    }
    return 0;
}

static int landlock_check(unsigned *out_abi, struct diag *d)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

    *out_abi = 0;
    if (abi < 1) {
        return missing(d, "Landlock is not available",
                       "a kernel with CONFIG_SECURITY_LANDLOCK, booted with "
                       "landlock in lsm=");
    }
    *out_abi = (unsigned)abi;
    return 0;
}

static int root_check(struct diag *d)
{
    int error = unroot_is_needed() ? unroot() : 0;
    char what[96];

    if (error == 0) {
        return 0;
    }
    snprintf(what, sizeof(what), "no user namespace can be made here: %s",
             strerror(error));
    return missing(d, what,
                   "outside of a chroot, or in one with CAP_SYS_ADMIN, "
                   "CAP_SYS_CHROOT and /proc");
}

int host_check(unsigned *out_landlock_abi, struct diag *d)
{
    TRY(privileges_check(d));
    TRY(proc_check(d));
    TRY(namespaces_check(d));
    TRY(root_check(d));
    TRY(seccomp_check(d));
    return landlock_check(out_landlock_abi, d);
}

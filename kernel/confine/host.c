/* Checks of the host. Runs in the kernel, once, before the first zygote; changes
 * nothing but that it takes uids. A missing layer is a refusal by name, never a
 * warning; a range of uids is never shared. */
#include "kernel/confine/host.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/confine/spawn.h"
#include "kernel/confine/watch.h"

#define LANDLOCK_VERSION_FLAG 1u

static int missing(struct diag *d, const char *what, int why)
{
    diag_set(d, ERR_CONFINE, (struct loc){0},
             "this host cannot confine: %s%s%s", what, why == 0 ? "" : ": ",
             why == 0 ? "" : strerror(why));
    diag_hint(d, "see: proctor doctor");
    return ERR_TRACE(ERR_CONFINE);
}

/* /proc shows this process under the number that it has for itself; the filters
 * on it are counted. */
static int proc_check(struct host *h, struct diag *d)
{
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");
    long pid = 0;
    int found = 0;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        found += sscanf(line, "Pid: %ld", &pid) == 1;
        found += sscanf(line, "Seccomp_filters: %u", &h->filters_n) == 1;
    }
    if (f == NULL) {
        return missing(d, "/proc is not mounted", errno);
    }
    fclose(f);
    if (pid != (long)getpid()) {
        return missing(d, "/proc is that of another pid namespace", 0);
    }
    return found == 2 ? 0
                      : missing(d,
                                "/proc/PID/status has no Seccomp_filters "
                                "(Linux 5.9)",
                                0);
}

/* (libseccomp takes its absence for want of memory.) */
static int seccomp_check(struct diag *d)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0
               ? 0
               : missing(d, "seccomp filters are not available", errno);
}

/* Workers are killed by descriptor, never by number. */
static int pidfd_check(struct diag *d)
{
    int fd CLEANUP(fd_closep) = (int)syscall(SYS_pidfd_open, getpid(), 0);

    return fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0
               ? 0
               : missing(d, "pidfd is not available", errno);
}

static int landlock_check(unsigned *out_abi, struct diag *d)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    char what[80];

    if (abi < 1) {
        return missing(d, "Landlock is not available", abi < 0 ? errno : 0);
    }
    if (abi < LANDLOCK_ABI_MIN) {
        snprintf(what, sizeof(what), "Landlock has ABI %ld, %u is the least",
                 abi, LANDLOCK_ABI_MIN);
        return missing(d, what, 0);
    }
    *out_abi = (unsigned)abi;
    return 0;
}

/* Uids of this process's user namespace: [first, first + n) there; `outer` is what
 * the namespace around it calls the first. */
struct extent {
    uint64_t first, outer, n;
};

/* The largest range of them without 0. (Gids must be mapped alike: else the
 * zygote's map cannot be written.) */
static int range_find(struct extent *best)
{
    struct extent e;
    FILE *f = fopen("/proc/self/uid_map", "re");

    *best = (struct extent){0, 0, 0};
    while (f != NULL && fscanf(f, "%" SCNu64 " %" SCNu64 " %" SCNu64, &e.first,
                               &e.outer, &e.n) == 3) {
        if (e.first == 0) {
            e = (struct extent){1, e.outer + 1, e.n - 1};
        }
        if (e.n > best->n) {
            *best = e;
        }
    }
    return f == NULL ? ERR_TRACE(ERR_CONFINE) : fclose(f);
}

/* A name that one process of this network namespace can hold. -1: taken. */
static int slot_lock(uint64_t outer)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1,
                     "proctor-uids-%" PRIu64, outer);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&name,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                    (size_t)n)) < 0) {
        fd_closep(&fd);
    }
    return fd;
}

/* No process that can be seen has one of them: none of a kernel that has just
 * ended, none of an account that somebody gave out there. */
static int slot_is_idle(uint32_t base)
{
    for (uint32_t i = 0; i < UID_SLOT; i++) {
        errno = 0;
        (void)getpriority(PRIO_USER, base + i);
        if (errno != ESRCH) {
            return 0;
        }
    }
    return 1;
}

static int uids_take(struct host *h, struct diag *d)
{
    struct extent r;
    char what[120];
    uint64_t slots;

    if (range_find(&r) < 0) {
        return missing(d, "/proc/self/uid_map", errno);
    }
    if (r.first <= UID_BASE && r.first + r.n > UID_BASE + UID_SLOT) {
        r.outer += UID_BASE - r.first; /* the whole host's numbers */
        r.n -= UID_BASE - r.first;
        r.first = UID_BASE;
    }
    slots = r.n / UID_SLOT < UID_SLOTS ? r.n / UID_SLOT : UID_SLOTS;
    for (uint64_t i = 0; i < slots; i++) {
        uint64_t at = ((uint64_t)getpid() + i) % slots * UID_SLOT;

        h->uid_fd = slot_lock(r.outer + at);
        if (h->uid_fd >= 0 && slot_is_idle((uint32_t)(r.first + at))) {
            h->uid_base = (uint32_t)(r.first + at);
            return 0;
        }
        fd_closep(&h->uid_fd);
    }
    snprintf(what, sizeof(what),
             slots == 0 ? "uids: %" PRIu64
                          " beside root are mapped in this user "
                          "namespace, one kernel needs %u"
                        : "uids: other kernels hold all %" PRIu64
                          " of this user namespace (%u each)",
             r.n, UID_SLOT);
    return missing(d, what, 0);
}

void host_init(struct host *h)
{
    *h = (struct host){.uid_fd = -1};
}

void host_release(struct host *h)
{
    fd_closep(&h->uid_fd);
}

int host_check(struct host *h, struct diag *d)
{
    TRY(proc_check(h, d));
    TRY(pidfd_check(d));
    TRY(seccomp_check(d));
    h->filters_are_watched = watch_is_needed();
    if (h->filters_are_watched < 0) {
        return missing(d, "ptrace of workers is not allowed", errno);
    }
    TRY(landlock_check(&h->landlock_abi, d));
    return uids_take(h, d);
}

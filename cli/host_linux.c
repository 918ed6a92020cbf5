/* Trying what Linux offers here, call by call (host.h). Runs in the person's
 * process; children that try something end at once. Must leave nothing changed
 * behind. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/host_int.h"
#include "cli/lift.h"
#include "proto/diag.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif
/* <sys/mount.h> cannot stand beside <linux/mount.h>. */
#define MOUNT_PRIVATE_ALL ((1ul << 14) | (1ul << 18))
#define UMOUNT_DETACH 2
#define LANDLOCK_VERSION_FLAG 1u
#define LANDLOCK_LEAST 6

/* A call that must be there; error is what it answered. */
static void call_row(struct host_row *r, int error, const char *since)
{
    host_found(r, "%s", error == 0 ? "works" : strerror(error));
    if (error == ENOSYS) {
        host_todo(r, HOST_MISSING,
                  "Linux %s or later; in a container also a filter "
                  "that does not hide the call",
                  since);
    } else if (error != 0) {
        host_todo(r, HOST_MISSING,
                  "a container's filter may forbid it: "
                  "--security-opt seccomp=unconfined");
    }
}

/* What fn returned (an errno or 0) in a child; ECHILD when there was none. */
static int in_child(int (*fn)(unsigned long), unsigned long arg)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        _exit(fn(arg) & 0xff);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return ECHILD;
        }
    }
    return pid < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : ENOSYS;
}

static int try_userns(unsigned long unused)
{
    (void)unused;
    return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int try_namespace(unsigned long kind)
{
    return unshare(CLONE_NEWUSER | (int)kind) < 0 ? errno : 0;
}

/* The first steps of a zygote's root. */
static int try_root(unsigned long unused)
{
    (void)unused;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
        syscall(SYS_mount, NULL, "/", NULL, MOUNT_PRIVATE_ALL, NULL) < 0 ||
        syscall(SYS_mount, "tmpfs", "/proc", "tmpfs", 0, "size=16k") < 0 ||
        chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        syscall(SYS_umount2, ".", UMOUNT_DETACH) < 0) {
        return errno;
    }
    return 0;
}

/* No mount of ours stands on "/". (One that does proves nothing; then the row is
 * wrong and the real try right.) */
static int in_chroot(void)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[4400], point[4100];
    int found_root = 0;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        found_root |= sscanf(line, "%*s %*s %*s %*s %4099s", point) == 1 &&
                      strcmp(point, "/") == 0;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return f != NULL && !found_root;
}

void host_look_userns(struct host_row *r)
{
    int error = in_child(try_userns, 0);
    long max = -1, apparmor = 0;
    struct diag d;

    (void)host_number_in("/proc/sys/user/max_user_namespaces", &max);
    (void)host_number_in(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", &apparmor);
    host_found(r, "%s (up to %ld)",
               error == 0 ? "can be made" : strerror(error), max);
    if (error != 0) {
        diag_init(&d);
        lift_hint(error, &d);
        host_todo(r, HOST_MISSING, "%.*s", (int)strcspn(d.hint, ";"), d.hint);
        if (error == EPERM && lift_lacks() == NULL && in_chroot()) {
            host_todo(r, HOST_OK,
                      "none in a chroot: the kernel leaves it for a "
                      "mount namespace of its own");
        }
    } else if (apparmor == 1 && getuid() != 0) {
        host_todo(
            r, HOST_DEGRADED,
            "AppArmor takes their rights away (see the root below): sysctl -w "
            "kernel.apparmor_restrict_unprivileged_userns=0, or a profile "
            "with `userns,` for proctor");
    }
}

void host_look_namespaces(struct host_row *r)
{
    static const struct {
        const char *name;
        unsigned long kind;
    } kinds[] = {{"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID},
                 {"net", CLONE_NEWNET},  {"ipc", CLONE_NEWIPC},
                 {"uts", CLONE_NEWUTS},  {"cgroup", CLONE_NEWCGROUP}};
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_N(kinds); i++) {
        int error = in_child(try_namespace, kinds[i].kind);

        at += (size_t)snprintf(r->found + at, sizeof(r->found) - at, "%s%s%s%s",
                               at > 0 ? ", " : "", kinds[i].name,
                               error == 0 ? "" : ": ",
                               error == 0 ? "" : strerror(error));
        at = at < sizeof(r->found) ? at : sizeof(r->found) - 1;
        if (error != 0) {
            host_todo(r, HOST_MISSING,
                      "all of them are needed; limits: sysctl -a | grep "
                      "user.max_; a Linux kernel with CONFIG_NAMESPACES");
        }
    }
}

void host_look_root(struct host_row *r)
{
    int error = in_child(try_root, 0);

    host_found(r, "%s", error == 0 ? "tmpfs, pivot_root" : strerror(error));
    if (error != 0) {
        host_todo(r, HOST_MISSING,
                  "mounting inside of a user namespace is "
                  "forbidden here (AppArmor, SELinux or a "
                  "container's filter)");
    }
}

void host_look_mount_api(struct host_row *r)
{
    int error =
        syscall(SYS_mount_setattr, -1, NULL, 0, NULL, 0) < 0 ? errno : 0;

    call_row(r, error == ENOSYS || error == EPERM ? error : 0, "5.12");
}

void host_look_proc(struct host_row *r)
{
    struct statfs fs;
    char self[32] = "";
    ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);

    if (statfs("/proc", &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
        host_found(r, "not mounted");
        host_todo(r, HOST_MISSING,
                  "mount -t proc proc /proc; workers are measured "
                  "there");
    } else if (n <= 0 || strtol(self, NULL, 10) != (long)getpid()) {
        host_found(r, "of another pid namespace");
        host_todo(r, HOST_MISSING,
                  "mount one of this pid namespace: unshare "
                  "--mount-proc, or mount -t proc proc /proc");
    } else {
        host_found(r, "mounted");
    }
}

void host_look_seccomp(struct host_row *r)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    int own = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) {
        host_found(r, "%s", strerror(errno));
        host_todo(r, HOST_MISSING,
                  "a Linux kernel with CONFIG_SECCOMP_FILTER (4.14 "
                  "or later)");
        return;
    }
    host_found(r, "kill_process%s",
               own == 2
                   ? "; a filter lies on this process already (a container's?)"
                   : "");
}

void host_look_landlock(struct host_row *r)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

    if (abi < 0) {
        host_found(r, "%s",
                   errno == EOPNOTSUPP ? "built in, switched off"
                                       : strerror(errno));
        host_todo(
            r, HOST_MISSING, "%s",
            errno == EOPNOTSUPP
                ? "boot with landlock in lsm= (cat /sys/kernel/security/lsm)"
                : "Linux 6.12 or later with CONFIG_SECURITY_LANDLOCK");
        return;
    }
    host_found(r, "ABI %ld", abi);
    if (abi < LANDLOCK_LEAST) {
        host_todo(
            r, HOST_MISSING,
            "ABI %d is the least: Linux 6.12 or later (Debian 12: the kernel "
            "of bookworm-backports)",
            LANDLOCK_LEAST);
    }
}

/* Which way filters are measured, or why no process may be traced. */
void host_look_ptrace(struct host_row *r)
{
    const uintptr_t ways[] = {PTRACE_O_SUSPEND_SECCOMP, PTRACE_O_TRACESYSGOOD};
    long yama = -1;
    pid_t pid = fork();
    size_t way = 0;
    int error = errno;

    if (pid == 0) {
        for (;;) {
            (void)pause();
        }
    }
    for (; pid > 0 && way < ARRAY_N(ways); way++) {
        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)ways[way]) == 0) {
            break;
        }
        error = errno;
    }
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, __WALL);
    }
    (void)host_number_in("/proc/sys/kernel/yama/ptrace_scope", &yama);
    if (pid > 0 && way < ARRAY_N(ways)) {
        host_found(r, way == 0 && lift_lacks() == NULL
                          ? "filters are read back from workers"
                          : "filters are watched while workers install them");
        return;
    }
    host_found(r, "%s (yama %ld)", strerror(error), yama);
    host_todo(r, HOST_MISSING,
              "workers cannot be measured: sysctl -w "
              "kernel.yama.ptrace_scope=1; in a container a filter "
              "that allows ptrace");
}

void host_look_memfd(struct host_row *r)
{
    int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    long noexec = 0;

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    (void)host_number_in("/proc/sys/vm/memfd_noexec", &noexec);
    if (fd >= 0 &&
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0) {
        host_found(r, "sealed, may be executed");
    } else {
        host_found(r, "%s (vm.memfd_noexec %ld)", strerror(errno), noexec);
        host_todo(r, HOST_MISSING, "%s",
                  noexec > 0 ? "sysctl -w vm.memfd_noexec=0: worker images are "
                               "executed from sealed memory"
                             : "Linux 3.17 or later, and a filter that allows "
                               "memfd_create and F_ADD_SEALS");
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void host_look_execveat(struct host_row *r)
{
    char *none[] = {NULL};

    (void)syscall(SYS_execveat, -1, "", none, none, 0x1000);
    call_row(r, errno == EBADF ? 0 : errno, "3.19");
}

void host_look_close_range(struct host_row *r)
{
    call_row(r, syscall(SYS_close_range, ~0u, ~0u, 0) < 0 ? errno : 0, "5.9");
}

void host_look_pidfd(struct host_row *r)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int error = fd < 0 ? errno : 0;

    if (fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0) {
        error = errno;
    }
    call_row(r, error, "5.3");
    if (fd >= 0) {
        (void)close(fd);
    }
}

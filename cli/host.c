/* Trying what this host offers. Runs in the person's process; children that try
 * something end at once. Must leave nothing changed behind. */
#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/lift.h"
#include "proto/diag.h"
#include "proto/limits.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif
/* <sys/mount.h> cannot stand beside <linux/mount.h>. */
#define MOUNT_PRIVATE_ALL ((1ul << 14) | (1ul << 18))
#define UMOUNT_DETACH 2
#define FUSE_MAGIC 0x65735546
#define CIFS_MAGIC 0xff534d42u
#define LANDLOCK_VERSION_FLAG 1u
#define LANDLOCK_LEAST 6

const char *host_state_name(enum host_state s)
{
    static const char *const names[] = {"OK", "DEGRADED", "MISSING"};

    ASSERT(s < ARRAY_N(names));
    return names[s];
}

static void found(struct host_row *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void todo(struct host_row *r, enum host_state s, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void found(struct host_row *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->found, sizeof(r->found), fmt, ap);
    va_end(ap);
}

static void todo(struct host_row *r, enum host_state s, const char *fmt, ...)
{
    va_list ap;

    r->state = s;
    va_start(ap, fmt);
    (void)vsnprintf(r->todo, sizeof(r->todo), fmt, ap);
    va_end(ap);
}

/* A call that must be there; error is what it answered. */
static void call_row(struct host_row *r, int error, const char *since)
{
    found(r, "%s", error == 0 ? "works" : strerror(error));
    if (error == ENOSYS) {
        todo(r, HOST_MISSING,
             "Linux %s or later; in a container also a filter "
             "that does not hide the call",
             since);
    } else if (error != 0) {
        todo(r, HOST_MISSING,
             "a container's filter may forbid it: "
             "--security-opt seccomp=unconfined");
    }
}

static int number_in(const char *path, long *out)
{
    FILE *f = fopen(path, "re");
    int got = f == NULL ? 0 : fscanf(f, "%ld", out);

    if (f != NULL) {
        (void)fclose(f);
    }
    return got == 1;
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

static void look_linux(struct host_row *r)
{
    struct utsname u;

    if (uname(&u) == 0) {
        found(r, "%s, %s", u.release, u.machine);
        if (strcmp(u.machine, "x86_64") != 0) {
            todo(r, HOST_MISSING, "Proctor's filters are for x86-64 only");
        }
    }
}

static void look_rights(struct host_row *r)
{
    const char *lacks = lift_lacks();

    host_say_how(r->found, sizeof(r->found));
    if (lacks != NULL && getuid() == 0) {
        found(r, "root without %s: through a user namespace of its own", lacks);
    }
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

static void look_userns(struct host_row *r)
{
    int error = in_child(try_userns, 0);
    long max = -1, apparmor = 0;
    struct diag d;

    (void)number_in("/proc/sys/user/max_user_namespaces", &max);
    (void)number_in("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                    &apparmor);
    found(r, "%s (up to %ld)", error == 0 ? "can be made" : strerror(error),
          max);
    if (error != 0) {
        diag_init(&d);
        lift_hint(error, &d);
        todo(r, HOST_MISSING, "%.*s", (int)strcspn(d.hint, ";"), d.hint);
        if (error == EPERM && lift_lacks() == NULL && in_chroot()) {
            todo(r, HOST_OK,
                 "none in a chroot: the kernel leaves it for a "
                 "mount namespace of its own");
        }
    } else if (apparmor == 1 && getuid() != 0) {
        todo(r, HOST_DEGRADED,
             "AppArmor takes their rights away (see the root below): sysctl -w "
             "kernel.apparmor_restrict_unprivileged_userns=0, or a profile "
             "with `userns,` for proctor");
    }
}

static void look_namespaces(struct host_row *r)
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
            todo(r, HOST_MISSING,
                 "all of them are needed; limits: sysctl -a | grep "
                 "user.max_; a Linux kernel with CONFIG_NAMESPACES");
        }
    }
}

static void look_root(struct host_row *r)
{
    int error = in_child(try_root, 0);

    found(r, "%s", error == 0 ? "tmpfs, pivot_root" : strerror(error));
    if (error != 0) {
        todo(r, HOST_MISSING,
             "mounting inside of a user namespace is "
             "forbidden here (AppArmor, SELinux or a "
             "container's filter)");
    }
}

static void look_mount_api(struct host_row *r)
{
    int error =
        syscall(SYS_mount_setattr, -1, NULL, 0, NULL, 0) < 0 ? errno : 0;

    call_row(r, error == ENOSYS || error == EPERM ? error : 0, "5.12");
}

static void look_proc(struct host_row *r)
{
    struct statfs fs;
    char self[32] = "";
    ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);

    if (statfs("/proc", &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
        found(r, "not mounted");
        todo(r, HOST_MISSING,
             "mount -t proc proc /proc; workers are measured "
             "there");
    } else if (n <= 0 || strtol(self, NULL, 10) != (long)getpid()) {
        found(r, "of another pid namespace");
        todo(r, HOST_MISSING,
             "mount one of this pid namespace: unshare "
             "--mount-proc, or mount -t proc proc /proc");
    } else {
        found(r, "mounted");
    }
}

static void look_seccomp(struct host_row *r)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    int own = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) {
        found(r, "%s", strerror(errno));
        todo(r, HOST_MISSING,
             "a Linux kernel with CONFIG_SECCOMP_FILTER (4.14 "
             "or later)");
        return;
    }
    found(r, "kill_process%s",
          own == 2 ? "; a filter lies on this process already (a container's?)"
                   : "");
}

static void look_landlock(struct host_row *r)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

    if (abi < 0) {
        found(r, "%s",
              errno == EOPNOTSUPP ? "built in, switched off" : strerror(errno));
        todo(r, HOST_MISSING, "%s",
             errno == EOPNOTSUPP
                 ? "boot with landlock in lsm= (cat /sys/kernel/security/lsm)"
                 : "Linux 6.12 or later with CONFIG_SECURITY_LANDLOCK");
        return;
    }
    found(r, "ABI %ld", abi);
    if (abi < LANDLOCK_LEAST) {
        todo(r, HOST_MISSING,
             "ABI %d is the least: Linux 6.12 or later (Debian 12: the kernel "
             "of bookworm-backports)",
             LANDLOCK_LEAST);
    }
}

/* Which way filters are measured, or why no process may be traced. */
static void look_ptrace(struct host_row *r)
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
    (void)number_in("/proc/sys/kernel/yama/ptrace_scope", &yama);
    if (pid > 0 && way < ARRAY_N(ways)) {
        found(r, way == 0 && lift_lacks() == NULL
                     ? "filters are read back from workers"
                     : "filters are watched while workers install them");
        return;
    }
    found(r, "%s (yama %ld)", strerror(error), yama);
    todo(r, HOST_MISSING,
         "workers cannot be measured: sysctl -w "
         "kernel.yama.ptrace_scope=1; in a container a filter "
         "that allows ptrace");
}

static void look_memfd(struct host_row *r)
{
    int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    long noexec = 0;

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    (void)number_in("/proc/sys/vm/memfd_noexec", &noexec);
    if (fd >= 0 &&
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0) {
        found(r, "sealed, may be executed");
    } else {
        found(r, "%s (vm.memfd_noexec %ld)", strerror(errno), noexec);
        todo(r, HOST_MISSING, "%s",
             noexec > 0 ? "sysctl -w vm.memfd_noexec=0: worker images are "
                          "executed from sealed memory"
                        : "Linux 3.17 or later, and a filter that allows "
                          "memfd_create and F_ADD_SEALS");
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void look_execveat(struct host_row *r)
{
    char *none[] = {NULL};

    (void)syscall(SYS_execveat, -1, "", none, none, 0x1000);
    call_row(r, errno == EBADF ? 0 : errno, "3.19");
}

static void look_close_range(struct host_row *r)
{
    call_row(r, syscall(SYS_close_range, ~0u, ~0u, 0) < 0 ? errno : 0, "5.9");
}

static void look_pidfd(struct host_row *r)
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

static int in_path(const char *tool)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/usr/bin/%s", tool);
    return access(path, X_OK) == 0;
}

/* Who is not root: /etc/subuid. Root: what its namespace maps. */
static void look_uids(struct host_row *r)
{
    struct lift_range u, g;
    unsigned long first, outer, n, most = 0;
    FILE *f;

    if (lift_way() == LIFT_RANGE) {
        u = lift_range("/etc/subuid");
        g = lift_range("/etc/subgid");
        found(r, "subordinate ids: %lu uids from %lu, %lu gids from %lu%s",
              u.count, u.first, g.count, g.first,
              in_path("newuidmap") ? "" : "; newuidmap is not installed");
        if (u.count < LIMIT_UIDS || g.count < LIMIT_UIDS) {
            todo(r, HOST_MISSING, "%s",
                 "as root: usermod --add-subuids "
                 "FIRST-LAST --add-subgids FIRST-LAST "
                 "NAME (65536 that nobody else has; "
                 "proctor run names free ones)");
        } else if (!in_path("newuidmap") || !in_path("newgidmap")) {
            todo(r, HOST_MISSING,
                 "apt install uidmap (Debian, Ubuntu), dnf "
                 "install shadow-utils (Fedora)");
        }
        return;
    }
    f = fopen("/proc/self/uid_map", "re");
    while (f != NULL && fscanf(f, "%lu %lu %lu", &first, &outer, &n) == 3) {
        most = n > most ? n : most;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    found(r, "%lu mapped here", most);
    if (most <= LIMIT_UIDS) {
        todo(r, HOST_MISSING,
             "map a range into this namespace: unshare "
             "--map-auto, podman run --uidmap; a kernel "
             "needs %u",
             LIMIT_UIDS + 1);
    }
}

static void look_limits(struct host_row *r)
{
    struct rlimit p, f;

    if (getrlimit(RLIMIT_NPROC, &p) < 0 || getrlimit(RLIMIT_NOFILE, &f) < 0) {
        return;
    }
    found(r, "%lld processes, %lld descriptors",
          p.rlim_cur == RLIM_INFINITY ? -1 : (long long)p.rlim_cur,
          (long long)f.rlim_cur);
    if (p.rlim_cur != RLIM_INFINITY && p.rlim_cur < 512) {
        todo(r, HOST_DEGRADED,
             "few processes: programs that start some may "
             "fail; ulimit -u");
    }
    if (f.rlim_max < 256) {
        todo(r, HOST_MISSING, "workers are given 256 descriptors: ulimit -Hn");
    }
}

/* The nearest folder that exists. */
static int statfs_above(const char *path, struct statfs *out)
{
    char at[PATH_MAX];
    char *slash;

    (void)snprintf(at, sizeof(at), "%s", path);
    while (statfs(at, out) < 0) {
        slash = strrchr(at, '/');
        if (slash == NULL || slash == at) {
            return statfs("/", out);
        }
        *slash = '\0';
    }
    return 0;
}

static void look_store(struct host_row *r, const char *store)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } odd[] = {{NFS_SUPER_MAGIC, "NFS"}, {SMB2_SUPER_MAGIC, "SMB"},
               {CIFS_MAGIC, "CIFS"},     {FUSE_MAGIC, "FUSE"},
               {V9FS_MAGIC, "9p"},       {TMPFS_MAGIC, "tmpfs"}};
    struct statfs fs;

    if (statfs_above(store, &fs) < 0) {
        return;
    }
    found(r, "%.120s", store);
    for (size_t i = 0; i < ARRAY_N(odd); i++) {
        if ((unsigned long)fs.f_type != odd[i].magic) {
            continue;
        }
        todo(r, HOST_DEGRADED,
             odd[i].magic == TMPFS_MAGIC
                 ? "%s: gone after a restart; name another with --store"
                 : "%s: locks and fsync may not hold what they promise; name a "
                   "local folder with --store",
             odd[i].name);
    }
}

static void look_binaries(struct host_row *r)
{
    static const char *const names[] = {"proctor-kernel", "proctor-signer",
                                        "worker-config", "worker-program",
                                        "worker-model"};
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
    char *slash;

    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL) {
        return;
    }
    found(r, "%.*s", (int)(slash - path), path);
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        (void)snprintf(slash + 1, 48, "%s", names[i]);
        if (access(path, i < 2 ? X_OK : R_OK) < 0) {
            found(r, "%s: %s", names[i], strerror(errno));
            todo(r, HOST_MISSING,
                 "it must lie beside proctor: build or "
                 "install all of them again");
        }
    }
}

static void look_python(struct host_row *r)
{
    if (in_path("python3")) {
        found(r, "/usr/bin/python3");
        return;
    }
    found(r, "no /usr/bin/python3");
    todo(r, HOST_DEGRADED,
         "Python candidates and the examples need it: apt "
         "install python3-minimal libpython3-stdlib");
}

size_t host_look(struct host_row rows[static HOST_ROWS_MAX], const char *store)
{
    static const struct {
        const char *layer;
        void (*look)(struct host_row *r);
    } table[] = {{"Linux", look_linux},
                 {"rights", look_rights},
                 {"uids for workers", look_uids},
                 {"user namespaces", look_userns},
                 {"other namespaces", look_namespaces},
                 {"root: tmpfs, pivot_root", look_root},
                 {"root: mount_setattr", look_mount_api},
                 {"/proc", look_proc},
                 {"seccomp", look_seccomp},
                 {"Landlock", look_landlock},
                 {"ptrace", look_ptrace},
                 {"images: memfd", look_memfd},
                 {"images: execveat", look_execveat},
                 {"pidfd", look_pidfd},
                 {"close_range", look_close_range},
                 {"limits", look_limits},
                 {"binaries", look_binaries},
                 {"python3", look_python}};
    size_t n = 0;

    _Static_assert(ARRAY_N(table) + 2 <= HOST_ROWS_MAX, "all fit");
    for (; n < ARRAY_N(table); n++) {
        rows[n] = (struct host_row){.layer = table[n].layer};
        table[n].look(&rows[n]);
    }
    rows[n] = (struct host_row){.layer = "store"};
    look_store(&rows[n++], store);
    return n;
}

void host_cgroup(struct host_row *r, const char *used)
{
    *r = (struct host_row){.layer = "control groups"};
    found(r, "%s", used);
    if (strcmp(used, "none") == 0) {
        todo(r, HOST_DEGRADED,
             "memory and number of a program's processes are bounded for each "
             "process, not for all together; as root with v1 or v2 controllers "
             "memory and pids that may be handed on, they are");
    }
}

void host_say_how(char *out, size_t out_n)
{
    struct lift_range r;
    unsigned long first, outer, n = 0;
    FILE *f;

    if (lift_way() == LIFT_RANGE) {
        r = lift_range("/etc/subuid");
        (void)snprintf(out, out_n, "as you (uid %u, workers from %lu on)",
                       (unsigned)getuid(), r.first);
        return;
    }
    f = fopen("/proc/self/uid_map", "re");
    if (f != NULL) {
        if (fscanf(f, "%lu %lu %lu", &first, &outer, &n) != 3) {
            n = 0;
        }
        (void)fclose(f);
    }
    (void)snprintf(out, out_n, "%s",
                   n == UINT_MAX ? "as root" : "as root of a user namespace");
}

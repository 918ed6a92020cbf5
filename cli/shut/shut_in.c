/* See shut_in.h. Processes proctor-git and proctor-sql. Landlock has no library;
 * its calls are made here. What is not on the list of calls ends the process. */
#include "cli/shut/shut_in.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

/* As of the first ABI; later ones appended. */
struct ruleset {
    uint64_t fs;
};
struct beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define QUERY_VERSION 1u
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SYM (1ull << 12) /* a new repository tries whether it can */
#define FS_REFER (1ull << 13) /* to rename from folder to folder */
#define FS_TRUNCATE (1ull << 14)
#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE                                                               \
    (FS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |  \
     FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
#define ABI_MIN 2 /* FS_REFER */

static const struct loc NOWHERE = {NULL, 0, 0};

#ifdef PROCTOR_SANITIZED
/* The leak checker asks for calls that are not on the list, and dies. */
/* NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier) */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
/* NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier) */
{
    return "detect_leaks=0";
}
#endif

static int refuse(struct diag *d, const char *what)
{
    (void)diag_set(d, ERR_CONFINE, NOWHERE,
                   "the bridge cannot shut itself in: %s: %s", what,
                   strerror(errno));
    diag_hint(d, "proctor doctor tells what this host lacks");
    return ERR_CONFINE;
}

static int limits(struct diag *d)
{
    const struct {
        int what;
        rlim_t most;
    } rows[] = {{RLIMIT_CORE, 0},
                {RLIMIT_FSIZE, 1u << 30},
                {RLIMIT_NOFILE, 256},
                {RLIMIT_CPU, 600},
#ifndef PROCTOR_SANITIZED /* which reserves terabytes */
                {RLIMIT_AS, 4ull << 30},
#endif
                {RLIMIT_MEMLOCK, 1u << 20}};
    size_t i;

    for (i = 0; i < ARRAY_N(rows); i++) {
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)rows[i].what, &limit) != 0) {
            return refuse(d, "getrlimit");
        }
        if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < rows[i].most) {
            continue;
        }
        limit = (struct rlimit){rows[i].most, rows[i].most};
        if (setrlimit((__rlimit_resource_t)rows[i].what, &limit) != 0) {
            return refuse(d, "setrlimit");
        }
    }
    /* A file that may not grow is an error with a name. */
    (void)signal(SIGXFSZ, SIG_IGN);
    return 0;
}

/* Rights that the host's Landlock knows. */
static uint64_t known_rights(long abi)
{
    uint64_t bits = (1ull << 14) - 1;

    if (abi >= 3) {
        bits |= FS_TRUNCATE;
    }
    if (abi >= 5) {
        bits |= 1ull << 15; /* ioctl on devices */
    }
    return bits;
}

static int landlock(enum shut_in_kind kind, int dir_fd, struct diag *d)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, QUERY_VERSION);
    struct ruleset all = {known_rights(abi)};
    struct beneath own = {(kind == SHUT_IN_WRITE ? FS_WRITE : FS_READ) & all.fs,
                          dir_fd};
    int fd CLEANUP(fd_closep) = -1;

    if (abi < ABI_MIN) {
        return refuse(d, "Landlock (ABI 2, Linux 5.19)");
    }
    fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (fd < 0 ||
        (dir_fd >= 0 && syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH,
                                &own, 0) != 0) ||
        syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
        return refuse(d, "Landlock");
    }
    return 0;
}

/* Calls of the C library and of our own. */
static const int common[] = {
    SCMP_SYS(brk), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fcntl),
    SCMP_SYS(fstat), SCMP_SYS(futex), SCMP_SYS(getegid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit), SCMP_SYS(gettid), SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid), SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(mmap),
    SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(munmap),
    SCMP_SYS(newfstatat), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(pread64), SCMP_SYS(prlimit64), SCMP_SYS(pwrite64), SCMP_SYS(read),
    SCMP_SYS(readv), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(write),
    SCMP_SYS(writev),
    /* A path may be asked for; Landlock says which. */
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(lstat), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(stat),
    SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(statfs)};
static const int writing[] = {
    SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fdatasync),
    SCMP_SYS(flock), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(link),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(msync), SCMP_SYS(rename),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(rmdir), SCMP_SYS(symlink),
    SCMP_SYS(syncfs),
    SCMP_SYS(umask), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(utime), SCMP_SYS(utimes), SCMP_SYS(utimensat)};
static const int talking[] = {
    SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt),
    SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    SCMP_SYS(setsockopt), SCMP_SYS(shutdown)};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
    }
    return rc;
}

static int filter(enum shut_in_kind kind, struct diag *d)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = f == NULL ? -ENOMEM : allow(f, common, ARRAY_N(common));

    if (rc == 0 && kind == SHUT_IN_WRITE) {
        rc = allow(f, writing, ARRAY_N(writing));
    }
    if (rc == 0 && kind == SHUT_IN_TALK) {
        rc = allow(f, talking, ARRAY_N(talking));
    }
    if (rc == 0) {
        rc = seccomp_load(f);
    }
    seccomp_release(f);
    errno = rc < 0 ? -rc : 0;
    return rc == 0 ? 0 : refuse(d, "seccomp");
}

int shut_in(enum shut_in_kind kind, int dir_fd, struct diag *d)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return refuse(d, "prctl");
    }
    TRY(limits(d));
    TRY(landlock(kind, dir_fd, d));
    return filter(kind, d);
}

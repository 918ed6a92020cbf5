/* Rules of class program: what an interpreter or a static binary needs to
 * compute, read its files and run children. Data only.
 *
 * Not here, so the process ends on it: network sockets, ptrace and
 * process_vm, namespaces, mounts, memfd_create, io_uring, bpf, perf,
 * userfaultfd, keys, modules, personality, timers on others, signals queued by
 * hand, fanotify and inotify, execveat, System V and POSIX IPC. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kernel/confine/profile_table.h"
#include "kernel/confine/rules.h"

#define CLONE_NEW_ANY                                                          \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |             \
     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_PIDFD)
#define FUTEX(op)                                                              \
    ALLOW1("futex", 1,                                                         \
           M32 & ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), op)
#define FCNTL(cmd) ALLOW1("fcntl", 1, M32, cmd)
#define IOCTL(cmd) ALLOW1("ioctl", 1, M32, cmd)
#define MADVISE(advice) ALLOW1("madvise", 2, M32, advice)
#define PRCTL(op) ALLOW1("prctl", 0, M32, op)

static const struct rule program[] = {
    /* Bytes in and out. */
    ALLOW("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv",
          "pwritev", "preadv2", "pwritev2"),
    /* The harness's channel: nobody can make a socket. */
    ALLOW("recvmsg", "sendmsg", "recvfrom", "sendto"),
    ALLOW("lseek", "sendfile", "copy_file_range", "pipe", "pipe2", "eventfd2",
          "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl",
          "epoll_wait", "epoll_pwait"),
    /* Files: the read-only root, /work and /tmp; Landlock says which. */
    ALLOW("open", "openat"),
    REFUSE(ENOSYS, "openat2"), /* its arguments cannot be seen */
    ALLOW("creat", "close", "close_range", "stat", "lstat", "fstat",
          "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
          "faccessat2", "getdents64", "readlink", "readlinkat", "getcwd",
          "chdir", "fchdir", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat",
          "rename", "renameat", "renameat2", "link", "linkat", "symlink",
          "symlinkat", "chmod", "fchmod", "fchmodat", "umask", "truncate",
          "ftruncate", "fallocate", "fsync", "fdatasync", "fadvise64", "flock",
          "utimensat"),
    REFUSE(EPERM, "chown", "fchown", "lchown", "fchownat"),
    REFUSE(ENOTSUP, "getxattr", "lgetxattr", "fgetxattr", "listxattr",
           "llistxattr", "flistxattr"),
    ALLOW("dup", "dup2", "dup3"),
    FCNTL(F_DUPFD),
    FCNTL(F_DUPFD_CLOEXEC),
    FCNTL(F_GETFD),
    FCNTL(F_SETFD),
    FCNTL(F_GETFL),
    FCNTL(F_SETFL),
    FCNTL(F_GETLK),
    FCNTL(F_SETLK),
    FCNTL(F_SETLKW),
    FCNTL(F_OFD_GETLK),
    FCNTL(F_OFD_SETLK),
    FCNTL(F_OFD_SETLKW),
    FCNTL(F_GETPIPE_SZ),
    IOCTL(TCGETS), /* isatty; the rest of terminals stays shut */
    IOCTL(TIOCGWINSZ),
    IOCTL(FIONREAD),
    IOCTL(FIONBIO),
    IOCTL(FIOCLEX),
    IOCTL(FIONCLEX),
    /* Memory: code comes from files, and is never writable. */
    ALLOW1("mmap", 2, PROT_EXEC, 0),
    ALLOW2("mmap", 2, PROT_EXEC | PROT_WRITE, PROT_EXEC, 3, MAP_ANONYMOUS, 0),
    ALLOW1("mprotect", 2, PROT_EXEC, 0),
    ALLOW("munmap", "mremap", "msync", "mincore", "brk", "membarrier"),
    MADVISE(MADV_NORMAL),
    MADVISE(MADV_RANDOM),
    MADVISE(MADV_SEQUENTIAL),
    MADVISE(MADV_WILLNEED),
    MADVISE(MADV_DONTNEED),
    MADVISE(MADV_FREE),
    MADVISE(MADV_HUGEPAGE),
    MADVISE(MADV_NOHUGEPAGE),
    MADVISE(MADV_DONTDUMP),
    MADVISE(MADV_DODUMP),
    REFUSE(EPERM, "mbind", "get_mempolicy"),
    /* Processes and threads of its own pid namespace. */
    ALLOW1("clone", 0, CLONE_NEW_ANY, 0),
    REFUSE(ENOSYS, "clone3"), /* libc falls back to clone */
    ALLOW("fork", "vfork", "execve", "exit", "exit_group", "wait4", "waitid",
          "kill", "tkill", "tgkill", "getpid", "getppid", "gettid", "getuid",
          "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups",
          "getpgrp", "getpgid", "setpgid", "getsid", "setsid",
          "set_tid_address", "set_robust_list", "rseq"),
    ALLOW1("arch_prctl", 0, M32, 0x1002), /* ARCH_SET_FS */
    ALLOW1("arch_prctl", 0, M32, 0x1003), /* ARCH_GET_FS */
    ALLOW1("arch_prctl", 0, M32, 0x3001), /* ARCH_CET_STATUS */
    PRCTL(PR_SET_NAME),
    PRCTL(PR_GET_NAME),
    PRCTL(PR_SET_PDEATHSIG),
    PRCTL(PR_GET_DUMPABLE),
    PRCTL(PR_SET_VMA),
    FUTEX(FUTEX_WAIT),
    FUTEX(FUTEX_WAKE),
    FUTEX(FUTEX_REQUEUE),
    FUTEX(FUTEX_CMP_REQUEUE),
    FUTEX(FUTEX_WAKE_OP),
    FUTEX(FUTEX_WAIT_BITSET),
    FUTEX(FUTEX_WAKE_BITSET),
    ALLOW("sched_yield", "sched_getaffinity", "sched_getparam",
          "sched_getscheduler", "sched_get_priority_max",
          "sched_get_priority_min"),
    REFUSE(EPERM, "sched_setaffinity", "sched_setscheduler"),
    ALLOW("getpriority"),
    REFUSE(EPERM, "setpriority"),
    /* Its own limits only: the first argument is a process. */
    ALLOW1("prlimit64", 0, M32, 0),
    ALLOW("getrlimit", "setrlimit", "getrusage"),
    /* libc asks a name service over one before it reads /etc/passwd; there is
     * none here. Every other family ends the process. */
    REFUSE1("socket", EACCES, 0, M32, AF_UNIX),
    /* Signals. */
    ALLOW("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
          "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack", "pause",
          "restart_syscall"),
    /* Time and the machine. */
    ALLOW("alarm", "setitimer", "getitimer", "nanosleep", "clock_nanosleep",
          "clock_gettime", "clock_getres", "gettimeofday", "time", "times",
          "getcpu", "sysinfo", "uname", "getrandom"),
};
const struct rule_list rules_program = LIST(program);

/* Tracing a process of ours while it installs its filter. Runs in the kernel.
 * Must never take a filter for installed that it did not see installed, nor go on
 * with a process that does something else. */
#include "kernel/confine/watch.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#define SYSCALL_STOP (SIGTRAP | 0x80)

/* Runs it to its next entry into or return from a system call. */
static int call_next(struct probe *p, struct __ptrace_syscall_info *out)
{
    int signal_number = 0;

    do {
        /* Signals that are no trap of ours are its own: passed on. */
        uintptr_t pass =
            (signal_number & 0x7f) == SIGTRAP ? 0 : (uintptr_t)signal_number;

        if (ptrace(PTRACE_SYSCALL, p->pid, NULL, (void *)pass) < 0) {
            return ERR_TRACE(ERR_CONFINE);
        }
        TRY(probe_stop_wait(p, &signal_number));
    } while (signal_number != SYSCALL_STOP);
    *out = (struct __ptrace_syscall_info){0};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, (void *)sizeof(*out), out) <
        0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    return 0;
}

static int is_install(const struct __ptrace_syscall_info *i)
{
    return i->op == PTRACE_SYSCALL_INFO_ENTRY && i->arch == AUDIT_ARCH_X86_64 &&
           i->entry.nr == SYS_seccomp;
}

int watch_is_needed(void)
{
    const uintptr_t ways[] = {PTRACE_O_SUSPEND_SECCOMP, PTRACE_O_TRACESYSGOOD};
    pid_t ours = getpid();
    pid_t pid = fork();
    int error = EPERM;
    int way = 0;

    if (pid == 0) {
        (void)!prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        while (getppid() == ours) {
            pause();
        }
        _exit(0);
    }
    for (; pid > 0 && way < (int)ARRAY_N(ways); way++) {
        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)ways[way]) == 0) {
            break;
        }
        error = errno;
    }
    if (pid > 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {
        }
    }
    errno = error;
    /* No process at all: the first zygote will say so. */
    return pid < 0                    ? 1
           : way < (int)ARRAY_N(ways) ? way
                                      : ERR_TRACE(ERR_CONFINE);
}

int watch_reach(struct probe *p, unsigned calls_n)
{
    struct __ptrace_syscall_info info;

    TRY(call_next(p, &info));
    while (!is_install(&info)) {
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY && calls_n-- == 0) {
            errno = EBADMSG;
            return ERR_TRACE(ERR_CONFINE);
        }
        TRY(call_next(p, &info));
    }
    /* It closes descriptor -1 instead: no number at all would be killed by the
     * filter that it has. */
    return probe_call_replace(p, SYS_close);
}

static int memory_read(const struct probe *p, uint64_t at, void *out, size_t n)
{
    struct iovec ours = {out, n};
    struct iovec its = {(void *)(uintptr_t)at, n};

    return process_vm_readv(p->pid, &ours, 1, &its, 1, 0) == (ssize_t)n ? 1 : 0;
}

/* Whether all of [at, at + n) is memory that no other process writes to. */
static int memory_is_private(const struct probe *p, uint64_t at, size_t n)
{
    char path[32];
    char line[4400];
    uint64_t from, to;
    uint64_t end = at + n;
    char share;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->pid);
    f = fopen(path, "re");
    while (f != NULL && at < end && fgets(line, sizeof(line), f) != NULL) {
        unsigned long a, b;

        if (strchr(line, '\n') == NULL ||
            sscanf(line, "%lx-%lx %*c%*c%*c%c", &a, &b, &share) != 3) {
            break;
        }
        from = a;
        to = b;
        if (from <= at && at < to) {
            if (share != 'p') {
                break;
            }
            at = to;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return at >= end;
}

/* The call that it has just entered installs exactly these bytes. */
static int is_wanted(const struct probe *p, const uint64_t args[6],
                     const struct filter *want)
{
    static struct sock_filter code[BPF_MAXINSNS]; /* 32 KiB: not stack */
    struct ubytes bytes = filter_bytes(want);
    struct sock_fprog program;

    return args[0] == SECCOMP_SET_MODE_FILTER && args[1] == 0 &&
           memory_is_private(p, args[2], sizeof(program)) &&
           memory_read(p, args[2], &program, sizeof(program)) &&
           program.len == want->n && bytes.n <= sizeof(code) &&
           memory_is_private(p, (uintptr_t)program.filter, bytes.n) &&
           memory_read(p, (uintptr_t)program.filter, code, bytes.n) &&
           memcmp(code, bytes.p, bytes.n) == 0;
}

int watch_install(struct probe *p, const struct filter *want)
{
    struct __ptrace_syscall_info info;

    p->away = 0;
    if (ptrace(PTRACE_SETREGS, p->pid, NULL, &p->home) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    TRY(call_next(p, &info));
    if (!is_install(&info) ||
        !is_wanted(p, (const uint64_t *)info.entry.args, want)) {
        return WATCH_E_OTHER;
    }
    TRY(call_next(p, &info));
    if (info.op != PTRACE_SYSCALL_INFO_EXIT) {
        errno = EPROTO;
        return ERR_TRACE(ERR_CONFINE);
    }
    if (info.exit.rval != 0) {
        errno = (int)-info.exit.rval;
        return WATCH_E_FAILED;
    }
    return 0;
}

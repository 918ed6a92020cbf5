/* ptrace on a worker that waits for its first byte. Runs in the kernel. x86-64.
 * Must never be used on a worker that has seen input, and must leave registers
 * and memory as they were. */
#include "kernel/confine/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define SYSCALL_INSTRUCTION 0x050fl
#define CALL_PATIENCE 5000 /* tenths of a millisecond */
#define SCRATCH_BELOW 1024u /* of the stack pointer, past the red zone */

int probe_stop_wait(const struct probe *p, int *out_signal)
{
    siginfo_t info = {.si_pid = 0};

    while (waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &info,
                  WSTOPPED | WEXITED | __WALL) < 0) {
        if (errno != EINTR) {
            return ERR_TRACE(ERR_CONFINE);
        }
    }
    if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
        errno = ESRCH;
        return ERR_TRACE(ERR_CONFINE);
    }
    *out_signal = info.si_status;
    return 0;
}

static int stop_wait(const struct probe *p)
{
    int signal_number;

    return probe_stop_wait(p, &signal_number);
}

/* Whether an address holds a system call instruction. */
static int is_site(const struct probe *p, unsigned long at)
{
    long text;

    errno = 0;
    text = ptrace(PTRACE_PEEKTEXT, p->pid, (void *)at, NULL);
    return errno == 0 && (text & 0xffff) == SYSCALL_INSTRUCTION;
}

int probe_call_replace(struct probe *p, unsigned long nr)
{
    struct user_regs_struct other;

    if (ptrace(PTRACE_GETREGS, p->pid, NULL, &p->home) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    other = p->home;
    other.orig_rax = nr;
    other.rdi = ~0ul;
    if (ptrace(PTRACE_SETREGS, p->pid, NULL, &other) < 0 ||
        ptrace(PTRACE_SYSCALL, p->pid, NULL, NULL) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    TRY(stop_wait(p));
    p->home.rip -= 2;
    p->home.rax = p->home.orig_rax;
    p->home.orig_rax = ~0ul;
    p->site = p->home.rip;
    p->away = 1;
    return 0;
}

/* It runs: until it stops or ends. One that never makes a call must not hold the
 * kernel. */
static int call_await(const struct probe *p)
{
    for (unsigned i = 0; i < CALL_PATIENCE; i++) {
        siginfo_t info = {.si_pid = 0};

        if (waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &info,
                   WSTOPPED | WEXITED | __WALL | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid != 0) {
            return 0;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    errno = ETIMEDOUT;
    return ERR_TRACE(ERR_CONFINE);
}

/* It was stopped before it reached its read: lets it run to its next system
 * call, which is skipped (number -1) and made again when it goes on. */
static int next_call_reach(struct probe *p)
{
    if (ptrace(PTRACE_SYSCALL, p->pid, NULL, NULL) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    TRY(call_await(p));
    TRY(stop_wait(p));
    return probe_call_replace(p, ~0ul);
}

static int site_find(struct probe *p)
{
    if (ptrace(PTRACE_GETREGS, p->pid, NULL, &p->home) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    p->site = p->home.rip - 2;
    if (is_site(p, p->site)) {
        return 0;
    }
    TRY(next_call_reach(p));
    if (!is_site(p, p->site)) {
        errno = EFAULT;
        return ERR_TRACE(ERR_CONFINE);
    }
    return 0;
}

/* Each of its stops wakes the other of the two. On two processors that costs
 * several times the stop, so it comes to ours meanwhile; where it may not, it is
 * only slower. */
static void come_near(struct probe *p)
{
    int cpu = sched_getcpu();
    cpu_set_t here;

    CPU_ZERO(&here);
    p->moved = cpu >= 0 && cpu < CPU_SETSIZE &&
               sched_getaffinity(p->pid, sizeof(p->cpus), &p->cpus) == 0;
    if (p->moved) {
        CPU_SET((size_t)cpu, &here);
        (void)!sched_setaffinity(p->pid, sizeof(here), &here);
    }
}

static int go_home(struct probe *p)
{
    if (p->moved) {
        (void)!sched_setaffinity(p->pid, sizeof(p->cpus), &p->cpus);
    }
    return p->away && ptrace(PTRACE_SETREGS, p->pid, NULL, &p->home) < 0
               ? ERR_TRACE(ERR_CONFINE)
               : 0;
}

int probe_begin(struct probe *p, pid_t pid, int pidfd, int watched)
{
    const uintptr_t options = watched
                                  ? PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL
                                  : PTRACE_O_SUSPEND_SECCOMP;
    struct pollfd gone = {.fd = pidfd, .events = POLLIN};
    int n;

    *p = (struct probe){.pid = pid, .pidfd = pidfd};
    if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    p->held = 1;
    /* While the descriptor's process lives, its number is nobody else's. */
    do {
        n = poll(&gone, 1, 0);
    } while (n < 0 && errno == EINTR);
    if (n != 0) {
        errno = ESRCH;
        return ERR_TRACE(ERR_CONFINE);
    }
    come_near(p);
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    TRY(stop_wait(p));
    return watched ? 0 : site_find(p);
}

int probe_end(struct probe *p)
{
    siginfo_t info;
    int error;

    if (!p->held) {
        return 0;
    }
    p->held = 0;
    if (go_home(p) == 0 && ptrace(PTRACE_DETACH, p->pid, NULL, NULL) == 0) {
        return 0;
    }
    error = errno;
    /* It is dying, or would not stop. As long as we trace it nobody else can
     * reap it, and its namespace cannot end: make sure, and let go. */
    syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
    while (waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &info, WEXITED | __WALL) <
               0 &&
           errno == EINTR) {
    }
    errno = error;
    return ERR_TRACE(ERR_CONFINE);
}

int probe_filter(struct probe *p, unsigned i,
                 struct sock_filter out[static BPF_MAXINSNS], unsigned *out_n)
{
    long n =
        ptrace(PTRACE_SECCOMP_GET_FILTER, p->pid, (void *)(uintptr_t)i, out);

    if (n < 0) {
        return errno == ENOENT ? PROBE_E_NONE : ERR_TRACE(ERR_CONFINE);
    }
    ASSERT(n <= BPF_MAXINSNS);
    *out_n = (unsigned)n;
    return 0;
}

/* One system call in the stopped process. orig_rax -1 keeps the host from
 * restarting the call in which it waits; `home` restores that afterwards. */
static int call_run(struct probe *p, unsigned long nr,
                    const unsigned long args[static 4], long *out)
{
    struct user_regs_struct now = p->home;

    now.rip = p->site;
    now.rax = nr;
    now.orig_rax = ~0ul;
    now.rdi = args[0];
    now.rsi = args[1];
    now.rdx = args[2];
    now.r10 = args[3];
    now.r8 = 0;
    p->away = 1;
    if (ptrace(PTRACE_SETREGS, p->pid, NULL, &now) < 0 ||
        ptrace(PTRACE_SINGLESTEP, p->pid, NULL, NULL) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    TRY(stop_wait(p));
    if (ptrace(PTRACE_GETREGS, p->pid, NULL, &now) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    if (now.rip != p->site + 2) {
        errno = EPROTO; /* something else happened than that call */
        return ERR_TRACE(ERR_CONFINE);
    }
    *out = (long)now.rax;
    return 0;
}

int probe_securebits(struct probe *p, long *out)
{
    const unsigned long args[4] = {PR_GET_SECUREBITS};

    return call_run(p, SYS_prctl, args, out);
}

int probe_open_root(struct probe *p, long *out)
{
    unsigned long at = (p->home.rsp - SCRATCH_BELOW) & ~7ul;
    const unsigned long args[4] = {(unsigned long)AT_FDCWD, at,
                                   O_RDONLY | O_DIRECTORY | O_CLOEXEC};
    long was;
    int code;

    errno = 0;
    was = ptrace(PTRACE_PEEKDATA, p->pid, (void *)at, NULL);
    if (errno != 0 ||
        ptrace(PTRACE_POKEDATA, p->pid, (void *)at, (void *)(long)'/') < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    code = call_run(p, SYS_openat, args, out);
    if (code == 0 &&
        ptrace(PTRACE_POKEDATA, p->pid, (void *)at, (void *)was) < 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    return code;
}

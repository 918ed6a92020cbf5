/* Rules of the pure classes (config, model) and of their zygotes. Data only.
 *
 * A pure worker computes on what its channel brings. Each allowed call is here
 * because something needs it; the reason stands beside it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "proto/zygote.h"

#include "kernel/confine/profile_table.h"
#include "kernel/confine/rules.h"

static const struct rule pure[] = {
    ALLOW("read"), /* the channel, bytewise */
    ALLOW("write"),
    ALLOW("recvmsg"), /* the channel, with descriptors */
    ALLOW("sendmsg", "recvfrom", "sendto"),
    ALLOW("close"), /* received weights, when mapped */
    ALLOW("fstat"),
    ALLOW1("newfstatat", 3, M32,
           0x1000), /* glibc's fstat: AT_EMPTY_PATH only */
    ALLOW("lseek"),
    ALLOW1("mmap", 2, PROT_EXEC, 0), /* memory is never code */
    ALLOW1("mprotect", 2, PROT_EXEC, 0),
    ALLOW("munmap"),
    ALLOW("mremap"),                          /* keeps protection */
    ALLOW1("madvise", 2, M32, MADV_DONTNEED), /* malloc gives memory back */
    ALLOW1("madvise", 2, M32, MADV_HUGEPAGE),
    ALLOW("brk"),
    ALLOW("getrandom"),     /* hash seeds; no answer may depend on it */
    ALLOW("clock_gettime"), /* where the vdso has no clock */
    ALLOW("exit_group"),
    REFUSE(EPERM, "mbind"), /* OpenBLAS tries it once and copes */
};
const struct rule_list rules_pure = LIST(pure);

/* Static start-up code looks at its environment before main. */
static const struct rule startup[] = {
    ALLOW("arch_prctl", "set_tid_address", "set_robust_list", "rseq",
          "prlimit64", "sched_getaffinity", "uname", "sysinfo"),
    ALLOW1("prctl", 0, M32, PR_SET_NAME),
    REFUSE(EACCES, "readlink"), /* /proc/self/exe: not there anyway */
    REFUSE(EACCES, "readlinkat"),
};
const struct rule_list rules_startup = LIST(startup);

static const struct rule zygote[] = {
    /* Once: the descriptor is close-on-exec, so a second try finds nothing. */
    ALLOW2("execveat", 0, M32, ZYGOTE_IMAGE_FD, 4, M32, 0x1000),
    ALLOW("ppoll", "wait4", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
          "restart_syscall"),
};
const struct rule_list rules_zygote = LIST(zygote);

static const struct rule narrow[] = {
    ALLOW("dup3", "close_range", "setsid", "umask", "setgroups", "setresgid",
          "setresuid", "capset"),
    ALLOW1("prctl", 0, M32, PR_CAPBSET_READ),
    ALLOW1("prctl", 0, M32, PR_CAPBSET_DROP),
    ALLOW1("prctl", 0, M32, PR_CAP_AMBIENT),
    ALLOW1("prctl", 0, M32, PR_SET_SECUREBITS),
    ALLOW1("prctl", 0, M32, PR_GET_SECUREBITS), /* a watched worker shows them */
    ALLOW1("prctl", 0, M32, PR_SET_DUMPABLE),
    ALLOW1("prctl", 0, M32, PR_SET_NO_NEW_PRIVS),
    ALLOW("landlock_create_ruleset", "landlock_add_rule",
          "landlock_restrict_self"),
    ALLOW2("seccomp", 0, M32, 1, 1, M32, 0), /* SET_MODE_FILTER, no flags */
};
const struct rule_list rules_narrow = LIST(narrow);

static const struct rule fork_pure[] = {
    ALLOW1("clone", 0, M64, CLONE_PIDFD | SIGCHLD),
    /* Libraries look for files at start; a pure image finds none. A directory
     * can be asked for, so that a watched worker shows its Landlock domain. */
    REFUSE1("openat", EACCES, 2, O_DIRECTORY, 0),
    ALLOW1("openat", 2, M32, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
};
const struct rule_list rules_fork_pure = LIST(fork_pure);

static const struct rule fork_own[] = {
    ALLOW1("clone", 0, M64, CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD),
    ALLOW("mount", "mount_setattr", "umount2", "pivot_root"),
};
const struct rule_list rules_fork_own = LIST(fork_own);

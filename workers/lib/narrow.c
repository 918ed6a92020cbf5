/* Narrowing: runs in the forked worker before it has read one byte of input.
 * Must never continue after a failed step. The order matters:
 * 1. mounts need CAP_SYS_ADMIN and end before Landlock, which forbids them;
 * 2. the bounding set and securebits need CAP_SETPCAP, groups and uid theirs;
 * 3. with securebits locked, changing uid leaves capabilities in place, so they
 *    are set to zero explicitly (the kernel reads them back from outside);
 * 4. a change of uid makes the process dumpable again on some hosts, so that
 *    comes after; 5. the filter is last: it forbids all of the above. */
#include "workers/lib/narrow.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workers/lib/landlock.h"
#include "workers/lib/root.h"

static int result(long code)
{
    return code < 0 ? errno : 0;
}

int narrow_limits_common(void)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0},     {RLIMIT_MEMLOCK, 0},
        {RLIMIT_MSGQUEUE, 0}, {RLIMIT_SIGPENDING, ZYGOTE_SIGNALS},
        {RLIMIT_NICE, 0},     {RLIMIT_RTPRIO, 0},
    };

    for (size_t i = 0; i < ARRAY_N(limits); i++) {
        struct rlimit l = {limits[i].value, limits[i].value};

        if (setrlimit(limits[i].resource, &l) < 0) {
            return -1;
        }
    }
    return 0;
}

static int step_signals(struct narrow *n)
{
    sigset_t none;

    (void)n;
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    return result(sigprocmask(SIG_SETMASK, &none, NULL));
}

/* The one descriptor of it here goes with the others; the mapping stays. */
static int step_share(struct narrow *n)
{
    size_t bytes = (size_t)n->request->share_bytes;

    if (bytes > 0) {
        n->share = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                        n->share_fd, 0);
        if (n->share == MAP_FAILED) {
            n->share = NULL;
            return errno;
        }
    }
    return 0;
}

static int step_descriptors(struct narrow *n)
{
    int error = result(dup3(n->channel, ZYGOTE_FD, O_CLOEXEC));

    if (error == 0) {
        error = result(syscall(SYS_close_range, ZYGOTE_FD + 1, ~0u, 0));
    }
    if (error == 0 && !n->request->own_root) {
        /* The channel may have arrived on a number below its own. */
        error = result(syscall(SYS_close_range, 0, ZYGOTE_FD - 1, 0));
    }
    n->channel = ZYGOTE_FD;
    return error;
}

static int step_session(struct narrow *n)
{
    (void)n;
    return result(setsid());
}

/* Those of its class and task; narrow_limits_common set the others before. */
static int step_limits(struct narrow *n)
{
    const struct zygote_request *r = n->request;
    const struct {
        __rlimit_resource_t resource;
        uint64_t value;
        uint64_t grace;
    } limits[] = {
        {RLIMIT_CPU, r->cpu_s, ZYGOTE_CPU_GRACE_S},
        {RLIMIT_AS, r->as_bytes, 0},
        {RLIMIT_FSIZE, r->file_bytes, 0},
        {RLIMIT_NPROC, r->processes, 0},
        {RLIMIT_NOFILE, r->files, 0},
        {RLIMIT_STACK, r->stack_bytes, 0},
    };

    for (size_t i = 0; i < ARRAY_N(limits); i++) {
        struct rlimit l = {.rlim_cur = limits[i].value,
                           .rlim_max = limits[i].value + limits[i].grace};

        if (setrlimit(limits[i].resource, &l) < 0) {
            return errno;
        }
    }
    return 0;
}

/* The kernel dropped all others before the image ran, and sees afterwards that
 * none is left. */
static int step_bounding(struct narrow *n)
{
    static const unsigned long kept[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP,
                                         CAP_SYS_ADMIN};
    size_t kept_n = ARRAY_N(kept) - (n->request->own_root ? 0 : 1);

    for (size_t i = 0; i < kept_n; i++) {
        if (prctl(PR_CAPBSET_DROP, kept[i], 0, 0, 0) < 0) {
            return errno;
        }
    }
    return 0;
}

static int step_ambient(struct narrow *n)
{
    (void)n;
    return result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

static int step_groups(struct narrow *n)
{
    gid_t gid = n->request->uid;
    int error = result(syscall(SYS_setgroups, 0, NULL));

    return error != 0 ? error : result(syscall(SYS_setresgid, gid, gid, gid));
}

static int step_securebits(struct narrow *n)
{
    (void)n;
    return result(prctl(
        PR_SET_SECUREBITS,
        SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
            SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
            SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
        0, 0, 0));
}

static int step_uid(struct narrow *n)
{
    uid_t uid = n->request->uid;

    return result(syscall(SYS_setresuid, uid, uid, uid));
}

static int step_caps(struct narrow *n)
{
    struct __user_cap_header_struct head = {.version =
                                                _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

    (void)n;
    memset(none, 0, sizeof(none));
    return result(syscall(SYS_capset, &head, none));
}

static int step_undumpable(struct narrow *n)
{
    (void)n;
    return result(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static int step_no_new_privs(struct narrow *n)
{
    (void)n;
    return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int step_landlock(struct narrow *n)
{
    struct landlock_rule rules[ZYGOTE_ROOTS_MAX + 3];
    const char *end = n->roots + n->request->roots_bytes;
    size_t rules_n = 0;

    if (n->request->own_root) {
        rules[rules_n++] = (struct landlock_rule){"/work", LANDLOCK_USE_BUILD};
        rules[rules_n++] = (struct landlock_rule){"/tmp", LANDLOCK_USE_WRITE};
        rules[rules_n++] =
            (struct landlock_rule){"/dev/null", LANDLOCK_USE_NULL};
        for (const char *p = n->roots; p < end && rules_n < ARRAY_N(rules);
             p += strlen(p) + 1) {
            rules[rules_n++] = (struct landlock_rule){p, LANDLOCK_USE_RUN};
        }
    }
    return landlock_enter(rules, rules_n, &n->landlock_abi);
}

static int step_filter(struct narrow *n)
{
    struct sock_fprog program = {
        .len = (unsigned short)n->request->filter_n,
        .filter = (struct sock_filter *)(uintptr_t)n->filter,
    };

    return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static const struct {
    enum confine_step step;
    int (*run)(struct narrow *n);
} after_root[] =
    {
        {STEP_LIMITS, step_limits},
        {STEP_BOUNDING, step_bounding},
        {STEP_AMBIENT, step_ambient},
        {STEP_GROUPS, step_groups},
        {STEP_SECUREBITS, step_securebits},
        {STEP_UID, step_uid},
        {STEP_CAPS, step_caps},
        {STEP_UNDUMPABLE, step_undumpable},
        {STEP_NO_NEW_PRIVS, step_no_new_privs},
        {STEP_LANDLOCK, step_landlock},
},
  before_root[] = {
      {STEP_SIGNALS, step_signals},
      {STEP_SHARE, step_share},
      {STEP_DESCRIPTORS, step_descriptors},
      {STEP_SESSION, step_session},
};

#ifdef NARROW_SKIP
/* Test images only: leaves a layer out, which the kernel must notice. */
int NARROW_SKIP(struct narrow *n, enum confine_step step);
#else
#define NARROW_SKIP(n, step) 0
#endif

int narrow_filter(struct narrow *n)
{
    return NARROW_SKIP(n, STEP_FILTER) ? 0 : step_filter(n);
}

int narrow_all(struct narrow *n, enum confine_step *out_step)
{
    int error = 0;

    for (size_t i = 0; i < ARRAY_N(before_root) && error == 0; i++) {
        *out_step = before_root[i].step;
        if (NARROW_SKIP(n, before_root[i].step)) {
            continue;
        }
        error = before_root[i].run(n);
    }
    if (error == 0 && n->request->own_root) {
        error = root_build(n->request, n->roots, out_step);
    }
    for (size_t i = 0; i < ARRAY_N(after_root) && error == 0; i++) {
        *out_step = after_root[i].step;
        if (NARROW_SKIP(n, after_root[i].step)) {
            continue;
        }
        error = after_root[i].run(n);
    }
    if (error == 0 && !n->request->watched) {
        *out_step = STEP_FILTER;
        error = narrow_filter(n);
    }
    return error;
}

/* Ways to be weaker than measured: leaves one layer out, or puts something in,
 * while a test worker narrows. Linked into the hostile image only, through
 * NARROW_SKIP of workers/lib/narrow.c and the shim. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/attack/shim.h"
#include "tests/attack/weaken.h"
#include "workers/lib/landlock.h"
#include "workers/lib/narrow.h"

int hostile_skip(struct narrow *n, enum confine_step step);

/* Each returns whether the step itself is left out. */
#define ADDS(name, ...)                                                        \
    static int weaken_##name(struct narrow *n)                                 \
    {                                                                          \
        (void)n;                                                               \
        __VA_ARGS__;                                                           \
        return 0;                                                              \
    }
#define REPLACES(name, ...)                                                    \
    static int weaken_##name(struct narrow *n)                                 \
    {                                                                          \
        (void)n;                                                               \
        __VA_ARGS__;                                                           \
        return 1;                                                              \
    }

/* A second name of the channel, under any number. */
static void descriptor_add(int number)
{
    struct rlimit many = {4096, 4096};

    setrlimit(RLIMIT_NOFILE, &many);
    syscall(SYS_dup3, ZYGOTE_FD, number, 0);
}

ADDS(descriptor_0, descriptor_add(0))
ADDS(descriptor_4, descriptor_add(4))
ADDS(descriptor_9, descriptor_add(9))
ADDS(descriptor_200, descriptor_add(200))
ADDS(descriptor_1100, descriptor_add(1100))
ADDS(descriptor_2048, descriptor_add(2048))
ADDS(descriptor_200_program, descriptor_add(200))
ADDS(no_dev_null, close(2))
ADDS(another_dev_null, descriptor_add(1))

static void filter_install(const struct sock_filter *code, unsigned n)
{
    struct sock_fprog program = {.len = (unsigned short)n,
                                 .filter =
                                     (struct sock_filter *)(uintptr_t)code};

    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static void filter_allow_all(void)
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

    filter_install(code, 1);
}

static struct sock_filter copy[ZYGOTE_FILTER_MAX];

static void filter_with_rule(const struct narrow *n)
{
    const struct sock_filter rule[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

    memcpy(copy, rule, sizeof(rule));
    memcpy(copy + 3, n->filter, n->request->filter_n * sizeof(*copy));
    filter_install(copy, n->request->filter_n + 3);
}

static void filter_with_bit(const struct narrow *n)
{
    memcpy(copy, n->filter, n->request->filter_n * sizeof(*copy));
    copy[n->request->filter_n - 1].k ^= 1; /* of the data of a kill */
    filter_install(copy, n->request->filter_n);
}

REPLACES(filter_missing, )
ADDS(filter_more, filter_allow_all())
REPLACES(filter_other, filter_allow_all())
REPLACES(filter_rule_more, filter_with_rule(n))
REPLACES(filter_bit_flipped, filter_with_bit(n))
ADDS(filter_twice, shim_disarm(); filter_allow_all())

static void uids(const struct narrow *n, uint32_t real, uint32_t effective,
                 uint32_t saved)
{
    (void)n;
    syscall(SYS_setresuid, real, effective, saved);
}

static void gids(uint32_t real, uint32_t effective, uint32_t saved)
{
    syscall(SYS_setgroups, 0, NULL);
    syscall(SYS_setresgid, real, effective, saved);
}

#define UID n->request->uid
REPLACES(uid_of_next, uids(n, UID + 1, UID + 1, UID + 1))
REPLACES(uid_of_living_sibling, uids(n, UID - 1, UID - 1, UID - 1))
REPLACES(uid_zero, uids(n, 0, 0, 0))
REPLACES(uid_saved_zero, uids(n, UID, UID, 0))
REPLACES(uid_effective_zero, uids(n, UID, 0, UID))
REPLACES(gid_zero, gids(0, 0, 0))
REPLACES(gid_saved_zero, gids(UID, UID, 0))

static int weaken_group_more(struct narrow *n)
{
    gid_t one = 0;

    syscall(SYS_setresgid, UID, UID, UID);
    syscall(SYS_setgroups, 1, &one);
    return 1;
}

static void caps_set(unsigned cap, int effective, int permitted,
                     int inheritable)
{
    struct __user_cap_header_struct head = {.version =
                                                _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

    memset(d, 0, sizeof(d));
    d[cap / 32].effective = effective ? 1u << cap % 32 : 0;
    d[cap / 32].permitted = permitted ? 1u << cap % 32 : 0;
    d[cap / 32].inheritable = inheritable ? 1u << cap % 32 : 0;
    syscall(SYS_capset, &head, d);
}

REPLACES(cap_permitted_setuid, caps_set(CAP_SETUID, 0, 1, 0))
REPLACES(cap_permitted_setgid, caps_set(CAP_SETGID, 0, 1, 0))
REPLACES(cap_permitted_setpcap, caps_set(CAP_SETPCAP, 0, 1, 0))
REPLACES(cap_permitted_sys_admin, caps_set(CAP_SYS_ADMIN, 0, 1, 0))
REPLACES(cap_effective, caps_set(CAP_SETPCAP, 1, 1, 0))

static enum confine_step now; /* the step that comes next */

static void caps_all(uint32_t inheritable)
{
    struct __user_cap_header_struct head = {.version =
                                                _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

    memset(d, 0, sizeof(d));
    d[0].effective = d[0].permitted =
        1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETPCAP;
    d[0].inheritable = inheritable;
    syscall(SYS_capset, &head, d);
}

/* Inheritable must be set while the bounding set has it. */
static int weaken_cap_inheritable(struct narrow *n)
{
    (void)n;
    if (now == STEP_LIMITS) {
        caps_all(1u << CAP_SETUID);
    }
    if (now == STEP_CAPS) {
        caps_set(CAP_SETUID, 0, 0, 1);
    }
    return now == STEP_CAPS;
}

/* And ambient needs both it and permitted, which therefore stays too. */
static int weaken_cap_ambient(struct narrow *n)
{
    (void)n;
    if (now == STEP_LIMITS) {
        caps_all(1u << CAP_SETPCAP);
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETPCAP, 0, 0);
    }
    return now == STEP_AMBIENT || now == STEP_CAPS;
}

REPLACES(securebits_unlocked,
         prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP, 0, 0,
               0))
REPLACES(securebits_keep_caps,
         prctl(PR_SET_SECUREBITS,
               SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS |
                   SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                   SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
               0, 0, 0))
REPLACES(dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))

/* And it lies about that. */
static int weaken_landlock_missing(struct narrow *n)
{
    n->landlock_abi =
        (unsigned)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    return 1;
}

static int weaken_landlock_missing_program(struct narrow *n)
{
    return weaken_landlock_missing(n);
}

static int weaken_landlock_root_allowed(struct narrow *n)
{
    const struct landlock_rule rule = {"/", LANDLOCK_USE_READ};

    (void)!landlock_enter(&rule, 1, &n->landlock_abi);
    return 1;
}

REPLACES(landlock_older, (void)!landlock_enter(NULL, 0, &n->landlock_abi);
         n->landlock_abi = 1)
REPLACES(session_missing, )
ADDS(thread,
     syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0))

/* A little less than was asked for. */
static void limit_lower(__rlimit_resource_t resource)
{
    struct rlimit l;

    getrlimit(resource, &l);
    l.rlim_cur -= 1;
    l.rlim_max -= 1;
    setrlimit(resource, &l);
}

ADDS(limit_cpu, limit_lower(RLIMIT_CPU))
ADDS(limit_address_space, limit_lower(RLIMIT_AS))
ADDS(limit_file, limit_lower(RLIMIT_FSIZE))
ADDS(limit_processes, limit_lower(RLIMIT_NPROC))
ADDS(limit_files, limit_lower(RLIMIT_NOFILE))
ADDS(limit_stack, limit_lower(RLIMIT_STACK))
ADDS(limit_signals, limit_lower(RLIMIT_SIGPENDING))

ADDS(mount_over_usr, mount("tmpfs", "/usr", "tmpfs", 0, NULL))
ADDS(mount_over_root, mount("tmpfs", "/", "tmpfs", 0, NULL))
ADDS(tmp_with_exec, mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL))
ADDS(work_remounted_with_suid,
     mount(NULL, "/work", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL))

static int read_for_ever(void)
{
    char c;

    while (read(ZYGOTE_FD, &c, 1) != 0) {
    }
    return 0;
}

/* The process that the kernel looks at is not the one that answers. */
static int weaken_forked_stand_in(struct narrow *n)
{
    int fd;
    long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);

    (void)n;
    if (pid != 0) {
        read_for_ever();
    }
    return 0;
}

static void hello_send(uint32_t magic)
{
    struct worker_hello hello = {.magic = magic};

    hello.landlock_abi =
        (uint32_t)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    (void)!write(ZYGOTE_FD, &hello, sizeof(hello));
}

/* Memory that two processes could share, beside what the kernel gave. */
static void share_add(void)
{
    (void)!mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
}

REPLACES(share_missing, )
REPLACES(share_missing_program, )
ADDS(share_more, share_add())
ADDS(share_more_config, share_add())
ADDS(share_read_only, mprotect(n->share, 4096, PROT_READ))

ADDS(hello_early, hello_send(ZYGOTE_MAGIC); read_for_ever())
ADDS(bytes_before_hello, hello_send(7))

static const struct {
    enum confine_step step;
    int (*run)(struct narrow *n);
} ways[] = {
#define WEAKEN(number, name, class_name, at, expected)                         \
    [number] = {STEP_##at, weaken_##name},
#include "tests/attack/weaken.def"
#undef WEAKEN
};

int hostile_skip(struct narrow *n, enum confine_step step)
{
    static int is_armed;
    unsigned code = weaken_code(n->request->as_bytes - n->request->share_bytes);

    if (code >= WEAKEN_SHIM && !is_armed) {
        unsigned i = (code - WEAKEN_SHIM) / WEAKEN_CALLS % WEAKEN_ERRORS_N;
        unsigned target = (code - WEAKEN_SHIM) % WEAKEN_CALLS;

        is_armed = 1; /* until the filter is installed: shim.c */
        shim_arm(0,
                 target == 0 ? SHIM_COUNT
                 : i == 0    ? SHIM_SKIP
                             : SHIM_FAIL,
                 target, weaken_errors[i]);
    }
    if (code < ARRAY_N(ways) && ways[code].run != NULL &&
        (ways[code].step == step || ways[code].step == STEP_NONE)) {
        now = step;
        return ways[code].run(n);
    }
    return 0;
}

/* Rows J and N: a host on which one setup call fails, or which lacks a layer. The
 * only right end is a refusal that names it: no worker ever runs. */
#include "tests/attack/driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/engine/local.h"

struct fault {
    char row;
    const char *name;
    const char *call; /* fails with error; NULL: case `error` of host_break */
    int error;
    const char *expected; /* in the refusal */
    enum worker_class class;
};

static const struct fault faults[] = {
    {'J', "clone_eperm", "clone", EPERM, "namespaces", WORKER_CONFIG},
    {'J', "clone_enomem", "clone", ENOMEM, "namespaces", WORKER_CONFIG},
    {'J', "mount_eperm", "mount", EPERM, "mount namespace", WORKER_CONFIG},
    {'J', "pivot_root_einval", "pivot_root", EINVAL, "pivot_root",
     WORKER_CONFIG},
    {'J', "umount_ebusy", "umount2", EBUSY, "host's tree", WORKER_CONFIG},
    {'J', "mount_setattr_enosys", "mount_setattr", ENOSYS, "read-only",
     WORKER_CONFIG},
    {'J', "setgroups_eperm", "setgroups", EPERM, "become its root",
     WORKER_CONFIG},
    {'J', "setresuid_eagain", "setresuid", EAGAIN, "become its root",
     WORKER_CONFIG},
    {'J', "dup3_emfile", "dup3", EMFILE, "descriptors", WORKER_CONFIG},
    {'J', "close_range_enosys", "close_range", ENOSYS, "descriptors",
     WORKER_CONFIG},
    {'J', "setsid_eperm", "setsid", EPERM, "own session", WORKER_CONFIG},
    {'J', "personality_einval", "personality", EINVAL, "personality",
     WORKER_CONFIG},
    {'J', "capset_eperm", "capset", EPERM, "capabilities", WORKER_CONFIG},
    {'J', "execveat_enosys", "execveat", ENOSYS, "execute the image",
     WORKER_CONFIG},
    {'J', "landlock_add_rule_einval", "landlock_add_rule", EINVAL, "landlock",
     WORKER_PROGRAM},
    {'J', "landlock_restrict_e2big", "landlock_restrict_self", E2BIG,
     "landlock", WORKER_CONFIG},
    {'N', "no_landlock", "landlock_create_ruleset", ENOSYS, "Landlock",
     WORKER_CONFIG},
    {'N', "landlock_off", "landlock_create_ruleset", EOPNOTSUPP, "Landlock",
     WORKER_CONFIG},
    {'N', "no_seccomp", "seccomp", ENOSYS, "seccomp", WORKER_CONFIG},
    {'N', "not_root", NULL, 0, "uid and gid map", WORKER_CONFIG},
    {'N', "no_proc", NULL, 1, "/proc is not mounted", WORKER_CONFIG},
    {'K', "with_shared_net", NULL, 2, "net namespace", WORKER_CONFIG},
    {'K', "with_shared_uts", NULL, 3, "uts namespace", WORKER_CONFIG},
    {'K', "with_shared_ipc", NULL, 4, "ipc namespace", WORKER_CONFIG},
    {'N', "may_not_ptrace", "ptrace", EPERM, "ptrace", WORKER_CONFIG},
};

static void call_break(const char *call, int error)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    if (ctx == NULL ||
        seccomp_rule_add(ctx, SCMP_ACT_ERRNO((unsigned)error),
                         seccomp_syscall_resolve_name(call), 0) != 0 ||
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) != 0 ||
        seccomp_load(ctx) != 0) {
        _exit(9);
    }
    seccomp_release(ctx);
}

/* The linker gives the engine this in place of syscall(2)'s wrapper: a zygote
 * is cloned without these flags, and so shares namespaces with the kernel. */
static unsigned long clone_without;
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);

long __wrap_syscall(long nr, ...)
{
    unsigned long a[6];
    va_list args;

    va_start(args, nr);
    for (size_t i = 0; i < ARRAY_N(a); i++) {
        a[i] = va_arg(args, unsigned long);
    }
    va_end(args);
    if (nr == SYS_clone) {
        a[0] &= ~clone_without;
    }
    return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void host_break(const struct fault *f)
{
    static const unsigned long shared[] = {CLONE_NEWNET, CLONE_NEWUTS,
                                           CLONE_NEWIPC};

    if (f->call != NULL) {
        call_break(f->call, f->error);
        return;
    }
    if (f->error == 0) {
        cap_t none = cap_init();

        if (none == NULL || cap_set_proc(none) < 0) {
            _exit(9);
        }
        cap_free(none);
        return;
    }
    if (f->error >= 2) {
        clone_without = shared[f->error - 2];
        return;
    }
    if (unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/proc", "tmpfs", 0, NULL) < 0) {
        _exit(9);
    }
}

static int report_fd;

static void on_ready(void *ctx, struct worker *w,
                     const Proctor__Confinement *report)
{
    (void)w, (void)report;
    dprintf(report_fd, "a worker became ready");
    loop_stop(ctx);
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    (void)ctx, (void)w, (void)f;
}

static void on_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    (void)w, (void)e;
    loop_stop(ctx);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    (void)w;
    dprintf(report_fd, "%s", d->what);
    loop_stop(ctx);
}

static const struct worker_handler handler = {on_ready, on_message, on_end,
                                              on_failed};

NORETURN static void fault_run(const struct fault *f, const char *images_dir)
{
    static const char *const roots[] = {"/usr"};
    struct worker_limits limits = {
        .wall_ms = 5000, .roots = roots, .roots_n = 1};
    struct engine *e;
    struct worker *w;
    struct loop *l;
    struct diag d;

    diag_init(&d);
    host_break(f);
    if (loop_new(&l) < 0) {
        _exit(9);
    }
    if (engine_open(l, images_dir, &e, &d) < 0) {
        dprintf(report_fd, "%s", d.what);
        _exit(0);
    }
    if (engine_start(e, f->class, &limits, &handler, l, &w) < 0 ||
        loop_run(l) < 0) {
        _exit(9);
    }
    engine_close(e);
    _exit(0);
}

static void fault_judge(const struct fault *f, const char *images_dir)
{
    char text[400] = "";
    int status = 0;
    int pair[2];
    ssize_t n;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0) {
        abort();
    }
    pid = fork();
    if (pid == 0) {
        report_fd = pair[1];
        fault_run(f, images_dir);
    }
    close(pair[1]);
    n = read(pair[0], text, sizeof(text) - 1);
    close(pair[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || n <= 0) {
        snprintf(text, sizeof(text), "no refusal, status %#x",
                 (unsigned)status);
    }
    tap(strstr(text, f->expected) != NULL && status == 0, f->row, f->name,
        worker_class_name(f->class), text);
}

/* Row L: the kernel is killed. Its zygotes and workers must go with it, and the
 * next kernel must remove the control groups it left. */
static void on_ready_sleep(void *ctx, struct worker *w,
                           const Proctor__Confinement *report)
{
    (void)ctx, (void)w, (void)report;
    dprintf(report_fd, "r");
}

static const struct worker_handler sleeper = {on_ready_sleep, on_message,
                                              on_end, on_failed};

NORETURN static void victim_run(const char *images_dir)
{
    static const char *const roots[] = {"/usr"};
    struct worker_limits limits = {.roots = roots, .roots_n = 1};
    struct engine *e;
    struct worker *w;
    struct loop *l;
    struct diag d;

    if (loop_new(&l) < 0 || engine_open(l, images_dir, &e, &d) < 0 ||
        write(report_fd, &e->host.uid_base, sizeof(uint32_t)) < 0 ||
        engine_start(e, WORKER_CONFIG, &limits, &sleeper, l, &w) < 0 ||
        engine_start(e, WORKER_PROGRAM, &limits, &sleeper, l, &w) < 0 ||
        loop_run(l) < 0) {
        _exit(9);
    }
    _exit(8);
}

/* Processes whose uid is one that a kernel gave out, by its first. */
static unsigned processes_of(uint32_t base)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    unsigned n = 0;

    while (proc != NULL && (e = readdir(proc)) != NULL) {
        struct stat st;

        if (e->d_name[0] >= '0' && e->d_name[0] <= '9' &&
            fstatat(dirfd(proc), e->d_name, &st, 0) == 0) {
            n += st.st_uid >= base && st.st_uid < base + UID_SLOT;
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return n;
}

static unsigned groups_of(pid_t kernel)
{
    char pattern[300];
    glob_t g = {0};
    unsigned n = 0;

    snprintf(pattern, sizeof(pattern), "proctor-*-%ld-*", (long)kernel);
    {
        static const char *const tops[] = {"/sys/fs/cgroup/*/",
                                           "/sys/fs/cgroup/*/*/",
                                           "/sys/fs/cgroup/*/*/*/"};
        char path[400];

        for (size_t i = 0; i < ARRAY_N(tops); i++) {
            snprintf(path, sizeof(path), "%s%s", tops[i], pattern);
            if (glob(path, 0, NULL, &g) == 0) {
                n += (unsigned)g.gl_pathc;
            }
            globfree(&g);
        }
    }
    return n;
}

static void kernel_killed_judge(const char *images_dir)
{
    char text[200];
    char ready[2];
    unsigned alive, left, groups, after;
    struct engine *e;
    struct loop *l;
    struct diag d;
    uint32_t base = 0;
    int pair[2];
    ssize_t n = 0;
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0) {
        abort();
    }
    pid = fork();
    if (pid == 0) {
        report_fd = pair[1];
        victim_run(images_dir);
    }
    close(pair[1]);
    if (read(pair[0], &base, sizeof(base)) != (ssize_t)sizeof(base)) {
        abort();
    }
    while (n < 2 && read(pair[0], ready, 1) == 1) {
        n++;
    }
    close(pair[0]);
    alive = processes_of(base);
    groups = groups_of(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 200 && processes_of(base) > 0; i++) {
        usleep(10000);
    }
    left = processes_of(base);
    snprintf(text, sizeof(text), "%u processes, then %u", alive, left);
    /* Two zygotes with a worker each, and whom the pools made meanwhile. */
    tap(n == 2 && alive >= 4 && alive <= 6 && left == 0, 'L', "kernel_killed",
        "all", text);
    diag_init(&d);
    if (loop_new(&l) < 0 || engine_open(l, images_dir, &e, &d) < 0) {
        abort();
    }
    engine_close(e);
    loop_free(l);
    after = groups_of(pid);
    snprintf(text, sizeof(text), "%u groups, then %u", groups, after);
    tap(after == 0, 'L', "groups_of_a_dead_kernel", "program", text);
}

void setup_cases_run(const char *images_dir)
{
    kernel_killed_judge(images_dir);
    for (size_t i = 0; i < ARRAY_N(faults); i++) {
        fault_judge(&faults[i], images_dir);
    }
}

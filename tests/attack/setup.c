/* Rows J and N: a host on which one setup call fails, or which lacks a layer. The
 * only right end is a refusal that names it: no worker ever runs. */
#include "tests/attack/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/engine/engine.h"
#include "kernel/engine/loop.h"

struct fault {
    char row;
    const char *name;
    const char *call; /* fails with error; NULL = the host lacks something */
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
    {'J', "mount_setattr_program", "mount_setattr", ENOSYS, "host's tree",
     WORKER_PROGRAM},
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
    {'N', "not_root", NULL, 0, "cap_sys_admin", WORKER_CONFIG},
    {'N', "no_proc", NULL, 1, "/proc is not mounted", WORKER_CONFIG},
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

static void host_break(const struct fault *f)
{
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
    struct worker_limits limits = {.wall_ms = 5000, .roots = roots,
                                   .roots_n = 1};
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

void setup_cases_run(const char *images_dir)
{
    for (size_t i = 0; i < ARRAY_N(faults); i++) {
        fault_judge(&faults[i], images_dir);
    }
}

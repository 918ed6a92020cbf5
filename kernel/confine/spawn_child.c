/* From clone to execveat. Runs in the zygote's process, on the kernel's code;
 * it uses only system calls, because the kernel's memory was copied as it was.
 * Must never execute the image with a layer missing: each step that fails ends
 * the process. */
#include "kernel/confine/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the new root is put together: it exists wherever a kernel can run, and
 * covering it is invisible outside this mount namespace. */
#define STAGE "/proc"

#define ATTR_RDONLY 1ull
#define ATTR_NOSUID 2ull
#define ATTR_RECURSIVE 0x8000u /* AT_RECURSIVE */

struct child {
    const struct spawn *s;
    int sock;
    int image;
    int null;
};

static int result(long code)
{
    return code < 0 ? errno : 0;
}

static int attr_set(const char *path, uint64_t set, unsigned flags)
{
    const uint64_t attr[4] = {set, 0, 0, 0};

    return result(
        syscall(SYS_mount_setattr, -1, path, flags, attr, sizeof(attr)));
}

static int step_maps(struct child *c)
{
    char go;
    ssize_t n = recv(c->sock, &go, 1, 0);

    return n == 1 ? 0 : n < 0 ? errno : ECANCELED;
}

static int step_uid(struct child *c)
{
    (void)c;
    if (syscall(SYS_setgroups, 0, NULL) < 0 ||
        syscall(SYS_setresgid, 0, 0, 0) < 0) {
        return errno;
    }
    return result(syscall(SYS_setresuid, 0, 0, 0));
}

static int step_signals(struct child *c)
{
    struct sigaction plain;
    sigset_t none;

    (void)c;
    memset(&plain, 0, sizeof(plain));
    for (int i = 1; i < 65; i++) {
        sigaction(i, &plain, NULL); /* KILL, STOP and libc's own refuse */
    }
    sigemptyset(&none);
    return result(sigprocmask(SIG_SETMASK, &none, NULL));
}

/* Out of the way of the numbers that are set later. */
static int high_copy(int *fd)
{
    int copy = fcntl(*fd, F_DUPFD_CLOEXEC, 10);

    if (copy < 0) {
        return errno;
    }
    *fd = copy;
    return 0;
}

static int step_dev_null(struct child *c)
{
    int error;

    if (!c->s->own_root) {
        return 0;
    }
    c->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    error = result(c->null);
    return error != 0 ? error : high_copy(&c->null);
}

static int step_private(struct child *c)
{
    (void)c;
    return result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static int step_tmpfs(struct child *c)
{
    int error =
        result(mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                     "size=16k,nr_inodes=16,mode=0755"));

    if (error == 0 && c->s->own_root) {
        if (mkdir(STAGE "/host", 0755) < 0 || mkdir(STAGE "/new", 0755) < 0) {
            return errno;
        }
    }
    return error;
}

static int step_pivot(struct child *c)
{
    const char *put_old = c->s->own_root ? "./host" : ".";

    if (chdir(STAGE) < 0) {
        return errno;
    }
    return result(syscall(SYS_pivot_root, ".", put_old));
}

static int step_old_root(struct child *c)
{
    if (c->s->own_root) { /* workers bind from it, then drop it */
        return attr_set("/host", ATTR_RDONLY | ATTR_NOSUID, ATTR_RECURSIVE);
    }
    return result(umount2(".", MNT_DETACH));
}

static int step_rdonly(struct child *c)
{
    int error = attr_set("/", ATTR_RDONLY, 0);

    (void)c;
    return error != 0 ? error : result(chdir("/"));
}

static int step_descriptors(struct child *c)
{
    int keep_from = 0;

    if (high_copy(&c->sock) != 0 || high_copy(&c->image) != 0) {
        return errno;
    }
    if (c->s->own_root) {
        for (; keep_from < 3; keep_from++) {
            if (dup2(c->null, keep_from) < 0) {
                return errno;
            }
        }
    } else if (syscall(SYS_close_range, 0, 2, 0) < 0) {
        return errno;
    }
    if (dup3(c->sock, ZYGOTE_FD, 0) < 0 ||
        dup3(c->image, ZYGOTE_IMAGE_FD, O_CLOEXEC) < 0) {
        return errno;
    }
    c->sock = ZYGOTE_FD;
    c->image = ZYGOTE_IMAGE_FD;
    return result(syscall(SYS_close_range, ZYGOTE_IMAGE_FD + 1, ~0u, 0));
}

static int step_session(struct child *c)
{
    (void)c;
    umask(022);
    return result(setsid());
}

static int step_personality(struct child *c)
{
    (void)c;
    return result(personality(0));
}

static int step_death(struct child *c)
{
    (void)c;
    return result(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

/* What workers must still give up, and for own_root what they mount with. */
static int step_caps(struct child *c)
{
    uint64_t keep =
        1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_SETPCAP;
    struct __user_cap_header_struct head = {.version =
                                                _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (c->s->own_root) {
        keep |= 1ull << CAP_SYS_ADMIN;
    }
    for (unsigned long cap = 0; cap < 64; cap++) {
        if ((keep >> cap & 1) == 0 &&
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            if (errno == EINVAL && cap > CAP_AUDIT_READ) {
                break; /* past the last that this host knows */
            }
            return errno;
        }
    }
    memset(data, 0, sizeof(data));
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].effective = data[i].permitted = (uint32_t)(keep >> (32 * i));
    }
    return result(syscall(SYS_capset, &head, data));
}

static int step_no_new_privs(struct child *c)
{
    (void)c;
    return result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int step_filter(struct child *c)
{
    struct sock_fprog program = {.len = (unsigned short)c->s->filter->n,
                                 .filter = c->s->filter->code};

    return result(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static int step_exec(struct child *c)
{
    char name[ZYGOTE_CLASS_BYTES + 8] = "worker-";
    char *argv[] = {name, NULL};
    char *envp[] = {NULL};

    strncat(name, c->s->class_name, ZYGOTE_CLASS_BYTES);
    syscall(SYS_execveat, c->image, "", argv, envp, 0x1000 /* EMPTY_PATH */);
    return errno;
}

static const struct {
    enum confine_step step;
    int (*run)(struct child *c);
} steps[] = {
    {STEP_MAPS, step_maps},
    {STEP_ZYGOTE_UID, step_uid},
    {STEP_SIGNALS, step_signals},
    {STEP_DEV_NULL, step_dev_null},
    {STEP_PRIVATE, step_private},
    {STEP_ROOT_TMPFS, step_tmpfs},
    {STEP_PIVOT, step_pivot},
    {STEP_OLD_ROOT, step_old_root},
    {STEP_ROOT_RDONLY, step_rdonly},
    {STEP_DESCRIPTORS, step_descriptors},
    {STEP_SESSION, step_session},
    {STEP_PERSONALITY, step_personality},
    {STEP_DEATH_SIGNAL, step_death},
    {STEP_ZYGOTE_CAPS, step_caps},
    {STEP_NO_NEW_PRIVS, step_no_new_privs},
    {STEP_ZYGOTE_FILTER, step_filter},
    {STEP_EXEC, step_exec},
};

void spawn_child(const struct spawn *s, int sock)
{
    struct child c = {.s = s, .sock = sock, .image = s->image_fd, .null = -1};
    struct zygote_event e = {.magic = ZYGOTE_MAGIC, .kind = ZYGOTE_BROKEN};

    for (size_t i = 0; i < ARRAY_N(steps); i++) {
        e.step = steps[i].step;
        e.error = steps[i].run(&c);
        if (e.error != 0) {
            break;
        }
    }
    /* Also after the filter: sendto and exit_group are in every profile. */
    (void)!send(c.sock, &e, sizeof(e), MSG_NOSIGNAL);
    _exit(127);
}

/* Making a zygote and talking to it. Runs in the kernel. Must never return a
 * zygote that has not said that its image runs. */
#include "kernel/confine/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/confine/spawn_child.h"
#include "kernel/confine/watch.h"

#define ZYGOTE_START_MS 10000
#define START_CALLS_MAX 1024u /* from clone to filter; about 200 are made */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static const struct loc nowhere = {0};

const char *confine_step_text(uint32_t step)
{
    static const char *const texts[] = {
#define STEP(name, text) [STEP_##name] = (text),
        CONFINE_STEPS
#undef STEP
    };

    return step < STEP_N_ ? texts[step] : "unknown";
}

int confine_step_diag(struct diag *d, const char *class_name, uint32_t step,
                      int error)
{
    diag_set(d, ERR_CONFINE, nowhere, "class %s: %s: %s", class_name,
             confine_step_text(step), strerror(error));
    if (step == STEP_BIND) {
        diag_hint(d, "every declared path must exist and be open to all users "
                     "(a path below a private directory is not)");
    } else {
        diag_hint(d, "see: proctor doctor");
    }
    return ERR_CONFINE;
}

void zygote_process_init(struct zygote_process *z)
{
    *z = (struct zygote_process){.pid = 0, .pidfd = -1, .sock = -1};
}

void zygote_process_release(struct zygote_process *z)
{
    if (z->pid > 0) {
        siginfo_t info;

        /* It is process 1 of its namespace: all of that ends with it. */
        syscall(SYS_pidfd_send_signal, z->pidfd, SIGKILL, NULL, 0);
        while (waitid((idtype_t)P_PIDFD, (id_t)z->pidfd, &info,
                      WEXITED | __WALL) < 0 &&
               errno == EINTR) {
        }
    }
    fd_closep(&z->pidfd);
    fd_closep(&z->sock);
    zygote_process_init(z);
}

static int map_write(pid_t pid, const char *file, uint32_t base)
{
    char path[64];
    char text[64];
    int fd CLEANUP(fd_closep) = -1;
    int n;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    n = snprintf(text, sizeof(text), "0 %u %u\n", base, UID_CLASS);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    return write(fd, text, (size_t)n) == n ? 0 : errno;
}

static int up_wait(const struct spawn *s, struct zygote_process *z,
                   struct diag *d)
{
    struct pollfd p = {.fd = z->sock, .events = POLLIN};
    struct zygote_event e;
    int fd = -1;
    int code;
    int n;

    do {
        n = poll(&p, 1, ZYGOTE_START_MS);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return confine_step_diag(d, s->class_name, STEP_EXEC, ETIMEDOUT);
    }
    code = zygote_next(z->sock, &e, &fd);
    fd_closep(&fd);
    if (code == 0 && e.kind == ZYGOTE_BROKEN) {
        return confine_step_diag(d, s->class_name, e.step, e.error);
    }
    if (code != 0 || e.kind != ZYGOTE_UP) {
        diag_set(d, ERR_CONFINE, nowhere,
                 "class %s: the image ended before it was up", s->class_name);
        diag_hint(d,
                  "worker-%s is not an image of this build, or its start "
                  "needs a call that its profile lacks",
                  s->class_name);
        return ERR_CONFINE;
    }
    e.class_name[ZYGOTE_CLASS_BYTES - 1] = '\0';
    if (strcmp(e.class_name, s->class_name) != 0) {
        diag_set(d, ERR_CONFINE, nowhere,
                 "class %s: the image says it is class %s", s->class_name,
                 e.class_name);
        diag_hint(d, "the worker binaries were mixed up: install them again");
        return ERR_CONFINE;
    }
    return 0;
}

/* The byte for which the child waits; then, where its filter cannot be read back
 * later, it is seen to install it. A child that failed before has said so. */
static int child_release(const struct spawn *s, struct zygote_process *z,
                         struct diag *d)
{
    struct zygote_event e;
    struct probe p = {.held = 0};
    int fd = -1;
    int code = s->watched ? probe_begin(&p, z->pid, z->pidfd, 1) : 0;
    int error;

    if (code == 0 && send(z->sock, "g", 1, MSG_NOSIGNAL) != 1) {
        code = ERR_CONFINE;
    }
    if (code == 0 && s->watched) {
        code = watch_reach(&p, START_CALLS_MAX);
        code = code == 0 ? watch_install(&p, s->filter) : code;
    }
    error = code == WATCH_E_OTHER ? EBADMSG : errno;
    if (probe_end(&p) < 0 && code == 0) {
        code = ERR_CONFINE;
        error = errno;
    }
    if (code == 0) {
        return 0;
    }
    if (zygote_next(z->sock, &e, &fd) == 0 && e.kind == ZYGOTE_BROKEN) {
        fd_closep(&fd);
        return confine_step_diag(d, s->class_name, e.step, e.error);
    }
    return confine_step_diag(d, s->class_name, STEP_ZYGOTE_FILTER, error);
}

static int process_make(const struct spawn *s, int child_sock,
                        struct zygote_process *z, struct diag *d)
{
    const unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                CLONE_NEWCGROUP | CLONE_PIDFD | SIGCHLD;
    long pid = syscall(SYS_clone, flags, NULL, &z->pidfd, NULL, NULL);
    int error;

    if (pid == 0) {
        close(z->sock); /* so that it hears of our end while it waits */
        spawn_child(s, child_sock);
    }
    if (pid < 0) {
        diag_set(d, ERR_CONFINE, nowhere, "class %s: namespaces: %s",
                 s->class_name, strerror(errno));
        diag_hint(d, "see: proctor doctor");
        return ERR_TRACE(ERR_CONFINE);
    }
    z->pid = (pid_t)pid;
    error = map_write(z->pid, "uid_map", s->uid_base);
    if (error == 0) {
        error = map_write(z->pid, "gid_map", s->uid_base);
    }
    return error == 0 ? 0
                      : confine_step_diag(d, s->class_name, STEP_MAPS, error);
}

int spawn_zygote(const struct spawn *s, struct zygote_process *out,
                 struct diag *d)
{
    struct zygote_process z CLEANUP(zygote_process_release);
    int child_sock CLEANUP(fd_closep) = -1;
    int pair[2];

    zygote_process_init(&z);
    zygote_process_init(out);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        diag_set(d, ERR_IO, nowhere, "socketpair: %s", strerror(errno));
        return ERR_TRACE(ERR_IO);
    }
    z.sock = pair[0];
    child_sock = pair[1];
    if (fcntl(z.sock, F_SETFL, O_NONBLOCK) < 0) {
        return ERR_TRACE(ERR_IO);
    }
    TRY(process_make(s, child_sock, &z, d));
    fd_closep(&child_sock);
    TRY(child_release(s, &z, d));
    TRY(up_wait(s, &z, d));
    *out = z;
    zygote_process_init(&z);
    return 0;
}

int zygote_ask(int sock, const struct zygote_request *request,
               const struct sock_filter *filter, const char *roots,
               const int fds[static ZYGOTE_FDS_MAX])
{
    size_t fds_bytes = (request->share_bytes > 0 ? 2 : 1) * sizeof(int);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ZYGOTE_FDS_MAX * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov[3] = {
        {(void *)(uintptr_t)request, sizeof(*request)},
        {(void *)(uintptr_t)filter,
         request->filter_n * sizeof(struct sock_filter)},
        {(void *)(uintptr_t)roots, request->roots_bytes},
    };
    struct msghdr m = {.msg_iov = iov,
                       .msg_iovlen = 3,
                       .msg_control = control.bytes,
                       .msg_controllen = CMSG_SPACE(fds_bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    struct pollfd p = {.fd = sock, .events = POLLOUT};

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds_bytes);
    memcpy(CMSG_DATA(c), fds, fds_bytes);
    while (sendmsg(sock, &m, MSG_NOSIGNAL) < 0) {
        if (errno == EPIPE || errno == ECONNRESET) {
            return ERR_CLOSED;
        }
        /* The zygote reads at once; a full queue lasts microseconds. */
        if ((errno != EAGAIN && errno != EINTR && errno != ENOBUFS) ||
            poll(&p, 1, ZYGOTE_START_MS) <= 0) {
            return ERR_TRACE(ERR_IO);
        }
    }
    return 0;
}

int zygote_next(int sock, struct zygote_event *out, int *out_fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {out, sizeof(*out)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c;
    ssize_t n;

    *out_fd = -1;
    do {
        n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? ZYGOTE_E_AGAIN : ERR_CLOSED;
    }
    if (n == 0) {
        return ERR_CLOSED;
    }
    c = CMSG_FIRSTHDR(&m);
    if (c != NULL && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(out_fd, CMSG_DATA(c), sizeof(int));
    }
    if (n != (ssize_t)sizeof(*out) || out->magic != ZYGOTE_MAGIC) {
        fd_closep(out_fd);
        return ERR_TRACE(ERR_PROTOCOL);
    }
    return 0;
}

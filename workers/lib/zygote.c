/* The zygote: one process per worker class, made by the kernel inside its own
 * namespaces. Forks a worker for each request and reports what became of it.
 * Must never read what people or models wrote: only workers do, after they were
 * measured. Single-threaded; process 1 of its pid namespace, so that its end is
 * the end of all its workers. */
#include "workers/lib/worker.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/zygote.h"

#include "workers/lib/narrow.h"

#define CHILDREN_MAX 512

/* Exit statuses of this library; hooks use 0..63. */
enum {
    STATUS_OK = 0,
    STATUS_NARROW = 64,
    STATUS_HELLO = 65,
    STATUS_BAD = 66
};

struct packet {
    struct zygote_request head;
    uint8_t tail[ZYGOTE_FILTER_MAX * sizeof(struct sock_filter) +
                 ZYGOTE_ROOTS_BYTES];
};

struct zygote {
    const struct worker_hooks *hooks;
    struct {
        pid_t pid; /* 0 = free */
        uint32_t ordinal;
    } children[CHILDREN_MAX];
    struct packet packet;
};

static struct zygote zygote;

static void on_child(int signal_number)
{
    (void)signal_number; /* only to interrupt ppoll */
}

/* fd < 0: none attached. */
static int event_send(const struct zygote_event *e, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct zygote_event copy = *e;
    struct iovec iov = {.iov_base = &copy, .iov_len = sizeof(copy)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *c;

        m.msg_control = control.bytes;
        m.msg_controllen = sizeof(control.bytes);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    return sendmsg(ZYGOTE_FD, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static struct zygote_event event_of(enum zygote_event_kind kind,
                                    uint32_t ordinal)
{
    return (struct zygote_event){
        .magic = ZYGOTE_MAGIC, .kind = kind, .ordinal = ordinal};
}

/* The worker: narrows itself, says so, waits in serve's first read while it is
 * measured. */
NORETURN static void worker_run(struct zygote *z,
                                const int fds[static ZYGOTE_FDS_MAX])
{
    const struct zygote_request *r = &z->packet.head;
    struct narrow n = {
        .request = r,
        .filter = (const struct sock_filter *)(const void *)z->packet.tail,
        .roots = (const char *)z->packet.tail +
                 r->filter_n * sizeof(struct sock_filter),
        .channel = fds[0],
        .share_fd = fds[1]};
    enum confine_step step = STEP_NONE;
    struct worker_hello hello = {.magic = ZYGOTE_MAGIC};
    char go;

    hello.error = narrow_all(&n, &step);
    hello.step = hello.error == 0 ? STEP_NONE : (uint32_t)step;
    hello.landlock_abi = n.landlock_abi;
    if (write(n.channel, &hello, sizeof(hello)) != (ssize_t)sizeof(hello)) {
        _exit(STATUS_HELLO);
    }
    if (hello.error != 0) {
        _exit(STATUS_NARROW);
    }
    /* Watched: the kernel now stops us, and sees the last step being made. */
    if (r->watched && (read(ZYGOTE_FD, &go, 1) != 1 || narrow_filter(&n) != 0)) {
        _exit(STATUS_NARROW);
    }
    _exit(z->hooks->serve(ZYGOTE_FD, n.share) & 63);
}

static pid_t worker_clone(const struct zygote_request *r, int *out_pidfd)
{
    unsigned long flags = CLONE_PIDFD | SIGCHLD;

    if (r->own_root) {
        flags |= CLONE_NEWPID | CLONE_NEWNS;
    }
    return (pid_t)syscall(SYS_clone, flags, NULL, out_pidfd, NULL, NULL);
}

static int worker_start(struct zygote *z, const int fds[static ZYGOTE_FDS_MAX])
{
    struct zygote_event e = event_of(ZYGOTE_STARTED, z->packet.head.ordinal);
    int pidfd CLEANUP(fd_closep) = -1;
    size_t slot = 0;
    pid_t pid;

    while (slot < CHILDREN_MAX && z->children[slot].pid != 0) {
        slot++;
    }
    if (slot == CHILDREN_MAX) {
        e.kind = ZYGOTE_REFUSED;
        e.step = STEP_CLONE;
        e.error = EAGAIN;
        return event_send(&e, -1);
    }
    pid = worker_clone(&z->packet.head, &pidfd);
    if (pid == 0) {
        worker_run(z, fds);
    }
    if (pid < 0) {
        e.kind = ZYGOTE_REFUSED;
        e.step = STEP_CLONE;
        e.error = errno;
        return event_send(&e, -1);
    }
    z->children[slot].pid = pid;
    z->children[slot].ordinal = z->packet.head.ordinal;
    return event_send(&e, pidfd);
}

static uint64_t time_us(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

static int reap_all(struct zygote *z)
{
    for (;;) {
        struct zygote_event e = event_of(ZYGOTE_EXITED, 0);
        struct rusage usage;
        int status;
        pid_t pid = wait4(-1, &status, WNOHANG, &usage);

        if (pid <= 0) {
            return 0;
        }
        for (size_t i = 0; i < CHILDREN_MAX; i++) {
            if (z->children[i].pid == pid) {
                z->children[i].pid = 0;
                e.ordinal = z->children[i].ordinal;
                e.status = status;
                e.cpu_us = time_us(&usage.ru_utime) + time_us(&usage.ru_stime);
                e.max_rss_bytes = (uint64_t)usage.ru_maxrss * 1024u;
                if (event_send(&e, -1) < 0) {
                    return -1;
                }
                break;
            }
        }
    }
}

/* One request with its descriptors. 1 = got it, 0 = the kernel closed,
 * -1 = malformed: our own kernel does not send such, so the zygote ends. */
static int request_read(struct zygote *z, int out_fds[static ZYGOTE_FDS_MAX])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ZYGOTE_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = &z->packet, .iov_len = sizeof(z->packet)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    const struct zygote_request *r = &z->packet.head;
    ssize_t n = recvmsg(ZYGOTE_FD, &m, MSG_CMSG_CLOEXEC);
    size_t fds_bytes = (r->share_bytes > 0 ? 2 : 1) * sizeof(int);
    struct cmsghdr *c;

    if (n <= 0) {
        return n == 0 ? 0 : -1;
    }
    c = CMSG_FIRSTHDR(&m);
    if (c == NULL || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(fds_bytes) || (size_t)n < sizeof(*r) ||
        r->magic != ZYGOTE_MAGIC || r->filter_n == 0 ||
        r->filter_n > ZYGOTE_FILTER_MAX ||
        r->roots_bytes > ZYGOTE_ROOTS_BYTES ||
        (size_t)n != sizeof(*r) + r->filter_n * sizeof(struct sock_filter) +
                         r->roots_bytes ||
        (r->roots_bytes > 0 &&
         z->packet.tail[(size_t)n - sizeof(*r) - 1] != '\0')) {
        return -1;
    }
    memcpy(out_fds, CMSG_DATA(c), fds_bytes);
    return 1;
}

static int zygote_loop(struct zygote *z)
{
    struct pollfd p = {.fd = ZYGOTE_FD, .events = POLLIN};
    sigset_t none;

    sigemptyset(&none);
    for (;;) {
        int fds[ZYGOTE_FDS_MAX] = {-1, -1};
        int got;
        int started;

        if (reap_all(z) < 0) {
            return STATUS_BAD;
        }
        if (ppoll(&p, 1, NULL, &none) <= 0) {
            continue; /* a child ended */
        }
        got = request_read(z, fds);
        if (got <= 0) {
            return got == 0 ? STATUS_OK : STATUS_BAD;
        }
        started = worker_start(z, fds);
        fd_closep(&fds[0]);
        fd_closep(&fds[1]);
        if (started < 0) {
            return STATUS_BAD;
        }
    }
}

int worker_main(const struct worker_hooks *hooks)
{
    struct zygote_event up = event_of(ZYGOTE_UP, 0);
    struct sigaction action = {.sa_handler = on_child};
    char name[ZYGOTE_CLASS_BYTES + 8];
    sigset_t child;

    zygote.hooks = hooks;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    snprintf(name, sizeof(name), "pr-%s", hooks->class_name);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child, NULL) < 0 ||
        sigaction(SIGCHLD, &action, NULL) < 0 || narrow_limits_common() < 0) {
        return STATUS_BAD;
    }
    free(malloc(1)); /* the allocator asks for its random key here, once */
    if (hooks->prepare != NULL) {
        hooks->prepare();
    }
    snprintf(up.class_name, sizeof(up.class_name), "%s", hooks->class_name);
    if (event_send(&up, -1) < 0) {
        return STATUS_BAD;
    }
    return zygote_loop(&zygote);
}

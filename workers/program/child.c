/* Starts, reaps and ends processes of a program. Runs as process 1 of the
 * program worker's sandbox. Must never hand a descriptor of ours to a program,
 * and never signal anything outside its own pid namespace. */
#include "workers/program/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#define REPORT_FD 3 /* in the child: tells errno of a failed execve */

/* All a program learns about its surroundings. Fixed: same input, same bits. */
static const char *const environment[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8",
                                          "PYTHONDONTWRITEBYTECODE=1",
                                          "PYTHONHASHSEED=0", NULL};

struct pipes {
    int in[2], out[2], err[2], report[2];
};

static void pipes_release(struct pipes *p)
{
    for (size_t i = 0; i < 2; i++) {
        fd_closep(&p->in[i]);
        fd_closep(&p->out[i]);
        fd_closep(&p->err[i]);
        fd_closep(&p->report[i]);
    }
}

static int pipes_open(struct pipes *p)
{
    if (pipe2(p->in, O_CLOEXEC) != 0 || pipe2(p->out, O_CLOEXEC) != 0 ||
        pipe2(p->err, O_CLOEXEC) != 0 || pipe2(p->report, O_CLOEXEC) != 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return 0;
}

/* Moves the four ends to 0..3, out of each other's way first. */
static int child_descriptors(const struct pipes *p)
{
    const int from[] = {p->in[0], p->out[1], p->err[1], p->report[1]};
    int high[ARRAY_N(from)];

    for (size_t i = 0; i < ARRAY_N(from); i++) {
        high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16);
        if (high[i] < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < ARRAY_N(from); i++) {
        if (dup3(high[i], (int)i, i == REPORT_FD ? O_CLOEXEC : 0) < 0) {
            return -1;
        }
    }
    return close_range(REPORT_FD + 1, ~0U, 0);
}

static void child_signals(void)
{
    sigset_t none;

    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

NORETURN static void child_run(const struct pipes *p, const char *const *argv,
                               const char *dir)
{
    int why;

    child_signals();
    if (child_descriptors(p) == 0 && chdir(dir) == 0) {
        /* execve takes what it does not change as char *const *. */
        (void)execve(argv[0], (char *const *)(uintptr_t)argv,
                     (char *const *)(uintptr_t)environment);
    }
    why = errno;
    (void)!write(REPORT_FD, &why, sizeof(why));
    _exit(127);
}

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return 0;
}

/* 0 = it runs; else the errno of its execve. */
static int read_report(int fd)
{
    int why = 0;
    ssize_t n;

    do {
        n = read(fd, &why, sizeof(why));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(why) ? why : 0;
}

int child_start(const char *const *argv, const char *dir, struct child *c,
                int *out_errno)
{
    struct pipes p CLEANUP(pipes_release) = {
        {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};

    *c = (struct child){0, 0, -1, -1, -1};
    *out_errno = 0;
    if (getpid() != 1) {
        return ERR_TRACE(ERR_CONFINE);
    }
    TRY(pipes_open(&p));
    TRY(set_nonblocking(p.in[1]));
    TRY(set_nonblocking(p.out[0]));
    TRY(set_nonblocking(p.err[0]));
    c->pid = fork();
    if (c->pid < 0) {
        c->pid = 0;
        return ERR_TRACE(err_from_errno(errno));
    }
    if (c->pid == 0) {
        child_run(&p, argv, dir);
    }
    fd_closep(&p.report[1]);
    *out_errno = read_report(p.report[0]);
    if (*out_errno != 0) {
        child_kill_all(c);
        return ERR_NOT_FOUND;
    }
    c->in_fd = fd_take(&p.in[1]);
    c->out_fd = fd_take(&p.out[0]);
    c->err_fd = fd_take(&p.err[0]);
    return 0;
}

void child_close(int *fd)
{
    fd_closep(fd);
    *fd = -1;
}

/* One waitpid; true if it reaped something. */
static int reap_one(struct child *c, int flags)
{
    int status;
    pid_t pid;

    do {
        pid = waitpid(-1, &status, flags);
    } while (pid < 0 && errno == EINTR);
    if (pid > 0 && pid == c->pid) {
        c->pid = 0;
        c->status = status;
    }
    return pid > 0;
}

int child_has_ended(struct child *c)
{
    while (reap_one(c, WNOHANG)) {
    }
    return c->pid == 0;
}

void child_wait(struct child *c)
{
    while (c->pid != 0 && reap_one(c, 0)) {
    }
}

void child_kill_all(struct child *c)
{
    ASSERT(getpid() == 1);
    /* Process 1 gets every orphan, so no child left means nobody left. */
    do {
        (void)kill(-1, SIGKILL);
    } while (reap_one(c, 0));
}

/* Starting and serving the kernel, or the replayer, which serves us in the same
 * way. It gets a process group of its own (proto/launch.h), so that a terminal's
 * Ctrl-C reaches only us. */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/lift.h"
#include "proto/err.h"
#include "proto/launch.h"

struct client {
    int sock;
    int signal_fd;
    int dir_fd;                      /* borrowed */
    const struct client_file *named; /* borrowed */
    size_t named_n;
    const char *program; /* borrowed */
    pid_t kernel;
    int status; /* of waitpid, once reaped */
    int is_reaped;
    unsigned interrupts;
    int last_code; /* of the last diagnosis; 0 = none */
    sigset_t before;
    struct sigaction actions_before[2];
};

static const struct loc NOWHERE = {NULL, 0, 0};
static const int STOP_SIGNALS[2] = {SIGINT, SIGTERM};

static void ignore_quietly(int number)
{
    (void)number; /* read from the signal descriptor instead */
}

/* Stop signals arrive on a descriptor; also where a shell had them ignored. */
static int catch_signals(struct client *c)
{
    struct sigaction own = {.sa_handler = ignore_quietly};
    sigset_t set;
    size_t i;

    (void)sigemptyset(&set);
    for (i = 0; i < ARRAY_N(STOP_SIGNALS); i++) {
        (void)sigaddset(&set, STOP_SIGNALS[i]);
        (void)sigaction(STOP_SIGNALS[i], &own, &c->actions_before[i]);
    }
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, &c->before) != 0) {
        return err_from_errno(errno);
    }
    c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return c->signal_fd >= 0 ? 0 : err_from_errno(errno);
}

/* One that came when the answer was there already stops nothing: what is left to do
 * is to write it down. */
static void release_signals(struct client *c)
{
    const struct timespec now = {0};
    sigset_t set;
    size_t i;

    (void)sigemptyset(&set);
    for (i = 0; i < ARRAY_N(STOP_SIGNALS); i++) {
        (void)sigaddset(&set, STOP_SIGNALS[i]);
    }
    while (sigtimedwait(&set, NULL, &now) > 0) {
    }
    for (i = 0; i < ARRAY_N(STOP_SIGNALS); i++) {
        (void)sigaction(STOP_SIGNALS[i], &c->actions_before[i], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &c->before, NULL);
}

static int prepare(void *lift)
{
    return lift_child(lift);
}

/* Starts the program, where it can confine workers if it will need some. */
static int start(struct client *c, const struct client_program *p,
                 struct diag *d)
{
    struct lift lift;
    struct launch l = {.name = p->name,
                       .store = p->store,
                       .mask = &c->before,
                       .prepare = p->with_workers ? prepare : NULL,
                       .ctx = &lift};

    if (p->with_workers) {
        TRY(lift_open(&lift, d));
    }
    TRY(launch(&l, &c->kernel, &c->sock, d));
    c->is_reaped = 0;
    return p->with_workers ? lift_parent(&lift, c->kernel, d) : 0;
}

int client_open(const struct client_program *p, struct client **out,
                struct diag *d)
{
    struct client *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL) {
        return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
    }
    c->sock = -1;
    c->signal_fd = -1;
    c->dir_fd = -1;
    c->program = p->name;
    c->is_reaped = 1;
    rc = catch_signals(c);
    if (rc < 0) {
        (void)diag_set(d, rc, NOWHERE, "cannot start %s: %s", p->name,
                       err_text(rc));
    } else {
        rc = start(c, p, d);
    }
    if (rc < 0) {
        client_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

static void reap(struct client *c)
{
    fd_closep(&c->sock);
    while (!c->is_reaped) {
        pid_t got = waitpid(c->kernel, &c->status, 0);

        c->is_reaped = got >= 0 || errno != EINTR;
    }
}

int client_end(struct client *c, struct diag *d)
{
    if (c == NULL) {
        return 0;
    }
    reap(c);
    if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0) {
        return 0;
    }
    if (WIFSIGNALED(c->status)) {
        int number = WTERMSIG(c->status);

        (void)diag_set(d, ERR_INTERNAL, NOWHERE,
                       "after its answer the kernel was killed by signal %d "
                       "(%s)",
                       number, strsignal(number));
    } else {
        (void)diag_set(d, ERR_INTERNAL, NOWHERE,
                       "after its answer the kernel could not close the store "
                       "(status %d)",
                       WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1);
    }
    diag_hint(d, "all that it recorded stands; the next run publishes it");
    return ERR_INTERNAL;
}

void client_close(struct client *c)
{
    if (c == NULL) {
        return;
    }
    reap(c);
    fd_closep(&c->signal_fd);
    release_signals(c);
    free(c);
}

void client_serve_files(struct client *c, int dir_fd)
{
    c->dir_fd = dir_fd;
}

void client_serve_named(struct client *c, const struct client_file *v, size_t n)
{
    c->named = v;
    c->named_n = n;
}

/* Why there is no answer: the kernel's end, in words. */
static int explain_end(struct client *c, struct diag *d)
{
    reap(c);
    if (c->last_code < 0) {
        return diag_set(d, c->last_code, NOWHERE,
                        "the kernel stopped after this error");
    }
    if (WIFSIGNALED(c->status)) {
        int number = WTERMSIG(c->status);

        (void)diag_set(d, ERR_INTERNAL, NOWHERE,
                       "the kernel was killed by signal %d (%s)", number,
                       strsignal(number));
        diag_hint(d, "nothing that was acknowledged is lost; give the command "
                     "again (a run goes on with `proctor run --resume`)");
    } else if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 127) {
        (void)diag_set(d, ERR_INTERNAL, NOWHERE, "%s cannot be executed",
                       c->program);
    } else {
        (void)diag_set(d, ERR_INTERNAL, NOWHERE,
                       "the kernel ended without an answer (status %d)",
                       WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1);
    }
    return ERR_INTERNAL;
}

enum {
    WHY_BYTES = 160
};

struct answer {
    Proctor__FileAnswer m;
    char why[WHY_BYTES];
};

/* The person's path for a name that the kernel asks for, or NULL. */
static const char *find_named(const struct client *c, const char *name)
{
    for (size_t i = 0; i < c->named_n; i++) {
        if (strcmp(c->named[i].name, name) == 0) {
            return c->named[i].path;
        }
    }
    return NULL;
}

static int open_named(const char *path, int *out_fd, char *why, size_t why_n)
{
    struct diag d;
    int rc;

    diag_init(&d);
    rc = files_open("it", path, out_fd, &d);
    if (rc < 0) {
        (void)snprintf(why, why_n, "%.100s", d.what);
        err_trace_clear();
    }
    return rc;
}

static void answer_file(struct client *c, const char *path, struct answer *a,
                        int *fds, unsigned *fds_n)
{
    const char *named = find_named(c, path);
    char *why = a->why;
    int fd = -1;

    why[0] = '\0';
    if (named == NULL && c->dir_fd < 0) {
        (void)snprintf(why, WHY_BYTES, "no folder was named for it");
    } else if (*fds_n == LIMIT_FRAME_FDS) {
        (void)snprintf(why, WHY_BYTES, "more than %d files in one request",
                       LIMIT_FRAME_FDS);
    } else if (named != NULL) {
        if (open_named(named, &fd, why, WHY_BYTES) == 0) {
            fds[(*fds_n)++] = fd;
        }
    } else if (files_open_beneath(c->dir_fd, path, &fd, why, WHY_BYTES) == 0) {
        fds[(*fds_n)++] = fd;
    }
    a->m.ok = fd >= 0;
    a->m.why = why;
}

static int answer_files(struct client *c, const Proctor__NeedFiles *need)
{
    Proctor__Files m = PROCTOR__FILES__INIT;
    size_t n = need->n_paths;
    CLEANUP(mem_freep) struct answer *a = calloc(n + 1, sizeof(*a));
    CLEANUP(mem_freep)
    Proctor__FileAnswer **list = calloc(n + 1, sizeof(void *));
    int fds[LIMIT_FRAME_FDS];
    unsigned fds_n = 0;
    size_t i;
    int rc;

    if (a == NULL || list == NULL) {
        return ERR_NOMEM;
    }
    for (i = 0; i < n; i++) {
        proctor__file_answer__init(&a[i].m);
        answer_file(c, need->paths[i], &a[i], fds, &fds_n);
        list[i] = &a[i].m;
    }
    m.n_answers = n;
    m.answers = list;
    rc = frame_send(c->sock, MSG_FILES, &m.base, fds, fds_n);
    while (fds_n > 0) {
        fd_closep(&fds[--fds_n]);
    }
    return rc;
}

/* Passes signals on. The first SIGINT is the polite one. */
static int pass_interrupt(struct client *c, const struct client_ears *ears)
{
    struct signalfd_siginfo info;
    Proctor__Interrupt m = PROCTOR__INTERRUPT__INIT;

    if (read(c->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return 0;
    }
    c->interrupts++;
    m.now = c->interrupts > 1 || info.ssi_signo != (uint32_t)SIGINT;
    if (ears->interrupted != NULL) {
        ears->interrupted(ears->ctx, m.now ? 2 : 1);
    }
    return c->interrupts > 2
               ? 0
               : frame_send(c->sock, MSG_INTERRUPT, &m.base, NULL, 0);
}

enum {
    SERVE_E_ANSWER = 1
};

static int is_answer(enum msg msg)
{
    return msg == MSG_RUN_DONE || msg == MSG_REPLAY_DONE ||
           msg == MSG_POLICY_VIEW || msg == MSG_ASK_DONE || msg == MSG_KEY_DONE ||
           msg == MSG_EVALUATE_DONE;
}

/* One frame. 0 = served, SERVE_E_ANSWER = it is the answer. */
static int serve(struct client *c, const struct client_ears *ears,
                 struct frame *f)
{
    if (f->info->msg == MSG_EVENT) {
        if (ears->event != NULL) {
            ears->event(ears->ctx, (const Proctor__Event *)f->m);
        }
        return 0;
    }
    if (f->info->msg == MSG_DIAGNOSIS) {
        const Proctor__Diagnosis *m = (const Proctor__Diagnosis *)f->m;

        c->last_code = m->code;
        if (ears->diagnosis != NULL) {
            ears->diagnosis(ears->ctx, m);
        }
        return 0;
    }
    if (f->info->msg == MSG_NEED_FILES) {
        return answer_files(c, (const Proctor__NeedFiles *)f->m);
    }
    return is_answer(f->info->msg) ? SERVE_E_ANSWER : ERR_PROTOCOL;
}

/* Waits for a frame, passing interrupts on meanwhile. */
static int wait_frame(struct client *c, const struct client_ears *ears)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = c->sock, .events = POLLIN},
                              {.fd = c->signal_fd, .events = POLLIN}};

        if (poll(p, 2, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return err_from_errno(errno);
        }
        /* A send that fails shows at the next receive. */
        if (p[1].revents != 0 && pass_interrupt(c, ears) < 0) {
            err_trace_clear();
        }
        if (p[0].revents != 0) {
            return 0;
        }
    }
}

int client_ask(struct client *c, const struct client_question *q,
               const struct client_ears *ears, struct frame *out,
               struct diag *d)
{
    int rc = frame_send(c->sock, q->msg, q->m, q->fds, q->fds_n);

    frame_init(out);
    if (rc == ERR_LIMIT) {
        return diag_set(d, rc, NOWHERE,
                        "the request is larger than a message may be");
    }
    /* A kernel that stopped early may have left its reason: read on. */
    err_trace_clear();
    for (;;) {
        rc = wait_frame(c, ears);
        if (rc == 0) {
            rc = frame_receive(c->sock, MSG_FROM_KERNEL, out);
        }
        if (rc == ERR_CLOSED || rc == ERR_IO) {
            return explain_end(c, d);
        }
        if (rc < 0) {
            return diag_set(d, rc, NOWHERE,
                            "the kernel's answer was not understood: %s",
                            err_text(rc));
        }
        rc = serve(c, ears, out);
        if (rc == SERVE_E_ANSWER && out->info->msg != q->wanted &&
            out->info->msg != MSG_RUN_DONE) {
            rc = ERR_PROTOCOL;
        }
        if (rc == SERVE_E_ANSWER) {
            return 0;
        }
        frame_release(out);
        if (rc == ERR_PROTOCOL || rc == ERR_NOMEM) {
            return diag_set(d, rc, NOWHERE, "%s", err_text(rc));
        }
    }
}

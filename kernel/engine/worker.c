/* One worker of the local engine: asked for, started, measured, used, reaped.
 * Runs in the kernel, on its loop. Must never send or accept a byte of a task
 * before the worker was measured, nor call a holder back after worker_free.
 *
 * A worker's memory lives until its process was reaped, whoever freed it. */
#include "kernel/engine/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/confine/measure_proc.h"

void worker_destroy(struct worker *w)
{
    ASSERT(w->magic == WORKER_MAGIC);
    loop_remove(&w->hello_watch);
    loop_remove(&w->timer);
    chan_free(w->chan);
    fd_closep(&w->channel);
    fd_closep(&w->pidfd);
    fd_closep(&w->share);
    if (w->grouped) {
        cgroups_remove(w->engine->cgroups, w->request.ordinal);
    }
    free(w->roots);
    w->magic = 0;
    free(w);
}

void worker_kill(struct worker *w)
{
    w->kill_wanted = 1;
    if (w->pidfd >= 0 && !w->gone) {
        syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
    }
}

static void unlink_from_engine(struct worker *w)
{
    struct worker **at = &w->engine->workers;

    while (*at != w) {
        ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = w->next;
    if (!w->abandoned && !w->warm) {
        w->engine->live--;
    }
}

static struct worker_exit exit_of(const struct worker *w)
{
    struct worker_exit e = {.cpu_ms = w->end.cpu_us / 1000,
                            .max_rss_bytes = w->end.max_rss_bytes,
                            .timed_out = w->timed_out,
                            .cut = w->cut,
                            .own_code = w->own_code};

    if (WIFSIGNALED(w->end.status)) {
        e.killed_signal = WTERMSIG(w->end.status);
    } else {
        e.exit_status = WEXITSTATUS(w->end.status);
    }
    return e;
}

static void diag_default(struct worker *w)
{
    if (w->diag.code != 0) {
        return;
    }
    if (w->timed_out) {
        diag_set(&w->diag, ERR_WORKER, (struct loc){0},
                 "class %s: the worker did not start in time",
                 w->class->profile->name);
    } else {
        diag_set(&w->diag, ERR_WORKER, (struct loc){0},
                 "class %s: the worker ended before it was ready (%s %d)",
                 w->class->profile->name,
                 WIFSIGNALED(w->end.status) ? "signal" : "status",
                 WIFSIGNALED(w->end.status) ? WTERMSIG(w->end.status)
                                            : WEXITSTATUS(w->end.status));
    }
}

/* The last call, once the process is reaped and its last message was read. */
static void end_if_over(struct worker *w)
{
    if (!w->gone || w->last_call ||
        (w->chan != NULL && !w->chan_over && !w->abandoned)) {
        return;
    }
    w->last_call = 1;
    unlink_from_engine(w);
    if (w->warm) {
        w->class->pool.warm = NULL;
        if (w->chan != NULL) { /* it had become ready: so may another */
            pool_later(w->class);
        }
    } else if (!w->abandoned && w->ready) {
        struct worker_exit e = exit_of(w);

        w->handler.on_exit(w->ctx, w, &e);
    } else if (!w->abandoned) {
        diag_default(w);
        w->handler.on_failed(w->ctx, w, &w->diag);
    }
    worker_destroy(w);
}

static void on_timer(void *ctx, short revents);

void worker_timer(struct worker *w, uint64_t delay_ms)
{
    uint64_t now = loop_now_ms(w->engine->loop);

    loop_remove(&w->timer);
    if (w->wall_deadline_ms != 0) {
        uint64_t left =
            w->wall_deadline_ms > now ? w->wall_deadline_ms - now : 0;

        delay_ms = left < delay_ms ? left : delay_ms;
    } else if (delay_ms == UINT64_MAX) {
        return;
    }
    if (loop_timer(w->engine->loop, delay_ms, on_timer, w, &w->timer) < 0) {
        if (w->diag.code == 0) {
            diag_set(&w->diag, ERR_NOMEM, (struct loc){0}, "worker: %s",
                     err_text(ERR_NOMEM));
        }
        w->own_code = ERR_NOMEM; /* its end will be our doing */
        worker_kill(w);          /* without a switch it may not live */
        if ((w->gone || !w->asked) && !w->warm) {
            loop_fail(w->engine->loop, ERR_NOMEM); /* no end will be told */
        }
    }
}

/* Measured, and somebody's. */
static void announce(struct worker *w)
{
    w->ready = 1;
    worker_timer(w, UINT64_MAX);
    pool_later(w->class);
    w->handler.on_ready(w->ctx, w, &w->measured.report);
}

static void on_timer(void *ctx, short revents)
{
    struct worker *w = ctx;

    (void)revents;
    ASSERT(w->magic == WORKER_MAGIC);
    loop_remove(&w->timer);
    if (w->chan != NULL && !w->ready && !w->warm) { /* out of the pool */
        if (!w->kill_wanted) {
            announce(w);
        }
        return;
    }
    if (w->gone || !w->asked) { /* start failed before there was a process */
        w->gone = 1;
        end_if_over(w);
        return;
    }
    if (w->chan_over) {
        w->cut = "closed its channel and stayed";
    } else {
        w->timed_out = 1;
    }
    worker_kill(w);
}

static void on_chan_message(void *ctx, struct frame *f)
{
    struct worker *w = ctx;

    ASSERT(w->magic == WORKER_MAGIC && !w->abandoned);
    if (!w->ready) {
        worker_kill(w); /* it speaks before it was asked */
        return;
    }
    w->handler.on_message(w->ctx, w, f);
}

static void on_chan_closed(void *ctx, int code)
{
    struct worker *w = ctx;

    ASSERT(w->magic == WORKER_MAGIC && !w->abandoned);
    w->chan_over = 1;
    if (code < 0 || !w->ready) {
        w->own_code = code == ERR_NOMEM ? code : 0;
        w->cut = "broke the protocol";
        worker_kill(w); /* broke the protocol, or cannot be understood */
    } else if (!w->gone) {
        worker_timer(w, WORKER_GRACE_MS);
    }
    end_if_over(w);
}

static int fail(struct worker *w, int code)
{
    w->diag.code = w->diag.code != 0 ? w->diag.code : code;
    worker_kill(w);
    return code;
}

static int group_join(struct worker *w)
{
    const struct zygote_request *r = &w->request;

    if (!r->own_root) {
        return 0; /* one process: its own limits say it all */
    }
    w->grouped = 1;
    if (cgroups_add(w->engine->cgroups, r->ordinal, w->pid, w->memory_bytes,
                    r->processes) < 0) {
        diag_set(&w->diag, ERR_CONFINE, (struct loc){0},
                 "class %s: control group: %s", w->class->profile->name,
                 strerror(errno));
        diag_hint(&w->diag, "the host has control groups but this worker "
                            "could not be put into one");
        return ERR_TRACE(ERR_CONFINE);
    }
    return 0;
}

static int measure_now(struct worker *w)
{
    const struct engine_class *c = w->class;
    char group[80] = "";
    struct measure_want want = {
        .class_name = c->profile->name,
        .pid = w->pid,
        .pidfd = w->pidfd,
        .own = &w->engine->own,
        .zygote_pid = c->process.pid,
        .uid_base = engine_class_uid(c),
        .image_fd = c->image.fd,
        .image = c->image.cid,
        .zygote_filter = &c->zygote_filter,
        .worker_filter = &c->worker_filter,
        .filters_sha256 = c->filters_sha256,
        .request = &w->request,
        .roots = w->roots,
        .channel = w->channel_inode,
        .share_fd = w->share,
        .channel_fd = w->channel,
        .host = &w->engine->host,
        .cgroup = w->grouped ? cgroups_version(w->engine->cgroups) : "none",
        .cgroup_name = group,
    };

    if (w->hello.landlock_abi != w->engine->host.landlock_abi) {
        diag_set(&w->diag, ERR_CONFINE, (struct loc){0},
                 "class %s: landlock: version %u, expected %u",
                 c->profile->name, w->hello.landlock_abi,
                 w->engine->host.landlock_abi);
        return ERR_TRACE(ERR_CONFINE);
    }
    if (w->grouped) {
        cgroups_name(w->engine->cgroups, w->request.ordinal, group);
    }
    return measure(&want, &w->measured, &w->diag);
}

static const struct chan_handler chan_handler = {
    .on_message = on_chan_message,
    .on_closed = on_chan_closed,
};

/* Both the process and its word are here: look at it, then let it work. */
static void ready_if_whole(struct worker *w)
{
    if (w->pidfd < 0 || w->hello_n < sizeof(w->hello) || w->kill_wanted ||
        w->ready) {
        return;
    }
    if (group_join(w) < 0 || measure_now(w) < 0) {
        fail(w, ERR_CONFINE);
        return;
    }
    if (chan_new(w->engine->loop, fd_take(&w->channel), MSG_FROM_WORKER,
                 &chan_handler, w, &w->chan) < 0) {
        diag_set(&w->diag, ERR_NOMEM, (struct loc){0}, "channel: no memory");
        fail(w, ERR_NOMEM);
        return;
    }
    loop_remove(&w->timer);
    if (!w->warm) {
        announce(w);
    }
}

void worker_on_hello(void *ctx, short revents)
{
    struct worker *w = ctx;
    ssize_t n;

    (void)revents;
    ASSERT(w->magic == WORKER_MAGIC && w->hello_n < sizeof(w->hello));
    n = recv(w->channel, (uint8_t *)&w->hello + w->hello_n,
             sizeof(w->hello) - w->hello_n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        loop_remove(&w->hello_watch);
        fail(w, 0); /* its end will be reported */
        return;
    }
    w->hello_n += (size_t)n;
    if (w->hello_n < sizeof(w->hello)) {
        return;
    }
    loop_remove(&w->hello_watch);
    if (w->hello.magic != ZYGOTE_MAGIC || w->hello.step != STEP_NONE) {
        fail(w, confine_step_diag(&w->diag, w->class->profile->name,
                                  w->hello.step, w->hello.error));
        return;
    }
    ready_if_whole(w);
}

void worker_on_started(struct worker *w, int pidfd)
{
    w->pidfd = pidfd;
    w->pid = pidfd < 0 ? 0 : measure_pid(pidfd);
    if (w->kill_wanted) {
        worker_kill(w);
        return;
    }
    ready_if_whole(w);
}

void worker_on_refused(struct worker *w, const struct zygote_event *ev)
{
    confine_step_diag(&w->diag, w->class->profile->name, ev->step, ev->error);
    w->gone = 1;
    end_if_over(w);
}

void worker_on_end(struct worker *w, const struct zygote_event *ev)
{
    w->gone = 1;
    w->end = *ev;
    loop_remove(&w->timer);
    end_if_over(w);
}

void worker_on_orphaned(struct worker *w, const char *why)
{
    diag_set(&w->diag, ERR_WORKER, (struct loc){0}, "class %s: %s",
             w->class->profile->name, why);
    w->gone = 1;
    w->end.status = SIGKILL;
    w->own_code = ERR_WORKER; /* no program did that */
    loop_remove(&w->timer);
    end_if_over(w);
}

int worker_send(struct worker *w, enum msg msg, const ProtobufCMessage *m,
                const int *fds, unsigned fds_n)
{
    ASSERT(w->magic == WORKER_MAGIC && !w->abandoned);
    if (!w->ready || w->chan == NULL || w->chan_over) {
        return ERR_TRACE(ERR_CLOSED);
    }
    return chan_send(w->chan, msg, m, fds, fds_n);
}

int worker_share(const struct worker *w)
{
    ASSERT(w->magic == WORKER_MAGIC && w->ready);
    return w->share;
}

void worker_finish(struct worker *w)
{
    ASSERT(w->magic == WORKER_MAGIC && !w->abandoned);
    if (!w->ready) {
        worker_kill(w);
        return;
    }
    chan_free(w->chan);
    w->chan = NULL;
    w->chan_over = 1;
    if (!w->gone) {
        worker_timer(w, WORKER_GRACE_MS);
    } else {
        loop_remove(&w->timer);
        /* Told from the loop: the caller may be in the middle of something. */
        worker_timer(w, 0);
    }
}

void worker_drop(struct worker *w)
{
    w->abandoned = 1;
    chan_free(w->chan);
    w->chan = NULL;
    loop_remove(&w->hello_watch);
    fd_closep(&w->channel);
    if (w->gone || !w->asked) {
        w->gone = 1;
        end_if_over(w);
        return;
    }
    worker_kill(w);
}

void worker_free(struct worker *w)
{
    if (w == NULL || w->last_call) {
        return;
    }
    ASSERT(w->magic == WORKER_MAGIC && !w->abandoned && !w->warm);
    w->engine->live--;
    worker_drop(w);
}

uint64_t worker_cpu_ms(const struct worker *w)
{
    char path[48];
    char text[1024];
    unsigned long ticks[4];
    const char *p;

    if (w->gone || w->pid <= 0) {
        return w->end.cpu_us / 1000;
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)w->pid);
    p = proc_read(AT_FDCWD, path, text, sizeof(text), NULL) < 0
            ? NULL
            : strrchr(text, ')');
    if (p == NULL ||
        sscanf(p + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
               &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 4) {
        return 0;
    }
    return (uint64_t)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * 1000u /
           (uint64_t)sysconf(_SC_CLK_TCK);
}

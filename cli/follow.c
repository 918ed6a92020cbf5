/* Following a ledger. The folder of segments is watched; as some file systems
 * tell nothing, it is looked at once a second besides. */
#include "cli/follow.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"

static volatile sig_atomic_t ended;

static void end(int signal_n)
{
    (void)signal_n;
    ended = 1;
}

/* Signals come only while we wait: out_wait is the mask for that. */
static void catch_signals(sigset_t *out_wait)
{
    struct sigaction sa = {.sa_handler = end};
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &blocked, out_wait);
    (void)sigdelset(out_wait, SIGINT);
    (void)sigdelset(out_wait, SIGTERM);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
}

/* -1: no folder yet, or no watch to be had; looking must do. */
static int watch(const char *store)
{
    char path[PATH_MAX];
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd >= 0 && (snprintf(path, sizeof(path), "%s/ledger/wal", store) >=
                        (int)sizeof(path) ||
                    inotify_add_watch(fd, path, IN_MODIFY | IN_MOVED_TO) < 0)) {
        fd_closep(&fd);
    }
    return fd;
}

static void wait_for_more(int watch_fd, const sigset_t *mask)
{
    struct pollfd p = {.fd = watch_fd, .events = POLLIN};
    struct timespec second = {.tv_sec = watch_fd >= 0 ? 1 : 0,
                              .tv_nsec = watch_fd >= 0 ? 0 : 100000000};
    char events[4096];

    if (ppoll(&p, watch_fd >= 0 ? 1 : 0, &second, mask) > 0) {
        while (read(watch_fd, events, sizeof(events)) > 0) {
        }
    }
}

/* All that is there now. */
static int print_more(struct ledger_walk *k, const struct log_filter *f,
                      struct log_print *p, struct diag *d)
{
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    int rc;

    while ((rc = ledger_walk_next(k, &r, &entry, &leaf, d)) == 0) {
        if (!log_filter_takes(f, &r)) {
            continue;
        }
        if (wal_reader_sync(k->w) != 0) {
            return diag_set(d, ERR_IO, (struct loc){.path = NULL},
                            "the disk does not say that record %llu is safe",
                            (unsigned long long)r.seq);
        }
        TRY(log_print_record(p, &r, &leaf));
    }
    TRY(log_print_flush(p));
    return rc < 0 ? rc : 0;
}

int follow(const char *store, uint64_t from, const struct log_filter *f,
           struct log_print *p, struct diag *d)
{
    CLEANUP(fd_closep) int watch_fd = -1;
    struct ledger_walk k;
    sigset_t mask;
    int rc;

    catch_signals(&mask);
    rc = ledger_walk_open(&k, store, from, d);
    while (rc == 0) {
        if (watch_fd < 0) {
            watch_fd = watch(store); /* before looking: nothing is missed */
        }
        rc = print_more(&k, f, p, d);
        if (rc == 0 && !ended) {
            wait_for_more(watch_fd, &mask);
        }
        if (ended) {
            break;
        }
    }
    ledger_walk_close(&k);
    return rc;
}

/* Rows J and K, continued: zygotes that were made with one call left out or
 * failed, or with something else than they should have. Each in a process and a
 * mount namespace of its own (isolated_run). */
#include "tests/attack/measure.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include "tests/attack/shim.h"
#include "tests/attack/tap.h"
#include "tests/attack/weaken.h"

struct change {
    const char *name;
    enum shim_special special;
    int flags;
    const char *expected;
};

static void special_prepare(const void *ctx)
{
    const struct change *c = ctx;

    shim_arm(c->special != SHIM_STRIP, SHIM_COUNT, 0, c->flags);
    shim->special = c->special;
}

static void changes_run(enum worker_class class)
{
    static const struct change changes[] = {
        {"with_shared_net", SHIM_STRIP, CLONE_NEWNET, "net namespace"},
        {"with_shared_ipc", SHIM_STRIP, CLONE_NEWIPC, "ipc namespace"},
        {"with_shared_uts", SHIM_STRIP, CLONE_NEWUTS, "uts namespace"},
        {"with_shared_pid", SHIM_STRIP, CLONE_NEWPID, "pid namespace"},
        {"with_shared_cgroup", SHIM_STRIP, CLONE_NEWCGROUP, "cgroup namespace"},
        {"with_shared_mnt", SHIM_STRIP, CLONE_NEWNS, "class "},
        {"with_shared_user", SHIM_STRIP, CLONE_NEWUSER, "class "},
        {"with_open_zygote_filter", SHIM_FILTER_OPEN, 0, "another filter"},
        {"with_filter_below", SHIM_FILTER_TWICE, 0, "number of filters"},
        {"with_zygote_rule_more", SHIM_FILTER_RULE, 0, "another filter"},
        {"with_another_image", SHIM_IMAGE, 0, "image: found another file"},
    };

    for (size_t i = 0; i < ARRAY_N(changes); i++) {
        const struct isolated is = {special_prepare, class == WORKER_CONFIG,
                                    &changes[i], class, 0};
        struct once o;
        struct shim s;
        char found[400];
        int code = isolated_run(&is, &o, &s);

        snprintf(found, sizeof(found), "%s%s",
                 code < 0  ? "the process failed; "
                 : o.ready ? "believed"
                           : "refused: ",
                 o.what);
        tap(code == 0 && !o.ready && !o.answered &&
                strstr(o.what, changes[i].expected) != NULL,
            'K', changes[i].name, worker_class_name(class), found);
    }
}

struct call {
    int in_children;
    enum shim_mode mode;
    unsigned n;
    int error;
};

static void call_prepare(const void *ctx)
{
    const struct call *c = ctx;

    /* Not the host's own: what leaving a step out shows. */
    personality(ADDR_NO_RANDOMIZE);
    shim_arm(c->in_children, c->mode, c->n, c->error);
}

static int is_first(const struct shim *all, unsigned n)
{
    char name[40];

    snprintf(name, sizeof(name), "%s", shim_name(all, n));
    for (unsigned i = 1; i < n; i++) {
        if (strcmp(shim_name(all, i), name) == 0) {
            return 0;
        }
    }
    return 1;
}

/* sigaction(1) to sigaction(64), PR_CAPBSET_DROP of 0 to 40. */
static int is_one_of_many(const struct shim *all, unsigned n)
{
    return strncmp(shim_name(all, n), "sigaction", 9) == 0 ||
           strncmp(shim_name(all, n), "prctl 24", 8) == 0;
}

int error_is_tried(const struct shim *all, unsigned n, unsigned i)
{
    if (getenv("PROCTOR_FULL") != NULL) {
        return 1;
    }
    if (is_one_of_many(all, n) && n % 8 != 0) {
        return 0;
    }
    return i == 0 || (is_first(all, n) && i == 1 + n % (WEAKEN_ERRORS_N - 1));
}

/* Each call of a class's first worker, left out (of its zygote only) and failed. */
static void calls_run(enum worker_class class, int in_children)
{
    static const char *const errors[WEAKEN_ERRORS_N] = {
        "left_out", "EPERM", "ENOSYS", "EINVAL", "ENOMEM", "EINTR"};
    struct call c = {in_children, SHIM_COUNT, 0, 0};
    const struct isolated is = {
        call_prepare, in_children && class == WORKER_CONFIG, &c, class, 0};
    const char *who = in_children ? "zygote" : "kernel";
    static struct shim all, s;
    struct once o;

    if (isolated_run(&is, &o, &all) < 0 || all.n < 10) {
        tap(0, 'K', who, worker_class_name(class), "cannot be counted");
        return;
    }
    for (unsigned n = 1; n <= all.n; n++) {
        for (unsigned i = in_children ? 0 : 1; i < WEAKEN_ERRORS_N; i++) {
            if (!error_is_tried(&all, n, i)) {
                continue;
            }
            c = (struct call){in_children, i == 0 ? SHIM_SKIP : SHIM_FAIL, n,
                              weaken_errors[i]};
            o = (struct once){.what = ""};
            if (isolated_run(&is, &o, &s) < 0) {
                snprintf(o.what, sizeof(o.what), "the process itself failed");
                o.next_ready = 0;
            }
            /* Two runs need not make the same calls: this one's name. */
            call_judge(i == 0 ? 'K' : 'J', who, worker_class_name(class), n,
                       s.n >= n ? shim_name(&s, n) : "not_made", errors[i], &o);
        }
    }
}

/* The limits that a zygote sets for all its workers. */
static void own_start_prepare(const void *ctx)
{
    const unsigned *n = ctx;
    struct rlimit l = {WEAKEN_ZYGOTE_RTTIME + *n, RLIM_INFINITY};

    if (setrlimit(RLIMIT_RTTIME, &l) < 0) {
        abort();
    }
}

void zygotes_run(void)
{
    changes_run(WORKER_CONFIG);
    calls_run(WORKER_CONFIG, 1);
    calls_run(WORKER_PROGRAM, 1);
    calls_run(WORKER_CONFIG, 0);
    calls_run(WORKER_PROGRAM, 0);
    for (unsigned n = 5; n <= 10; n++) { /* its calls of setrlimit */
        const struct isolated is = {own_start_prepare, 1, &n, WORKER_CONFIG, 0};
        static struct shim s;
        struct once o;
        char call[32];

        snprintf(call, sizeof(call), "start %u", n);
        if (isolated_run(&is, &o, &s) < 0) {
            o.what[0] = '\0';
        }
        call_judge('K', "image", "config", n, call, "left_out", &o);
    }
}

/* Row K: workers that are weaker than their profile in one point each, through the
 * real engine. Every one must be refused, by the name of the layer, before a byte
 * of its task was sent; or, where a system call that was left out changes nothing
 * that the host would show, stand here with the reason. Needs root. */
#include "tests/attack/measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/engine/loop.h"
#include "tests/attack/shim.h"
#include "tests/attack/tap.h"
#include "tests/attack/weaken.h"

const char *images_dir = TEST_IMAGES_DIR;

_Static_assert(CAP_LAST_CAP == 40, "of the next line");
#define PAST_LAST_CAP "prctl 2441"

static int is_watched; /* asked to run the first part only, on such a host */

/* Calls whose absence or failure leaves a worker as it must be. `call` as
 * shim_name has it; class NULL = any. */
#define TWICE "the zygote or the worker does it as well"
#define SHOWN "nothing was to be done here, and what it is for is measured"
#define LESS "what is missing can only be used less"
#define SIGNALS "a disposition or mask, which gives no right"
#define AGAIN "a first look; measure looks again at what that did not find"
static const struct {
    const char *who, *class_name, *call, *why;
} harmless[] = {
    {"worker", NULL, "signal 17", SIGNALS},
    {"worker", NULL, "sigprocmask", SIGNALS},
    {"worker", "config", "syscall 436", SHOWN}, /* close_range */
    {"worker", NULL, "prctl 47", SHOWN},        /* ambient set */
    {"worker", NULL, "syscall 116", TWICE},     /* setgroups */
    {"worker", NULL, "prctl 4", TWICE},         /* undumpable */
    {"worker", NULL, "prctl 38", TWICE},        /* no_new_privs */
    {"worker", "program", "readlink", LESS},    /* links of the root */
    {"worker", "program", "symlink", LESS},
    {"worker", "program", "lstat", "a real path, as the kernel resolved it"},
    {"worker", "program", "chdir", "a place inside of its root"},
    {"worker", "program", "fstat", "a rule too wide is refused by the host"},
    {"worker", "program", "syscall 445", LESS}, /* landlock_add_rule */
    {"zygote", NULL, "syscall 116", TWICE},     /* setgroups */
    {"zygote", "config", "syscall 119", TWICE}, /* setresgid */
    {"zygote", NULL, "sigaction", SIGNALS},
    {"zygote", NULL, "sigprocmask", SIGNALS},
    {"zygote", NULL, "mount",
     "the host makes mounts of another user "
     "namespace's slaves; all are measured"},
    {"zygote", NULL, "chdir", "a place inside of its root"},
    {"zygote", NULL, "syscall 436", SHOWN}, /* close_range */
    {"zygote", NULL, "setsid", TWICE},
    {"zygote", NULL, "prctl 1", "it ends with its socket as well"},
    {"zygote", NULL, PAST_LAST_CAP, "past the last capability"},
    {"zygote", NULL, "syscall 126", TWICE},      /* capset */
    {"zygote", "program", "syscall 442", TWICE}, /* mount_setattr */
    {"zygote", "program", "prctl 38", TWICE},
    {"kernel", NULL, "fstatat", AGAIN},
    {"kernel", NULL, "fstat", AGAIN},
    {"kernel", NULL, "open", AGAIN},
    {"kernel", NULL, "openat", AGAIN},
    {"kernel", NULL, "sendmsg", "EINTR: it is tried again"},
    {"kernel", NULL, "recvmsg", "EINTR: it is tried again"},
    {"kernel", NULL, "memfd_create", "EINVAL: an older host knows fewer flags"},
    {"kernel", NULL, "recv", "EINTR: it is tried again"},
    {"kernel", NULL, "read", AGAIN},
    {"kernel", NULL, "ptrace 1", "the worker is stopped at its next call"},
    {"kernel", NULL, "waitid", "EINTR: it waits again"},
    {"kernel", NULL, "poll", "EINTR: it waits again"},
    {"kernel", NULL, "ioctl", "an older host has other ways to tell a pid"},
    {"kernel", NULL, "not_made", "this run made fewer calls"},
    {"image", NULL, "start 9", "hosts give nobody a higher priority"},
    {"image", NULL, "start 10", "hosts give nobody a higher priority"},
};

static const char *reason_of(const char *who, const char *class_name,
                             const char *call)
{
    for (size_t i = 0; i < ARRAY_N(harmless); i++) {
        if (strcmp(harmless[i].who, who) == 0 &&
            (harmless[i].class_name == NULL ||
             strcmp(harmless[i].class_name, class_name) == 0) &&
            strcmp(harmless[i].call, call) == 0) {
            return harmless[i].why;
        }
    }
    return NULL;
}

void call_judge(char row, const char *who, const char *class_name, unsigned n,
                const char *call, const char *error, const struct once *o)
{
    const char *why = reason_of(who, class_name, call);
    char name[120], found[400];

    snprintf(name, sizeof(name), "%s_call_%u_%s_%s", who, n, call, error);
    for (char *p = name; *p != '\0'; p++) {
        *p = *p == ' ' ? '_' : *p;
    }
    /* EINVAL for a high capability reads as past the last one: that zygote lives,
     * and none of its workers is believed. */
    if ((!o->next_ready && strstr(o->what, "capabilities: bounding") == NULL) ||
        o->leaked) {
        snprintf(found, sizeof(found), "%s; afterwards: %s", o->what,
                 o->leaked ? "something leaked" : "no next worker");
        tap(0, row, name, class_name, found);
        return;
    }
    if (o->ready) {
        snprintf(found, sizeof(found), "measured whole: %s",
                 why == NULL ? "and nothing says why" : why);
        tap(why != NULL && !o->refused, row, name, class_name, found);
        return;
    }
    snprintf(found, sizeof(found), "refused: %s", o->what);
    tap(!o->answered && o->what[0] != '\0', row, name, class_name, found);
}

static void weakened_judge(struct loop *l, struct engine *e, unsigned number,
                           const char *name, enum worker_class c,
                           const char *expected)
{
    struct once o;
    char found[400];

    /* The worker before has the uid before. */
    if ((strcmp(name, "with_uid_of_living_sibling") == 0 &&
         once_hold(l, e, c) < 0) ||
        once_run(l, e, c, weaken_bytes(number), "shim", &o) < 0) {
        tap(0, 'K', name, worker_class_name(c), "the engine failed");
        return;
    }
    snprintf(found, sizeof(found), "%s%s",
             o.ready ? "believed" : "refused: ", o.what);
    /* Where filters are watched being installed (watch.h) a wrong one is found
     * while it is, not afterwards. */
    if (is_watched && strstr(name, "filter") != NULL) {
        expected = "seccomp";
    }
    tap(o.refused && !o.ready && !o.answered &&
            strstr(o.what, expected) != NULL,
        'K', name, worker_class_name(c), found);
}

static enum worker_class class_of(const char *name)
{
    for (int i = 0; i < WORKER_CLASSES_N; i++) {
        if (strcmp(worker_class_name((enum worker_class)i), name) == 0) {
            return (enum worker_class)i;
        }
    }
    abort();
}

static void weakened_all(struct loop *l, struct engine *e)
{
    static const struct {
        unsigned number;
        const char *name, *class_name, *expected;
    } ways[] = {
#define WEAKEN(number, name, class_name, at, expected)                         \
    {number, "with_" #name, class_name, expected},
#include "tests/attack/weaken.def"
#undef WEAKEN
    };

    for (size_t i = 0; i < ARRAY_N(ways); i++) {
        if (is_watched && (strcmp(ways[i].name, "with_forked_stand_in") == 0 ||
                           strcmp(ways[i].name, "with_hello_early") == 0)) {
            continue; /* they wait before their filter, and so does who watches */
        }
        weakened_judge(l, e, ways[i].number, ways[i].name,
                       class_of(ways[i].class_name), ways[i].expected);
    }
}

/* Name of the n-th call that a narrowing worker made, from itself. */
static const char *worker_call(struct loop *l, struct engine *e,
                               enum worker_class c, unsigned n)
{
    static struct shim told;
    struct once o;
    char task[32];

    snprintf(task, sizeof(task), "shim %u", n);
    if (once_run(l, e, c, weaken_bytes(WEAKEN_CALL(0u, 0u)), task, &o) < 0 ||
        !o.answered) {
        return "?";
    }
    told.n = 1;
    told.calls[0] = (uint8_t)(o.answer / 10000);
    told.numbers[0] = o.answer % 10000 - 1;
    return shim_name(&told, 1);
}

static void worker_calls_run(struct loop *l, struct engine *e,
                             enum worker_class c)
{
    static const char *const errors[WEAKEN_ERRORS_N] = {
        "left_out", "EPERM", "ENOSYS", "EINVAL", "ENOMEM", "EINTR"};
    int full = getenv("PROCTOR_FULL") != NULL;
    struct once o;
    unsigned calls;

    if (once_run(l, e, c, weaken_bytes(WEAKEN_CALL(0u, 0u)), "shim", &o) < 0 ||
        !o.answered || o.answer < 20) {
        tap(0, 'K', "worker_calls", worker_class_name(c), "cannot be counted");
        return;
    }
    calls = (unsigned)o.answer;
    for (unsigned n = 1; n <= calls; n++) {
        const char *call = worker_call(l, e, c, n);

        for (unsigned i = 0; i < WEAKEN_ERRORS_N; i++) {
            if (i != 0 && !full && i != 1 + n % (WEAKEN_ERRORS_N - 1)) {
                continue;
            }
            if (once_run(l, e, c, weaken_bytes(WEAKEN_CALL(i, n)), "shim", &o) <
                0) {
                snprintf(o.what, sizeof(o.what), "the engine failed");
            }
            o.next_ready = 1; /* the one of the next case: it is counted */
            call_judge(i == 0 ? 'K' : 'J', "worker", worker_class_name(c), n,
                       call, errors[i], &o);
        }
    }
}

struct told {
    struct once once;
    struct shim shim;
};

static int descriptors_count(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

/* Runs one worker, on a new engine where there is none. The engine makes its
 * first zygote when it is opened, so what is meant for that comes before. */
static void engine_and_worker(const struct isolated *i, int prepares,
                              struct loop *l, struct engine **e, struct once *o)
{
    struct diag d;

    diag_init(&d);
    *o = (struct once){.what = ""};
    if (prepares && i->is_early) {
        i->prepare(i->ctx);
    }
    if (*e == NULL && engine_open(l, images_dir, e, &d) < 0) {
        snprintf(o->what, sizeof(o->what), "%s", d.what);
        return;
    }
    if (prepares && !i->is_early) {
        i->prepare(i->ctx);
    }
    if (once_run(l, *e, i->class, i->memory_bytes, "shim", o) < 0) {
        if (o->what[0] == '\0') {
            snprintf(o->what, sizeof(o->what), "the kernel's loop ended");
        }
        shim_disarm();
        engine_close(*e); /* as the kernel would */
        *e = NULL;
    }
}

NORETURN static void isolated_child(const struct isolated *i, int fd)
{
    static struct told t;
    int descriptors = descriptors_count();
    struct engine *e = NULL;
    struct once next;
    struct loop *l;

    shim_share();
    if (unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        loop_new(&l) < 0) {
        _exit(9);
    }
    engine_and_worker(i, 1, l, &e, &t.once);
    shim_disarm();
    t.shim = *shim;
    /* A zygote that was made weak stays so; one that failed is made anew. */
    t.once.next_ready = t.shim.mode != SHIM_FAIL;
    if (!t.once.next_ready) {
        engine_and_worker(i, 0, l, &e, &next);
        t.once.next_ready = next.ready && next.answered;
    }
    engine_close(e);
    loop_free(l);
    t.once.leaked = descriptors_count() != descriptors ||
                    waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
    _exit(write(fd, &t, sizeof(t)) == (ssize_t)sizeof(t) ? 0 : 8);
}

int isolated_run(const struct isolated *i, struct once *out,
                 struct shim *out_shim)
{
    static struct told t;
    int status = -1;
    int pair[2];
    ssize_t n = 0;
    pid_t pid;

    memset(&t, 0, sizeof(t));
    if (pipe2(pair, O_CLOEXEC) < 0) {
        abort();
    }
    pid = fork();
    if (pid == 0) {
        isolated_child(i, pair[1]);
    }
    close(pair[1]);
    while (n < (ssize_t)sizeof(t)) {
        ssize_t got = read(pair[0], (char *)&t + n, sizeof(t) - (size_t)n);

        if (got <= 0) {
            break;
        }
        n += got;
    }
    close(pair[0]);
    waitpid(pid, &status, 0);
    *out = t.once;
    *out_shim = t.shim;
    return status == 0 && n == (ssize_t)sizeof(t) ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct engine *e;
    struct loop *l;
    struct diag d;

    images_dir = argc > 1 ? argv[1] : images_dir;
    /* Not /dev/null: a zygote that inherits it must be noticed. */
    if (dup2(open("/dev/zero", O_RDWR | O_CLOEXEC), 0) < 0) {
        return 1;
    }
    diag_init(&d);
    if (loop_new(&l) < 0 || engine_open(l, images_dir, &e, &d) < 0) {
        printf("Bail out! %s (%s)\n", d.what, d.hint);
        return 1;
    }
    is_watched = argc > 2;
    weakened_all(l, e);
    if (is_watched) {
        engine_close(e);
        loop_free(l);
        return tap_end();
    }
    worker_calls_run(l, e, WORKER_CONFIG);
    worker_calls_run(l, e, WORKER_PROGRAM);
    engine_close(e);
    loop_free(l);
    zygotes_run();
    return tap_end();
}

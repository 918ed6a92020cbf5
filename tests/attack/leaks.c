/* Workers without end: after thousands of them, ended in every way there is, the
 * engine has left nothing behind but its zygotes; and honest ones among hostile
 * ones all get their right answers. 100,000 with PROCTOR_FULL set. TAP lines;
 * exit 1 when one is not ok. Needs root. */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/engine/local.h"
#include "tests/attack/crowd.h"
#include "tests/attack/tap.h"
#include "tests/attack/weaken.h"

#include "worker.pb-c.h"

#define IN_FLIGHT 6u
#define SPAWNS 3000u
#define SPAWNS_FULL 100000u
#define RSS_SLACK_KIB 1024 /* of an allocator that settles */

/* --- what there is --------------------------------------------------------- */

struct count {
    unsigned descriptors;
    unsigned processes;  /* with a uid that this process gave out */
    unsigned zombies;    /* of those and of its own children */
    unsigned namespaces; /* distinct ones of all those and its own */
    unsigned mounts;     /* lines of all their mount tables */
    unsigned groups;     /* control groups of this process's workers */
    unsigned zygote_descriptors;
    long rss_kib; /* of this process and of the zygotes */
};

static unsigned names_n(const char *dir)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

static long status_value(long pid, const char *key)
{
    char path[48], line[256];
    long value = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = line[strlen(key) + 1] == 'Z'
                        ? 'Z'
                        : strtol(line + strlen(key) + 1, NULL, 10);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return value;
}

#define NS_MAX 512u
static ino_t ns_seen[NS_MAX];

static void namespaces_add(struct count *c, long pid)
{
    static const char *const names[] = {"cgroup", "ipc",  "mnt", "net",
                                        "pid",    "user", "uts"};

    for (size_t i = 0; i < ARRAY_N(names); i++) {
        char path[64];
        struct stat st;
        unsigned k = 0;

        snprintf(path, sizeof(path), "/proc/%ld/ns/%s", pid, names[i]);
        if (stat(path, &st) < 0) {
            continue;
        }
        while (k < c->namespaces && ns_seen[k] != st.st_ino) {
            k++;
        }
        if (k == c->namespaces && k < NS_MAX) {
            ns_seen[c->namespaces++] = st.st_ino;
        }
    }
}

static void process_add(struct count *c, long pid)
{
    char path[64], line[512];
    FILE *f;

    namespaces_add(c, pid);
    c->rss_kib += status_value(pid, "VmRSS:");
    c->zombies += status_value(pid, "State:") == 'Z';
    snprintf(path, sizeof(path), "/proc/%ld/mountinfo", pid);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        c->mounts++;
    }
    if (f != NULL) {
        fclose(f);
    }
    if (pid != getpid()) {
        snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
        c->zygote_descriptors += names_n(path);
        c->processes++;
    }
}

/* Anywhere: a v1 host has one per controller. */
static unsigned groups_n(void)
{
    static const char *const tops[] = {"/sys/fs/cgroup/*", "/sys/fs/cgroup/*/*",
                                       "/sys/fs/cgroup/*/*/*"};
    char pattern[200];
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_N(tops); i++) {
        glob_t g = {0};

        snprintf(pattern, sizeof(pattern), "%s/proctor-%ld-*/w*", tops[i],
                 (long)getpid());
        if (glob(pattern, 0, NULL, &g) == 0) {
            n += (unsigned)g.gl_pathc;
        }
        globfree(&g);
    }
    return n;
}

static struct count count(const struct engine *engine)
{
    uint32_t base = engine->host.uid_base;
    struct count c = {.descriptors = names_n("/proc/self/fd"),
                      .groups = groups_n()};
    DIR *proc = opendir("/proc");
    struct dirent *e;

    while (proc != NULL && (e = readdir(proc)) != NULL) {
        long pid = strtol(e->d_name, NULL, 10);
        struct stat st;

        if (pid > 0 && fstatat(dirfd(proc), e->d_name, &st, 0) == 0 &&
            (pid == getpid() ||
             (st.st_uid >= base && st.st_uid < base + UID_SLOT) ||
             status_value(pid, "PPid:") == getpid())) {
            process_add(&c, pid);
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return c;
}

/* --- spawns ---------------------------------------------------------------- */

/* How worker number i ends. */
enum end {
    END_FINISH,     /* in good order */
    END_KILL,       /* by us, when ready */
    END_AT_ONCE,    /* by us, before it is ready */
    END_CRASH,      /* by its filter */
    END_REFUSED,    /* measured short */
    END_IN_PROGRAM, /* of the class with mounts and groups: finish */
    END_PROGRAM_KILL,
    END_KINDS
};

struct run {
    struct loop *loop;
    struct engine *engine;
    unsigned left, alive;
    unsigned ended[END_KINDS];
    unsigned next;
};

struct one {
    struct run *run;
    enum end end;
};

static void one_start(struct run *r);

/* One that is freed at once starts no other. */
static void top_up(struct run *r)
{
    while (r->left > 0 && r->alive < IN_FLIGHT) {
        one_start(r);
    }
}

static void one_over(struct one *o)
{
    struct run *r = o->run;

    r->ended[o->end]++;
    r->alive--;
    free(o);
    top_up(r);
    if (r->alive == 0) {
        loop_stop(r->loop);
    }
}

static void on_ready(void *ctx, struct worker *w,
                     const Proctor__Confinement *report)
{
    static uint8_t crash[] = "io_uring_setup";
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    struct one *o = ctx;

    (void)report;
    switch (o->end) {
    case END_CRASH:
        task.text.data = crash;
        task.text.len = sizeof(crash) - 1;
        (void)!worker_send(w, MSG_CONFIG_TASK, &task.base, NULL, 0);
        break;
    case END_KILL:
    case END_PROGRAM_KILL:
        worker_free(w);
        one_over(o);
        break;
    case END_FINISH:
    case END_AT_ONCE:
    case END_REFUSED:
    case END_IN_PROGRAM:
    case END_KINDS:
        worker_finish(w);
        break;
    }
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    (void)ctx, (void)w, (void)f;
}

static void on_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    (void)w, (void)e;
    one_over(ctx);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct one *o = ctx;

    (void)w;
    if (o->end != END_REFUSED) {
        tap_case('L', 0, "spawn", d->what);
    }
    one_over(o);
}

static const struct worker_handler handler = {on_ready, on_message, on_end,
                                              on_failed};

static void one_start(struct run *r)
{
    static const char *const roots[] = {"/usr"};
    /* Programs are dear; most of the others come from the pool. */
    static const enum end kinds[] = {
        END_FINISH,  END_FINISH,     END_KILL,   END_CRASH,   END_FINISH,
        END_KILL,    END_AT_ONCE,    END_FINISH, END_REFUSED, END_CRASH,
        END_AT_ONCE, END_IN_PROGRAM, END_FINISH, END_FINISH,  END_PROGRAM_KILL,
    };
    struct worker_limits limits = {.wall_ms = 60000, .cpu_ms = 1000};
    struct one *o = calloc(1, sizeof(*o));
    enum worker_class class = WORKER_CONFIG;
    struct worker *w;

    if (o == NULL) {
        abort();
    }
    o->run = r;
    o->end = kinds[r->next++ % ARRAY_N(kinds)];
    if (o->end == END_IN_PROGRAM || o->end == END_PROGRAM_KILL) {
        class = WORKER_PROGRAM;
        limits.roots = roots;
        limits.roots_n = 1;
    } else if (o->end == END_REFUSED) { /* has a descriptor more */
        limits.memory_bytes = weaken_bytes(2);
    }
    r->left--;
    r->alive++;
    if (engine_start(r->engine, class, &limits, &handler, o, &w) < 0) {
        abort();
    }
    if (o->end == END_AT_ONCE) {
        worker_free(w);
        r->ended[END_AT_ONCE]++;
        r->alive--;
        free(o);
    }
}

static void on_pause(void *ctx, short revents)
{
    (void)revents;
    loop_stop(ctx);
}

/* Lets what was killed be reaped, and the pools fill. */
static void settle(struct run *r)
{
    struct loop_source *timer;

    if (loop_timer(r->loop, 300, on_pause, r->loop, &timer) < 0 ||
        loop_run(r->loop) < 0) {
        abort();
    }
    loop_remove(&timer);
}

static void spawns(struct run *r, unsigned n)
{
    r->left = n;
    top_up(r);
    if (r->alive > 0 && loop_run(r->loop) < 0) {
        abort();
    }
    settle(r);
}

static void same(const char *name, unsigned before, unsigned after)
{
    char found[80];

    snprintf(found, sizeof(found), "%u, then %u", before, after);
    tap_case('L', after <= before, name, found);
}

static void leaks_check(struct run *r, unsigned n)
{
    struct count before, after;
    char found[120];

    spawns(r, n / 5);
    before = count(r->engine);
    spawns(r, n);
    after = count(r->engine);
    snprintf(found, sizeof(found),
             "%u finished, %u killed, %u freed at once, %u crashed, %u "
             "refused, %u programs",
             r->ended[END_FINISH], r->ended[END_KILL], r->ended[END_AT_ONCE],
             r->ended[END_CRASH], r->ended[END_REFUSED],
             r->ended[END_IN_PROGRAM] + r->ended[END_PROGRAM_KILL]);
    tap_case('L', r->next == n / 5 + n, "spawns", found);
    same("no_descriptor_leaks", before.descriptors, after.descriptors);
    same("no_descriptor_leaks_in_zygotes", before.zygote_descriptors,
         after.zygote_descriptors);
    same("no_process_leaks", before.processes, after.processes);
    same("no_zombie_leaks", 0, after.zombies);
    same("no_namespace_leaks", before.namespaces, after.namespaces);
    same("no_mount_leaks", before.mounts, after.mounts);
    same("no_control_group_leaks", before.groups, after.groups);
    snprintf(found, sizeof(found), "%ld KiB, then %ld KiB", before.rss_kib,
             after.rss_kib);
    tap_case('L', after.rss_kib <= before.rss_kib + RSS_SLACK_KIB,
             "memory_stays_flat", found);
}

/* --- the crowd ------------------------------------------------------------- */

static void crowd_check(struct run *r)
{
    struct count before = count(r->engine), after;
    struct crowd c = {.loop = r->loop,
                      .engine = r->engine,
                      .hostiles = 100,
                      .honest = 50,
                      .us_max = 100000};
    char found[120];

    c.us = calloc(c.us_max, sizeof(*c.us));
    if (c.us == NULL || crowd_run(&c) < 0) {
        abort();
    }
    settle(r);
    after = count(r->engine);
    snprintf(found, sizeof(found),
             "%zu right and %u wrong answers among %u hostile workers", c.us_n,
             c.wrong, c.hostile_ended);
    tap_case('L',
             c.wrong == 0 && c.us_n >= c.honest &&
                 c.hostile_ended == c.hostiles,
             "honest_among_hostile", found);
    same("crowd_is_reaped", before.processes, after.processes);
    snprintf(found, sizeof(found), "%ld KiB, then %ld KiB", before.rss_kib,
             after.rss_kib);
    tap_case('L', after.rss_kib <= before.rss_kib + RSS_SLACK_KIB + 800,
             "crowd_leaves_memory_flat", found);
    free(c.us);
}

int main(int argc, char **argv)
{
    const char *images = argc > 1 ? argv[1] : TEST_IMAGES_DIR;
    const char *full = getenv("PROCTOR_FULL");
    unsigned n = full != NULL && full[0] != '\0' ? SPAWNS_FULL : SPAWNS;
    unsigned descriptors = names_n("/proc/self/fd");
    struct run r = {0};
    struct diag d;

    diag_init(&d);
    if (loop_new(&r.loop) < 0 ||
        engine_open(r.loop, images, &r.engine, &d) < 0) {
        printf("Bail out! %s (%s)\n", d.what, d.hint);
        return 1;
    }
    leaks_check(&r, n);
    crowd_check(&r);
    engine_close(r.engine);
    loop_free(r.loop);
    tap_case('L', waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD,
             "all_is_reaped", "no child");
    same("all_is_closed", descriptors, names_n("/proc/self/fd"));
    same("no_group_is_left", 0, groups_n());
    return tap_end();
}

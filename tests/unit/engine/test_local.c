/* The local engine's promises to its callers: who is called when, what survives
 * a dead zygote, what is refused and how. Runs the test image of tests/attack
 * under the real profiles; needs root. */
#include "play.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"

struct play {
    struct loop *loop;
    struct engine *engine;
    unsigned ready, messages, exits, failures;
    unsigned stop_after; /* calls of any kind */
    unsigned stop_ends;  /* last calls: on_exit, on_failed */
    struct worker_exit end;
    struct diag d;
    uint8_t report[4096];
    size_t report_n;
    enum {
        FREE_NEVER,
        FREE_READY,
        FREE_MESSAGE,
        FREE_EXIT
    } free_in;
    const char *task; /* sent when ready */
    int finish;       /* when a message came */
};

static void step(struct play *p)
{
    if (p->stop_after > 0 && --p->stop_after == 0) {
        loop_stop(p->loop);
    }
}

static void on_ready(void *ctx, struct worker *w, const Proctor__Confinement *r)
{
    struct play *p = ctx;

    p->ready++;
    p->report_n = play_report(r, p->report, sizeof(p->report));
    if (p->free_in == FREE_READY) {
        worker_free(w);
    } else if (p->task != NULL) {
        play_send(w, p->task);
    }
    step(p);
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    struct play *p = ctx;

    (void)f;
    p->messages++;
    if (p->free_in == FREE_MESSAGE) {
        worker_free(w);
    } else if (p->finish) {
        worker_finish(w);
    }
    step(p);
}

static void step_end(struct play *p)
{
    if (p->stop_ends > 0 && --p->stop_ends == 0) {
        loop_stop(p->loop);
    }
    step(p);
}

static void on_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct play *p = ctx;

    p->exits++;
    p->end = *e;
    if (p->free_in == FREE_EXIT) {
        worker_free(w); /* too late to matter, and harmless */
    }
    step_end(p);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct play *p = ctx;

    p->failures++;
    p->d = *d;
    if (p->free_in == FREE_EXIT) {
        worker_free(w);
    }
    step_end(p);
}

static const struct worker_handler handler = {on_ready, on_message, on_end,
                                              on_failed};

static int play_open(void **state)
{
    struct play *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    play_begin(&p->loop, &p->engine);
    *state = p;
    return 0;
}

static int play_close(void **state)
{
    struct play *p = *state;

    play_end(p->loop, p->engine);
    free(p);
    return 0;
}

static struct worker *start(struct play *p, enum worker_class c)
{
    struct worker_limits limits = {.wall_ms = 10000};
    struct worker *w;

    assert_int_equal(engine_start(p->engine, c, &limits, &handler, p, &w), 0);
    assert_non_null(w);
    return w;
}

static void run(struct play *p, unsigned calls)
{
    p->stop_after = calls;
    assert_int_equal(loop_run(p->loop), 0);
    assert_int_equal(p->stop_after, 0);
}

static void test_answers_then_ends(void **state)
{
    struct play *p = *state;

    p->task = "inherited_descriptors";
    p->finish = 1;
    start(p, WORKER_CONFIG);
    run(p, 3);
    assert_int_equal(p->ready, 1);
    assert_int_equal(p->messages, 1);
    assert_int_equal(p->exits, 1);
    assert_int_equal(p->end.killed_signal, 0);
    assert_int_equal(p->end.exit_status, 0);
    assert_false(p->end.timed_out);
    assert_true(p->end.max_rss_bytes > 0);
}

static void test_equal_workers_have_equal_reports(void **state)
{
    struct play *p = *state;
    uint8_t first[4096];
    size_t first_n;

    p->free_in = FREE_READY;
    for (int c = 0; c < WORKER_CLASSES_N; c++) {
        start(p, (enum worker_class)c);
        run(p, 1);
        first_n = p->report_n;
        memcpy(first, p->report, first_n);
        start(p, (enum worker_class)c);
        run(p, 1);
        assert_int_equal(p->report_n, first_n);
        assert_memory_equal(p->report, first, first_n);
    }
}

static void test_freed_workers_call_nobody(void **state)
{
    struct play *p = *state;
    struct worker_limits limits = {.wall_ms = 10000};

    /* At once, when ready, and when it spoke. */
    for (int i = 0; i < 50; i++) {
        worker_free(start(p, WORKER_CONFIG));
    }
    p->free_in = FREE_READY;
    start(p, WORKER_CONFIG);
    run(p, 1);
    p->free_in = FREE_MESSAGE;
    p->task = "inherited_descriptors";
    start(p, WORKER_CONFIG);
    run(p, 2);
    assert_int_equal(p->ready, 2);
    assert_int_equal(p->messages, 1);
    assert_int_equal(p->exits, 0);
    assert_int_equal(p->failures, 0);
    /* And one that can never start. */
    {
        static const char *const roots[] = {"/no/such/path"};
        struct worker *w;

        limits.roots = roots;
        limits.roots_n = 1;
        assert_int_equal(
            engine_start(p->engine, WORKER_PROGRAM, &limits, &handler, p, &w),
            0);
        worker_free(w);
    }
    p->free_in = FREE_EXIT;
    p->task = "ends_without_answer";
    start(p, WORKER_CONFIG);
    run(p, 2);
    assert_int_equal(p->exits, 1);
    worker_free(NULL);
}

static void test_workers_are_counted(void **state)
{
    struct play *p = *state;
    struct worker_limits limits = {.wall_ms = 10000};
    struct worker *all[LIMIT_WORKERS];
    struct worker *more;

    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        all[i] = start(p, WORKER_CONFIG);
    }
    assert_int_equal(
        engine_start(p->engine, WORKER_CONFIG, &limits, &handler, p, &more),
        ERR_LIMIT);
    run(p, LIMIT_WORKERS);
    assert_int_equal(p->ready, LIMIT_WORKERS);
    worker_free(all[0]);
    all[0] = start(p, WORKER_CONFIG);
    run(p, 1);
    for (size_t i = 0; i < LIMIT_WORKERS; i++) {
        worker_free(all[i]);
    }
}

static long zygote_pid(const char *class_name)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    char want[40];
    long found = 0;

    assert_non_null(proc);
    snprintf(want, sizeof(want), "(pr-%s)", class_name);
    while (found == 0 && (e = readdir(proc)) != NULL) {
        char path[280], name[40];
        long parent;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
        f = e->d_name[0] >= '0' && e->d_name[0] <= '9' ? fopen(path, "re")
                                                       : NULL;
        if (f != NULL) {
            if (fscanf(f, "%*d %39s %*c %ld", name, &parent) == 2 &&
                strcmp(name, want) == 0 && parent == getpid()) {
                found = strtol(e->d_name, NULL, 10);
            }
            fclose(f);
        }
    }
    closedir(proc);
    return found;
}

static void test_zygote_is_replaced(void **state)
{
    struct play *p = *state;
    long pid;

    start(p, WORKER_CONFIG);
    start(p, WORKER_CONFIG);
    run(p, 2);
    start(p, WORKER_CONFIG); /* on its way */
    pid = zygote_pid("config");
    assert_true(pid > 0);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    p->stop_ends = 3; /* the third may have become ready, out of the pool */
    assert_int_equal(loop_run(p->loop), 0);
    assert_int_equal(p->exits + p->failures, 3);
    assert_int_equal(p->end.killed_signal, SIGKILL);
    p->ready = 0;
    worker_free(start(p, WORKER_CONFIG));
    start(p, WORKER_CONFIG);
    run(p, 1);
    assert_int_equal(p->ready, 1);
    assert_int_not_equal(zygote_pid("config"), pid);
}

/* At any moment, also while a worker of its is stopped to be measured: who
 * traces a process is the only one who can let its namespace end. */
static void test_zygote_dies_at_any_moment(void **state)
{
    struct play *p = *state;

    for (unsigned i = 0; i < 60; i++) {
        pid_t killer;
        long pid;

        for (int k = 0; k < 3; k++) {
            start(p, WORKER_CONFIG);
        }
        pid = zygote_pid("config");
        assert_true(pid > 0);
        killer = fork();
        assert_true(killer >= 0);
        if (killer == 0) {
            usleep(i * 25);
            kill((pid_t)pid, SIGKILL);
            _exit(0);
        }
        p->stop_ends = 3;
        assert_int_equal(loop_run(p->loop), 0);
        assert_int_equal(p->stop_ends, 0);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
    }
    assert_int_equal(p->exits + p->failures, 180);
}

static void refused(struct play *p, const char *const *roots, size_t n,
                    const char *what)
{
    struct worker_limits limits = {.roots = roots, .roots_n = n};
    struct worker *w;

    p->failures = 0;
    assert_int_equal(
        engine_start(p->engine, WORKER_PROGRAM, &limits, &handler, p, &w), 0);
    assert_int_equal(p->failures, 0); /* told from the loop only */
    run(p, 1);
    assert_int_equal(p->failures, 1);
    assert_int_equal(p->d.code, ERR_CONFINE);
    if (strstr(p->d.what, what) == NULL) {
        fail_msg("%s", p->d.what);
    }
}

static void test_roots_are_checked(void **state)
{
    static const char *const absent[] = {"/usr", "/no/such/path"};
    static const char *const whole[] = {"/usr/.."};
    static const char *const kernels[] = {"/proc/self"};
    static const char *const relative[] = {"usr"};
    static const char *const twice[] = {"/usr/bin", "/usr", "/bin", "/usr"};
    struct play *p = *state;
    struct worker_limits limits = {.roots = twice, .roots_n = 4};
    struct worker *w;

    refused(p, absent, 2, "/no/such/path");
    refused(p, whole, 1, "whole tree");
    refused(p, kernels, 1, "cannot be shown");
    refused(p, relative, 1, "not absolute");
    assert_int_equal(
        engine_start(p->engine, WORKER_PROGRAM, &limits, &handler, p, &w), 0);
    run(p, 1);
    assert_int_equal(p->ready, 1);
    worker_free(w);
}

static void test_dead_man_switch(void **state)
{
    struct play *p = *state;
    struct worker_limits limits = {.wall_ms = 1000};
    struct worker *w;

    p->task = "never_answers";
    assert_int_equal(
        engine_start(p->engine, WORKER_MODEL, &limits, &handler, p, &w), 0);
    run(p, 2);
    assert_int_equal(p->exits, 1);
    assert_true(p->end.timed_out);
    assert_int_equal(p->end.killed_signal, SIGKILL);
}

static struct worker *sampled;
static uint64_t sampled_ms;

static void on_sample(void *ctx, short revents)
{
    (void)revents;
    sampled_ms = worker_cpu_ms(sampled);
    step(ctx);
}

static void test_cpu_time_is_seen(void **state)
{
    struct play *p = *state;
    struct worker_limits limits = {.cpu_ms = 1000, .wall_ms = 20000};
    struct loop_source *timer;

    p->task = "spins";
    assert_int_equal(
        engine_start(p->engine, WORKER_CONFIG, &limits, &handler, p, &sampled),
        0);
    assert_int_equal(loop_timer(p->loop, 500, on_sample, p, &timer), 0);
    run(p, 2);
    loop_remove(&timer);
    assert_true(sampled_ms >= 20 && sampled_ms < 1000);
    run(p, 1);
    assert_int_equal(p->exits, 1);
    /* The limit counts ticks, the report does not: far apart when it is busy. */
    assert_true(p->end.cpu_ms >= 100 && p->end.cpu_ms < 3000);
    assert_int_equal(p->end.killed_signal, SIGXCPU);
}

static void test_images_are_needed(void **state)
{
    char dir[] = "/tmp/engine-images-XXXXXX";
    char path[80];
    struct play *p = *state;
    struct engine *e;
    struct diag d;
    FILE *f;

    diag_init(&d);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(engine_open(p->loop, dir, &e, &d), ERR_CONFINE);
    assert_non_null(strstr(d.what, "worker-config"));
    assert_null(e);
    /* Text is no image: found out when the first is to run. */
    for (int c = 0; c < WORKER_CLASSES_N; c++) {
        snprintf(path, sizeof(path), "%s/worker-%s", dir,
                 worker_class_name((enum worker_class)c));
        f = fopen(path, "w");
        assert_non_null(f);
        fputs("not a program\n", f);
        fclose(f);
    }
    diag_init(&d);
    assert_int_equal(engine_open(p->loop, dir, &e, &d), ERR_CONFINE);
    assert_non_null(strstr(d.what, "execute the image"));
    assert_null(e);
    for (int c = 0; c < WORKER_CLASSES_N; c++) {
        snprintf(path, sizeof(path), "%s/worker-%s", dir,
                 worker_class_name((enum worker_class)c));
        unlink(path);
    }
    rmdir(dir);
}

static void test_close_ends_everything(void **state)
{
    struct play *p = *state;
    struct diag d;

    for (int i = 0; i < 5; i++) {
        start(p, WORKER_CONFIG);
        start(p, WORKER_PROGRAM);
    }
    run(p, 4);
    engine_close(p->engine);
    assert_int_equal(zygote_pid("config"), 0);
    assert_int_equal(zygote_pid("program"), 0);
    assert_int_equal(p->exits + p->failures, 0);
    diag_init(&d);
    assert_int_equal(engine_open(p->loop, IMAGES, &p->engine, &d), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, play_open, play_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_then_ends),
        TEST(test_equal_workers_have_equal_reports),
        TEST(test_freed_workers_call_nobody),
        TEST(test_workers_are_counted),
        TEST(test_zygote_is_replaced),
        TEST(test_zygote_dies_at_any_moment),
        TEST(test_roots_are_checked),
        TEST(test_dead_man_switch),
        TEST(test_cpu_time_is_seen),
        TEST(test_images_are_needed),
        TEST(test_close_ends_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

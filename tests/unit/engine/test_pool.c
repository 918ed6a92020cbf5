/* The one-deep pool: who gets its worker, who does not, and that nobody hears of
 * it when it dies. Runs the test image of tests/attack under the real profiles;
 * needs root. */
#include "play.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"

#include "kernel/engine/clock.h"
#include "kernel/engine/local.h"

struct play {
    struct loop *loop;
    struct engine *engine;
    unsigned ready, ends;
    unsigned stop_after; /* calls of any kind */
    struct worker_exit end;
    const char *task; /* sent when ready */
    pid_t pid;        /* of the last that became ready */
    uint8_t report[4096];
    size_t report_n;
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
    p->pid = w->pid;
    p->report_n = play_report(r, p->report, sizeof(p->report));
    if (p->task != NULL) {
        play_send(w, p->task);
    }
    step(p);
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    (void)ctx, (void)f;
    worker_finish(w);
}

static void on_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct play *p = ctx;

    (void)w;
    p->ends++;
    p->end = *e;
    step(p);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    (void)ctx, (void)w;
    fail_msg("%s", d->what);
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

static struct pool *pool(struct play *p, enum worker_class c)
{
    return &p->engine->classes[c].pool;
}

static struct worker *ask(struct play *p, enum worker_class c,
                          struct worker_limits limits)
{
    struct worker *w;

    assert_int_equal(engine_start(p->engine, c, &limits, &handler, p, &w), 0);
    return w;
}

static void run(struct play *p, unsigned calls)
{
    p->stop_after = calls;
    assert_int_equal(loop_run(p->loop), 0);
    assert_int_equal(p->stop_after, 0);
}

static void on_pause(void *ctx, short revents)
{
    (void)revents;
    loop_stop(ctx);
}

static void pause_ms(struct play *p, uint64_t ms)
{
    struct loop_source *timer;

    assert_int_equal(loop_timer(p->loop, ms, on_pause, p->loop, &timer), 0);
    assert_int_equal(loop_run(p->loop), 0);
    loop_remove(&timer);
}

/* Until the pool's worker is measured. */
static struct worker *warmed(struct play *p, enum worker_class c)
{
    struct worker *w = pool(p, c)->warm;

    for (int i = 0; i < 1000 && (w == NULL || w->chan == NULL); i++) {
        pause_ms(p, 5);
        w = pool(p, c)->warm;
    }
    if (w == NULL) {
        fail_msg("the pool stays empty");
        abort();
    }
    return w;
}

static const struct worker_limits plain = {.wall_ms = 10000};

static void test_equal_ask_gets_it(void **state)
{
    struct play *p = *state;
    struct worker *warm, *w;
    uint8_t cold[4096];
    size_t cold_n;

    w = ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    cold_n = p->report_n;
    memcpy(cold, p->report, cold_n);
    worker_free(w);
    warm = warmed(p, WORKER_CONFIG);
    assert_int_equal(p->engine->live, 0); /* nobody pays for it */
    w = ask(p, WORKER_CONFIG, plain);
    assert_ptr_equal(w, warm);
    assert_int_equal(p->engine->live, 1);
    assert_int_equal(p->ready, 1); /* told from the loop only */
    run(p, 1);
    assert_int_equal(p->ready, 2);
    assert_int_equal(p->report_n, cold_n);
    assert_memory_equal(p->report, cold, cold_n);
    worker_free(w);
}

static void test_each_serves_once(void **state)
{
    struct play *p = *state;
    pid_t seen[20];

    p->task = "inherited_descriptors";
    for (size_t i = 0; i < ARRAY_N(seen); i++) {
        ask(p, WORKER_CONFIG, plain);
        run(p, 2);
        assert_int_equal(p->end.killed_signal, 0);
        seen[i] = p->pid;
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(seen[k], seen[i]);
        }
        if (i % 2 == 0) {
            assert_int_not_equal(warmed(p, WORKER_CONFIG)->pid, p->pid);
        }
    }
}

static void test_other_limits_do_not(void **state)
{
    struct play *p = *state;
    struct worker_limits less = {.wall_ms = 10000, .cpu_ms = 2000};
    struct worker *warm, *w;
    pid_t pid;

    worker_free(ask(p, WORKER_CONFIG, plain));
    w = ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    warm = warmed(p, WORKER_CONFIG);
    pid = warm->pid;
    worker_free(w);
    w = ask(p, WORKER_CONFIG, less);
    assert_ptr_not_equal(w, warm);
    assert_null(pool(p, WORKER_CONFIG)->warm);
    run(p, 1);
    assert_int_not_equal(p->pid, pid);
    assert_int_equal(w->request.cpu_s, 2);
    worker_free(w);
    /* Asks that take turns get no pool; two alike in a row do. */
    pause_ms(p, 30);
    assert_null(pool(p, WORKER_CONFIG)->warm);
    worker_free(ask(p, WORKER_CONFIG, plain));
    pause_ms(p, 30);
    assert_null(pool(p, WORKER_CONFIG)->warm);
    w = ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    assert_int_equal(warmed(p, WORKER_CONFIG)->request.cpu_s, w->request.cpu_s);
    worker_free(w);
}

static void test_other_roots_do_not(void **state)
{
    static const char *const one[] = {"/usr"};
    static const char *const other[] = {"/usr/lib/..", "/usr"};
    static const char *const third[] = {"/etc"};
    struct worker_limits limits = {.roots = one, .roots_n = 1};
    struct play *p = *state;
    struct worker *warm, *w;

    w = ask(p, WORKER_PROGRAM, limits);
    run(p, 1);
    worker_free(w);
    warm = warmed(p, WORKER_PROGRAM);
    limits.roots = third;
    w = ask(p, WORKER_PROGRAM, limits);
    assert_ptr_not_equal(w, warm);
    run(p, 1);
    worker_free(w);
    limits.roots = one;
    for (int i = 0; i < 2; i++) {
        w = ask(p, WORKER_PROGRAM, limits);
        run(p, 1);
        worker_free(w);
    }
    warm = warmed(p, WORKER_PROGRAM);
    limits.roots = other; /* the places count, not how they are spelt */
    limits.roots_n = 2;
    assert_ptr_equal(ask(p, WORKER_PROGRAM, limits), warm);
    run(p, 1);
}

static void dead_wait(const struct worker *w)
{
    struct pollfd gone = {.fd = w->pidfd, .events = POLLIN};

    assert_int_equal(kill(w->pid, SIGKILL), 0);
    assert_int_equal(poll(&gone, 1, 10000), 1);
}

static void test_the_dead_are_replaced(void **state)
{
    struct play *p = *state;
    struct worker *w;
    pid_t pid;

    w = ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    worker_free(w);
    pid = warmed(p, WORKER_CONFIG)->pid;
    dead_wait(pool(p, WORKER_CONFIG)->warm);
    for (int i = 0; i < 1000 && (pool(p, WORKER_CONFIG)->warm == NULL ||
                                 pool(p, WORKER_CONFIG)->warm->pid == pid);
         i++) {
        pause_ms(p, 5);
    }
    assert_int_not_equal(warmed(p, WORKER_CONFIG)->pid, pid);
    /* Dead before the loop hears of it: not handed out either. */
    pid = pool(p, WORKER_CONFIG)->warm->pid;
    dead_wait(pool(p, WORKER_CONFIG)->warm);
    w = ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    assert_int_not_equal(p->pid, pid);
    worker_free(w);
    assert_int_equal(p->ends, 0);
}

static void test_its_zygote_dies(void **state)
{
    struct play *p = *state;
    struct engine_class *c = &p->engine->classes[WORKER_CONFIG];
    struct worker *w;
    pid_t pid;

    w = ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    worker_free(w);
    warmed(p, WORKER_CONFIG);
    pid = c->process.pid;
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (int i = 0; i < 1000 && c->process.pid == pid; i++) {
        pause_ms(p, 5);
    }
    warmed(p, WORKER_CONFIG);
    assert_int_not_equal(c->process.pid, pid);
    assert_int_equal(p->ready, 1);
    assert_int_equal(p->ends, 0);
    ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    assert_int_equal(p->ready, 2);
}

static void test_its_clock_starts_at_the_claim(void **state)
{
    struct play *p = *state;
    struct worker_limits limits = {.wall_ms = 200};
    struct worker *warm;
    uint64_t start;

    worker_free(ask(p, WORKER_CONFIG, limits));
    ask(p, WORKER_CONFIG, limits);
    run(p, 1);
    warm = warmed(p, WORKER_CONFIG);
    pause_ms(p, 400);
    assert_int_equal(p->ends, 1); /* of the one that was asked for */
    assert_ptr_equal(warmed(p, WORKER_CONFIG), warm);
    p->task = "never_answers";
    start = clock_mono_ms();
    assert_ptr_equal(ask(p, WORKER_CONFIG, limits), warm);
    run(p, 2);
    assert_true(p->end.timed_out);
    assert_true(clock_mono_ms() - start >= 200);
}

static unsigned descriptors_n(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

static void test_shutdown_ends_it(void **state)
{
    struct play *p = *state;
    unsigned before;
    struct diag d;

    engine_close(p->engine);
    before = descriptors_n();
    assert_int_equal(engine_open(p->loop, IMAGES, &p->engine, &d), 0);
    worker_free(ask(p, WORKER_CONFIG, plain));
    ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    warmed(p, WORKER_CONFIG);
    engine_close(p->engine);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(descriptors_n(), before);
    /* And one that is still starting. */
    assert_int_equal(engine_open(p->loop, IMAGES, &p->engine, &d), 0);
    ask(p, WORKER_CONFIG, plain);
    run(p, 1);
    engine_close(p->engine);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(descriptors_n(), before);
    assert_int_equal(engine_open(p->loop, IMAGES, &p->engine, &d), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, play_open, play_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_equal_ask_gets_it),
        TEST(test_each_serves_once),
        TEST(test_other_limits_do_not),
        TEST(test_other_roots_do_not),
        TEST(test_the_dead_are_replaced),
        TEST(test_its_zygote_dies),
        TEST(test_its_clock_starts_at_the_claim),
        TEST(test_shutdown_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

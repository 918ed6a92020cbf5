/* How long until a fresh, fully confined and measured worker is ready, how long
 * until a killed one is reaped, and what bubblewrap takes for a shell-less
 * /bin/true on the same machine in the same minute. Prints "name value unit".
 * Needs root. Arguments: directory of the images, repetitions. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base.h"

#include "kernel/engine/local.h"

extern char **environ;

#define REPEAT_MAX 2000u

struct bench {
    struct loop *loop;
    double started_us;
    double ready_us;
    double ended_us;
    int failed;
    int kill; /* else finish in good order */
};

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void on_ready(void *ctx, struct worker *w,
                     const Proctor__Confinement *report)
{
    struct bench *b = ctx;

    (void)report;
    b->ready_us = now_us();
    if (b->kill) {
        worker_kill(w);
    } else {
        worker_finish(w);
    }
}

static void on_message(void *ctx, struct worker *w, struct frame *f)
{
    (void)ctx, (void)w, (void)f;
}

static void on_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct bench *b = ctx;

    (void)w, (void)e;
    b->ended_us = now_us();
    loop_stop(b->loop);
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    struct bench *b = ctx;

    (void)w;
    fprintf(stderr, "bench_spawn: %s\n", d->what);
    b->failed = 1;
    loop_stop(b->loop);
}

static const struct worker_handler handler = {on_ready, on_message, on_end,
                                              on_failed};

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double print(const char *name, double *us, size_t n)
{
    qsort(us, n, sizeof(*us), compare);
    printf("%s_p50 %.0f us\n", name, us[n / 2]);
    printf("%s_p99 %.0f us\n", name, us[n * 99 / 100]);
    return us[n / 2];
}

static double class_bench(struct bench *b, struct engine *e,
                          enum worker_class c, size_t n, double *ended_p50)
{
    static const char *const roots[] = {"/usr", "/bin", "/lib", "/lib64"};
    static double ready[REPEAT_MAX], ended[REPEAT_MAX];
    struct worker_limits limits = {.wall_ms = 10000};
    char name[64];

    if (c == WORKER_PROGRAM) {
        limits.roots = roots;
        limits.roots_n = ARRAY_N(roots);
    }
    for (size_t i = 0; i < n + 5; i++) { /* the first five warm up */
        struct worker *w;
        size_t k = i < 5 ? 0 : i - 5;

        b->started_us = now_us();
        if (engine_start(e, c, &limits, &handler, b, &w) < 0 ||
            loop_run(b->loop) < 0 || b->failed) {
            exit(1);
        }
        ready[k] = b->ready_us - b->started_us;
        ended[k] = b->ended_us - b->ready_us;
    }
    snprintf(name, sizeof(name), "worker_%s_%s", worker_class_name(c),
             b->kill ? "kill_to_reaped" : "finish_to_reaped");
    *ended_p50 = print(name, ended, n);
    snprintf(name, sizeof(name), "worker_%s_ready", worker_class_name(c));
    return b->kill ? 0 : print(name, ready, n);
}

static double bwrap_bench(size_t n)
{
    static double us[REPEAT_MAX];
    char *argv[] = {(char *)(uintptr_t) "bwrap",
                    (char *)(uintptr_t) "--unshare-all",
                    (char *)(uintptr_t) "--ro-bind",
                    (char *)(uintptr_t) "/",
                    (char *)(uintptr_t) "/",
                    (char *)(uintptr_t) "/bin/true",
                    NULL};

    for (size_t i = 0; i < n; i++) {
        double start = now_us();
        int status;
        pid_t pid;

        if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
            waitpid(pid, &status, 0) != pid || status != 0) {
            return 0;
        }
        us[i] = now_us() - start;
    }
    return print("bwrap_unshare_all_true", us, n);
}

int main(int argc, char **argv)
{
    const char *images = argc > 1 ? argv[1] : TEST_IMAGES_DIR;
    unsigned long asked = argc > 2 ? strtoul(argv[2], NULL, 10) : 300;
    size_t n = asked < 10 ? 10 : asked > REPEAT_MAX ? REPEAT_MAX : asked;
    double pure, program, bwrap, ended;
    struct bench b = {0};
    struct engine *e;
    struct diag d;

    diag_init(&d);
    if (loop_new(&b.loop) < 0 || engine_open(b.loop, images, &e, &d) < 0) {
        fprintf(stderr, "bench_spawn: %s\n", d.what);
        return 1;
    }
    pure = class_bench(&b, e, WORKER_CONFIG, n, &ended);
    program = class_bench(&b, e, WORKER_PROGRAM, n / 2, &ended);
    b.kill = 1;
    class_bench(&b, e, WORKER_CONFIG, n, &ended);
    class_bench(&b, e, WORKER_PROGRAM, n / 2, &ended);
    engine_close(e);
    loop_free(b.loop);
    bwrap = bwrap_bench(n / 5);
    if (bwrap > 0) {
        printf("bwrap_over_pure_ready %.1f ratio\n", bwrap / pure);
        printf("bwrap_over_program_ready %.1f ratio\n", bwrap / program);
    } else {
        printf("# bwrap is missing or did not run\n");
    }
    return 0;
}

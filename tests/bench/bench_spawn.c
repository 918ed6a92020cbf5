/* What a worker costs: how long until a fresh, fully confined and measured one is
 * ready, until one of the pool is, how many in a second, how long until a killed
 * one is reaped, a message's round trip, what honest workers feel of hostile
 * ones, and what bubblewrap takes for /bin/true on the same machine in the same
 * minute. Prints "name value unit". Needs root. Arguments: directory of the
 * images, repetitions, and one section to run. */
#include <errno.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/engine/local.h"
#include "tests/attack/crowd.h"

#include "worker.pb-c.h"

extern char **environ;

#define REPEAT_MAX 2000u
#define RATE_WORKERS 4000u
#define RATE_IN_FLIGHT 8u
#define HOSTILES 1000u

struct bench {
    const char *images;
    struct loop *loop;
    struct engine *engine;
    double started_us, ready_us, ended_us;
    int kill;                     /* else finish in good order */
    unsigned to_start, in_flight; /* of a rate */
    unsigned trips_left;
    double trip_start_us;
    double *trips_us;
};

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

NORETURN static void die(const char *what)
{
    fprintf(stderr, "bench_spawn: %s\n", what);
    exit(1);
}

static void open_engine(struct bench *b)
{
    struct diag d;

    diag_init(&d);
    if (engine_open(b->loop, b->images, &b->engine, &d) < 0) {
        die(d.what);
    }
}

static void on_failed(void *ctx, struct worker *w, const struct diag *d)
{
    (void)ctx, (void)w;
    die(d->what);
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double print(const char *name, double *us, size_t n)
{
    qsort(us, n, sizeof(*us), compare);
    printf("%s_p50 %.1f us\n", name, us[n / 2]);
    printf("%s_p10 %.1f us\n", name, us[n / 10]);
    printf("%s_p99 %.1f us\n", name, us[n * 99 / 100]);
    fflush(stdout);
    return us[n / 2];
}

static void start(struct bench *b, enum worker_class c, uint64_t cpu_ms,
                  const struct worker_handler *h)
{
    static const char *const roots[] = {"/usr", "/bin", "/lib", "/lib64"};
    struct worker_limits limits = {.wall_ms = 10000, .cpu_ms = cpu_ms};
    struct worker *w;

    if (c == WORKER_PROGRAM) {
        limits.roots = roots;
        limits.roots_n = ARRAY_N(roots);
    }
    if (engine_start(b->engine, c, &limits, h, b, &w) < 0) {
        die("engine_start");
    }
}

/* --- one at a time -------------------------------------------------------- */

static void one_ready(void *ctx, struct worker *w,
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

static void no_message(void *ctx, struct worker *w, struct frame *f)
{
    (void)ctx, (void)w, (void)f;
}

static void one_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct bench *b = ctx;

    (void)w, (void)e;
    b->ended_us = now_us();
    loop_stop(b->loop);
}

static const struct worker_handler one = {one_ready, no_message, one_end,
                                          on_failed};

static void on_pause(void *ctx, short revents)
{
    (void)revents;
    loop_stop(ctx);
}

static void loop_pause(struct bench *b, uint64_t ms)
{
    struct loop_source *timer;

    if (loop_timer(b->loop, ms, on_pause, b->loop, &timer) < 0 ||
        loop_run(b->loop) < 0) {
        die("loop");
    }
    loop_remove(&timer);
}

/* Fresh: no two asks in a row are alike, so the pool has nothing for them. */
static double class_bench(struct bench *b, enum worker_class c, size_t n,
                          int is_claim)
{
    static double ready[REPEAT_MAX], ended[REPEAT_MAX];
    const char *class = c == WORKER_CONFIG ? "pure" : worker_class_name(c);
    char name[64];

    for (size_t i = 0; i < n + 5; i++) { /* the first five warm up */
        size_t k = i < 5 ? 0 : i - 5;

        b->started_us = now_us();
        start(b, c, is_claim ? 9000 : 1000 * (1 + i % 2), &one);
        if (loop_run(b->loop) < 0) {
            die("loop");
        }
        ready[k] = b->ready_us - b->started_us;
        ended[k] = b->ended_us - b->ready_us;
        if (is_claim) {
            loop_pause(b, 2); /* the pool fills itself when there is time */
        }
    }
    if (is_claim) {
        snprintf(name, sizeof(name), "worker_%s_claim", class);
        return print(name, ready, n);
    }
    snprintf(name, sizeof(name), "worker_%s_%s", class,
             b->kill ? "kill_to_reaped" : "finish_to_reaped");
    print(name, ended, n);
    snprintf(name, sizeof(name), "worker_%s_ready", class);
    return b->kill ? 0 : print(name, ready, n);
}

/* --- many ------------------------------------------------------------------ */

static void many_end(void *ctx, struct worker *w, const struct worker_exit *e);
static void many_ready(void *ctx, struct worker *w,
                       const Proctor__Confinement *report)
{
    (void)ctx, (void)report;
    worker_finish(w);
}

static const struct worker_handler many = {many_ready, no_message, many_end,
                                           on_failed};

static void many_end(void *ctx, struct worker *w, const struct worker_exit *e)
{
    struct bench *b = ctx;

    (void)w, (void)e;
    b->in_flight--;
    if (b->to_start > 0) {
        b->to_start--;
        b->in_flight++;
        start(b, WORKER_CONFIG, 9000, &many);
    } else if (b->in_flight == 0) {
        loop_stop(b->loop);
    }
}

/* Single-use workers, each started, measured, ended and reaped. */
static void rate_bench(struct bench *b, unsigned workers, unsigned in_flight)
{
    double from = now_us();

    b->to_start = workers - in_flight;
    b->in_flight = in_flight;
    for (unsigned i = 0; i < in_flight; i++) {
        start(b, WORKER_CONFIG, 9000, &many);
    }
    if (loop_run(b->loop) < 0) {
        die("loop");
    }
    printf("workers_per_second_%u_in_flight %.0f 1/s\n", in_flight,
           workers / (now_us() - from) * 1e6);
    fflush(stdout);
}

/* --- messages --------------------------------------------------------------- */

static void trip(struct bench *b, struct worker *w)
{
    static uint8_t text[46] = "echo"; /* with its header and tags 64 bytes */
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    task.text.data = text;
    task.text.len = sizeof(text);
    b->trip_start_us = now_us();
    if (worker_send(w, MSG_CONFIG_TASK, &task.base, NULL, 0) < 0) {
        die("worker_send");
    }
}

static void trip_ready(void *ctx, struct worker *w,
                       const Proctor__Confinement *report)
{
    (void)report;
    trip(ctx, w);
}

static void trip_message(void *ctx, struct worker *w, struct frame *f)
{
    struct bench *b = ctx;

    (void)f;
    b->trips_left--;
    b->trips_us[b->trips_left] = now_us() - b->trip_start_us;
    if (b->trips_left > 0) {
        trip(b, w);
    } else {
        worker_finish(w);
    }
}

static const struct worker_handler trips = {trip_ready, trip_message, one_end,
                                            on_failed};

/* The whole way: encode, queue, poll, write, the worker's decoder and encoder,
 * read, decode. same: kernel and worker on one processor. */
static void trip_bench(struct bench *b, size_t n, int same)
{
    static double us[REPEAT_MAX];
    cpu_set_t all, first;

    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_getaffinity(0, sizeof(all), &all) < 0 ||
        (same && sched_setaffinity(0, sizeof(first), &first) < 0)) {
        die("affinity");
    }
    b->trips_left = (unsigned)n;
    b->trips_us = us;
    engine_close(b->engine); /* a zygote keeps the processors it was born to */
    open_engine(b);
    start(b, WORKER_CONFIG, 8000, &trips);
    if (loop_run(b->loop) < 0) {
        die("loop");
    }
    print(same ? "message_64_bytes_one_cpu" : "message_64_bytes_two_cpus", us,
          n);
    if (sched_setaffinity(0, sizeof(all), &all) < 0) {
        die("affinity");
    }
}

/* --- a crowd ---------------------------------------------------------------- */

static long rss_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f != NULL) {
        if (fscanf(f, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(f);
    }
    return pages * 4;
}

static void crowd_bench(struct bench *b)
{
    struct crowd c = {
        .loop = b->loop, .engine = b->engine, .honest = 500, .us_max = 1000000};
    double alone, among;
    long before;

    c.us = calloc(c.us_max, sizeof(*c.us));
    if (c.us == NULL || crowd_run(&c) < 0) {
        die("crowd");
    }
    alone = crowd_median(&c);
    before = rss_kib();
    c.hostiles = HOSTILES;
    if (crowd_run(&c) < 0 || c.wrong != 0) {
        die("an honest worker without its answer");
    }
    among = crowd_median(&c);
    printf("honest_alone_p50 %.1f us\n", alone);
    printf("honest_among_%u_hostile_p50 %.1f us\n", c.hostile_ended, among);
    printf("honest_among_hostile_ratio %.2f ratio\n", among / alone);
    printf("memory_after_hostile %+ld KiB\n", rss_kib() - before);
    fflush(stdout);
    free(c.us);
}

/* --- the peer ---------------------------------------------------------------- */

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

static void ready_bench(struct bench *b, size_t n)
{
    double pure = class_bench(b, WORKER_CONFIG, n, 0);
    double program = class_bench(b, WORKER_PROGRAM, n / 2, 0);
    double bwrap;

    b->kill = 1;
    class_bench(b, WORKER_CONFIG, n, 0);
    class_bench(b, WORKER_PROGRAM, n / 2, 0);
    b->kill = 0;
    bwrap = bwrap_bench(n / 5);
    if (bwrap > 0) {
        printf("bwrap_over_pure_ready %.1f ratio\n", bwrap / pure);
        printf("bwrap_over_program_ready %.1f ratio\n", bwrap / program);
    } else {
        printf("# bwrap is missing or did not run\n");
    }
}

int main(int argc, char **argv)
{
    unsigned long asked = argc > 2 ? strtoul(argv[2], NULL, 10) : 500;
    size_t n = asked < 10 ? 10 : asked > REPEAT_MAX ? REPEAT_MAX : asked;
    const char *only = argc > 3 ? argv[3] : NULL;
    struct bench b = {.images = argc > 1 ? argv[1] : TEST_IMAGES_DIR};

    if (loop_new(&b.loop) < 0) {
        die("out of memory");
    }
    open_engine(&b);
    if (only == NULL || strcmp(only, "ready") == 0) {
        ready_bench(&b, n);
    }
    if (only == NULL || strcmp(only, "claim") == 0) {
        class_bench(&b, WORKER_CONFIG, n, 1);
        class_bench(&b, WORKER_PROGRAM, n, 1);
    }
    if (only == NULL || strcmp(only, "rate") == 0) {
        rate_bench(&b, RATE_WORKERS, 1);
        rate_bench(&b, RATE_WORKERS, RATE_IN_FLIGHT);
    }
    if (only == NULL || strcmp(only, "crowd") == 0) {
        crowd_bench(&b);
    }
    if (only == NULL || strcmp(only, "message") == 0) {
        trip_bench(&b, REPEAT_MAX, 0);
        trip_bench(&b, REPEAT_MAX, 1);
    }
    engine_close(b.engine);
    loop_free(b.loop);
    return 0;
}

/* Writers that wait: WRITERS threads, each with one record at a time, each told
 * when its own is durable, before one committer. As the kernel does it, whatever
 * came while the last batch was on its way to the disk is the next batch. In
 * turn with raw appends of as many bytes, so that both meet the same disk.
 * Prints "name value unit". usage: bench_waiters [DIR]
 * (default $TMPDIR, else /tmp) */
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/store/ledger.h"
#include "kernel/store/store.h"
#include "proto/err.h"

#define WRITERS 256u
#define ENTRY_BYTES 240u
#define SECONDS 3.0
#define TIMES_MAX 2000000u

static double now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The queue of a kernel in one process: nobody holds a lock while somebody else
 * is told, so what is measured is the ledger, not 256 threads at one mutex. */
struct bench {
    atomic_uint_fast64_t gathered; /* number of the batch << 32 | its records */
    atomic_uint came;              /* to the committer: changes at a first one */
    atomic_uint durable;           /* to the writers: batches below it are */
    atomic_int ended;
    atomic_size_t times_n;
    float *times; /* of acknowledgements, in seconds */
    struct ledger *l; /* this and the raw file: the committer's alone */
    int raw_fd;
    float *raw;
    size_t raw_n;
};

static void sleep_while(atomic_uint *at, unsigned value)
{
    (void)syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake_all(atomic_uint *at)
{
    (void)syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *write_records(void *ctx)
{
    struct bench *b = ctx;

    while (!atomic_load(&b->ended)) {
        double t0 = now();
        uint64_t at = atomic_fetch_add(&b->gathered, 1);
        unsigned mine = (unsigned)(at >> 32);
        unsigned durable;

        if ((uint32_t)at == 0) {
            (void)atomic_fetch_add(&b->came, 1);
            wake_all(&b->came);
        }
        while ((durable = atomic_load(&b->durable)) <= mine &&
               !atomic_load(&b->ended)) {
            sleep_while(&b->durable, durable);
        }
        if (durable > mine && !atomic_load(&b->ended)) {
            size_t i = atomic_fetch_add(&b->times_n, 1);

            if (i < TIMES_MAX) {
                b->times[i] = (float)(now() - t0);
            }
        }
    }
    return NULL;
}

static unsigned waiting(struct bench *b)
{
    return (unsigned)(uint32_t)atomic_load(&b->gathered);
}

/* Takes what waits, once nobody else is about to come: those who were told of
 * the last batch are on their way. */
static unsigned gather(struct bench *b)
{
    unsigned before = 0;
    uint64_t next = ((atomic_load(&b->gathered) >> 32) + 1) << 32;

    while (waiting(b) == 0) {
        unsigned came = atomic_load(&b->came);

        if (waiting(b) == 0) {
            sleep_while(&b->came, came);
        }
    }
    while (waiting(b) != before && waiting(b) < WRITERS) {
        before = waiting(b);
        (void)sched_yield();
    }
    return (unsigned)(uint32_t)atomic_exchange(&b->gathered, next);
}

/* Tells all whose records are in the batches before the one that gathers. */
static void tell(struct bench *b)
{
    atomic_store(&b->durable, (unsigned)(atomic_load(&b->gathered) >> 32));
    wake_all(&b->durable);
}

static int commit(struct bench *b, unsigned n)
{
    static char why[ENTRY_BYTES];
    struct record r;
    uint64_t seq;
    unsigned i;
    int code = 0;

    memset(why, 'x', ENTRY_BYTES - 60 - 8 - 2 - 2 - 4);
    record_init(&r, RECORD_PARK);
    record_set_str(&r, RF_PARK_task, "task");
    record_set_str(&r, RF_PARK_why, why);
    for (i = 0; i < n && code == 0; i++) {
        code = ledger_add(b->l, &r, &seq);
    }
    return code != 0 ? code : ledger_commit(b->l);
}

static int append_raw(struct bench *b, unsigned n)
{
    static uint8_t block[WRITERS * (ENTRY_BYTES + 2) + 172];
    size_t bytes = n * (ENTRY_BYTES + 2) + 172;
    double t0 = now();

    if (write(b->raw_fd, block, bytes) != (ssize_t)bytes ||
        fdatasync(b->raw_fd) != 0) {
        return ERR_IO;
    }
    if (b->raw_n < TIMES_MAX) {
        b->raw[b->raw_n++] = (float)(now() - t0);
    }
    return 0;
}

static int compare_float(const void *x, const void *y)
{
    float a;
    float b;

    memcpy(&a, x, sizeof(a));
    memcpy(&b, y, sizeof(b));
    return (a > b) - (a < b);
}

static double middle(float *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare_float);
    return n > 0 ? (double)v[n / 2] : 0;
}

/* Batches until the time is up. Raw appends come between batches, when nobody's
 * record is under way; their time is taken from the rate. */
static int serve(struct bench *b, unsigned writers)
{
    double start = now();
    double raw_s = 0;
    size_t records = 0;
    size_t batches = 0;
    double spent;
    int code = 0;

    while (code == 0 && now() - start < SECONDS) {
        double t0;
        unsigned n;

        n = gather(b);
        code = commit(b, n);
        tell(b);
        records += n;
        batches++;
        if (code == 0 && batches % 8 == 0) {
            (void)usleep(2000); /* all have their answers */
            t0 = now();
            code = append_raw(b, n);
            raw_s += now() - t0 + 0.002;
        }
    }
    spent = now() - start - raw_s;
    (void)printf("waiters_%u_rate %.0f entries/s\n", writers,
                 (double)records / spent);
    (void)printf("waiters_%u_batch %.0f entries\n", writers,
                 (double)records / (double)batches);
    return code;
}

static int run(struct bench *b, unsigned writers)
{
    pthread_t threads[WRITERS];
    double p50;
    double flush;
    size_t n;
    unsigned i;
    int code;

    b->raw_n = 0;
    atomic_store(&b->times_n, 0);
    atomic_store(&b->ended, 0);
    atomic_store(&b->gathered, (atomic_load(&b->gathered) >> 32) << 32);
    atomic_store(&b->durable, (unsigned)(atomic_load(&b->gathered) >> 32));
    for (i = 0; i < writers; i++) {
        if (pthread_create(&threads[i], NULL, write_records, b) != 0) {
            return ERR_NOMEM;
        }
    }
    code = serve(b, writers);
    atomic_store(&b->ended, 1);
    (void)atomic_fetch_add(&b->durable, 1); /* nobody falls asleep on it now */
    wake_all(&b->durable);
    for (i = 0; i < writers; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    n = atomic_load(&b->times_n);
    p50 = middle(b->times, n < TIMES_MAX ? n : TIMES_MAX);
    flush = middle(b->raw, b->raw_n);
    (void)printf("waiters_%u_acknowledge_p50 %.3f ms\n", writers, p50 * 1e3);
    (void)printf("waiters_%u_raw_flush_p50 %.3f ms\n", writers, flush * 1e3);
    (void)printf("waiters_%u_acknowledge %.2f flushes\n", writers, p50 / flush);
    return code;
}

static int run_in(const char *dir)
{
    static struct bench b;
    struct ledger_genesis g = {.signer = TEST_BIN_DIR "/proctor-signer",
                               .classes = "config"};
    struct store *s;
    struct diag d;
    char path[512];
    int created;
    int code;

    (void)snprintf(path, sizeof(path), "%s/raw", dir);
    b.raw_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    b.times = calloc(TIMES_MAX, sizeof(*b.times));
    b.raw = calloc(TIMES_MAX, sizeof(*b.raw));
    if (b.raw_fd < 0 || b.times == NULL || b.raw == NULL) {
        return ERR_IO;
    }
    (void)snprintf(path, sizeof(path), "%s/store", dir);
    code = store_open(path, &s, &created, &d);
    if (code == 0) {
        code = ledger_open(s, &g, &b.l, &d);
    }
    if (code != 0) {
        (void)fprintf(stderr, "%s: %s\n", err_name(code), d.what);
        return code;
    }
    code = run(&b, 1);
    if (code == 0) {
        code = run(&b, WRITERS);
    }
    if (code == 0) {
        code = ledger_close(b.l);
    }
    store_close(s);
    free(b.times);
    free(b.raw);
    (void)close(b.raw_fd);
    return code;
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256];
    char command[300];
    int code;

    (void)snprintf(dir, sizeof(dir), "%s/proctor-bench-XXXXXX",
                   argc > 1      ? argv[1]
                   : tmp != NULL ? tmp
                                 : "/tmp");
    if (mkdtemp(dir) == NULL) {
        (void)fprintf(stderr, "bench_waiters: cannot make %s\n", dir);
        return 1;
    }
    code = run_in(dir);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command) != 0 || code != 0;
}

/* Writers that wait: WRITERS threads, each with one record at a time, each told
 * when its own is durable, before one committer. As the kernel does it, whatever
 * came while the last batch was on its way to the disk is the next batch. In
 * turn with raw appends of as many bytes, so that both meet the same disk.
 * Prints "name value unit". usage: bench_waiters [DIR]
 * (default $TMPDIR, else /tmp) */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Under lock, but for l and the raw file, which the committer alone uses. */
struct bench {
    pthread_mutex_t lock;
    pthread_cond_t came; /* to the committer */
    pthread_cond_t done; /* to the writers */
    unsigned waiting;    /* writers whose record is in no batch yet */
    uint64_t batch;      /* number of the one that is gathered */
    uint64_t durable;    /* batches below it are */
    int ended;
    float *times; /* of acknowledgements, in seconds */
    size_t times_n;
    struct ledger *l;
    int raw_fd;
    float *raw;
    size_t raw_n;
};

static void *write_records(void *ctx)
{
    struct bench *b = ctx;

    (void)pthread_mutex_lock(&b->lock);
    while (!b->ended) {
        double t0 = now();
        uint64_t mine = b->batch;

        b->waiting++;
        (void)pthread_cond_signal(&b->came);
        while (b->durable <= mine && !b->ended) {
            (void)pthread_cond_wait(&b->done, &b->lock);
        }
        if (b->durable > mine && b->times_n < TIMES_MAX) {
            b->times[b->times_n++] = (float)(now() - t0);
        }
    }
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Takes what waits, once nobody else is about to come: those who were told of
 * the last batch are on their way. */
static unsigned gather(struct bench *b)
{
    unsigned before = 0;

    while (b->waiting == 0) {
        (void)pthread_cond_wait(&b->came, &b->lock);
    }
    while (b->waiting != before && b->waiting < WRITERS) {
        before = b->waiting;
        (void)pthread_mutex_unlock(&b->lock);
        (void)sched_yield();
        (void)pthread_mutex_lock(&b->lock);
    }
    before = b->waiting;
    b->waiting = 0;
    b->batch++;
    return before;
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

        (void)pthread_mutex_lock(&b->lock);
        n = gather(b);
        (void)pthread_mutex_unlock(&b->lock);
        code = commit(b, n);
        (void)pthread_mutex_lock(&b->lock);
        b->durable = b->batch;
        (void)pthread_cond_broadcast(&b->done);
        (void)pthread_mutex_unlock(&b->lock);
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
    unsigned i;
    int code;

    b->times_n = b->raw_n = 0;
    b->ended = 0;
    b->waiting = 0;
    for (i = 0; i < writers; i++) {
        if (pthread_create(&threads[i], NULL, write_records, b) != 0) {
            return ERR_NOMEM;
        }
    }
    code = serve(b, writers);
    (void)pthread_mutex_lock(&b->lock);
    b->ended = 1;
    (void)pthread_cond_broadcast(&b->done);
    (void)pthread_mutex_unlock(&b->lock);
    for (i = 0; i < writers; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    p50 = middle(b->times, b->times_n);
    flush = middle(b->raw, b->raw_n);
    (void)printf("waiters_%u_acknowledge_p50 %.3f ms\n", writers, p50 * 1e3);
    (void)printf("waiters_%u_raw_flush_p50 %.3f ms\n", writers, flush * 1e3);
    (void)printf("waiters_%u_acknowledge %.2f flushes\n", writers, p50 / flush);
    return code;
}

static int run_in(const char *dir)
{
    static struct bench b = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .came = PTHREAD_COND_INITIALIZER,
                             .done = PTHREAD_COND_INITIALIZER};
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

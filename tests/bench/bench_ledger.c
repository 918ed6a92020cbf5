/* Ledger throughput, durable and signed, and its open time, against raw
 * appends with fdatasync on the same disk in the same run. Prints "name value
 * unit". usage: bench_ledger [DIR]   (a folder on the disk to measure; default
 * /tmp) */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "cli/tiles.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"

#define ENTRY_BYTES 240
#define SECONDS 2.0

static double now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A record of ENTRY_BYTES: head 60, run 8, two lengths, task, why. */
static struct record sample(void)
{
    static char why[ENTRY_BYTES];
    struct record r;

    memset(why, 'x', ENTRY_BYTES - 60 - 8 - 2 - 2 - 4);
    record_init(&r, RECORD_PARK);
    record_set_str(&r, RF_PARK_task, "task");
    record_set_str(&r, RF_PARK_why, why);
    return r;
}

static int append_batch(struct ledger *l, unsigned batch)
{
    struct record r = sample();
    uint64_t seq;
    unsigned i;

    for (i = 0; i < batch; i++) {
        int code = ledger_add(l, &r, &seq);

        if (code != 0) {
            return code;
        }
    }
    return ledger_commit(l);
}

static int compare_double(const void *a, const void *b)
{
    double x;
    double y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* Times of one kind of call. */
struct times {
    double s[100000];
    size_t n;
    double sum;
};

static void add_time(struct times *t, double s)
{
    t->s[t->n++] = s;
    t->sum += s;
}

static double median(struct times *t)
{
    qsort(t->s, t->n, sizeof(t->s[0]), compare_double);
    return t->s[t->n / 2];
}

/* The limit that the disk sets: the same bytes appended, one fdatasync. */
static int append_raw(int fd, size_t bytes)
{
    static uint8_t block[LIMIT_BATCH_RECORDS * 300];

    return write(fd, block, bytes) == (ssize_t)bytes && fdatasync(fd) == 0
               ? 0
               : ERR_IO;
}

/* Ledger and raw appends by turns, so that both meet the same disk. */
static int measure(struct ledger *l, int raw_fd, unsigned batch)
{
    static struct times ours;
    static struct times raw;
    double start = now();

    ours.n = raw.n = 0;
    ours.sum = raw.sum = 0;
    while (now() - start < SECONDS &&
           ours.n < sizeof(ours.s) / sizeof(double)) {
        double t0 = now();
        double t1;
        int code = append_batch(l, batch);

        t1 = now();
        add_time(&ours, t1 - t0);
        code = code != 0 ? code
                         : append_raw(raw_fd, batch * (ENTRY_BYTES + 2u) + 172);
        add_time(&raw, now() - t1);
        if (code != 0) {
            return code;
        }
    }
    (void)printf("ledger_append_batch_%u %.0f entries/s\n", batch,
                 (double)ours.n * batch / ours.sum);
    (void)printf("raw_append_batch_%u %.0f entries/s\n", batch,
                 (double)raw.n * batch / raw.sum);
    (void)printf("ledger_commit_p50_batch_%u %.3f ms\n", batch,
                 median(&ours) * 1e3);
    (void)printf("raw_fdatasync_p50_batch_%u %.3f ms\n", batch,
                 median(&raw) * 1e3);
    (void)printf("ledger_commit_batch_%u %.2f flushes\n", batch,
                 median(&ours) / median(&raw));
    return 0;
}

static int open_ledger(const char *dir, struct store **s, struct ledger **l)
{
    struct ledger_genesis g = {.signer = TEST_BIN_DIR "/proctor-signer",
                               .classes = "config"};
    struct diag d;
    int created;
    int code = store_open(dir, s, &created, &d);

    if (code == 0) {
        code = ledger_open(*s, &g, l, &d);
    }
    if (code != 0) {
        (void)fprintf(stderr, "%s: %s\n", err_name(code), d.what);
    }
    return code;
}

static int close_ledger(struct store *s, struct ledger *l)
{
    int code = ledger_close(l);

    store_close(s);
    return code;
}

/* Opening again after a crash-like end would fold this tail. */
static int measure_open(const char *dir)
{
    struct store *s;
    struct ledger *l;
    struct diag d;
    double t0 = now();
    int code = open_ledger(dir, &s, &l);

    if (code != 0) {
        return code;
    }
    (void)printf("ledger_open_after_close %.1f ms\n", (now() - t0) * 1e3);
    t0 = now();
    code = tiles_catch_up(dir, &d);
    (void)printf("ledger_publish_idle %.2f ms\n", (now() - t0) * 1e3);
    return code != 0 ? code : close_ledger(s, l);
}

static int run(const char *dir)
{
    struct store *s;
    struct ledger *l;
    struct diag d;
    static const unsigned batches[] = {1, 256, 1024, LIMIT_BATCH_RECORDS};
    char path[512];
    double t0;
    uint64_t size;
    size_t i;
    int raw_fd;
    int code;

    (void)snprintf(path, sizeof(path), "%s/raw", dir);
    raw_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (raw_fd < 0) {
        return ERR_IO;
    }
    (void)snprintf(path, sizeof(path), "%s/store", dir);
    t0 = now();
    code = open_ledger(path, &s, &l);
    (void)printf("ledger_create %.1f ms\n", (now() - t0) * 1e3);
    for (i = 0; i < sizeof(batches) / sizeof(batches[0]) && code == 0; i++) {
        code = measure(l, raw_fd, batches[i]);
    }
    (void)close(raw_fd);
    if (code != 0) {
        return code;
    }
    t0 = now();
    size = ledger_size(l);
    code = tiles_catch_up(path, &d);
    (void)printf("ledger_publish_all %.0f entries/s\n",
                 (double)size / (now() - t0));
    code = code != 0 ? code : close_ledger(s, l);
    return code != 0 ? code : measure_open(path);
}

int main(int argc, char **argv)
{
    char dir[256];
    char command[300];
    int code;

    (void)snprintf(dir, sizeof(dir), "%s/proctor-bench-XXXXXX",
                   argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(dir) == NULL) {
        (void)fprintf(stderr, "bench_ledger: cannot make %s\n", dir);
        return 1;
    }
    code = run(dir);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command) != 0 || code != 0;
}

/* BLAKE3 of one large buffer, one thread, beside b3sum on the same bytes; and a
 * file put into a store: streamed, in flat memory. PROCTOR_PUT_GB: its size
 * (0.5). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/store/store.h"
#include "proto/blake3.h"
#include "proto/blake3_wide.h"

#define BYTES ((size_t)512 << 20)
#define ROUNDS_N 5

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_ours(const uint8_t *p)
{
    double best = 1e9;
    uint8_t out[BLAKE3_BYTES];

    for (int i = 0; i < ROUNDS_N; i++) {
        double t = now();

        blake3(p, BYTES, out);
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

/* As a store reads: many updates of one size. */
static double best_stream(const uint8_t *p, size_t part)
{
    double best = 1e9;
    uint8_t out[BLAKE3_BYTES];

    for (int i = 0; i < ROUNDS_N; i++) {
        double t = now();
        struct blake3 h;

        blake3_init(&h);
        for (size_t at = 0; at < BYTES; at += part) {
            blake3_update(&h, p + at, part < BYTES - at ? part : BYTES - at);
        }
        blake3_final(&h, out);
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

/* A file of n bytes in this folder, of repeated p. */
static int make_file(const uint8_t *p, uint64_t n)
{
    char path[] = "put-XXXXXX";
    int fd = mkstemp(path);

    (void)unlink(path);
    for (uint64_t at = 0; fd >= 0 && at < n;) {
        size_t part = n - at < BYTES ? (size_t)(n - at) : BYTES;
        ssize_t wrote = write(fd, p, part);

        if (wrote <= 0) {
            return -1;
        }
        at += (uint64_t)wrote;
    }
    return fd >= 0 && fsync(fd) == 0 ? fd : -1;
}

static double took(struct store *s, int fd, struct cid *c, int *ok)
{
    double t = now();
    uint64_t n;

    *ok = *ok && store_put_fd(s, fd, UINT64_MAX, c, &n) == 0;
    return now() - t;
}

/* In a child of its own, so that its memory is its own. */
static int put_rows(int fd, uint64_t bytes)
{
    char dir[] = "store-XXXXXX";
    char command[64];
    struct store *s;
    struct rusage use;
    struct diag d;
    struct cid c;
    uint64_t n;
    double t[3];
    int created;
    int memory = -1;
    int ok = mkdtemp(dir) != NULL && store_open(dir, &s, &created, &d) == 0;

    if (!ok) {
        return 1;
    }
    t[0] = took(s, fd, &c, &ok);
    t[1] = took(s, fd, &c, &ok);
    (void)getrusage(RUSAGE_SELF, &use);
    t[2] = now();
    ok = ok && store_get_memfd(s, &c, &memory, &n) == 0 && n == bytes;
    t[2] = now() - t[2];
    store_close(s);
    (void)printf("put_rate %.2f GB/s\n", (double)bytes / t[0] / 1e9);
    (void)printf("put_again_rate %.2f GB/s\n", (double)bytes / t[1] / 1e9);
    (void)printf("put_memory %ld KiB\n", use.ru_maxrss);
    (void)printf("sealed_copy_rate %.2f GB/s\n", (double)bytes / t[2] / 1e9);
    (void)fflush(stdout);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 && ok ? 0 : 1;
}

static int put(uint8_t *p)
{
    const char *given = getenv("PROCTOR_PUT_GB");
    uint64_t bytes = (uint64_t)(1e9 * (given != NULL ? atof(given) : 0.5));
    int fd = make_file(p, bytes);
    int status = 1;
    pid_t child;

    free(p); /* the child must not count it */
    (void)fflush(stdout);
    child = fd >= 0 ? fork() : -1;
    if (child == 0) {
        _exit(put_rows(fd, bytes));
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0
                                                                           : 1;
}

/* Less the start of the program, taken from a run over an empty file. */
static double best_peer(const char *path)
{
    char command[256];
    double best = 1e9;

    (void)snprintf(command, sizeof(command),
                   "exec b3sum --num-threads 1 %s >/dev/null", path);
    for (int i = 0; i < ROUNDS_N; i++) {
        double t = now();

        if (system(command) != 0) {
            return -1;
        }
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

int main(void)
{
    char path[] = "b3-XXXXXX", empty[] = "b3-XXXXXX";
    uint8_t *p = malloc(BYTES);
    int fd = mkstemp(path);
    int fd_empty = mkstemp(empty);
    double ours, peer = -1;

    if (p == NULL || fd < 0 || fd_empty < 0) {
        return 1;
    }
    for (size_t i = 0; i < BYTES; i++) {
        p[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    ours = best_ours(p);
    (void)printf("blake3_rate %.2f GB/s\n", (double)BYTES / ours / 1e9);
    (void)printf("blake3_stream_rate %.2f GB/s\n",
                 (double)BYTES / best_stream(p, (size_t)256 << 10) / 1e9);
    (void)printf("blake3_odd_stream_rate %.2f GB/s\n",
                 (double)BYTES / best_stream(p, 100003) / 1e9);
    (void)printf("blake3_lanes %u lanes\n", blake3_wide_lanes());
    if (write(fd, p, BYTES) == (ssize_t)BYTES) {
        peer = best_peer(path) - best_peer(empty);
    }
    (void)unlink(path);
    (void)unlink(empty);
    if (peer > 0) {
        (void)printf("b3sum_rate %.2f GB/s\n", (double)BYTES / peer / 1e9);
        (void)printf("blake3_over_b3sum %.2f x\n", peer / ours);
    }
    return put(p) == 0 && peer > 0 ? 0 : 1;
}

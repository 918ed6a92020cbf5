/* Ledger throughput, durable and signed, and its open time, against raw
 * appends with fdatasync and against SQLite (write-ahead log, synchronous FULL,
 * a transaction a batch) on the same disk in the same run, by turns; then what
 * checking a proof takes. Prints "name value unit". usage: bench_ledger [DIR]
 * (a folder on the disk to measure; default $TMPDIR, else /tmp) */
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/tlog_proof.h"
#include "cli/proof.h"
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

/* Rows of the same size, one transaction. */
struct peer {
    sqlite3 *db;
    sqlite3_stmt *insert;
};

static int open_peer(struct peer *p, const char *dir)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/peer.db", dir);
    return sqlite3_open(path, &p->db) == SQLITE_OK &&
                   sqlite3_exec(p->db,
                                "PRAGMA journal_mode=WAL;"
                                "PRAGMA synchronous=FULL;"
                                "CREATE TABLE entries(seq INTEGER PRIMARY KEY,"
                                " entry BLOB NOT NULL)",
                                NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_prepare_v2(p->db,
                                      "INSERT INTO entries(entry) VALUES(?1)",
                                      -1, &p->insert, NULL) == SQLITE_OK
               ? 0
               : ERR_IO;
}

static void close_peer(struct peer *p)
{
    (void)sqlite3_finalize(p->insert);
    (void)sqlite3_close(p->db);
}

static int append_peer(struct peer *p, unsigned batch)
{
    static uint8_t entry[ENTRY_BYTES];
    unsigned i;
    int bad = sqlite3_exec(p->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK;

    for (i = 0; i < batch && !bad; i++) {
        (void)sqlite3_bind_blob(p->insert, 1, entry, sizeof(entry),
                                SQLITE_STATIC);
        bad = sqlite3_step(p->insert) != SQLITE_DONE;
        (void)sqlite3_reset(p->insert);
    }
    return !bad && sqlite3_exec(p->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : ERR_IO;
}

static void print_times(unsigned batch, struct times *ours, struct times *raw,
                        struct times *peer)
{
    (void)printf("ledger_append_batch_%u %.0f entries/s\n", batch,
                 (double)ours->n * batch / ours->sum);
    (void)printf("raw_append_batch_%u %.0f entries/s\n", batch,
                 (double)raw->n * batch / raw->sum);
    (void)printf("sqlite_append_batch_%u %.0f entries/s\n", batch,
                 (double)peer->n * batch / peer->sum);
    (void)printf("ledger_commit_p50_batch_%u %.3f ms\n", batch,
                 median(ours) * 1e3);
    (void)printf("raw_fdatasync_p50_batch_%u %.3f ms\n", batch,
                 median(raw) * 1e3);
    (void)printf("sqlite_commit_p50_batch_%u %.3f ms\n", batch,
                 median(peer) * 1e3);
    (void)printf("ledger_commit_batch_%u %.2f flushes\n", batch,
                 median(ours) / median(raw));
    (void)printf("ledger_over_sqlite_batch_%u %.2f x\n", batch,
                 peer->sum / (double)peer->n / (ours->sum / (double)ours->n));
}

/* Ledger, raw and SQLite by turns, so that all meet the same disk. */
static int measure(struct ledger *l, int raw_fd, struct peer *p, unsigned batch)
{
    static struct times ours;
    static struct times raw;
    static struct times peer;
    double start = now();

    ours.n = raw.n = peer.n = 0;
    ours.sum = raw.sum = peer.sum = 0;
    while (now() - start < SECONDS &&
           ours.n < sizeof(ours.s) / sizeof(double)) {
        double t0 = now();
        double t1;
        double t2;
        int code = append_batch(l, batch);

        t1 = now();
        code = code != 0 ? code
                         : append_raw(raw_fd, batch * (ENTRY_BYTES + 2u) + 172);
        t2 = now();
        code = code != 0 ? code : append_peer(p, batch);
        if (code != 0) {
            return code;
        }
        add_time(&ours, t1 - t0);
        add_time(&raw, t2 - t1);
        add_time(&peer, now() - t2);
    }
    print_times(batch, &ours, &raw, &peer);
    return 0;
}

/* A proof of a record in the middle, as somebody else checks it. */
static int measure_proof(const char *dir, uint64_t size)
{
    static struct times times;
    struct proof p;
    struct diag d;
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    int code;

    proof_init(&p);
    code = proof_make(dir, size / 3, &p, &d);
    if (code == 0) {
        char vkey[512];

        (void)snprintf(vkey, sizeof(vkey), "%.*s", (int)buf_len(&p.vkey),
                       (const char *)buf_bytes(&p.vkey).p);
        code = note_vkey_parse(vkey, origin, key);
    }
    times.n = 0;
    times.sum = 0;
    while (code == 0 && times.n < 2000) {
        struct tlog_proof read;
        double t0 = now();

        tlog_proof_init(&read);
        code = tlog_proof_read(buf_bytes(&p.text), origin, key, &read, &d);
        if (code == 0) {
            code = tlog_proof_check(&read, &p.leaf, &d);
        }
        tlog_proof_release(&read);
        add_time(&times, now() - t0);
    }
    if (code == 0) {
        (void)printf("proof_size %llu records\n", (unsigned long long)size);
        (void)printf("proof_check_p50 %.1f us\n", median(&times) * 1e6);
    }
    proof_release(&p);
    return code;
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
    static const unsigned batches[] = {1, 32, 256, 1024, LIMIT_BATCH_RECORDS};
    struct peer peer = {NULL, NULL};
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
    code = open_peer(&peer, dir);
    if (code != 0) {
        return code;
    }
    (void)snprintf(path, sizeof(path), "%s/store", dir);
    t0 = now();
    code = open_ledger(path, &s, &l);
    (void)printf("ledger_create %.1f ms\n", (now() - t0) * 1e3);
    for (i = 0; i < sizeof(batches) / sizeof(batches[0]) && code == 0; i++) {
        code = measure(l, raw_fd, &peer, batches[i]);
    }
    (void)close(raw_fd);
    close_peer(&peer);
    if (code != 0) {
        return code;
    }
    t0 = now();
    size = ledger_size(l);
    code = tiles_catch_up(path, &d);
    (void)printf("ledger_publish_all %.0f entries/s\n",
                 (double)size / (now() - t0));
    code = code != 0 ? code : close_ledger(s, l);
    code = code != 0 ? code : measure_open(path);
    return code != 0 ? code : measure_proof(path, size);
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
        (void)fprintf(stderr, "bench_ledger: cannot make %s\n", dir);
        return 1;
    }
    code = run(dir);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command) != 0 || code != 0;
}

/* Kills a process that writes a ledger, and checks what it had acknowledged.
 *
 *   crash_ledger enumerate DIR ROUNDS
 *       a writer dies at its n-th disk call, for each n, before the call and in
 *       the middle of a write; TAP on stdout
 *   crash_ledger write DIR
 *       appends for ever; "N" on stdout for each acknowledged size
 *   crash_ledger check DIR SIZE
 *       all records below SIZE are there and right
 *
 * A killed process loses nothing that it gave to the system: what power cuts
 * lose is another test's matter. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/wal.h"
#include "proto/disk.h"
#include "cli/tiles.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"

/* A writer's calls do not grow with the store's past; this says so. */
#define CALLS_MAX 1000
#define WRITER_STEPS 5 /* one snapshot, one publish */

static const struct ledger_genesis genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

/* Shared with the writer. */
struct shared {
    uint64_t acknowledged;
    unsigned long calls;
};

struct killer {
    struct shared *shared;
    unsigned long at; /* this call does not come back */
    int torn;         /* a write at that call is cut in half, then it dies */
    int dying;
};

static int kill_hook(void *ctx, enum disk_op op, const char *name, size_t *n)
{
    struct killer *k = ctx;
    unsigned long call = k->shared->calls++;

    (void)name;
    if (k->dying || (call == k->at && !k->torn)) {
        (void)kill(getpid(), SIGKILL);
    }
    if (call == k->at) {
        k->dying = 1; /* at the next call */
        if (op == DISK_WRITE && *n > 1) {
            *n /= 2;
        }
    }
    return 0;
}

/* Record seq says its own number. */
static struct record numbered(uint64_t seq, char name[static 32])
{
    struct record r;

    record_init(&r, RECORD_REF);
    (void)snprintf(name, 32, "k/%llu", (unsigned long long)seq);
    record_set_str(&r, RF_REF_name, name);
    return r;
}

static int add_numbered(struct ledger *l, uint64_t *next)
{
    char name[32];
    struct record r = numbered(*next, name);
    uint64_t seq;
    int code = ledger_add(l, &r, &seq);

    if (code == 0 && seq != *next) {
        return ERR_INTERNAL;
    }
    (*next)++;
    return code;
}

/* Two batches of n, published or folded in between. */
static int step(const char *dir, struct ledger *l, unsigned i,
                void (*acknowledge)(uint64_t))
{
    uint64_t next = ledger_size(l);
    unsigned n = i % 3 + 1;
    int code = 0;

    while (n-- > 0 && code == 0) {
        code = add_numbered(l, &next);
    }
    if (code == 0) {
        code = ledger_commit(l);
    }
    if (code == 0) {
        acknowledge(ledger_size(l));
        if (i % 7 == 3) {
            code = ledger_snapshot(l);
        } else if (i % 5 == 4) {
            struct diag d;

            code = tiles_catch_up(dir, &d);
        }
    }
    if (code == 0) {
        acknowledge(ledger_size(l));
    }
    return code;
}

static int write_steps(const char *dir, unsigned steps,
                       void (*acknowledge)(uint64_t))
{
    struct store *s;
    struct ledger *l;
    struct diag d;
    int created;
    unsigned i;
    int code = store_open(dir, &s, &created, &d);

    if (code == 0) {
        code = ledger_open(s, &genesis, &l, &d);
        if (code == 0) {
            acknowledge(ledger_size(l));
            for (i = 0; i < steps && code == 0; i++) {
                code = step(dir, l, i, acknowledge);
            }
            (void)ledger_close(l);
        }
        store_close(s);
    }
    if (code != 0) {
        (void)fprintf(stderr, "writer: %s: %s\n", err_name(code), d.what);
    }
    return code;
}

/* Reads without opening the store: what recovery would find. Returns the number
 * of good records, or -1 with the reason on stderr. */
static long long read_back(const char *dir)
{
    struct wal_reader *w;
    struct wal_check c;
    struct wal_head h = {.first = 0};
    struct record r;
    struct ubytes entry;
    struct merkle_hash leaf;
    long long n = 0;
    int code = wal_reader_open(dir, 0, &w);

    if (code == ERR_NOT_FOUND) {
        return 0; /* not born yet */
    }
    if (code != 0) {
        (void)fprintf(stderr, "reader: %s\n", err_name(code));
        return -1;
    }
    memset(&c, 0, sizeof(c));
    while ((code = wal_reader_next(w, &r, &entry, &leaf)) == 0) {
        char text[NOTE_ORIGIN_BYTES];
        char name[32];

        if (r.seq == 0) {
            record_str(&r, RF_GENESIS_origin, text, sizeof(text));
            wal_check_init(&c, &h, text, record_hash(&r, RF_GENESIS_log_key));
        }
        if (wal_reader_batch(w)->first == r.seq &&
            wal_check_batch(&c, wal_reader_batch(w), NULL, NULL) != 0) {
            (void)fprintf(stderr, "reader: %s\n", c.what);
            code = ERR_STORE_DAMAGED;
            break;
        }
        (void)numbered(r.seq, name);
        if (r.kind == RECORD_REF) {
            record_str(&r, RF_REF_name, text, sizeof(text));
            if (strcmp(text, name) != 0) {
                (void)fprintf(stderr, "record %lld says %s\n", n, text);
                code = ERR_STORE_DAMAGED;
                break;
            }
        }
        n++;
    }
    if (code < 0) {
        (void)fprintf(stderr, "reader: %s: %s\n", err_name(code),
                      wal_reader_where(w));
    }
    wal_reader_close(w);
    return code == WAL_E_END || code == WAL_E_TORN ? n : -1;
}

static struct shared *shared;

static void acknowledge_shared(uint64_t size)
{
    shared->acknowledged = size;
}

/* One writer, killed or not. 1: killed, 0: came to its end, -1: failed. */
static int run_writer(const char *dir, unsigned long at, int torn)
{
    int status;
    pid_t pid;

    shared->calls = 0;
    pid = fork();
    if (pid == 0) {
        struct killer k = {.shared = shared, .at = at, .torn = torn};

        disk_set_hook(kill_hook, &k);
        _exit(write_steps(dir, WRITER_STEPS, acknowledge_shared) == 0 ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        return 1;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

struct tally {
    unsigned long kills;
    unsigned long failures;
};

/* Kills at each call from 0 on until a writer comes to its end. fresh: each
 * time on a store that is not there yet. */
static void enumerate(const char *dir, int fresh, int torn, struct tally *t)
{
    unsigned long at;
    int killed = 1;

    for (at = 0; killed == 1 && at < CALLS_MAX; at++) {
        long long n;

        if (fresh) {
            char command[512];

            (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
            if (system(command) != 0) {
                break;
            }
            shared->acknowledged = 0;
            if (at == 64) {
                return; /* born: the rest is the other enumeration's */
            }
        }
        killed = run_writer(dir, at, torn);
        n = read_back(dir);
        t->kills += killed == 1;
        if (killed < 0 || n < 0 || (uint64_t)n < shared->acknowledged) {
            t->failures++;
            (void)printf("# call %lu%s: %lld records, %llu acknowledged\n", at,
                         torn ? " torn" : "", n,
                         (unsigned long long)shared->acknowledged);
        }
    }
    if (at == CALLS_MAX) {
        t->failures++;
        (void)printf("# a writer made %d disk calls and was not done\n",
                     CALLS_MAX);
    }
}

static int enumerate_all(const char *dir, unsigned rounds)
{
    struct tally born = {0, 0};
    struct tally grown = {0, 0};
    unsigned i;

    enumerate(dir, 1, 0, &born);
    for (i = 0; i < rounds; i++) {
        enumerate(dir, 0, (int)(i % 2), &grown);
    }
    (void)printf("%sok 1 - %lu writers killed while creating a store, nothing "
                 "acknowledged lost\n",
                 born.failures == 0 && born.kills > 0 ? "" : "not ",
                 born.kills);
    (void)printf("%sok 2 - %lu writers killed while appending to one store, "
                 "nothing acknowledged lost\n",
                 grown.failures == 0 && grown.kills > 0 ? "" : "not ",
                 grown.kills);
    (void)printf("%sok 3 - at least 300 kills\n1..3\n",
                 born.kills + grown.kills >= 300 ? "" : "not ");
    return born.failures + grown.failures == 0 &&
                   born.kills + grown.kills >= 300
               ? 0
               : 1;
}

static void acknowledge_stdout(uint64_t size)
{
    char line[32];
    int n = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)size);

    if (write(STDOUT_FILENO, line, (size_t)n) != n) {
        _exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "enumerate") == 0) {
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return shared == MAP_FAILED
                   ? 1
                   : enumerate_all(argv[2],
                                   (unsigned)strtoul(argv[3], NULL, 10));
    }
    if (argc == 3 && strcmp(argv[1], "write") == 0) {
        return write_steps(argv[2], 1u << 30, acknowledge_stdout) == 0 ? 0 : 1;
    }
    if (argc == 4 && strcmp(argv[1], "check") == 0) {
        long long n = read_back(argv[2]);

        return n >= 0 && (unsigned long long)n >= strtoull(argv[3], NULL, 10)
                   ? 0
                   : 1;
    }
    (void)fprintf(stderr, "usage: crash_ledger enumerate DIR ROUNDS | "
                          "write DIR | check DIR SIZE\n");
    return 2;
}
